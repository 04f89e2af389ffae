"""The writer and reader of the audit trail.

All entries go through one queue, since each needs the hash of the one before: what waits is written
in one transaction. ``record`` waits for its entry and fails with it; what ``note`` gets is kept
until it can be written.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from portal.audit.chain import Check, Draft, Entry, Head, fields_of
from portal.audit.query import AuditQuery, Part
from portal.database.database import Database
from portal.domain.audit import Event
from portal.domain.errors import DatabaseUnavailable, PortalError
from portal.domain.request import audit_ids, current_request

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = logging.getLogger(__name__)

lines = logging.getLogger("portal.audit.entries")
"""One line for each entry, at any level of the portal's log."""

MOST_AT_ONCE = 200
"""Entries of one transaction."""
MOST_WAITING = 5_000
"""Noted entries that wait for the database; later ones are in the log alone."""
RETRY = 2.0
"""Seconds between two attempts while the database is away."""
LAST_WRITE = 2.0
"""Seconds that a stopping portal waits for what is noted to be written."""
PAGE = 50
PART = 1_000
"""Entries of a page, and of a part of what is exported or checked."""

NOTHING_DONE = "Nothing was changed: the audit trail cannot be written."


class Verdict(Struct, frozen=True):
    """The result of a check of the chain: its length, and what is wrong with it, in sentences."""

    entries: int
    problems: tuple[str, ...]
    hash: str = ""


class _Waiting(Struct, eq=False):
    draft: Draft
    written: asyncio.Future[None] | None


