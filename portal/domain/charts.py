"""Charts, their versions, and the source that a release's chart came from. No I/O."""

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
    """One version of a chart.

    ``urls`` are absolute; ``digest`` is "" if unknown. ``fingerprint`` is that of its
    ``Chart.yaml``, "" if that has not been read.
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

    In a registry ``name`` is a path whose last part is the chart's own name.
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
        """Return the version of that name, None if there is none; "" means the newest."""
        if not wanted:
            return self.newest
        return next((each for each in self.versions if each.version == wanted), None)


class Listing(Struct, frozen=True, eq=False):
    """The charts of a source by their own names. Each reading of the source makes a new listing.

    A name that two of its charts share is left out, since it is ambiguous. ``error`` says why the
    source cannot be read, and ``since`` when that began; ``charts`` are then those of the last
    successful reading. ``loading`` is True until the first reading has succeeded or failed.
    """

    source: str
    charts: Mapping[str, ChartEntry] = field(default_factory=dict[str, ChartEntry])
    error: str = ""
    since: datetime | None = None
    loading: bool = False


class ChartIdentity(Protocol):
    """The chart that a revision of a release was made from."""

    @property
    def chart(self) -> str:
        """The chart's name, as its ``Chart.yaml`` has it."""
        ...

    @property
    def chart_version(self) -> str:
        """The chart's version."""
        ...

    @property
    def fingerprint(self) -> str:
        """The fingerprint of its ``Chart.yaml``."""
        ...

    @property
    def source(self) -> str:
        """The source recorded with the revision, "" if none was."""
        ...


class Origin(Struct, frozen=True):
    """The source of a release's chart.

    ``listing`` is None if there is no such source any more, ``entry`` if it has no such chart.
    """

    source: str
    listing: Listing | None
    entry: ChartEntry | None


def origin_of(made: ChartIdentity, listings: Sequence[Listing]) -> Origin | None:
    """Return the source of a chart, None if it cannot be told for certain.

    For releases made by the portal, that is the recorded source. For others it is the only source
    that lists this version with the same ``Chart.yaml``: a chart that merely has the same name
    is another chart. The built-in chart is recognised by its name alone, since its older
    versions are not kept for comparison.
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


_FINGERPRINTED = (
    "name",
    "version",
    "appVersion",
    "description",
    "home",
    "icon",
    "sources",
    "keywords",
)


def fingerprint(metadata: Mapping[str, object]) -> str:
    """Return a hash of the ``Chart.yaml`` fields that identify a chart, 12 hexadecimal digits.

    White space is normalised: Helm changes it when it copies ``Chart.yaml`` into indexes,
    registries and its records.
    """
    fields = [_plain(metadata.get(name)) for name in _FINGERPRINTED]
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:12]


def _plain(value: object) -> str | list[str]:
    if isinstance(value, list):
        return [str(_plain(each)) for each in cast("list[object]", value)]
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a version that somebody forgot to quote
    return "" if value is None else " ".join(str(value).split())


def note_of(source: str, fingerprint: str) -> str:
    """Return the value of ``ORIGIN_LABEL`` for a chart from ``source``.

    It contains the chart's fingerprint, since Helm copies labels to the next revision even if
    that is made from another chart.
    """
    return f"{source}.{fingerprint}"


def source_of(note: str, fingerprint: str) -> str:
    """Return the source named by an ``ORIGIN_LABEL``; "" if it is invalid or of another chart."""
    source = note.rpartition(".")[0]
    return source if fingerprint and note == note_of(source, fingerprint) else ""


_SEMVER = re.compile(
    r"v?(\d{1,18})(?:\.(\d{1,18}))?(?:\.(\d{1,18}))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
)

VersionOrder = tuple[bool, tuple[int, ...], bool, tuple[tuple[int, int, str], ...], str]


def version_order(version: str) -> VersionOrder:
    """Return a sort key in the order of Semantic Versioning; other texts come first.

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
