"""The database: transactions in threads, and whether it answers.

SQLAlchemy is imported with the first connection, in a thread: a portal without a database never
does, and a start does not wait for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from portal.database.address import described
from portal.domain.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

log = logging.getLogger(__name__)

T = TypeVar("T")

CONNECTIONS = 4
"""Connections, and threads that wait for their answers."""
PATIENCE = 12.0
"""Seconds after which a transaction that has not ended counts as failed."""
RETRY = 2.0
"""Seconds after a failure in which nobody else tries: all would wait for nothing."""
INTERVAL = 5.0
"""Seconds between two attempts to reach a database that is away."""

ADVICE = "Try again in a minute. If this lasts, an administrator has to look at the database."


class DatabaseStatus(Struct, frozen=True):
    """The state of the database: ``problem`` is "" while it answers, ``since`` when that began."""

    problem: str
    since: datetime


class Database:
    """A database of transactions that never hold up the event loop.

    ``write`` and ``read`` run a function with a connection, in a transaction and in one of a few
    threads. Both raise ``DatabaseUnavailable``; nothing of the transaction is then in the database,
    unless it ended later than ``patience`` seconds. Other errors of the function are passed on, and
    undo the transaction.
    """

    def __init__(
        self,
        url: str,
        *,
        patience: float = PATIENCE,
        retry: float = RETRY,
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = described(url)
        """The database, without user and password."""
        self._url = url
        self._patience = patience
        self._retry = retry
        self._interval = interval
        self._clock = clock
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="database")
        self._opening = Lock()
        self._engine: Engine | None = None
        self._failed_at: float | None = None
        self._listeners: list[Callable[[], None]] = []
        self.status = DatabaseStatus("It has not been reached yet.", datetime.now(UTC))
        """The newest known state."""

    @property
    def available(self) -> bool:
        """True if the database answered when it was last asked."""
        return not self.status.problem

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever the database comes or goes."""
        self._listeners.append(listener)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Return what ``work`` returns, in a transaction that is then committed.

        It may be run once more than it succeeds, so it changes nothing but the database.
        """
        return await self._transaction(work, writes=True)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return what ``work`` returns, in a transaction that sees one state of the database."""
        return await self._transaction(work, writes=False)

    async def run(self) -> None:
        """Connect, migrate, and look again while the database is away, until cancelled."""
        while True:
            if not self.available:
                self._failed_at = None
                with suppress(DatabaseUnavailable):  # logged where it is noted
                    await self.read(lambda connection: connection.exec_driver_sql("SELECT 1"))
            await asyncio.sleep(self._interval)

    async def close(self) -> None:
        """Close the connections, once what has begun has ended; what has not is not done."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        engine, self._engine = self._engine, None
        if engine is not None:
            await asyncio.to_thread(engine.dispose)

    async def _transaction(self, work: Callable[[Connection], T], *, writes: bool) -> T:
        if self._failed_at is not None and self._clock() - self._failed_at < self._retry:
            raise _unavailable()
        try:
            async with asyncio.timeout(self._patience):
                result = await asyncio.get_running_loop().run_in_executor(
                    self._threads, self._run, work, writes
                )
        except TimeoutError as error:
            self._note(f"There was no answer within {self._patience:g} seconds.")
            raise _unavailable() from error
        except DatabaseUnavailable as error:
            self._note(str(error.__cause__).partition("\n")[0])
            raise
        self._note("")
        return result

    def _run(self, work: Callable[[Connection], T], writes: bool) -> T:
        """Run a transaction, in a thread."""
        from sqlalchemy.exc import IntegrityError, SQLAlchemyError

        from portal.database.engine import WRITES

        engine = self._opened()
        try:
            opened = engine.connect().execution_options(**{WRITES: writes})
            with opened as connection, connection.begin():
                return work(connection)
        except IntegrityError:
            raise
        except (SQLAlchemyError, OSError) as error:
            raise _unavailable() from error

    def _opened(self) -> Engine:
        """Return the engine of a database that is migrated.

        Whatever goes wrong is the database's fault: it is tried again.
        """
        with self._opening:
            if self._engine is None:
                from portal.database.engine import make_engine
                from portal.database.migrate import migrate

                engine = make_engine(self._url, CONNECTIONS)
                try:
                    migrate(engine)
                except Exception as error:
                    engine.dispose()
                    raise _unavailable() from error
                self._engine = engine
            return self._engine

    def _note(self, problem: str) -> None:
        """Note how the last transaction ended; the first failure and the first success count."""
        self._failed_at = self._clock() if problem else None
        if bool(problem) == bool(self.status.problem) and problem == self.status.problem:
            return
        came_or_went = bool(problem) != bool(self.status.problem)
        since = datetime.now(UTC) if came_or_went else self.status.since
        self.status = DatabaseStatus(problem, since)
        if problem:
            log.warning("the database does not answer: %s", problem)
        else:
            log.info("connected to the database (%s)", self.name)
        for listener in self._listeners:
            listener()


def _unavailable() -> DatabaseUnavailable:
    return DatabaseUnavailable("The portal's database does not answer.", ADVICE)
