"""The hub: each view is rendered and encoded once, whoever many look at it.

A *channel* is one topic, however browsers spell it, as those of one scope see it: a view is made
of topic and scope alone, so nothing of one person reaches another. When the store
changes, the channels that the change is about are rendered, and only the components that differ go
to their subscribers. A channel that nobody watches any more is kept for who comes next until it
would be rendered again: it costs nothing.

When a channel is rendered is one rule: at once after a quiet time, then not again before it has
rested in proportion to what it costs, so that no view takes more than its share of the loop, and
all lists together no more than one view may. A change of many channels is spread out, a change of
one overtakes it, and lists let the pages of apps go first. Each is rendered every few seconds
anyway, for what changes by time alone (data going stale).

Everything runs on the event loop that called ``start``; nothing here is thread-safe.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.permissions import Scope
from portal.live.channel import Channel, View
from portal.live.subscription import Subscription

log = logging.getLogger(__name__)

Open: TypeAlias = Callable[[str, Scope], View]
"""Makes the view of a topic for those of a scope."""

ScopeOf: TypeAlias = Callable[[str, Identity], Scope]
"""What a topic shows somebody, as it is now. It is asked again before every rendering."""

Spell: TypeAlias = Callable[[str], str]
"""The one spelling of topics that show the same."""

MOST = 2_000
MOST_OF_ONE = 50
"""Browser tabs connected at once: of everybody, and of one person where people are told apart."""

SLACK = 0.001
"""Seconds that a timer may fire early; also the resolution of the event loop's timers."""


class Pace(Struct, frozen=True):
    """How often views are rendered; all in seconds.

    After a rendering a view rests for the longest of: ``floor`` (``list_floor`` for a list, which
    every change is about), ``share`` times what the rendering took (for a list: and that times the
    lists that are watched), and ``viewer`` for each who watches it. A change of many views is
    spread over ``step`` for each and ``spread`` in all. A list that is due waits up to ``yields``
    for the pages of apps that are due as well.
    """

    floor: float = 0.01
    list_floor: float = 0.25
    share: float = 4.0
    viewer: float = 0.0001
    step: float = 0.005
    spread: float = 0.8
    yields: float = 0.5
    tick: float = 2.5
    failed: float = 1.0

    def rest(self, channel: Channel, took: float, together: int) -> float:
        """How long ``channel`` rests after a rendering that took so long.

        ``together`` is how many share what one view may take.
        """
        floor = self.list_floor if channel.key is None else self.floor
        viewers = self.viewer * len(channel.subscriptions)
        return max(floor, self.share * took * together, viewers)

    def turn(self, channel: Channel) -> float:
        """By what those that are due take turns."""
        return channel.due + (self.yields if channel.key is None else 0)


USUAL = Pace()


class Counts(Struct):
    """What was done since the start, for the metrics."""

    renderings: int = 0
    frames: int = 0
    bytes: int = 0
    skipped: int = 0
    """States that a browser was not told of, because a newer one came before it was ready."""

    def sent(self, text: str, versions: int) -> None:
        """Count a frame that brings a browser forward by so many versions."""
        self.frames += 1
        self.bytes += len(text)  # JSON as we write it is ASCII
        self.skipped += max(0, versions - 1)


