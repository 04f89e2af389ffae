"""A release's revisions: what changed, by whom, when, and which can be rolled back to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from msgspec import Struct

from portal.domain.objects import ReleaseStatus
from portal.domain.release import ReleaseRevision
from portal.domain.secrets import scrubbed_text, secret_texts
from portal.viewmodels.app import helm_badge
from portal.viewmodels.descriptions import change_and_author
from portal.viewmodels.model import Badge
from portal.viewmodels.preview import values_diff
from portal.viewmodels.words import count, joined, shortened

MAX_NAMED = 4
"""Changed values that are named; the others are counted."""


class RevisionView(Struct, frozen=True):
    """One revision. ``diff`` are the lines in which its values differ from the one before.

    ``back`` is True if it can be rolled back to; ``problem`` is why it failed.
    """

    revision: int
    status: Badge
    at: datetime | None
    what: str
    who: str
    chart: str
    changed: str
    diff: tuple[str, ...]
    problem: str = ""
    back: bool = True


def history_view(revisions: Sequence[ReleaseRevision]) -> tuple[RevisionView, ...]:
    """The revisions that Helm keeps, newest first, with all secrets hidden."""
    older = [*revisions[1:], None]
    return tuple(
        _revision(each, before, newest=index == 0)
        for index, (each, before) in enumerate(zip(revisions, older, strict=False))
    )


def _revision(
    each: ReleaseRevision, before: ReleaseRevision | None, *, newest: bool
) -> RevisionView:
    secrets = secret_texts(each.values) + (secret_texts(before.values) if before else ())
    said = scrubbed_text(each.description, secrets)
    failed = each.status is ReleaseStatus.FAILED
    what, who = _told(said, each)
    compared = before is not None and not (each.damaged or before.damaged)
    diff = values_diff(before.values, each.values) if before and compared else ()
    return RevisionView(
        revision=each.revision,
        status=helm_badge(each.status),
        at=each.last_deployed or each.updated_at,
        what=what,
        who=who,
        chart=f"{each.chart}-{each.chart_version}" if each.chart_version else each.chart,
        changed=_changed(each, before, diff),
        diff=diff,
        problem=each.damaged or (shortened(said, 400) if failed else ""),
        back=not newest and not each.damaged,
    )


def _told(said: str, each: ReleaseRevision) -> tuple[str, str]:
    """The change and its author, from the description in Helm's record."""
    if each.damaged:
        return "Cannot be read", ""
    if each.status is ReleaseStatus.FAILED:
        return "Failed", ""
    return change_and_author(said)


def _changed(each: ReleaseRevision, before: ReleaseRevision | None, diff: tuple[str, ...]) -> str:
    """The difference from the revision before, in words."""
    if before is None:
        return "" if each.revision > 1 else "First revision."
    if each.damaged or before.damaged:
        return ""
    parts: list[str] = []
    if (each.chart, each.chart_version) != (before.chart, before.chart_version):
        parts.append(f"the chart: {before.chart_version} → {each.chart_version}")
    names = _names(before.values, each.values)
    if names:
        more = len(names) - MAX_NAMED
        shown = names[:MAX_NAMED] + ([count(more, "other")] if more > 0 else [])
        parts.append(joined(shown))
    return joined(parts) or "No changes to the values."


def _names(before: object, after: object, path: str = "") -> list[str]:
    """The paths of the values that differ: "image.tag"."""
    if before == after:
        return []
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return [path]
    old, new = cast("Mapping[str, object]", before), cast("Mapping[str, object]", after)
    names: list[str] = []
    for name in {**old, **new}:
        names += _names(old.get(name), new.get(name), f"{path}.{name}" if path else str(name))
    return names
