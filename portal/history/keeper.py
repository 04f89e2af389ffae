"""Keeps the history of apps in the database, and fills the store from it after a start.

What is to be written is in memory anyway: the six hours of each app are the queue. So a database
that is away costs nothing, and what it missed is written once it is back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from portal.database.database import Database
from portal.domain.errors import DatabaseUnavailable
from portal.domain.keys import Key
from portal.history.model import DAY, ChartRange, Due, Kept, Reactions
from portal.history.summary import Summary, coarser
from portal.state.model import AppState
from portal.state.store import APPS_A_TURN, Store
from portal.state.timeline import Timeline

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = logging.getLogger(__name__)

T = TypeVar("T")

INTERVAL = 60.0
"""Seconds between two writes: the most that a portal which is killed loses."""
RETRY = 5.0
"""Seconds between two attempts while the database is away."""
APPS_AT_ONCE = 100
"""Apps in a transaction."""
UNWATCHED = 180
"""Seconds between the last write and a start from which on the pause is told as one."""
LAST_WRITE = 3.0
"""Seconds that the last write may take while the portal stops."""


class HistoryKeeper:
    """Writes the store's histories and timelines to the database, and restores them from it.

    Of several portals with one database the holder of a lease writes. ``days`` is how long
    summaries and the histories of removed apps are kept. ``reactions`` are kept with them.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        *,
        holder: str,
        days: int = 30,
        reactions: Reactions[Any] | None = None,
        interval: float = INTERVAL,
        retry: float = RETRY,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._store = store
        self._holder = holder
        self._days = days
        self._reactions = reactions
        self._interval = interval
        self._retry = retry
        self._clock = clock
        self._new = asyncio.Event()
        self._restored: set[Key] = set()
        self._saved: dict[Key, Timeline] = {}
        """The timelines that are in the database, of apps that are there."""
        self._reacted: dict[Key, object] = {}
        """The scale-ups that are in the database, of apps that are there."""
        self._gap: tuple[datetime, datetime] | None = None
        self._begun = False
        self._closed = False
        self._writing = asyncio.Lock()
        self.counts: dict[str, int] = {"restored": 0, "written": 0}
        """Apps restored and apps written since the start."""

    async def run(self) -> None:
        """Restore and write until cancelled."""
        undo = self._store.on_change(self._changed)
        self._changed(self._store.snapshot.apps)
        loop = asyncio.get_running_loop()
        due = loop.time() + self._interval
        try:
            while True:
                try:
                    await self.restore()
                    if loop.time() >= due:
                        await self.write()
                        due = loop.time() + self._interval
                except DatabaseUnavailable:  # logged where it is noted
                    await asyncio.sleep(self._retry)
                    continue
                except Exception:  # live pages go on without it
                    log.exception("history: unexpected")
                    await asyncio.sleep(self._retry)
                    continue
                await self._wait(due - loop.time())
        finally:
            undo()

    async def close(self) -> None:
        """Write what is new once more, within ``LAST_WRITE`` seconds, and give up the lease.

        Whoever closes it a second time waits for the first.
        """
        try:
            async with asyncio.timeout(LAST_WRITE), self._writing:
                if self._closed:
                    return
                self._closed = True
                await self._write()
                await self._database.write(
                    lambda connection: _tables().release_lease(connection, self._holder)
                )
        except (DatabaseUnavailable, TimeoutError):
            log.warning("the newest minute of the history is not in the database")

    def _changed(self, keys: Iterable[Key]) -> None:
        if any(key not in self._restored for key in keys):
            self._new.set()

    async def _wait(self, seconds: float) -> None:
        """Wait for an app that is new here, or until the next write is due."""
        try:
            async with asyncio.timeout(max(0, seconds)):
                await self._new.wait()
        except TimeoutError:
            return

    # Restoring.

    async def restore(self) -> None:
        """Fill in what is kept of the apps that have appeared; raises ``DatabaseUnavailable``."""
        self._new.clear()
        new = [key for key in self._store.snapshot.apps if key not in self._restored]
        if new and not self._begun:
            await self._begin()
        # No more at a time than the store publishes within a few milliseconds.
        for keys in _batches(new, APPS_A_TURN):
            await self._restore(keys)

    async def _restore(self, keys: Sequence[Key]) -> None:
        now, reactions = int(self._clock()), self._reactions

        def read(connection: Connection) -> tuple[dict[Key, Kept], dict[Key, Any]]:
            kept = _tables().read_recent(connection, keys, now)
            bodies = {key: each.reactions for key, each in kept.items() if each.reactions}
            if reactions is None:
                return kept, {}
            return kept, {key: reactions.decoded(body) for key, body in bodies.items()}

        kept, reacted = await self._database.read(read)
        for key in keys:
            if reactions is not None and (before := reacted.get(key)) is not None:
                reactions.restore(key, before)
            if (found := kept.get(key)) is not None:
                self._store.restore(key, found.history, self._with_gap(found.timeline))
                self.counts["restored"] += 1
        self._restored.update(keys)

    async def _begin(self) -> None:
        """Look at when a portal wrote last: nobody has watched since."""
        written, now = (
            await self._database.read(lambda connection: _tables().written_until(connection)),
            self._clock(),
        )
        if written and now - written > UNWATCHED:
            self._gap = datetime.fromtimestamp(written, UTC), datetime.fromtimestamp(now, UTC)
        self._begun = True

    def _with_gap(self, timeline: Timeline | None) -> Timeline | None:
        if timeline is None or self._gap is None:
            return timeline
        return replace(timeline, gap=self._gap)

    # Writing.

    async def write(self) -> bool:
        """Write what is new; False if another portal does. Raises ``DatabaseUnavailable``."""
        async with self._writing:
            return not self._closed and await self._write()

    async def _write(self) -> bool:
        now = int(self._clock())
        apps = self._store.snapshot.apps
        self._restored = {key for key in self._restored if key in apps}
        self._saved = {key: timeline for key, timeline in self._saved.items() if key in apps}
        self._reacted = {key: known for key, known in self._reacted.items() if key in apps}
        holder = self._holder
        since = await self._database.write(
            lambda connection: _tables().take_lease(connection, holder, now)
        )
        if since is None:
            self._saved.clear()
            self._reacted.clear()
            return False
        known = [state for key, state in apps.items() if key in self._restored]
        for states in _batches(known, APPS_AT_ONCE):
            if not await self._save(states, since, now):
                return False
        await self._database.write(
            lambda connection: _tables().finish(connection, holder, now, self._days)
        )
        return True

    async def _save(self, states: Sequence[AppState], since: int, now: int) -> bool:
        holder, batch = self._holder, [self._due(each) for each in states]
        reactions = self._reactions
        reacted = {each.key: known for each in states for known in self._new_reactions(each.key)}

        def write(connection: Connection) -> bool:
            bodies = (
                {}
                if reactions is None
                else {key: reactions.encoded(known) for key, known in reacted.items()}
            )
            return _tables().save(connection, holder, batch, since, now, bodies)

        saved = await self._database.write(write)
        if saved:
            self._saved |= {each.key: each.timeline for each in states}
            self._reacted |= reacted
            self.counts["written"] += len(states)
        return saved

    def _due(self, state: AppState) -> Due:
        changed = self._saved.get(state.key) is not state.timeline
        return Due(state.key, state.history, state.timeline if changed else None)

    def _new_reactions(self, key: Key) -> Iterator[Any]:
        """Yield the scale-ups of an app if they are not written yet."""
        known = None if self._reactions is None else self._reactions.known(key)
        if known is not None and self._reacted.get(key) != known:
            yield known

    # Longer ranges.

    async def read(self, key: Key, chosen: ChartRange) -> list[Summary]:
        """Return an app's summaries over a range; raises ``DatabaseUnavailable``."""
        now = int(self._clock())
        if chosen is ChartRange.DAY:
            return await self._database.read(
                lambda connection: _tables().read_samples(connection, key, now, chosen.step)
            )
        return await self._database.read(
            lambda connection: coarser(
                _tables().read_days(connection, key, now, chosen.seconds // DAY), chosen.step
            )
        )


def _batches(found: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for begin in range(0, len(found), size):
        yield found[begin : begin + size]


def _tables():
    """Import what speaks SQL, in the database's own thread: SQLAlchemy takes a while."""
    from portal.history import tables

    return tables
