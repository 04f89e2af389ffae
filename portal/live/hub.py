"""The hub: each view is rendered and encoded once, whoever many look at it.

A *channel* is one topic as one audience sees it. When the store changes, every channel that
somebody watches is rendered once, compared with what was sent before, and only the components
that differ go to its subscribers' mailboxes. A topic that nobody watches costs nothing.

Everything runs on the event loop that called ``start``; nothing here is thread-safe.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TypeAlias

from portal.domain.identity import Identity
from portal.live.mailbox import Frame, Mailbox
from portal.live.topics import APPS

log = logging.getLogger(__name__)

Patches: TypeAlias = Mapping[str, Mapping[str, object]]
"""Component id → property → value. A view gives the same properties of an id every time."""

Render: TypeAlias = Callable[[str, Identity], Patches]
Encode: TypeAlias = Callable[[object], str]
Audience: TypeAlias = Callable[[str, Identity], str]


def audience_of(topic: str, identity: Identity) -> str:
    """Who shares a rendering: the list of one's own apps is personal, all else is common."""
    return identity.user if topic == APPS else ""


class _Channel:
    """A topic as one audience sees it."""

    def __init__(self, topic: str, identity: Identity) -> None:
        self.topic = topic
        self.identity = identity
        self.sent: dict[str, str] = {}
        self.mailboxes: set[Mailbox] = set()


class Subscription:
    """One browser tab. It watches one topic at a time, and may change it."""

    def __init__(self, hub: Hub, identity: Identity) -> None:
        self._hub = hub
        self.identity = identity
        self.mailbox = Mailbox()
        self.channel: tuple[str, str] | None = None

    def watch(self, topic: str) -> None:
        """Watch ``topic`` from now on; the whole view comes first, then what changes."""
        self._hub.watch(self, topic)

    def rest(self) -> None:
        """Watch nothing until told again; the browser stays connected."""
        self._hub.rest(self)

    def close(self) -> None:
        """Stop watching."""
        self._hub.leave(self)


class Hub:
    """Fans views out to those who watch them.

    ``delay`` (seconds) gathers bursts of changes into one rendering; every ``tick`` seconds the
    watched views are rendered anyway, for what changes by time alone (data going stale).
    """

    def __init__(
        self,
        render: Render,
        encode: Encode,
        *,
        audience: Audience = audience_of,
        delay: float = 0.03,
        tick: float = 5.0,
    ) -> None:
        self._render = render
        self._encode = encode
        self._audience = audience
        self._delay = delay
        self._tick = tick
        self._channels: dict[tuple[str, str], _Channel] = {}
        self._subscriptions: set[Subscription] = set()
        self._dirty = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.closed = False
        self.renderings = 0
        """Views rendered and encoded since the start, for the metrics."""

    @property
    def subscribers(self) -> int:
        """Browsers connected now."""
        return len(self._subscriptions)

    def changed(self) -> None:
        """Say that what views are made of has changed. Cheap: call it on every change."""
        self._dirty.set()

    def subscribe(self, identity: Identity) -> Subscription:
        """Add a browser. It gets nothing until it says what it watches."""
        subscription = Subscription(self, identity)
        if self.closed:
            subscription.mailbox.close()
        else:
            self._subscriptions.add(subscription)
        return subscription

    def watch(self, subscription: Subscription, topic: str) -> None:
        """Move a subscription to ``topic`` and leave the whole view in its mailbox."""
        if self.closed:
            return
        self._leave_channel(subscription)
        subscription.mailbox.clear()
        key = (topic, self._audience(topic, subscription.identity))
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = _Channel(topic, subscription.identity)
        subscription.channel = key
        try:
            self._refresh(channel)
        finally:
            channel.mailboxes.add(subscription.mailbox)
        subscription.mailbox.put(Frame(topic, dict(channel.sent)))

    def rest(self, subscription: Subscription) -> None:
        """Take a subscription off its topic, and what waits for it too."""
        self._leave_channel(subscription)
        subscription.mailbox.clear()

    def leave(self, subscription: Subscription) -> None:
        """Remove a browser."""
        self._leave_channel(subscription)
        self._subscriptions.discard(subscription)
        subscription.mailbox.close()

    async def start(self) -> None:
        """Begin to push; from then on ``changed`` has an effect."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="live-hub")

    async def close(self) -> None:
        """End every subscription at once, so that a shutdown need not wait for browsers."""
        self.closed = True
        for subscription in tuple(self._subscriptions):
            self.leave(subscription)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def flush(self) -> None:
        """Render every watched view now and hand out what differs."""
        for channel in tuple(self._channels.values()):
            if not channel.mailboxes:
                continue
            try:
                self._refresh(channel)
            except Exception:
                # One view that cannot be rendered must not stop all the others.
                log.exception("cannot render the view %s", channel.topic)
            await asyncio.sleep(0)

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._tick):
                    await self._dirty.wait()
                await asyncio.sleep(self._delay)
            except TimeoutError:
                pass
            self._dirty.clear()
            await self.flush()

    def _refresh(self, channel: _Channel) -> None:
        view = self._render(channel.topic, channel.identity)
        self.renderings += 1
        now = {id: self._encode(properties) for id, properties in view.items()}
        delta = {id: body for id, body in now.items() if channel.sent.get(id) != body}
        channel.sent = now
        if delta:
            frame = Frame(channel.topic, delta)
            for mailbox in channel.mailboxes:
                mailbox.put(frame)

    def _leave_channel(self, subscription: Subscription) -> None:
        if subscription.channel is None:
            return
        channel = self._channels.get(subscription.channel)
        if channel is not None:
            channel.mailboxes.discard(subscription.mailbox)
            if not channel.mailboxes:
                del self._channels[subscription.channel]
        subscription.channel = None
