"""Makes the lines of all streams safe to show, together, some times a second, in a thread.

Each call of a thread may cost the event loop some milliseconds of waiting for the interpreter, so
there are few, however many streams and chunks there are. While a stream waits for its lines, what
its container writes gathers in the connection.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import Struct

from portal.domain.keys import Key
from portal.domain.scrubber import Scrubber
from portal.logs.lines import Line, PrivateKeys, lines_of
from portal.threads import in_stream_thread

INTERVAL = 0.1
"""Seconds in which work is gathered."""

SHARE = 0.6
BURST = 3.0
"""Seconds of processor time that making lines safe may take, for each second and at once. Lines
beyond that are discarded and counted: nobody could read them, and all other work would wait."""


MOST_APPS = 1_000
"""The most apps of which is known what they have left."""


class Budget:
    """The processor time that lines may take, in seconds: a token bucket for each app.

    What comes in is shared by the apps that have lines to show, so that the lines of one that
    writes without end are discarded, and not those of the others.
    """

    def __init__(
        self,
        share: float = SHARE,
        burst: float = BURST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._share, self._burst, self._clock = share, burst, clock
        self._left: dict[Key, float] = {}
        self._at = clock()

    def left(self, apps: Collection[Key]) -> dict[Key, float]:
        """Share what has come in among some apps, and return what each of them has."""
        now = self._clock()
        income, self._at = (now - self._at) * self._share, now
        most = self._burst / max(len(apps), 1)
        for app in apps:
            left = self._left.pop(app, most)
            self._left[app] = min(most, left + income / len(apps))
        while len(self._left) > max(MOST_APPS, len(apps)):
            del self._left[next(iter(self._left))]
        return {app: self._left[app] for app in apps}

    def spend(self, app: Key, seconds: float) -> None:
        """Take note of the time that something took."""
        self._left[app] = self._left.get(app, self._burst) - seconds


class _Work(Struct):
    app: Key
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
        app: Key,
        stamps: Sequence[int],
        texts: Sequence[bytes],
        scrubber: Scrubber,
        keys: PrivateKeys | None = None,
    ) -> list[Line] | None:
        """Return the lines, as ``lines_of`` does; None if the budget of their app is spent."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(_Work(app, stamps, texts, scrubber, keys, done))
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
            left = self._budget.left({each.app for each in work})
            try:
                results, spent = await in_stream_thread(_clean, work, left)
            except Exception as error:  # nobody may wait for ever
                for each in work:
                    if not each.done.done():
                        each.done.set_exception(error)
                continue
            for app, seconds in spent.items():
                self._budget.spend(app, seconds)
            for each, lines in zip(work, results, strict=True):
                if each.done.done():
                    continue
                if isinstance(lines, Exception):
                    each.done.set_exception(lines)
                else:
                    each.done.set_result(lines)
        self._task = None


def _clean(
    work: Sequence[_Work], left: Mapping[Key, float]
) -> tuple[list[list[Line] | Exception | None], dict[Key, float]]:
    """Return the lines of each, or its own error, and the processor time that each app took.

    None in place of the lines of an app that has nothing ``left``.
    """
    spent = dict.fromkeys(left, 0.0)
    results: list[list[Line] | Exception | None] = []
    for each in work:
        if spent[each.app] >= left[each.app]:
            results.append(None)
            continue
        started = time.thread_time()
        results.append(_cleaned(each))
        spent[each.app] += time.thread_time() - started
    return results, spent


def _cleaned(work: _Work) -> list[Line] | Exception:
    try:
        return lines_of(work.stamps, work.texts, work.scrubber, work.keys)
    except Exception as error:  # nobody else's lines may be lost for it
        return error
