"""A recorder of events for tests."""

from __future__ import annotations

import asyncio

from portal.domain.audit import Event, Outcome
from portal.domain.errors import DatabaseUnavailable


class Kept:
    """A recorder that keeps events, and fails for outcomes that are ``away``."""

    def __init__(self, *away: Outcome) -> None:
        self.events: list[Event] = []
        self.away = set(away)

    async def record(self, event: Event) -> None:
        await asyncio.sleep(0)
        if event.outcome in self.away:
            raise DatabaseUnavailable("The portal's database does not answer.")
        self.events.append(event)

    def note(self, event: Event) -> None:
        self.events.append(event)

    def told(self) -> list[tuple[str, str, str]]:
        return [
            (each.action, str(each.outcome), each.identity.user if each.identity else "")
            for each in self.events
        ]
