"""One browser tab: what it watches, and up to which version it has seen it."""

from __future__ import annotations

import asyncio

from portal.domain.identity import Identity
from portal.live.channel import Channel
from portal.live.counts import Counts


class Subscription:
    """Watches one topic at a time; the hub moves it to another.

    Nothing waits here for a browser that does not keep up: it is sent what differs from what it
    has seen when it is ready for more, and so skips states instead of queueing them.
    """

    def __init__(self, identity: Identity, counts: Counts) -> None:
        self._counts = counts
        self._waiting: asyncio.Future[None] | None = None
        self._nudged = False
        self._seen = 0
        self.identity = identity
        self.topic = ""
        """What it watches, as the browser spells it."""
        self.channel: Channel | None = None
        self.closed = False

    async def next(self) -> str | None:
        """The next frame as soon as there is one, "" if nudged before that; None once closed."""
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
        """Take part in ``channel`` instead of the present one; its whole view comes first."""
        self.channel = channel
        self._seen = 0
        self.wake()

    def close(self) -> None:
        """End it: ``next`` gives None from now on."""
        self.closed = True
        self.wake()

    def nudge(self) -> None:
        """Have ``next`` return, be there something to say or not."""
        self._nudged = True
        self.wake()

    def wake(self) -> None:
        """Look again whether there is something to say."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
