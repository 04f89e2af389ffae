"""One browser tab: what it watches, and up to which version it has seen it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from portal.domain.identity import Identity
from portal.live.channel import Channel

if TYPE_CHECKING:
    from portal.live.hub import Hub


class Subscription:
    """Watches one topic at a time, and may change it.

    Nothing waits here for a browser that does not keep up: it is told what differs from what it
    has seen when it is ready for more, and so skips states instead of queueing them.
    """

    def __init__(self, hub: Hub, identity: Identity) -> None:
        self._hub = hub
        self._waiting: asyncio.Future[None] | None = None
        self._nudged = False
        self._seen = 0
        self.identity = identity
        self.topic = ""
        """What it watches, as the browser spells it."""
        self.channel: Channel | None = None
        self.closed = False

    def watch(self, topic: str) -> None:
        """Watch ``topic`` from now on; the whole view comes first, then what changes."""
        self.topic = topic
        self._hub.watch(self, topic)

    def rest(self) -> None:
        """Watch nothing until told again; the browser stays connected."""
        self._hub.rest(self)

    def close(self) -> None:
        """Stop watching for good."""
        self._hub.leave(self)

    async def next(self) -> str | None:
        """The next frame as soon as there is one, "" if nudged before that; None once closed."""
        while not self.closed:
            channel = self.channel
            if channel is not None and channel.version > self._seen:
                text = channel.frame_after(self._seen, self.topic)
                self._hub.counts.sent(text, channel.version - max(self._seen, 1))
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
        """Take part in ``channel`` instead of the present one (the hub's part of ``watch``)."""
        self.channel = channel
        self._seen = 0
        self.wake()

    def nudge(self) -> None:
        """Have ``next`` return, be there something to say or not."""
        self._nudged = True
        self.wake()

    def wake(self) -> None:
        """Look again whether there is something to say."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
