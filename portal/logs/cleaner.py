"""Makes the lines of all streams safe to show, together, some times a second, in a thread.

Each call of a thread may cost the event loop some milliseconds of waiting for the interpreter, so
there are few, however many streams and chunks there are. While a stream waits for its lines, what
its container writes gathers in the connection.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from msgspec import Struct

from portal.domain.scrubber import Scrubber
from portal.logs.lines import Line, PrivateKeys, lines_of
from portal.threads import in_stream_thread

INTERVAL = 0.1
"""Seconds in which work is gathered."""

SHARE = 0.6
BURST = 3.0
"""Seconds of processor time that making lines safe may take, for each second and at once. Lines
beyond that are discarded and counted: nobody could read them, and all other work would wait."""


class Budget:
    """The processor time that lines may take, shared by all streams: a token bucket, in seconds."""

    def __init__(
        self,
        share: float = SHARE,
        burst: float = BURST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._share, self._burst, self._clock = share, burst, clock
        self._left = burst
        self._at = clock()

    @property
    def spent(self) -> bool:
        """True if nothing is left."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._share)
        self._at = now
        return self._left <= 0

    def spend(self, seconds: float) -> None:
        """Take note of the time that something took."""
        self._left -= seconds


class _Work(Struct):
    stamps: Sequence[int]
    texts: Sequence[bytes]
    scrubber: Scrubber
    keys: PrivateKeys | None
    done: asyncio.Future[list[Line] | None]


class Cleaner:
    """Makes lines safe to show, within a budget. Call ``close`` in the end."""

    def __init__(self, budget: Budget | None = None, interval: float = INTERVAL) -> None:
        self._budget = budget or Budget()
        self._interval = interval
        self._waiting: list[_Work] = []
        self._task: asyncio.Task[None] | None = None

    async def lines(
        self,
        stamps: Sequence[int],
        texts: Sequence[bytes],
        scrubber: Scrubber,
        keys: PrivateKeys | None = None,
    ) -> list[Line] | None:
        """Return the lines, as ``lines_of`` does; None if the budget is spent."""
        if self._budget.spent:
            return None
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(_Work(stamps, texts, scrubber, keys, done))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await done

    def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        """Work until nothing waits."""
        while self._waiting:
            await asyncio.sleep(self._interval)
            work, self._waiting = self._waiting, []
            work = [each for each in work if not each.done.cancelled()]
            try:
                results, seconds = await in_stream_thread(_clean, work)
            except Exception as error:  # nobody may wait for ever
                for each in work:
                    if not each.done.done():
                        each.done.set_exception(error)
                continue
            self._budget.spend(seconds)
            for each, lines in zip(work, results, strict=True):
                if each.done.done():
                    continue
                if isinstance(lines, Exception):
                    each.done.set_exception(lines)
                else:
                    each.done.set_result(lines)
        self._task = None


def _clean(work: Sequence[_Work]) -> tuple[list[list[Line] | Exception], float]:
    """Return the lines of each, or its own error, and the processor time that it took."""
    started = time.thread_time()
    results = [_cleaned(each) for each in work]
    return results, time.thread_time() - started


def _cleaned(work: _Work) -> list[Line] | Exception:
    try:
        return lines_of(work.stamps, work.texts, work.scrubber, work.keys)
    except Exception as error:  # nobody else's lines may be lost for it
        return error
