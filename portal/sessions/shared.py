"""Shares the ends and renewals of sessions among the portals of one database.

Ends are written at once and read by all portals every few seconds, all in one query: a request
looks at nothing but memory.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

from portal.database.database import Database
from portal.domain.errors import DatabaseUnavailable
from portal.domain.sessions import SessionEnd, TokenLease

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = logging.getLogger(__name__)

T = TypeVar("T")

INTERVAL = 3.0
"""Seconds between two readings: others' ends are to be known within 5 s."""
FORGET_EVERY = 60.0
"""Seconds between two deletions of what nobody needs any more."""
PART = 1_000
"""Ends of one query."""
LEASE_FOR = 60
"""Seconds of a lease, longer than the provider may take: a portal that died leaves it behind."""
USED_FOR = 3600
"""Seconds for which it is known that a refresh token was used up."""
LEASE_WITHIN = 2.0
"""Seconds after which a renewal goes on without the database."""


class DatabaseSessions:
    """The ends and renewals of sessions in a database."""

    def __init__(
        self,
        database: Database,
        *,
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._interval = interval
        self._clock = clock
        self._unwritten: list[SessionEnd] = []
        self._writing = asyncio.Lock()
        self._position = 0
        self._forgotten = float("-inf")
        self._listeners: list[Callable[[Sequence[SessionEnd]], None]] = []
        self.tried = False
        """True once the ends have been read, or could not be, since the start."""

    def on_ends(self, listener: Callable[[Sequence[SessionEnd]], None]) -> None:
        """Call ``listener`` with ends of all portals, this one's and known ones among them."""
        self._listeners.append(listener)

    @property
    def waiting(self) -> int:
        """The number of ends that other portals cannot know of yet."""
        return len(self._unwritten)

    async def end(self, ends: Sequence[SessionEnd]) -> None:
        """Write ends; raises ``DatabaseUnavailable``, and tries again by itself."""
        self._unwritten.extend(ends)
        await self._write()

    async def run(self) -> None:
        """Read the ends of others, and write what could not be written, until cancelled."""
        while True:
            try:
                await self._look()
            except DatabaseUnavailable:  # logged where it is noted
                self._position = 0  # what comes back may be an older copy
            except Exception:
                log.exception("sessions: unexpected")
            self.tried = True
            await asyncio.sleep(self._interval)

    async def _look(self) -> None:
        await self._read()
        await self._write()
        if time.monotonic() - self._forgotten >= FORGET_EVERY:
            now = int(self._clock())
            await self._database.write(lambda connection: _store().forget(connection, now))
            self._forgotten = time.monotonic()

    async def _write(self) -> None:
        """Write all that is not written yet."""
        async with self._writing:
            ends = tuple(self._unwritten)
            if ends:
                await self._database.write(lambda connection: _store().add(connection, ends))
                del self._unwritten[: len(ends)]

    async def _read(self) -> None:
        more = True
        while more:
            position, now = self._position, int(self._clock())
            found = await self._database.read(
                lambda connection, after=position, now=now: _store().after(
                    connection, after, now, PART
                )
            )
            if found:
                for listener in self._listeners:
                    listener([end for _, end in found])
                self._position = found[-1][0]
            more = len(found) == PART

    async def take_lease(self, token: str) -> TokenLease | int:
        """Take the lease of a token; a number is the time at which another portal used it up."""
        now = int(self._clock())
        try:
            return await self._soon(
                lambda connection: _store().take_lease(connection, token, now, now + LEASE_FOR)
            )
        except (DatabaseUnavailable, TimeoutError):
            return TokenLease.UNKNOWN

    async def release_lease(self, token: str, used: int | None) -> None:
        """Give up a lease; ``used`` is the time at which the token was used up."""
        forget = int(self._clock()) + USED_FOR
        try:
            await self._soon(
                lambda connection: _store().release_lease(connection, token, used, forget)
            )
        except (DatabaseUnavailable, TimeoutError):
            log.info("the renewal of a session could not be told to other portals")

    async def _soon(self, work: Callable[[Connection], T]) -> T:
        """Return what ``work`` returns, unless the database keeps a request waiting."""
        if not self._database.available:
            raise DatabaseUnavailable("The portal's database does not answer.")
        async with asyncio.timeout(LEASE_WITHIN):
            return await self._database.write(work)


def _store() -> ModuleType:
    """Import what speaks SQL in the thread that needs it: a start does not wait for it."""
    from portal.sessions import store

    return store
