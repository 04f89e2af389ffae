"""A subscription: the topic of one browser tab, and the version that it has seen."""

from __future__ import annotations

import asyncio

from portal.domain.identity import Identity
from portal.live.channel import Channel
from portal.live.counts import Counts


class Subscription:
    """Watches one topic at a time; the hub moves it to another.

    Frames are not queued: a browser that is ready for more gets the changes since the version that
    it has seen, so a slow one skips states.
    """

    def __init__(self, identity: Identity, counts: Counts) -> None:
        self._counts = counts
        self._waiting: asyncio.Future[None] | None = None
        self._nudged = False
        self._seen = 0
        self.identity = identity
        self.topic = ""
        """The topic that it watches, as the browser spells it."""
        self.channel: Channel | None = None
        self.closed = False

    async def next(self) -> str | None:
        """Wait for the next frame. Return "" if nudged before, and None once closed."""
        while not self.closed:
            channel = self.channel
            if channel is not None and channel.version > self._seen:
                text = channel.frame_after(self._seen, self.topic)
                self._counts.sent(text, channel.version - max(self._seen, 1))
                self._seen = channel.version
                return text
            if self._nudged:
                self._nudged = False
                return ""
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        return None

    def move(self, channel: Channel | None) -> None:
        """Switch to ``channel``, with its whole view first."""
        self.channel = channel
        self._seen = 0
        self.wake()

    def close(self) -> None:
        """Close it: ``next`` returns None from now on."""
        self.closed = True
        self.wake()

    def nudge(self) -> None:
        """Make ``next`` return, even without a frame."""
        self._nudged = True
        self.wake()

    def wake(self) -> None:
        """Make ``next`` check again for a frame."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
