"""The timeline of an app in words: one list of what has happened to it, newest first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache

from msgspec.structs import replace

from portal.domain.objects import Event, HpaMetric, ReleaseStatus
from portal.state.event_kinds import kind_of
from portal.state.model import AppState
from portal.state.timeline import Entry, EntryKind
from portal.viewmodels.crashes import ending
from portal.viewmodels.descriptions import change_and_author
from portal.viewmodels.hpa_metrics import UNKNOWN, metric_view
from portal.viewmodels.marks import entry_marks
from portal.viewmodels.model import Severity, TimelineLine, TimelineView
from portal.viewmodels.operation import by
from portal.viewmodels.words import count, joined, moment, sentence, shortened, span

_OF_A_POD = re.compile(r"\b\d+(?:\.\d+){3}\b|\b[a-z0-9-]+-[a-z0-9]{5}\b|\bpod: \S+")

MAX_ROUTINE = 40
"""The most lines of routine events; all others are bounded where they are recorded."""

LABELS = {
    EntryKind.CHANGE: "Changes",
    EntryKind.ROLLOUT: "Rollouts",
    EntryKind.SCALING: "Autoscaler",
    EntryKind.CRASH: "Crashes",
    EntryKind.POD: "Evictions and failed pods",
    EntryKind.NODE: "Nodes",
    EntryKind.IMAGE: "Image pulls",
    EntryKind.URL: "URL",
    EntryKind.WARNING: "Other warnings",
    EntryKind.ROUTINE: "Routine events",
}
"""The names of the kinds in the filter."""

FILTER = tuple((kind.value, label, kind is not EntryKind.ROUTINE) for kind, label in LABELS.items())
"""The boxes of the filter: a kind, its name, and True if it is shown at first."""

_APART = {EntryKind.CHANGE, EntryKind.ROLLOUT, EntryKind.SCALING, EntryKind.URL}
"""The kinds of which each entry is a line of its own: each is a moment to go to on the chart."""


class _Source:
    """The timeline and events of an app; equal for the same ones, which costs next to nothing."""

    def __init__(self, state: AppState) -> None:
        self.timeline, self.events = state.timeline, state.events

    def __hash__(self) -> int:
        return hash((id(self.timeline), len(self.events)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Source):
            return False
        return self.timeline is other.timeline and self.events == other.events


def timeline_view(state: AppState) -> TimelineView:
    """The lines of an app's timeline, newest first; repeated ones are one line with a count.

    They are kept for the next call: most changes of an app are not about them.
    """
    return _view(_Source(state))


@lru_cache(256)
def _view(source: _Source) -> TimelineView:
    lines = [_line(each) for each in source.timeline.entries]
    routine = [_routine(each) for each in source.events if kind_of(each) is EntryKind.ROUTINE]
    routine.sort(key=_order, reverse=True)
    grouped = [*_grouped(lines), *_grouped(routine)[:MAX_ROUTINE]]
    return TimelineView(
        lines=tuple(sorted(grouped, key=_order, reverse=True)),
        since=source.timeline.since,
        gap=_gap(*source.timeline.gap) if source.timeline.gap else "",
        marks=tuple(
            mark
            for each, line in zip(source.timeline.entries, lines, strict=True)
            for mark in entry_marks(each, line.title, line.text)
        ),
    )


def _order(line: TimelineLine) -> tuple[datetime, str, str]:
    return line.at, line.title, line.about


def _gap(begin: datetime, end: datetime) -> str:
    return f"The portal did not run from {moment(begin)} to {moment(end)}."


def _line(entry: Entry) -> TimelineLine:
    severity, title, text = _WORDS[entry.kind](entry)
    return TimelineLine(
        at=entry.at,
        kind=entry.kind.value,
        severity=severity,
        title=title,
        about=entry.about if entry.kind is not EntryKind.CHANGE else "",
        text=text,
        count=entry.count,
        first_at=entry.first_at if entry.count > 1 else None,
    )


def _routine(event: Event) -> TimelineLine:
    return TimelineLine(
        at=event.last_at,
        kind=EntryKind.ROUTINE.value,
        severity=Severity.QUIET,
        title=event.reason,
        about=event.about,
        text=shortened(event.message, 400),
        count=max(1, event.count),
        first_at=event.first_at if event.count > 1 else None,
    )


def _grouped(lines: Iterable[TimelineLine]) -> list[TimelineLine]:
    """Put lines that say the same into one, with a count, the first and the last time."""
    found: dict[tuple[str, ...], list[TimelineLine]] = {}
    for number, line in enumerate(lines):
        apart = str(number) if line.kind in _APART else ""
        found.setdefault((line.kind, line.title, _alike(line.text), apart), []).append(line)
    return [_together(each) for each in found.values()]


def _alike(text: str) -> str:
    """A message without what differs from pod to pod: addresses, and names in quotes."""
    return _OF_A_POD.sub("…", text)


def _together(same: list[TimelineLine]) -> TimelineLine:
    newest = max(same, key=_order)
    if len(same) == 1:
        return newest
    others = len({line.about for line in same}) - 1
    about = f"{newest.about} and {count(others, 'other')}" if others else newest.about
    return replace(
        newest,
        about=about,
        count=sum(line.count for line in same),
        first_at=min(line.first_at or line.at for line in same),
    )


# The words of each kind: severity, title, text.

_Words = tuple[Severity, str, str]


_REMOVED = {ReleaseStatus.UNINSTALLING, ReleaseStatus.UNINSTALLED}
"""Helm's own words of these ("silently failed") say less than the status does."""