class Hub:
    """Fans views out to those who watch them."""

    def __init__(
        self,
        open_view: Open,
        scope_of: ScopeOf,
        *,
        spell: Spell = str,
        pace: Pace = USUAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open = open_view
        self._scope_of = scope_of
        self._spell = spell
        self._pace = pace
        self._clock = clock
        self._channels: dict[tuple[str, Scope], Channel] = {}
        self._subscriptions: set[Subscription] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.Handle | None = None
        self._timer_due = math.inf
        self.closed = False
        self.counts = Counts()

    @property
    def subscribers(self) -> int:
        """Browsers connected now."""
        return len(self._subscriptions)

    def admits(self, identity: Identity) -> bool:
        """Whether there is room for one more browser of this person."""
        if identity.anonymous:
            return len(self._subscriptions) < MOST
        mine = sum(each.identity.user == identity.user for each in self._subscriptions)
        return mine < MOST_OF_ONE and len(self._subscriptions) < MOST

    def changed(self, touched: frozenset[Key] = frozenset()) -> None:
        """Say which releases have changed; none named means that anything may have."""
        about = list[Channel]()
        for place, channel in tuple(self._channels.items()):
            if not touched or channel.key is None or channel.key in touched:
                if channel.subscriptions:
                    about.append(channel)
                else:
                    del self._channels[place]
        if not about:
            return
        about.sort(key=lambda channel: channel.key is None)  # lists take longest: last
        step = min(self._pace.step, self._pace.spread / len(about))
        now = self._clock()
        for place, channel in enumerate(about):
            self._plan(channel, max(now + place * step, channel.rest_until))

    def subscribe(self, identity: Identity) -> Subscription:
        """Add a browser. It gets nothing until it says what it watches."""
        subscription = Subscription(self, identity)
        subscription.closed = self.closed
        if not self.closed:
            self._subscriptions.add(subscription)
        return subscription

    def watch(self, subscription: Subscription, topic: str) -> None:
        """Move a subscription to ``topic``; it gets the whole view first."""
        if subscription.closed:
            return
        self._leave_channel(subscription)
        topic = self._spell(topic)
        scope = self._scope_of(topic, subscription.identity)
        channel = self._channels.get((topic, scope))
        if channel is None:
            channel = Channel(topic, scope, self._open(topic, scope))
            self._channels[topic, scope] = channel
            self._plan(channel, self._clock())
        channel.subscriptions.add(subscription)
        subscription.move(channel)

    async def once(self, topic: str, identity: Identity) -> str | None:
        """The whole view as one frame, for who cannot stay connected; None once closed."""
        subscription = self.subscribe(identity)
        try:
            subscription.watch(topic)
            return await subscription.next()
        finally:
            subscription.close()

    def rest(self, subscription: Subscription) -> None:
        """Take a subscription off its topic."""
        self._leave_channel(subscription)

    def leave(self, subscription: Subscription) -> None:
        """Remove a browser."""
        self._leave_channel(subscription)
        self._subscriptions.discard(subscription)
        subscription.closed = True
        subscription.wake()

    def start(self) -> None:
        """Begin to render; call it on the event loop that everything runs on."""
        self._loop = asyncio.get_running_loop()
        self._wake()

    def close(self) -> None:
        """End every subscription at once, so that a shutdown need not wait for browsers."""
        self.closed = True
        for subscription in tuple(self._subscriptions):
            self.leave(subscription)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop = None

    def _plan(self, channel: Channel, due: float) -> None:
        """Render ``channel`` at ``due``, unless it is to be rendered before that anyway."""
        if due < channel.due:
            channel.due = due
            self._arm(due)

    def _arm(self, due: float) -> None:
        """Have ``turn`` called at ``due`` or before."""
        if self._loop is None:
            return
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        self._timer_due = due
        wait = due - self._clock()
        if wait > SLACK:
            self._timer = self._loop.call_later(wait, self._wake)
        else:
            self._timer = self._loop.call_soon(self._wake)

    def _wake(self) -> None:
        self._timer = None
        due = self.turn()
        if due is not None:
            self._arm(due)

    def turn(self) -> float | None:
        """Render the one view whose turn it is, if any is due; when the next one is.

        The loop gets to do other things between two turns.
        """
        now = self._clock() + SLACK
        due = list[Channel]()
        for key, channel in tuple(self._channels.items()):
            if channel.due <= now:
                if channel.subscriptions:
                    due.append(channel)
                else:
                    del self._channels[key]
        if due:
            self._refresh(min(due, key=self._pace.turn))
        return min((channel.due for channel in self._channels.values()), default=None)

    def _regroup(self, channel: Channel) -> None:
        """Move those who may see more, or less, by now; they get the whole view of that first."""
        scopes: dict[Identity, Scope] = {}
        for subscription in tuple(channel.subscriptions):
            identity = subscription.identity
            if identity not in scopes:
                scopes[identity] = self._scope_of(channel.topic, identity)
            if scopes[identity] != channel.scope:
                self.watch(subscription, subscription.topic)

    def _refresh(self, channel: Channel) -> None:
        started = self._clock()
        try:
            self._regroup(channel)
            if not channel.subscriptions:
                self._channels.pop((channel.topic, channel.scope), None)
                return
            differs = channel.refresh()
        except Exception:
            # One view that cannot be rendered must not stop all the others.
            log.exception("cannot render the view %s", channel.topic)
            ended = self._clock()
            channel.rest_until = ended + self._pace.failed
        else:
            ended = self._clock()
            together = 1
            if channel.key is None:
                together = sum(each.key is None for each in self._channels.values())
            channel.rest_until = ended + self._pace.rest(channel, ended - started, together)
            if differs:
                for subscription in channel.subscriptions:
                    subscription.wake()
        self.counts.renderings += 1
        channel.due = max(ended + self._pace.tick, channel.rest_until)

    def _leave_channel(self, subscription: Subscription) -> None:
        channel = subscription.channel
        if channel is None:
            return
        subscription.move(None)
        channel.subscriptions.discard(subscription)
