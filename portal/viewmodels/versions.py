"""The version of a release's chart, and the others that its source offers, in words."""

from __future__ import annotations

from collections.abc import Sequence

from portal.domain.charts import (
    BUILT_IN,
    ChartEntry,
    ChartIdentity,
    Listing,
    Origin,
    origin_of,
    version_order,
)
from portal.viewmodels.model import Notice, Severity, VersionView

DEPRECATED = "This chart is deprecated: it may receive no more fixes."


def version_view(made: ChartIdentity | None, catalog: Sequence[Listing]) -> VersionView | None:
    """The view of a release's chart version; None where its source is not known for sure."""
    if made is None or not made.chart_version:
        return None
    origin = origin_of(made, catalog)
    if origin is None or (origin.listing is not None and origin.listing.loading):
        return None
    entry, listing = origin.entry, origin.listing
    if entry is None or listing is None:
        return VersionView(
            source=origin.source,
            chart=made.chart,
            version=made.chart_version,
            sentence=f"Chart {made.chart_version}. {_lost(origin, made.chart)}",
            severity=Severity.QUIET,
            since=listing.since if listing else None,
        )
    newer = newer_version(entry, made.chart_version)
    words = [_standing(origin.source, entry, made.chart_version, newer)]
    if entry.version(made.chart_version) is None and origin.source != BUILT_IN:
        words.append(f"{origin.source} does not offer {made.chart_version} any more.")
    if entry.newest.deprecated:
        words.append(DEPRECATED)
    if listing.error:
        words.append(f"There may be newer versions: {origin.source} cannot be read.")
    return VersionView(
        source=origin.source,
        chart=entry.name,
        version=made.chart_version,
        sentence=" ".join(words),
        severity=Severity.WARN
        if entry.newest.deprecated
        else Severity.BUSY
        if newer
        else Severity.QUIET,
        newer=newer,
        choices=any(each.version != made.chart_version for each in entry.versions),
        since=listing.since,
    )


class NewerVersions:
    """Looks up newer versions of the charts of releases, and caches the answers."""

    def __init__(self, catalog: Sequence[Listing] = ()) -> None:
        self.catalog = tuple(catalog)
        self._known: dict[tuple[str, str, str, str], str] = {}

    def of(self, made: ChartIdentity | None) -> str:
        """The newest version of a release's chart, if it is newer than the one it has."""
        if made is None or not made.chart_version:
            return ""
        key = (made.chart, made.chart_version, made.fingerprint, made.source)
        if key not in self._known:
            origin = origin_of(made, self.catalog)
            entry = origin.entry if origin else None
            self._known[key] = newer_version(entry, made.chart_version) if entry else ""
        return self._known[key]


def newer_version(entry: ChartEntry, version: str) -> str:
    """The newest version, if it is newer than ``version``."""
    newest = entry.newest.version
    return newest if version_order(newest) > version_order(version) else ""


def choices(entry: ChartEntry, version: str) -> tuple[tuple[str, str], ...]:
    """The versions that a release of ``version`` can change to, newest first, with their labels."""
    return tuple(
        (each.version, _choice(each.version, version, deprecated=each.deprecated))
        for each in entry.versions
        if each.version != version
    )


def move_words(entry: ChartEntry, version: str, wanted: str) -> tuple[Notice, ...]:
    """Notices about a change from ``version`` to the one that is ``wanted``."""
    before, after = entry.version(version), entry.version(wanted)
    apps = (before.app_version if before else "", after.app_version if after else "")
    app = f"App version: {apps[0]} → {apps[1]}. " if all(apps) and apps[0] != apps[1] else ""
    body = f"{app}Values that the release does not set take the defaults of {wanted}."
    if is_older(wanted, version):
        title = f"Downgrade: chart {wanted} is older than {version}."
        words = [
            Notice(
                Severity.WARN,
                title,
                body,
                "Make sure that the older version can read the app's data: the portal cannot.",
            )
        ]
    else:
        words = [Notice(Severity.BUSY, f"The chart changes from {version} to {wanted}.", body)]
    if after is not None and after.deprecated:
        words.append(Notice(Severity.WARN, f"Chart version {wanted} is deprecated."))
    return tuple(words)


def is_older(wanted: str, version: str) -> bool:
    """Return True if going from ``version`` to the one that is ``wanted`` is a downgrade."""
    return version_order(wanted) < version_order(version)


def _lost(origin: Origin, chart: str) -> str:
    if origin.listing is None:
        return f"It came from {origin.source}, which is not in the catalogue any more."
    if origin.listing.error:
        return f"It came from {origin.source}, which cannot be read."
    return f"It came from {origin.source}, which does not offer {chart} any more."


def _standing(source: str, entry: ChartEntry, version: str, newer: str) -> str:
    if newer:
        return f"Chart {version}; {newer} is available."
    where = "in the portal" if source == BUILT_IN else f"in {source}"
    newest = entry.newest.version
    if version_order(version) > version_order(newest):
        return f"Chart {version}; {newest} is the newest {where}."
    return f"Chart {version}, the newest {where}."


def _choice(version: str, now: str, *, deprecated: bool) -> str:
    notes = ["older"] if is_older(version, now) else []
    if "-" in version.partition("+")[0]:
        notes.append("pre-release")
    if deprecated:
        notes.append("deprecated")
    return f"{version} ({', '.join(notes)})" if notes else version
