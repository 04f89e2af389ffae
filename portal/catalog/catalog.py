"""The catalogue: every source, read again and again; charts, fetched when somebody wants one."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from portal.catalog.archive import MAX_PACKED, ArchiveError, unpack
from portal.catalog.chart import Chart, ChartProblem, read_chart, read_metadata
from portal.catalog.fetch import Answer, Fetch, FetchError
from portal.catalog.icons import MAX_ICON, MAX_KEPT, Icon, icon_of, may_be_asked
from portal.catalog.index import MAX_INDEX, Index, described, read_index
from portal.catalog.oci import Registry
from portal.catalog.sign_in import may_have_password, read_login
from portal.catalog.sources import Source, SourceKind, SourceState
from portal.catalog.text import TextError
from portal.domain.charts import ChartEntry, ChartVersion, Listing, Made, Origin, origin_of
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
    last content stays. ``used`` is asked for what releases are made of, to find out where that
    came from.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        fetch: Fetch,
        cache: Path,
        *,
        every: float = 300.0,
        used: Callable[[], Iterable[Made]] = tuple,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._fetch = fetch
        self._cache = cache
        self._every = every
        self._used = used
        self._clock = clock
        self._states = {each.name: SourceState(each) for each in sources}
        self._listings = {name: _listing(state) for name, state in self._states.items()}
        self._charts: dict[tuple[str, str, str], Chart] = {}
        self._icons: dict[tuple[str, str], Icon | None] = {}
        self._fetching: dict[tuple[str, str, str], asyncio.Lock] = {}

    @property
    def sources(self) -> tuple[SourceState, ...]:
        """What is known of each source, in the order of the settings."""
        return tuple(self._states.values())

    def entry(self, source: str, name: str) -> ChartEntry | None:
        """A chart as its source lists it, if it does."""
        state = self._states.get(source)
        return state.chart(name) if state else None

    @property
    def listings(self) -> tuple[Listing, ...]:
        """What each source offers, to be compared with what releases were made of."""
        return tuple(self._listings.values())

    async def identify(self, made: Made) -> Origin | None:
        """Where the chart of a release came from; None where that is not known for sure.

        What a registry says of a version is read here, once; of all but the newest nobody else
        wants to know.
        """
        found = origin_of(made, self.listings)
        if found is not None or not made.chart_version:
            return found
        for name, listing in self._listings.items():
            source = self._states[name].source
            entry = listing.charts.get(made.chart)
            version = entry.version(made.chart_version) if entry else None
            if source.kind is SourceKind.OCI and entry and version and not version.fingerprint:
                try:
                    registry = await self._registry(source)
                    told = await registry.version(entry.name, version.version)
                except FetchError:
                    continue  # asked again with the next reading
                self._put(_with_version(self._states[name], entry.name, told))
        return origin_of(made, self.listings)

    async def icon(self, source: str, name: str) -> Icon | None:
        """A chart's icon; None where it has none, or none that may be shown."""
        state = self._states.get(source)
        entry = state.chart(name) if state else None
        if state is None or entry is None or not may_be_asked(state.source, entry.newest.icon):
            return None
        key = (source, entry.newest.icon)
        async with self._fetching.setdefault(("icon", *key), asyncio.Lock()):
            if key not in self._icons:
                try:
                    answer = await self._ask(state.source, key[1], MAX_ICON)
                    self._icons[key] = icon_of(answer.body) if answer.status == 200 else None
                except FetchError:
                    self._icons[key] = None
                while len(self._icons) > MAX_KEPT:
                    del self._icons[next(iter(self._icons))]
            return self._icons.get(key)

    async def run(self) -> None:
        """Keep reading the sources; never returns."""
        while True:
            await self.refresh()
            for made in self._used():
                await self.identify(made)
            await asyncio.sleep(self._every)

    async def refresh(self) -> None:
        """Read every source once, all at the same time."""
        self._icons = {key: icon for key, icon in self._icons.items() if icon}  # try those again
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
            return await (await self._registry(source)).pull(entry.name, wanted.version)
        problem = FetchError("The index names no archive.")
        for url in wanted.urls:
            try:
                answer = await self._ask(source, url, MAX_PACKED)
            except FetchError as error:
                problem = error
                continue
            if answer.status in {401, 403}:
                problem = FetchError(f"The archive's server wants {_sign_in_words(source)}")
            elif answer.status != 200:
                problem = FetchError(f"The archive's server answers with status {answer.status}.")
            elif wanted.digest and hashlib.sha256(answer.body).hexdigest() != wanted.digest:
                problem = FetchError("The archive is not the one that the index describes.")
            else:
                return answer.body
        raise problem

    async def _ask(self, source: Source, url: str, limit: int) -> Answer:
        """Ask a classic repository, or where its archives are, with its password if that may be."""
        login = await asyncio.to_thread(read_login, source)
        told = login is not None and may_have_password(source, url)
        headers = {"Authorization": login.basic} if login and told else {}
        return await self._fetch(url, hosts=source.allowed_hosts, limit=limit, headers=headers)

    async def _registry(self, source: Source) -> Registry:
        return Registry(source, self._fetch, await asyncio.to_thread(read_login, source))

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
        self._put(state)

    def _put(self, state: SourceState) -> None:
        self._states[state.source.name] = state
        self._listings[state.source.name] = _listing(state)

    async def _read(self, state: SourceState) -> Index:
        source = state.source
        match source.kind:
            case SourceKind.REPOSITORY:
                url = source.url.rstrip("/") + "/index.yaml"
                answer = await self._ask(source, url, MAX_INDEX)
                if answer.status in {401, 403}:
                    raise FetchError(f"The repository wants {_sign_in_words(source)}")
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
        registry = await self._registry(state.source)
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


def _with_version(state: SourceState, chart: str, told: ChartVersion) -> SourceState:
    """``state`` with what is now known of one version of a chart."""

    def known(entry: ChartEntry) -> ChartEntry:
        versions = (told if each.version == told.version else each for each in entry.versions)
        return replace(entry, versions=tuple(versions))

    charts = tuple(known(each) if each.name == chart else each for each in state.charts)
    return replace(state, charts=charts)


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
            version = described(metadata := read_metadata(folder))
        except ChartProblem:
            skipped += 1
            continue
        name = str(metadata["name"])
        if source.allows(name) and name not in found:
            found[name] = ChartEntry(name, (version,), folder)
    return Index(tuple(found.values()), skipped)
