"""The catalogue: sources, read at intervals, and charts, fetched on demand."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from portal.catalog.archive import ArchiveError, unpack
from portal.catalog.chart import Chart, ChartProblem, read_chart
from portal.catalog.icons import Icon, Icons
from portal.catalog.index import MAX_INDEX
from portal.catalog.reader import SourceReader
from portal.catalog.sources import ChartPreset, Source, SourceKind, SourceState
from portal.catalog.text import TextError
from portal.domain.charts import ChartEntry, ChartIdentity, ChartVersion, Listing, Origin, origin_of
from portal.domain.errors import NotFound, PortalError
from portal.registry.fetch import Fetch, FetchError

log = logging.getLogger(__name__)

MAX_CACHE = 64 * 1024 * 1024
"""Bytes of unpacked charts in the cache, without the newest one: they share ``/tmp`` with Helm."""

_EXPECTED = (FetchError, TextError, ArchiveError, ChartProblem)


class ChartUnavailable(PortalError):
    """A chart of the catalogue cannot be used; the message says why."""


def _now() -> datetime:
    return datetime.now(UTC)


class Catalog:
    """The sources and their charts, kept current by ``run``; fetched charts are cached on disk.

    Args:
        sources: the sources, in the order of the settings.
        fetch: makes HTTP requests.
        cache: the folder for unpacked charts.
        every: seconds between two reads of all sources. A source that cannot be read keeps its
            last content.
        index_limit: bytes of a repository's index.
        used: returns the charts of current releases, whose sources are then looked up.
        clock: returns the time.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        fetch: Fetch,
        cache: Path,
        *,
        every: float = 300.0,
        index_limit: int = MAX_INDEX,
        used: Callable[[], Iterable[ChartIdentity]] = tuple,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._reader = SourceReader(fetch, index_limit)
        self._icons = Icons(self._reader.ask)
        self._cache = cache
        self._every = every
        self._used = used
        self._clock = clock
        self._states = {each.name: SourceState(each) for each in sources}
        self._listings = {name: _listing(state) for name, state in self._states.items()}
        self._charts: dict[tuple[str, str, str], Chart] = {}
        self._fetching: dict[tuple[str, str, str], asyncio.Lock] = {}

    @property
    def sources(self) -> tuple[SourceState, ...]:
        """The state of each source, in the order of the settings."""
        return tuple(self._states.values())

    def entry(self, source: str, name: str) -> ChartEntry | None:
        """The entry of a chart in its source; None if the source does not list it."""
        state = self._states.get(source)
        return state.chart(name) if state else None

    def lacks(self, source: str, name: str) -> bool:
        """Return True if it is sure that no source of this name lists such a chart."""
        state = self._states.get(source)
        if state is None:
            return True
        return not state.loading and not state.error and state.chart(name) is None

    @property
    def listings(self) -> tuple[Listing, ...]:
        """The charts of each source, for comparison with those of releases."""
        return tuple(self._listings.values())

    def presets(self, source: str, name: str) -> tuple[ChartPreset, ...]:
        """The presets of a chart."""
        state = self._states.get(source)
        return state.source.presets_of(name) if state else ()

    async def identify(self, made: ChartIdentity) -> Origin | None:
        """The source that a release's chart came from; None where that is uncertain.

        Reads a registry's metadata of the version if needed, once: refreshing reads it for the
        newest version only.
        """
        found = origin_of(made, self.listings)
        if found is not None or not made.chart_version:
            return found
        for name, listing in self._listings.items():
            source = self._states[name].source
            if source.kind is not SourceKind.OCI or listing.error:
                continue
            entry = listing.charts.get(made.chart)
            version = entry.version(made.chart_version) if entry else None
            if entry and version and not version.fingerprint:
                try:
                    registry = await self._reader.registry(source)
                    known = await registry.version(entry.name, version.version)
                except FetchError:
                    continue  # tried again with the next refresh
                self._put(_with_version(self._states[name], entry.name, known))
        return origin_of(made, self.listings)

    async def icon(self, source: str, name: str) -> Icon | None:
        """The icon of a chart; None if it has none, or none that may be shown."""
        state = self._states.get(source)
        entry = state.chart(name) if state else None
        return await self._icons.get(state.source, entry.newest.icon) if state and entry else None

    async def run(self) -> None:
        """Keep reading the sources; never returns."""
        while True:
            await self.refresh()
            used = self._used()  # many releases share a chart
            distinct = {(each.chart, each.chart_version, each.fingerprint): each for each in used}
            for made in distinct.values():
                await self.identify(made)
            await asyncio.sleep(self._every)

    async def refresh(self) -> None:
        """Read every source once, concurrently."""
        self._icons.forget_failures()
        await asyncio.gather(*(self._refresh(name) for name in self._states))

    async def chart(self, source: str, name: str, version: str = "") -> Chart:
        """A chart, fetched and unpacked; version "" is the newest.

        Raises:
            NotFound: the source does not list it.
            ChartUnavailable: it cannot be fetched, or cannot be used.
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
                    packed = await self._reader.archive(state.source, entry, wanted)
                    known = await asyncio.to_thread(self._unpack, packed, source)
                    if known.name != name.rpartition("/")[2]:
                        raise ChartProblem(f"The archive holds another chart, {known.name}.")
                    self._charts[key] = known
                    await asyncio.to_thread(self._evict)
                self._charts[key] = self._charts.pop(key)  # ordered by last use
                return known
            except _EXPECTED as error:
                raise ChartUnavailable(
                    f"{name} {wanted.version} cannot be used. {error}",
                    "Choose another version, or tell an administrator.",
                ) from None

    def _unpack(self, packed: bytes, source: str) -> Chart:
        """Unpack an archive into the cache, unless it is there already, and read its chart."""
        digest = hashlib.sha256(packed).hexdigest()
        place = self._cache / digest
        if not place.exists():
            self._cache.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(dir=self._cache, prefix="new-"))
            try:
                unpack(packed, scratch)
                scratch.replace(place)  # atomic
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        folder = next(each for each in place.iterdir() if each.is_dir())
        return read_chart(folder, source, digest=digest)

    def _evict(self) -> None:
        """Remove the least recently used charts beyond ``MAX_CACHE``."""
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
            index = await self._reader.index(state)
        except Exception as error:  # untrusted content must not end the portal
            expected = isinstance(error, _EXPECTED)
            if not state.error:
                words = "chart source %s cannot be read: %s"
                log.warning(words, name, error, exc_info=None if expected else error)
            why = str(error) if expected else "Its content cannot be read."
            state = replace(state, error=why, since=state.since or now, loading=False)
        else:
            state = SourceState(
                state.source,
                index.charts,
                now,
                skipped=index.skipped,
                notes=index.notes,
                loading=False,
            )
        self._put(state)

    def _put(self, state: SourceState) -> None:
        self._states[state.source.name] = state
        self._listings[state.source.name] = _listing(state)


def _listing(state: SourceState) -> Listing:
    names = Counter(each.name.rpartition("/")[2] for each in state.charts)
    charts = {each.name.rpartition("/")[2]: each for each in state.charts}
    return Listing(
        source=state.source.name,
        charts={name: each for name, each in charts.items() if names[name] == 1},
        error=state.error,
        since=state.since,
        loading=state.loading,
    )


def _with_version(state: SourceState, chart: str, new: ChartVersion) -> SourceState:
    """``state`` with the new metadata of one version of a chart."""

    def updated(entry: ChartEntry) -> ChartEntry:
        versions = (new if each.version == new.version else each for each in entry.versions)
        return replace(entry, versions=tuple(versions))

    charts = tuple(updated(each) if each.name == chart else each for each in state.charts)
    return replace(state, charts=charts)
