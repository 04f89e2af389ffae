"""The timeline of an app: what has happened to it, as far as the portal has seen. Pure data.

Kubernetes forgets: events after an hour, the readings behind a decision with the next sync, a pod
with all that it tells once it is gone. So what matters is noted when it is seen; see
``portal.state.recorder``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from portal.domain.objects import HpaMetric

MAX_ENTRIES = 80
MAX_OF_A_KIND = 40
"""The most entries of an app: of all kinds and of one. The oldest are dropped."""


class EntryKind(StrEnum):
    """The kind of a timeline entry."""

    CHANGE = "change"
    """A revision of the release, or an operation of the portal that makes none."""
    ROLLOUT = "rollout"
    SCALING = "scaling"
    CRASH = "crash"
    """A container has ended that was to run on."""
    POD = "pod"
    """A pod was evicted, preempted, refused, or has failed."""
    NODE = "node"
    IMAGE = "image"
    """A pull has failed."""
    URL = "url"
    WARNING = "warning"
    """Any other warning of Kubernetes."""
    ROUTINE = "routine"
    """Any other event of Kubernetes. It is never recorded."""


class Entry(Struct, frozen=True):
    """One thing that has happened, ``count`` times, last at ``at``.

    ``id`` identifies it among the entries of its app. ``about`` is the object ("Pod web-1"),
    ``what`` the reason, status or phase, ``detail`` a message. Of a decision of an HPA ``old`` and
    ``new`` are replicas, and ``metrics`` the readings that it was made on; of a revision ``new`` is
    its number. Of a container's end ``new`` is the exit code. ``actor`` is who asked for it.
    ``ended_at`` is when a rollout was complete.
    """

    id: str
    kind: EntryKind
    at: datetime
    about: str = ""
    what: str = ""
    detail: str = ""
    actor: str = ""
    old: int | None = None
    new: int | None = None
    metrics: tuple[HpaMetric, ...] = ()
    count: int = 1
    first_at: datetime | None = None
    ended_at: datetime | None = None
    warning: bool = False


class Timeline(Struct, frozen=True, dict=True):
    """The entries of an app, oldest first, and since when the portal watches it.

    ``resumed_at`` is since when it does without a pause, if entries of an earlier start precede;
    ``gap`` is the last time in which no portal watched.
    """

    since: datetime
    entries: tuple[Entry, ...] = ()
    resumed_at: datetime | None = None
    gap: tuple[datetime, datetime] | None = None

    def watched(self, since: datetime) -> bool:
        """Return True if a portal has watched the app from ``since`` to now."""
        return self.since <= since and (self.gap is None or self.gap[1] <= since)

    def of(self, kind: EntryKind) -> tuple[Entry, ...]:
        """Return the entries of one kind, oldest first."""
        return tuple(each for each in self.entries if each.kind is kind)

    @cached_property
    def public(self) -> Timeline:
        """The timeline as everybody may see it; the same object for all who do."""
        return replace(self, entries=tuple(_public(each) for each in self.entries))


def _public(entry: Entry) -> Entry:
    """Return a revision without Helm's description and who made it, which are of the history."""
    is_revision = entry.kind is EntryKind.CHANGE and entry.new is not None
    return replace(entry, detail="", actor="") if is_revision else entry


NO_TIMELINE = Timeline(datetime(1970, 1, 1, tzinfo=UTC))


def bounded(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the entries in the order of time, without the oldest of those that are too many."""
    left, of_kind = MAX_ENTRIES, Counter[EntryKind]()
    kept: list[Entry] = []
    for each in sorted(entries, key=lambda one: (one.at, one.id), reverse=True):
        of_kind[each.kind] += 1
        if of_kind[each.kind] <= MAX_OF_A_KIND and left:
            kept.append(each)
            left -= 1
    return tuple(reversed(kept))
