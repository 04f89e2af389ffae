"""The newest events, in a table."""

from __future__ import annotations

from collections.abc import Sequence

from portal.domain.objects import Event
from portal.viewmodels.model import EventView, Severity
from portal.viewmodels.words import shortened

MAX_EVENTS = 50
_BAD = {"BackOff", "Failed", "FailedCreate", "OOMKilling", "Evicted", "FailedScheduling"}


def events_view(events: Sequence[Event]) -> tuple[EventView, ...]:
    """The newest events, newest first."""
    ordered = sorted(events, key=lambda one: (one.last_at, one.key), reverse=True)
    return tuple(
        EventView(
            at=event.last_at,
            severity=_severity(event),
            about=f"{event.about_kind} {event.about_name}".strip(),
            reason=event.reason,
            message=shortened(event.message, 600),
            count=max(1, event.count),
        )
        for event in ordered[:MAX_EVENTS]
    )


def _severity(event: Event) -> Severity:
    if event.type != "Warning":
        return Severity.QUIET
    return Severity.BAD if event.reason in _BAD else Severity.WARN
