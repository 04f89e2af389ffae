"""Reading sources: their indexes and archives. Stateless."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine
from pathlib import Path

from portal.catalog.archive import MAX_PACKED
from portal.catalog.chart import ChartProblem, read_metadata
from portal.catalog.index import MAX_INDEX, Index, chart_version, read_index
from portal.catalog.oci import Registry
from portal.catalog.sign_in import may_send_password, read_login
from portal.catalog.sources import Source, SourceKind, SourceState
from portal.domain.charts import ChartEntry, ChartVersion
from portal.registry.fetch import Answer, Fetch, FetchError


class SourceReader:
    """Reads sources through ``fetch``, with their credentials.

    All methods raise ``FetchError`` with the reason in words.
    """

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def index(self, state: SourceState) -> Index:
        """The charts of a source; of a registry with metadata from ``state``.

        Raises:
            FetchError: it cannot be read.
            TextError: its index is invalid.
        """
        source = state.source
        match source.kind:
            case SourceKind.REPOSITORY:
                url = source.url.rstrip("/") + "/index.yaml"
                answer = await self.ask(source, url, MAX_INDEX)
                if answer.status in {401, 403}:
                    raise FetchError(f"The repository requires {_sign_in_words(source)}")
                if answer.status != 200:
                    raise FetchError(f"The repository answers with status {answer.status}.")
                text = answer.body.decode(errors="replace")
                return await asyncio.to_thread(read_index, text, source)
            case SourceKind.OCI:
                return await self._read_registry(state)
            case SourceKind.FOLDER | SourceKind.BUILTIN:
                return await asyncio.to_thread(_read_folder, source)

    async def archive(self, source: Source, entry: ChartEntry, wanted: ChartVersion) -> bytes:
        """The archive of a version, checked against its digest where one is known."""
        if source.kind is SourceKind.OCI:
            return await (await self.registry(source)).pull(entry.name, wanted.version)
        problem = FetchError("The index names no archive.")
        for url in wanted.urls:
            try:
                answer = await self.ask(source, url, MAX_PACKED)
            except FetchError as error:
                problem = error
                continue
            if answer.status in {401, 403}:
                problem = FetchError(f"The archive's server requires {_sign_in_words(source)}")
            elif answer.status != 200:
                problem = FetchError(f"The archive's server answers with status {answer.status}.")
            elif wanted.digest and hashlib.sha256(answer.body).hexdigest() != wanted.digest:
                problem = FetchError("The archive is not the one that the index describes.")
            else:
                return answer.body
        raise problem

    async def ask(self, source: Source, url: str, limit: int) -> Answer:
        """Get an address of a classic repository, with its password if that may be sent there."""
        login = await asyncio.to_thread(read_login, source)
        allowed = login is not None and may_send_password(source, url)
        headers = {"Authorization": login.basic} if login and allowed else {}
        return await self._fetch(url, hosts=source.allowed_hosts, limit=limit, headers=headers)

    async def registry(self, source: Source) -> Registry:
        """The client for a source of kind ``oci``."""
        return Registry(source, self._fetch, await asyncio.to_thread(read_login, source))

    async def _read_registry(self, state: SourceState) -> Index:
        """The charts that the settings list; one that cannot be read keeps its last entry."""
        registry = await self.registry(state.source)
        names = state.source.charts
        read: list[ChartEntry | FetchError] = await asyncio.gather(
            *(_or_error(registry.chart(name, state.chart(name))) for name in names)
        )
        problems = [each for each in read if isinstance(each, FetchError)]
        if len(problems) == len(names):
            raise problems[0]
        known = [
            state.chart(name) if isinstance(each, FetchError) else each
            for name, each in zip(names, read, strict=True)
        ]
        return Index(tuple(each for each in known if each), len(problems))


def _sign_in_words(source: Source) -> str:
    if source.credentials is None:
        return "a sign-in, and the source names no credentials."
    return "another sign-in than the source's user name and password."


async def _or_error(reading: Coroutine[None, None, ChartEntry]) -> ChartEntry | FetchError:
    try:
        return await reading
    except FetchError as error:
        return error


def _read_folder(source: Source) -> Index:
    """The charts in a folder: it is one itself, or holds one in each of its folders."""
    root = source.path or Path()
    if (root / "Chart.yaml").is_file():
        folders = [root]
    else:
        try:
            folders = [each.parent for each in sorted(root.glob("*/Chart.yaml"))]
        except OSError as error:
            raise FetchError(f"The folder cannot be read ({error.strerror}).") from None
        if not root.is_dir():
            raise FetchError("There is no such folder.")
    found: dict[str, ChartEntry] = {}
    skipped = 0
    for folder in folders:
        try:
            version = chart_version(metadata := read_metadata(folder))
        except ChartProblem:
            skipped += 1
            continue
        name = str(metadata["name"])
        if source.allows(name) and name not in found:
            found[name] = ChartEntry(name, (version,), folder)
    return Index(tuple(found.values()), skipped)
