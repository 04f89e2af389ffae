"""A feed: the merged lines of one selection, made into messages once for all who look at it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress

from portal.logs.lines import Line
from portal.logs.ring import cost
from portal.logs.stream import LogStream
from portal.logs.subscription import LogSubscription
from portal.logs.targets import Target
from portal.logs.wire import Message, lines_message, sources_message
from portal.threads import in_stream_thread

log = logging.getLogger(__name__)

INTERVAL = 0.1
"""Seconds in which lines are gathered for one message."""

MOST_AT_ONCE = 5_000
"""About the most lines of one message."""

MOST_CHARACTERS = 2**20
"""The most characters of the first message, as ``ring.cost`` counts them."""

SETTLES_WITHIN = 1.5
"""Seconds that the first message waits for the past of all containers, to put it in order."""

Numbered = tuple[int, Line]
"""A line, and the id of its stream."""


class Feed:
    """Merges streams for its subscribers. A stream's own ring is the queue: it is bounded."""

    def __init__(self, interval: float = INTERVAL) -> None:
        self.subscribers: set[LogSubscription] = set()
        self.streams: dict[Target, LogStream] = {}
        self._left_out = 0
        self._offered: Sequence[tuple[str, Sequence[str]]] = ()
        self._cursors: dict[int, int] = {}
        self._lost: dict[int, int] = {}
        self._sources: Message | None = None
        self._interval = interval
        self._dirty = asyncio.Event()
        self._lock = asyncio.Lock()

    def follow(
        self,
        streams: Mapping[Target, LogStream],
        left_out: int = 0,
        offered: Sequence[tuple[str, Sequence[str]]] = (),
    ) -> None:
        """Take over the present streams; those that are missing go once they are read.

        ``left_out`` and ``offered`` are as in ``sources_message``.
        """
        self._left_out, self._offered = left_out, offered
        for target, stream in streams.items():
            if target not in self.streams:
                self.streams[target] = stream
                self._cursors[stream.id] = stream.ring.start
                self._lost[stream.id] = stream.ring.lost
        for target in [each for each in self.streams if each not in streams]:
            if self.streams[target].over and not self._pending(self.streams[target]):
                self._drop(target)
        self._dirty.set()

    def touch(self, stream: LogStream) -> None:
        """Plan a message, since a stream has changed."""
        if stream.id in self._cursors:
            self._dirty.set()

    async def join(self, subscription: LogSubscription, tail: int, since: int) -> None:
        """Add a subscriber: it gets ``tail`` lines not older than ``since``, then what follows.

        ``since`` is in microseconds since 1970.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLES_WITHIN):
                for stream in tuple(self.streams.values()):
                    await stream.settled.wait()
        async with self._lock:
            if self.subscribers:
                await self._flush()
            else:
                self._cursors = {each.id: each.ring.end for each in self.streams.values()}
                self._lost = {each.id: each.ring.lost for each in self.streams.values()}
            subscription.sources(self._describe())
            past = [
                (each.id, line)
                for each in self.streams.values()
                for line in each.ring.between(0, self._cursors[each.id])
            ]
            subscription.lines(await in_stream_thread(_past, past, tail, since))
            self.subscribers.add(subscription)

    async def run(self) -> None:
        """Send messages until cancelled."""
        while True:
            await self._dirty.wait()
            await asyncio.sleep(self._interval)
            self._dirty.clear()
            try:
                async with self._lock:
                    await self._flush()
            except Exception:
                log.exception("sending lines of logs")
                await asyncio.sleep(10 * self._interval)
                self._dirty.set()

    async def _flush(self) -> None:
        """Send what is new to all subscribers."""
        sources = self._describe()
        if sources != self._sources:
            self._sources = sources
            for each in self.subscribers:
                each.sources(sources)
        lines, lost = self._gather()
        if lost:
            for each in self.subscribers:
                each.lose(lost)
        if lines and self.subscribers:
            try:
                message = await in_stream_thread(lines_message, lines)
            except Exception:
                for each in self.subscribers:
                    each.lose(len(lines))
                raise
            for each in self.subscribers:
                each.lines(message)

    def _describe(self) -> Message:
        return sources_message(tuple(self.streams.values()), self._left_out, self._offered)

    def _gather(self) -> tuple[list[Numbered], int]:
        """Return the new lines, as many of each stream, and the number of those that are lost."""
        waiting = [each for each in self.streams.values() if self._pending(each)]
        share = max(MOST_AT_ONCE // len(waiting), 1) if waiting else 0
        lines: list[Numbered] = []
        lost = 0
        for stream in waiting:
            ring, cursor = stream.ring, self._cursors[stream.id]
            lost += max(ring.start - cursor, 0) + ring.lost - self._lost[stream.id]
            first = max(ring.start, cursor)
            last = min(first + share, ring.end)
            lines += ((stream.id, line) for line in ring.between(first, last))
            self._cursors[stream.id], self._lost[stream.id] = last, ring.lost
            if last < ring.end:
                self._dirty.set()
        return lines, lost

    def _pending(self, stream: LogStream) -> bool:
        ring = stream.ring
        return self._cursors[stream.id] < ring.end or self._lost[stream.id] < ring.lost

    def _drop(self, target: Target) -> None:
        stream = self.streams.pop(target)
        del self._cursors[stream.id], self._lost[stream.id]


def _past(lines: Sequence[Numbered], tail: int, since: int) -> Message:
    """Return the message of the last lines since a time."""
    newest = sorted(lines, key=lambda each: each[1].at)[-tail:]
    kept: list[Numbered] = []
    room = MOST_CHARACTERS
    for each in reversed(newest):
        room -= cost(each[1])
        if each[1].at < since or (kept and room < 0):
            break
        kept.append(each)
    return lines_message(kept[::-1], first=True)