def _change(entry: Entry) -> _Words:
    if entry.new is None:
        good = entry.detail == "succeeded"
        severity = Severity.GOOD if good else Severity.WARN
        title = f"{entry.what.capitalize()}{by(entry.actor)}"
        return severity, title, "" if good else sentence(entry.detail)
    failed = entry.what == ReleaseStatus.FAILED
    what, who = change_and_author(entry.detail) if entry.detail and not failed else ("", "")
    who = entry.actor or who
    severity = Severity.BAD if failed else Severity.GOOD
    if entry.what.startswith("pending"):
        severity = Severity.BUSY
    title = f"Revision {entry.new}{by(who)}"
    if failed:
        return severity, title, "It has failed."
    if entry.what in _REMOVED:
        return Severity.WARN, title, "Its removal began."
    return severity, title, sentence(what) if what else f"Helm's status: {entry.what}."


def _rollout(entry: Entry) -> _Words:
    if entry.ended_at is None:
        return Severity.BUSY, "Rollout began", "It is not complete yet."
    took = span(max(0.0, (entry.ended_at - entry.at).total_seconds()))
    ready = count(entry.old or 0, "pod")
    are = "is" if entry.old == 1 else "are"
    return Severity.GOOD, "Rolled out", f"After {took} {ready} {are} ready."


def _scaling(entry: Entry) -> _Words:
    if entry.new is None:
        by_keda = _KEDA.search(entry.detail) if entry.what in _KEDA_WORDS else None
        if by_keda:
            old, new, why = by_keda.groups()
            words = _KEDA_WORDS[entry.what]
            return Severity.BUSY, f"{old} → {new}", sentence(f"{words}: {why}" if why else words)
        return Severity.WARN, entry.what, shortened(entry.detail, 400)
    title = f"{entry.old} → {entry.new}" if entry.old is not None else f"Scaled to {entry.new}"
    readings = joined(map(_reading, entry.metrics))
    reason = _SELECTOR.sub("", entry.detail.partition("reason: ")[2])
    text = readings or reason or "The reading behind this decision is not known."
    pods = "" if entry.old is not None else " The number before is not known."
    return Severity.BUSY, title, f"{sentence(text)}{pods}"


_SELECTOR = re.compile(r"\(&LabelSelector\{.*\}\)", re.DOTALL)
"""The selector of an external metric, as the controller prints it."""

_KEDA = re.compile(r" from (\d+) to (\d+)(?:, (.+))?$", re.DOTALL)
_KEDA_WORDS = {
    "KEDAScaleTargetActivated": "KEDA has started it",
    "KEDAScaleTargetDeactivated": "No trigger of KEDA was active",
}


def _reading(metric: HpaMetric) -> str:
    view = metric_view(metric)
    if view.current == UNKNOWN:
        return f"{view.name}: no reading"
    return f"{view.name} {view.current} of {view.target}"


def _crash(entry: Entry) -> _Words:
    if entry.id.startswith("event/"):
        return _plain(entry)
    end = ending(entry.what, entry.new, "")
    container = f"Container {entry.detail}: " if entry.detail else ""
    if entry.what == "OOMKilled":
        return Severity.BAD, "Out of memory (OOMKilled)", sentence(f"{container}{end.clause}")
    severity = Severity.BAD if entry.new else Severity.WARN
    return severity, "Crashed" if entry.new else "Ended", sentence(f"{container}{end.clause}")


def _plain(entry: Entry) -> _Words:
    severity = Severity.WARN if entry.warning else Severity.QUIET
    plain = _PLAIN.get(entry.what)
    title = f"{plain} ({entry.what})" if plain else entry.what
    return severity, title, shortened(_OWN_NAME.sub("", entry.detail), 400)


_OWN_NAME = re.compile(r" in pod \S+_\S+\([0-9a-f-]{36}\)")
"""The kubelet's name of a pod, which the line has beside its title."""

_PLAIN = {
    "BackOff": "Waits before it starts again",
    "Unhealthy": "Probe failed",
    "FailedScheduling": "No node found",
    "FailedCreate": "Pod refused",
    "FailedMount": "Volume not mounted",
    "FailedAttachVolume": "Volume not attached",
    "NodeNotReady": "Node not ready",
    "TaintManagerEviction": "Removed from its node",
    "EvictedByVPA": "Replaced to change its requests",
    "InPlaceResizedByVPA": "Requests changed in place",
    "FailedToUpdateEndpoint": "Service not updated",
}
"""Plain words for the reasons that people meet most; the reason stands beside them."""


def _image(entry: Entry) -> _Words:
    return Severity.BAD, "Image not pulled", shortened(entry.detail, 400)


def _url(entry: Entry) -> _Words:
    status = f" (HTTP {entry.new})" if entry.new else ""
    if entry.what == "answers":
        return Severity.GOOD, f"URL answers{status}", entry.detail
    return Severity.BAD, f"URL does not answer{status}", entry.detail


_WORDS: dict[EntryKind, Callable[[Entry], _Words]] = {
    EntryKind.CHANGE: _change,
    EntryKind.ROLLOUT: _rollout,
    EntryKind.SCALING: _scaling,
    EntryKind.CRASH: _crash,
    EntryKind.POD: _plain,
    EntryKind.NODE: _plain,
    EntryKind.IMAGE: _image,
    EntryKind.URL: _url,
    EntryKind.WARNING: _plain,
    EntryKind.ROUTINE: _plain,
}
