"""Reading one source: what it lists, and its archives. Kept is only what an index said last."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO
from urllib.parse import urlsplit

from msgspec import Struct

from portal.catalog.archive import MAX_PACKED
from portal.catalog.chart import ChartProblem, read_metadata
from portal.catalog.index import MAX_INDEX, Index, chart_version, is_oci
from portal.catalog.index_process import read_large
from portal.catalog.oci import Registry
from portal.catalog.sign_in import may_send_password, read_login
from portal.catalog.sources import Source, SourceKind, SourceState
from portal.domain.charts import ChartEntry, ChartVersion
from portal.registry.fetch import Answer, Failure, Fetch, FetchError


class SourceReader:
    """Reads sources through ``fetch``, with their credentials.

    All raise ``FetchError``, with why in words. ``index_limit`` is in bytes.
    """

    def __init__(self, fetch: Fetch, index_limit: int = MAX_INDEX) -> None:
        self._fetch = fetch
        self._index_limit = index_limit
        self._read: dict[str, _ReadIndex] = {}

    async def index(self, state: SourceState) -> Index:
        """The charts of a source; of a registry with metadata from ``state``.

        Raises:
            FetchError: it cannot be read.
            TextError: its index is invalid.
        """
        source = state.source
        match source.kind:
            case SourceKind.REPOSITORY:
                return await self._read_repository(source)
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
                if is_oci(url):
                    return await self._pulled(source, url)
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

    async def ask(
        self,
        source: Source,
        url: str,
        limit: int,
        headers: Mapping[str, str] | None = None,
        into: IO[bytes] | None = None,
    ) -> Answer:
        """Ask a classic repository, or where its archives are, with its password if that may be."""
        login = await asyncio.to_thread(read_login, source)
        sent = dict(headers or {})
        if login is not None and may_send_password(source, url):
            sent["Authorization"] = login.basic
        hosts = source.allowed_hosts
        return await self._fetch(url, hosts=hosts, limit=limit, headers=sent, into=into)

    async def _read_repository(self, source: Source) -> Index:
        """The index of a classic repository: what was read before, while it stays the same."""
        url = source.url.rstrip("/") + "/index.yaml"
        before = self._read.get(source.name)
        with TemporaryDirectory(prefix="index-") as folder:
            file = Path(folder, "index.yaml")
            into = await asyncio.to_thread(file.open, "wb")
            with into:
                try:
                    asked = before.conditions if before else None
                    answer = await self.ask(source, url, self._index_limit, asked, into)
                except FetchError as error:
                    if error.failure is not Failure.TOO_LARGE:
                        raise
                    raise FetchError(
                        f"{error} An administrator can allow more (settings.catalogIndexLimit, in "
                        "MiB: memory grows with it), or offer some of its charts from a smaller "
                        "repository or a registry.",
                        Failure.TOO_LARGE,
                    ) from None
            if answer.status == 304 and before:
                return before.index
            if answer.status in {401, 403}:
                raise FetchError(f"The repository requires {_sign_in_words(source)}")
            if answer.status != 200:
                raise FetchError(f"The repository answers with status {answer.status}.")
            digest = await asyncio.to_thread(_digest, file)
            same = before is not None and before.digest == digest
            index = before.index if before and same else await read_large(file, source)
        asking = {
            name: answer.headers[header]
            for name, header in (("If-None-Match", "etag"), ("If-Modified-Since", "last-modified"))
            if header in answer.headers
        }
        self._read[source.name] = _ReadIndex(index, digest, asking)
        return index

    async def _pulled(self, source: Source, url: str) -> bytes:
        """An archive that a repository's index says is in a registry.

        The repository's password goes there only if it is the same host.
        """
        parts = urlsplit(url)
        above, _, named = parts.path.strip("/").rpartition("/")
        name, _, tag = named.partition(":")
        registry = Source(
            source.name,
            SourceKind.OCI,
            f"oci://{parts.netloc}/{above}",
            charts=(name.lower(),),
            hosts=source.hosts,
            plain_http=source.plain_http,
        )
        if parts.netloc.lower() not in source.allowed_hosts:
            raise FetchError(
                f"Its archive is in the registry {parts.netloc[:100]}, which is not among this "
                "source's hosts. An administrator can name it there, or add it as a source of the "
                "kind oci."
            )
        return await Registry(registry, self._fetch).pull(name, tag)

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
        notes = tuple(
            f"{name} cannot be read. {each}"
            for name, each in zip(names, read, strict=True)
            if isinstance(each, FetchError)
        )
        return Index(tuple(each for each in known if each), len(problems), notes)


class _ReadIndex(Struct, frozen=True):
    """An index that was read, and what tells whether it has changed since."""

    index: Index
    digest: str
    conditions: Mapping[str, str]


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


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
    notes: list[str] = []
    for folder in folders:
        try:
            version = chart_version(metadata := read_metadata(folder))
        except ChartProblem as problem:
            notes.append(f"The chart in {folder.name} is left out. {problem}")
            continue
        name = str(metadata["name"])
        if name in found:
            notes.append(f"The chart in {folder.name} is left out: {name} is there already.")
        elif source.allows(name):
            found[name] = ChartEntry(name, (version,), folder)
    return Index(tuple(found.values()), len(notes), tuple(notes))
