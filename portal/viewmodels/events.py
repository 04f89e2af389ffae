"""The newest events, in a table."""

from __future__ import annotations

from collections.abc import Sequence

from portal.domain.objects import Event
from portal.viewmodels.model import EventView, Tone
from portal.viewmodels.words import shortened

MAX_EVENTS = 50
_BAD = {"BackOff", "Failed", "FailedCreate", "OOMKilling", "Evicted", "FailedScheduling"}


def events_view(events: Sequence[Event]) -> tuple[EventView, ...]:
    """The newest events, newest first."""
    ordered = sorted(events, key=lambda one: (one.last_at, one.key), reverse=True)
    return tuple(
        EventView(
            at=event.last_at,
            tone=_tone(event),
            about=f"{event.about_kind} {event.about_name}".strip(),
            reason=event.reason,
            message=shortened(event.message, 600),
            count=max(1, event.count),
        )
        for event in ordered[:MAX_EVENTS]
    )


def _tone(event: Event) -> Tone:
    if event.type != "Warning":
        return Tone.QUIET
    return Tone.BAD if event.reason in _BAD else Tone.WARN
