"""The messages that wait for one browser, bounded: a slow one loses lines, and takes no memory."""

from __future__ import annotations

import asyncio
from collections import deque

from portal.domain.identity import Identity
from portal.logs.wire import Message, dropped_message

CHARACTERS = 2 * 2**20
"""The most characters of lines that wait for a browser. The oldest ones are dropped and counted."""


NOTHING = Message("")
"""The message of a nudge."""


class LogSubscription:
    """The messages that one browser is to be sent next."""

    def __init__(self, identity: Identity, characters: int = CHARACTERS) -> None:
        self.identity = identity
        self.closed = False
        self.dropped = 0
        """Lines dropped since the browser was last told."""
        self._room = characters
        self._sources: Message | None = None
        self._queue: deque[Message] = deque()
        self._queued = 0
        self._nudged = False
        self._waiting: asyncio.Future[None] | None = None

    def sources(self, message: Message) -> None:
        """Send the containers next; only the newest such message is kept."""
        self._sources = message
        self._wake()

    def lines(self, message: Message) -> None:
        """Send a message of lines after those that wait."""
        self._queue.append(message)
        self._queued += len(message.text)
        while self._queued > self._room and len(self._queue) > 1:
            oldest = self._queue.popleft()
            self._queued -= len(oldest.text)
            self.dropped += oldest.lines
        self._wake()

    def lose(self, lines: int) -> None:
        """Count lines that were discarded before they got here."""
        self.dropped += lines
        self._wake()

    async def next(self) -> Message | None:
        """Wait for the next message. Return an empty one if nudged, None once closed."""
        while not self.closed:
            if self._sources is not None:
                message, self._sources = self._sources, None
                return message
            if self.dropped:
                lines, self.dropped = self.dropped, 0
                return dropped_message(lines)
            if self._queue:
                message = self._queue.popleft()
                self._queued -= len(message.text)
                return message
            if self._nudged:
                self._nudged = False
                return NOTHING
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        return None

    def nudge(self) -> None:
        """Make ``next`` return, even without a message."""
        self._nudged = True
        self._wake()

    def close(self) -> None:
        """Close it: ``next`` returns None from now on."""
        self.closed = True
        self._queue.clear()
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