class Trail:
    """The audit trail: in the database if there is one, and (``log_entries``) as lines of the log.

    Without a database the lines are all there is. ``portal`` names this process.
    """

    def __init__(
        self,
        database: Database | None,
        *,
        portal: str = "",
        log_entries: bool = True,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        retry: float = RETRY,
    ) -> None:
        self.database = database
        """The database, None if there is none."""
        self._portal = portal
        self._log_entries = log_entries or database is None
        self._clock = clock
        self._retry = retry
        self._queue: deque[_Waiting] = deque()
        self._batch: list[_Waiting] = []
        """The entries that are being written."""
        self._arrived = asyncio.Event()
        self._written = asyncio.Event()
        self._checking = asyncio.Lock()
        self.counts: dict[str, int] = {"written": 0, "refused": 0, "dropped": 0}
        """Entries written, recordings refused since the database was away, and notes dropped."""
        lines.setLevel(logging.INFO)

    # Writing.

    async def record(self, event: Event) -> None:
        """Return once an event is recorded.

        Raises:
            DatabaseUnavailable: it cannot be.
        """
        draft = self._draft(event)
        if self.database is None:
            self._say(fields_of(draft))
            return
        written = asyncio.get_running_loop().create_future()
        self._put(_Waiting(draft, written))
        try:
            await written
        except DatabaseUnavailable as error:
            self.counts["refused"] += 1
            raise DatabaseUnavailable(f"{NOTHING_DONE} {error.message}", error.advice) from error

    def note(self, event: Event) -> None:
        """Record an event soon; if the database is away, once it is back."""
        draft = self._draft(event)
        if self.database is None:
            self._say(fields_of(draft))
        elif len(self._queue) < MOST_WAITING:
            self._put(_Waiting(draft, None))
        else:
            self.counts["dropped"] += 1
            log.error("an entry of the audit trail is in the log alone: too many wait")
            self._say(fields_of(draft))

    async def run(self) -> None:
        """Write what arrives, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue:
                if not await self._write():
                    await self._pause()

    async def close(self) -> None:
        """Wait a moment for what is noted; what is left then goes to the log."""
        try:
            async with asyncio.timeout(LAST_WRITE):
                while self.waiting:
                    self._written.clear()
                    await self._written.wait()
        except TimeoutError:
            for each in (*self._batch, *self._queue):
                self._say(fields_of(each.draft))

    @property
    def waiting(self) -> int:
        """The number of entries that are not written yet."""
        return len(self._batch) + len(self._queue)

    def _draft(self, event: Event) -> Draft:
        request = current_request()
        return Draft(event, self._clock(), self._portal, request.id, request.via, audit_ids())

    def _put(self, waiting: _Waiting) -> None:
        self._queue.append(waiting)
        self._arrived.set()

    async def _pause(self) -> None:
        """Wait before the next attempt, or until something new has to be recorded."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._retry):
                await self._arrived.wait()
        self._arrived.clear()

    async def _write(self) -> bool:
        """Write what waits, in order; return False if the database is away."""
        batch = [self._queue.popleft() for _ in range(min(MOST_AT_ONCE, len(self._queue)))]
        # Whoever has stopped waiting was told that nothing is recorded.
        batch = [each for each in batch if not (each.written and each.written.done())]
        self._batch = batch
        fields = [fields_of(each.draft) for each in batch]
        try:
            entries = await self._database().write(lambda connection: _append(connection, fields))
        except Exception as error:
            if not isinstance(error, PortalError):
                log.exception("the audit trail cannot be written")
                error = DatabaseUnavailable("The portal's database refuses an entry.")
            self._failed(batch, error)
            return False
        for each, entry in zip(batch, entries, strict=True):
            self._say(entry.content, entry.hash)
            if each.written is not None and not each.written.done():
                each.written.set_result(None)
        self._batch = []
        self.counts["written"] += len(entries)
        self._written.set()
        return True

    def _failed(self, batch: list[_Waiting], error: Exception) -> None:
        """Tell those who wait, and keep the rest for later, in its order."""
        for each in batch:
            if each.written is not None and not each.written.done():
                each.written.set_exception(error)
        self._batch = []
        self._queue.extendleft(each for each in reversed(batch) if each.written is None)

    def _say(self, body: Mapping[str, object], hash_: str = "") -> None:
        if not self._log_entries:
            return
        place = "/".join(str(body[name]) for name in ("namespace", "release") if name in body)
        lines.info(
            "audit: %s %s %s%s",
            body.get("actor") or "the portal",
            body["action"],
            body["outcome"],
            f" ({place})" if place else "",
            extra={"audit": dict(body)} | ({"audit_hash": hash_} if hash_ else {}),
        )

    # Reading.

    async def find(self, query: AuditQuery, most: int = PAGE) -> Part:
        """Return the newest entries that a query asks for, ``most`` of them.

        Raises:
            DatabaseUnavailable: the database is away, or there is none.
        """
        return await self._database().read(lambda connection: _find(connection, query, most))

    async def parts(self, query: AuditQuery) -> AsyncGenerator[tuple[Entry, ...]]:
        """Yield all that a query finds, newest first, part by part; raises as ``find``."""
        more = True
        while more:
            part = await self.find(query, PART)
            yield part.entries
            more = part.more
            if part.entries:
                query = replace(query, before=part.entries[-1].position)

    async def verify(self, noted: Mapping[int, str] | None = None) -> Verdict:
        """Check the whole chain, part by part, one check at a time; raises as ``find``."""
        database, check = self._database(), Check(noted)
        async with self._checking:
            head = await database.read(_head)
            while await database.read(lambda connection: _check(connection, check, head)):
                pass
            return Verdict(check.head.position, check.end(head), check.head.hash)

    def _database(self) -> Database:
        if self.database is None:
            raise DatabaseUnavailable(
                "The audit trail is in the portal's log alone.",
                "An administrator can set a database, which this page then shows.",
            )
        return self.database


# SQLAlchemy is imported with the first connection, in the database's own thread.


def _append(connection: Connection, fields: Sequence[Mapping[str, object]]) -> tuple[Entry, ...]:
    from portal.audit import store

    return store.append(connection, fields)


def _find(connection: Connection, query: AuditQuery, most: int) -> Part:
    from portal.audit import store

    return store.find(connection, query, most)


def _head(connection: Connection) -> Head:
    from portal.audit import store

    return store.head(connection)


def _check(connection: Connection, check: Check, head: Head) -> bool:
    """Check the next part; return False if there is none."""
    from portal.audit import store

    found = store.after(connection, check.head.position, head.position, PART)
    check.take(found)
    return bool(found)
