"""Charts, their versions, and which source the chart of a release came from. No I/O."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol, cast

from msgspec import Struct, field

BUILT_IN = "built-in"
"""The name of the source that holds the portal's own chart."""


class ChartVersion(Struct, frozen=True):
    """One version of a chart. ``urls`` are whole addresses; ``digest`` "" if not told.

    ``fingerprint`` is that of what its ``Chart.yaml`` says, "" where that has not been read.
    """

    version: str
    app_version: str = ""
    description: str = ""
    deprecated: bool = False
    keywords: tuple[str, ...] = ()
    icon: str = ""
    urls: tuple[str, ...] = ()
    digest: str = ""
    fingerprint: str = ""


class ChartEntry(Struct, frozen=True):
    """A chart of a source, its versions newest first. ``path`` is its folder, if it has one.

    In a registry its ``name`` is a path, of which the last part is what the chart calls itself.
    """

    name: str
    versions: tuple[ChartVersion, ...]
    path: Path | None = None

    @property
    def newest(self) -> ChartVersion:
        """The newest version that is not a pre-release; the newest of all if there is none."""
        released = (each for each in self.versions if "-" not in each.version.partition("+")[0])
        return next(released, self.versions[0])

    def version(self, wanted: str) -> ChartVersion | None:
        """A version by its name; "" is the newest."""
        if not wanted:
            return self.newest
        return next((each for each in self.versions if each.version == wanted), None)


class Listing(Struct, frozen=True, eq=False):
    """What a source offers, by the charts' own names. Each reading makes another one.

    A name that two of its charts have is left out: which of them was meant, nobody can tell.
    ``error`` says why it cannot be read, and ``since`` since when; ``charts`` are then what it
    offered before. ``loading`` until it was read, or found unreadable, for the first time.
    """

    source: str
    charts: Mapping[str, ChartEntry] = field(default_factory=dict[str, ChartEntry])
    error: str = ""
    since: datetime | None = None
    loading: bool = False


class ChartIdentity(Protocol):
    """What a revision of a release was made of."""

    @property
    def chart(self) -> str:
        """What the chart calls itself."""
        ...

    @property
    def chart_version(self) -> str:
        """Which version of it."""
        ...

    @property
    def fingerprint(self) -> str:
        """That of its ``Chart.yaml``."""
        ...

    @property
    def source(self) -> str:
        """Where it was noted to come from, "" if that was not noted."""
        ...


class Origin(Struct, frozen=True):
    """Where a release's chart came from.

    ``listing`` is None if there is no such source any more, ``entry`` if it has no such chart.
    """

    source: str
    listing: Listing | None
    entry: ChartEntry | None


def origin_of(made: ChartIdentity, listings: Sequence[Listing]) -> Origin | None:
    """Where a chart came from; None where that is not known for sure.

    That is what the portal noted when it took the chart. Of a release that was made elsewhere it
    is the only source which lists this very version with the same words about it: a chart
    that merely has the same name is another chart. The portal's own chart is known by its name, as
    everywhere in the portal, since of its older versions nothing is left to compare with.
    """
    if made.source:
        noted = next((each for each in listings if each.source == made.source), None)
        return Origin(made.source, noted, noted.charts.get(made.chart) if noted else None)
    same = [each for each in listings if _lists(each, made)]
    own = next((each for each in listings if each.source == BUILT_IN), None)
    if own and made.chart in own.charts and (own in same or not same):
        return Origin(BUILT_IN, own, own.charts[made.chart])
    if len(same) != 1:
        return None
    return Origin(same[0].source, same[0], same[0].charts[made.chart])


def _lists(listing: Listing, made: ChartIdentity) -> bool:
    entry = listing.charts.get(made.chart)
    version = entry.version(made.chart_version) if entry and made.chart_version else None
    return version is not None and version.fingerprint == made.fingerprint != ""


_TOLD = ("name", "version", "appVersion", "description", "home", "icon", "sources", "keywords")


def fingerprint(metadata: Mapping[str, object]) -> str:
    """Tells charts apart by what a ``Chart.yaml`` says, wherever that was copied to.

    Helm copies it into indexes, registries and its records, and writes white space anew.
    """
    told = [_plain(metadata.get(name)) for name in _TOLD]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]


def _plain(value: object) -> str | list[str]:
    if isinstance(value, list):
        return [str(_plain(each)) for each in cast("list[object]", value)]
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a version that somebody forgot to quote
    return "" if value is None else " ".join(str(value).split())


def note_of(source: str, fingerprint: str) -> str:
    """The label by which a release's record tells where its chart came from.

    With the chart's fingerprint, since Helm passes labels on to whatever is made of a release
    next, from whichever chart.
    """
    return f"{source}.{fingerprint}"


def source_of(note: str, fingerprint: str) -> str:
    """The source that such a label names; "" if it is none, or is about another chart."""
    source = note.rpartition(".")[0]
    return source if fingerprint and note == note_of(source, fingerprint) else ""


_SEMVER = re.compile(
    r"v?(\d{1,18})(?:\.(\d{1,18}))?(?:\.(\d{1,18}))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
)

VersionOrder = tuple[bool, tuple[int, ...], bool, tuple[tuple[int, int, str], ...], str]


def version_order(version: str) -> VersionOrder:
    """A key that sorts versions as Semantic Versioning does; what is none comes first.

    >>> sorted(["1.10.0", "1.9.0", "1.10.0-rc.1", "odd"], key=version_order)
    ['odd', '1.9.0', '1.10.0-rc.1', '1.10.0']
    """
    match = _SEMVER.fullmatch(version)
    if not match:
        return False, (), False, (), version
    numbers = tuple(int(part or 0) for part in match.groups()[:3])
    early = tuple(
        (0, int(part), "") if part.isdigit() and len(part) < 19 else (1, 0, part)
        for part in (match[4] or "").split(".")
    )
    return True, numbers, match[4] is None, early, version
