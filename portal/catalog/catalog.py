"""The catalogue: every source, read again and again; charts, fetched when somebody wants one."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from portal.catalog.archive import MAX_PACKED, ArchiveError, unpack
from portal.catalog.chart import Chart, ChartProblem, read_chart, read_metadata
from portal.catalog.fetch import Fetch, FetchError
from portal.catalog.index import MAX_INDEX, Index, described, read_index
from portal.catalog.oci import Registry
from portal.catalog.sources import (
    ChartEntry,
    ChartPreset,
    ChartVersion,
    Source,
    SourceKind,
    SourceState,
)
from portal.catalog.text import TextError
from portal.domain.errors import NotFound, PortalError

log = logging.getLogger(__name__)

MAX_CACHE = 64 * 1024 * 1024
"""Bytes of unpacked charts that are kept, the newest one aside: they share ``/tmp`` with Helm."""

_TROUBLE = (FetchError, TextError, ArchiveError, ChartProblem)


class ChartUnavailable(PortalError):
    """A chart of the catalogue cannot be used; the message says why."""


def _now() -> datetime:
    return datetime.now(UTC)


class Catalog:
    """Reads its sources for as long as ``run`` runs, and keeps fetched charts below ``cache``.

    ``every``: seconds between two reads of all sources. Of a source that cannot be read the
    last content stays.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        fetch: Fetch,
        cache: Path,
        *,
        every: float = 300.0,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._fetch = fetch
        self._cache = cache
        self._every = every
        self._clock = clock
        self._states = {each.name: SourceState(each) for each in sources}
        self._charts: dict[tuple[str, str, str], Chart] = {}
        self._fetching: dict[tuple[str, str, str], asyncio.Lock] = {}

    @property
    def sources(self) -> tuple[SourceState, ...]:
        """What is known of each source, in the order of the settings."""
        return tuple(self._states.values())

    def entry(self, source: str, name: str) -> ChartEntry | None:
        """A chart as its source lists it, if it does."""
        state = self._states.get(source)
        return state.chart(name) if state else None

    def presets(self, source: str, name: str) -> tuple[ChartPreset, ...]:
        """The named values to start from that a chart is offered with."""
        state = self._states.get(source)
        return state.source.presets_of(name) if state else ()

    def source_of(self, name: str, version: str) -> str:
        """The source that a chart by this name came from, most likely; "" if none lists it."""
        listing = [each for each in self._states.values() if each.chart(name)]
        exact = (each for each in listing if self._lists(each, name, version))
        found = next(exact, listing[0] if listing else None)
        return found.source.name if found else ""

    @staticmethod
    def _lists(state: SourceState, name: str, version: str) -> bool:
        entry = state.chart(name)
        return entry is not None and entry.version(version) is not None

    async def run(self) -> None:
        """Keep reading the sources; never returns."""
        while True:
            await self.refresh()
            await asyncio.sleep(self._every)

    async def refresh(self) -> None:
        """Read every source once, all at the same time."""
        await asyncio.gather(*(self._refresh(name) for name in self._states))

    async def chart(self, source: str, name: str, version: str = "") -> Chart:
        """A chart, fetched and unpacked; "" is the newest version.

        Raises:
            NotFound: no source lists it.
            ChartUnavailable: it cannot be fetched, or is refused.
        """
        state = self._states.get(source)
        entry = state.chart(name) if state else None
        wanted = entry.version(version) if entry else None
        if state is None or entry is None or wanted is None:
            raise NotFound(
                f"The catalogue has no chart {name[:80]} {version[:40]}".rstrip()
                + f" in {source[:63]}.",
                "Choose another in the catalogue.",
            )
        key = (source, name, wanted.version)
        async with self._fetching.setdefault(key, asyncio.Lock()):
            try:
                if entry.path is not None:  # a folder may change at any time
                    return await asyncio.to_thread(read_chart, entry.path, source)
                known = self._charts.get(key)
                if known is None or (wanted.digest and known.digest != wanted.digest):
                    packed = await self._packed(state.source, entry, wanted)
                    known = await asyncio.to_thread(self._keep, packed, source)
                    if known.name != name.rpartition("/")[2]:
                        raise ChartProblem(f"The archive holds another chart, {known.name}.")
                    self._charts[key] = known
                    await asyncio.to_thread(self._make_room)
                self._charts[key] = self._charts.pop(key)  # the last in order is the last used
                return known
            except _TROUBLE as error:
                raise ChartUnavailable(
                    f"{name} {wanted.version} cannot be used. {error}",
                    "Choose another version, or tell an administrator.",
                ) from None

    async def _packed(self, source: Source, entry: ChartEntry, wanted: ChartVersion) -> bytes:
        if source.kind is SourceKind.OCI:
            return await Registry(source, self._fetch).pull(entry.name, wanted.version)
        problem = FetchError("The index names no archive.")
        for url in wanted.urls:
            try:
                answer = await self._fetch(url, hosts=source.allowed_hosts, limit=MAX_PACKED)
            except FetchError as error:
                problem = error
                continue
            if answer.status != 200:
                problem = FetchError(f"The archive's server answers with status {answer.status}.")
            elif wanted.digest and hashlib.sha256(answer.body).hexdigest() != wanted.digest:
                problem = FetchError("The archive is not the one that the index describes.")
            else:
                return answer.body
        raise problem

    def _keep(self, packed: bytes, source: str) -> Chart:
        """Unpack an archive into the cache, unless it is there already."""
        digest = hashlib.sha256(packed).hexdigest()
        place = self._cache / digest
        if not place.exists():
            self._cache.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(dir=self._cache, prefix="new-"))
            try:
                unpack(packed, scratch)
                scratch.replace(place)  # whole, or not at all
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        folder = next(each for each in place.iterdir() if each.is_dir())
        return read_chart(folder, source, digest=digest)

    def _make_room(self) -> None:
        """Remove the charts that were not asked for longest, beyond what may be kept."""
        used = 0
        for key, chart in reversed(list(self._charts.items())):
            if used > MAX_CACHE:
                del self._charts[key]
                if all(each.path != chart.path for each in self._charts.values()):
                    shutil.rmtree(chart.path.parent, ignore_errors=True)
            else:
                used += sum(each.stat().st_size for each in chart.path.rglob("*"))

    async def _refresh(self, name: str) -> None:
        state = self._states[name]
        now = self._clock()
        try:
            index = await self._read(state)
        except Exception as error:  # what strangers write must not end the portal
            known = isinstance(error, _TROUBLE)
            if not state.error:
                words = "chart source %s cannot be read: %s"
                log.warning(words, name, error, exc_info=None if known else error)
            why = str(error) if known else "What it holds cannot be understood."
            state = replace(state, error=why, since=state.since or now, loading=False)
        else:
            state = SourceState(
                state.source, index.charts, now, skipped=index.skipped, loading=False
            )
        self._states[name] = state

    async def _read(self, state: SourceState) -> Index:
        source = state.source
        match source.kind:
            case SourceKind.REPOSITORY:
                url = source.url.rstrip("/") + "/index.yaml"
                answer = await self._fetch(url, hosts=source.allowed_hosts, limit=MAX_INDEX)
                if answer.status != 200:
                    raise FetchError(f"The repository answers with status {answer.status}.")
                text = answer.body.decode(errors="replace")
                return await asyncio.to_thread(read_index, text, source)
            case SourceKind.OCI:
                return await self._read_registry(state)
            case SourceKind.FOLDER | SourceKind.BUILTIN:
                return await asyncio.to_thread(_read_folder, source)

    async def _read_registry(self, state: SourceState) -> Index:
        """Every chart that the settings list; one that cannot be read keeps what it had."""
        registry = Registry(state.source, self._fetch)
        names = state.source.charts
        read: list[ChartEntry | FetchError] = await asyncio.gather(
            *(_or_error(registry.chart(name)) for name in names)
        )
        problems = [each for each in read if isinstance(each, FetchError)]
        if len(problems) == len(names):
            raise problems[0]
        known = [
            state.chart(name) if isinstance(each, FetchError) else each
            for name, each in zip(names, read, strict=True)
        ]
        return Index(tuple(each for each in known if each), len(problems))


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
            version = described(metadata := read_metadata(folder))
        except ChartProblem:
            skipped += 1
            continue
        name = str(metadata["name"])
        if source.allows(name) and name not in found:
            found[name] = ChartEntry(name, (version,), folder)
    return Index(tuple(found.values()), skipped)
