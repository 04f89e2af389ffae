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

from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.permissions import Scope
from portal.live.channel import Channel, View
from portal.live.counts import Counts
from portal.live.schedule import USUAL, RenderSchedule
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


class Hub:
    """Fans views out to those who watch them."""

    def __init__(
        self,
        open_view: Open,
        scope_of: ScopeOf,
        *,
        spell: Spell = str,
        schedule: RenderSchedule = USUAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open = open_view
        self._scope_of = scope_of
        self._spell = spell
        self._schedule = schedule
        self._clock = clock
        self._channels: dict[tuple[str, Scope], Channel] = {}
        self._watching: dict[Channel, set[Subscription]] = {}
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
        for channel in tuple(self._watching):
            if not touched or channel.key is None or channel.key in touched:
                if self._watching[channel]:
                    about.append(channel)
                else:
                    self._forget(channel)
        if not about:
            return
        about.sort(key=lambda channel: channel.key is None)  # lists take longest: last
        step = min(self._schedule.step, self._schedule.spread / len(about))
        now = self._clock()
        for place, channel in enumerate(about):
            self._plan(channel, max(now + place * step, channel.rest_until))

    def subscribe(self, identity: Identity) -> Subscription:
        """Add a browser. It gets nothing until it says what it watches."""
        subscription = Subscription(identity, self.counts)
        if self.closed:
            subscription.close()
        else:
            self._subscriptions.add(subscription)
        return subscription

    def watch(self, subscription: Subscription, topic: str) -> None:
        """Move a subscription to ``topic``; it gets the whole view first, then what changes."""
        if subscription.closed:
            return
        self.rest(subscription)
        subscription.topic = topic
        topic = self._spell(topic)
        scope = self._scope_of(topic, subscription.identity)
        channel = self._channels.get((topic, scope))
        if channel is None:
            channel = Channel(topic, scope, self._open(topic, scope))
            self._channels[topic, scope] = channel
            self._watching[channel] = set()
            self._plan(channel, self._clock())
        self._watching[channel].add(subscription)
        subscription.move(channel)

    async def once(self, topic: str, identity: Identity) -> str | None:
        """The whole view as one frame, for who cannot stay connected; None once closed."""
        subscription = self.subscribe(identity)
        try:
            self.watch(subscription, topic)
            return await subscription.next()
        finally:
            self.leave(subscription)

    def rest(self, subscription: Subscription) -> None:
        """Take a subscription off its topic; the browser stays connected."""
        channel = subscription.channel
        if channel is not None:
            subscription.move(None)
            self._watching[channel].discard(subscription)

    def leave(self, subscription: Subscription) -> None:
        """Remove a browser."""
        self.rest(subscription)
        self._subscriptions.discard(subscription)
        subscription.close()

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
        for channel, watching in tuple(self._watching.items()):
            if channel.due <= now:
                if watching:
                    due.append(channel)
                else:
                    self._forget(channel)
        if due:
            self._refresh(min(due, key=self._schedule.turn))
        return min((channel.due for channel in self._watching), default=None)

    def _regroup(self, channel: Channel) -> None:
        """Move those who may see more, or less, by now; they get the whole view of that first."""
        scopes: dict[Identity, Scope] = {}
        for subscription in tuple(self._watching[channel]):
            identity = subscription.identity
            if identity not in scopes:
                scopes[identity] = self._scope_of(channel.topic, identity)
            if scopes[identity] != channel.scope:
                self.watch(subscription, subscription.topic)

    def _refresh(self, channel: Channel) -> None:
        started = self._clock()
        try:
            self._regroup(channel)
            if not self._watching[channel]:
                self._forget(channel)
                return
            differs = channel.refresh()
        except Exception:
            # One view that cannot be rendered must not stop all the others.
            log.exception("cannot render the view %s", channel.topic)
            ended = self._clock()
            channel.rest_until = ended + self._schedule.failed
        else:
            ended = self._clock()
            together = 1
            if channel.key is None:
                together = sum(each.key is None for each in self._watching)
            watching = self._watching[channel]
            channel.rest_until = ended + self._schedule.rest(
                channel, ended - started, viewers=len(watching), together=together
            )
            if differs:
                for subscription in watching:
                    subscription.wake()
        self.counts.renderings += 1
        channel.due = max(ended + self._schedule.tick, channel.rest_until)

    def _forget(self, channel: Channel) -> None:
        """Drop a channel that nobody watches."""
        del self._watching[channel]
        del self._channels[channel.topic, channel.scope]
