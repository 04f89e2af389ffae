"""The hub: each view is rendered and encoded once for all its viewers.

A *channel* is one topic, however browsers spell it, for one scope: a view is made of topic and
scope alone, so no data of one user reaches another. When the store changes, the affected channels
are rendered, and only the components that differ are sent to their subscribers. A channel without
viewers is kept for the next one until it would be rendered again.

A channel is rendered at once after a quiet time, and then not again before it has rested in
proportion to the cost, so that no view takes more than its share of the loop, and all lists
together no more than one view, of which each person has an equal part. A change of many channels is
spread out, a change of one overtakes it, and lists let the pages of apps go first. Each channel is
also rendered every few seconds, for changes by time alone (stale data).

Everything runs on the event loop that called ``start``; nothing here is thread-safe.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import TypeAlias

from portal.domain.errors import LimitReached
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.limits import LIMITS, Limit
from portal.domain.permissions import Scope
from portal.live.channel import Channel, View
from portal.live.counts import Counts
from portal.live.schedule import USUAL, RenderSchedule
from portal.live.shares import ListShares
from portal.live.subscription import Subscription

log = logging.getLogger(__name__)

OpenView: TypeAlias = Callable[[str, Scope], View]
"""Creates the view of a topic for a scope."""

ScopeOf: TypeAlias = Callable[[str, Identity], Scope]
"""Returns the present scope of an identity on a topic, without waiting. It is called before every
rendering, and when the rights of the identity have changed (``rescope``)."""

Spell: TypeAlias = Callable[[str], str]
"""Returns the canonical spelling of a topic."""

MOST = 2_000
"""The most connected browser tabs of everybody."""

SLACK = 0.001
"""Seconds by which a timer may fire early: the resolution of the event loop's timers."""


class Hub:
    """Renders views and sends them to their subscribers."""

    def __init__(
        self,
        open_view: OpenView,
        scope_of: ScopeOf,
        *,
        spell: Spell = str,
        schedule: RenderSchedule = USUAL,
        limit: Limit = LIMITS.tabs,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open = open_view
        self._scope_of = scope_of
        self._spell = spell
        self._schedule = schedule
        self._limit = limit
        self._shares = ListShares()
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
        """The number of connected browser tabs."""
        return len(self._subscriptions)

    @property
    def identities(self) -> set[Identity]:
        """The identities that are connected now."""
        return {each.identity for each in self._subscriptions}

    def refusal(self, identity: Identity) -> LimitReached | None:
        """Return why this person may not connect one more browser tab; None if they may."""
        present = [each.identity for each in self._subscriptions]
        return self._limit.refusal_beside(identity, present, MOST)

    def changed(self, touched: frozenset[Key] = frozenset()) -> None:
        """Plan renderings after a change of the releases ``touched``; without any, of all views."""
        about = list[Channel]()
        for channel in tuple(self._watching):
            if not touched or channel.key is None or channel.key in touched:
                if self._watching[channel]:
                    about.append(channel)
                else:
                    self._forget(channel)
        if not about:
            return
        # Lists take longest, and those of people with many of them wait for the others'.
        about.sort(key=lambda each: 0 if each.key else self._together(each))
        step = min(self._schedule.step, self._schedule.spread / len(about))
        now = self._clock()
        for place, channel in enumerate(about):
            self._plan(channel, max(now + place * step, channel.rest_until))

    def subscribe(self, identity: Identity) -> Subscription:
        """Add a browser tab. It gets nothing before ``watch``."""
        subscription = Subscription(identity, self.counts)
        if self.closed:
            subscription.close()
        else:
            self._subscriptions.add(subscription)
        return subscription

    def watch(self, subscription: Subscription, topic: str) -> None:
        """Move a subscription to ``topic``; it gets the whole view first, then changes."""
        if subscription.closed:
            return
        self.unwatch(subscription)
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
        self._shares.add(subscription.identity, channel)
        subscription.move(channel)

    async def first_frame(self, topic: str, identity: Identity) -> str | None:
        """Return the whole view as one frame, for browsers without WebSocket; None once closed."""
        subscription = self.subscribe(identity)
        try:
            self.watch(subscription, topic)
            return await subscription.next()
        finally:
            self.unsubscribe(subscription)

    def rescope(self, identity: Identity) -> None:
        """Move all views of ``identity`` whose scope has changed to another channel."""
        for subscription in tuple(self._subscriptions):
            channel = subscription.channel
            if subscription.identity != identity or channel is None:
                continue
            if self._scope_of(channel.topic, identity) != channel.scope:
                self.watch(subscription, subscription.topic)

    def unwatch(self, subscription: Subscription) -> None:
        """Take a subscription off its topic; the browser stays connected."""
        channel = subscription.channel
        if channel is not None:
            subscription.move(None)
            self._watching[channel].discard(subscription)
            self._shares.remove(subscription.identity, channel)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Remove a browser tab."""
        self.unwatch(subscription)
        self._subscriptions.discard(subscription)
        subscription.close()

    def start(self) -> None:
        """Begin to render, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._wake()

    def close(self) -> None:
        """End every subscription at once, so that a shutdown need not wait for browsers."""
        self.closed = True
        for subscription in tuple(self._subscriptions):
            self.unsubscribe(subscription)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop = None

    def _plan(self, channel: Channel, due: float) -> None:
        """Render ``channel`` at ``due`` at the latest."""
        if due < channel.due:
            channel.due = due
            self._arm(due)

    def _arm(self, due: float) -> None:
        """Set the timer to ``due``, if it is not set to an earlier time."""
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
        """Render one view that is due, if any. Return the time when the next one is due.

        One at a time, so that the loop can do other work in between.
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
        """Move subscriptions whose scope has changed; they get the whole new view first."""
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
            watching = self._watching[channel]
            together = self._together(channel)
            channel.rest_until = ended + self._schedule.rest(
                channel,
                ended - started,
                differs=differs,
                viewers=len(watching),
                together=together,
            )
            if differs:
                for subscription in watching:
                    subscription.wake()
        self.counts.renderings += 1
        channel.due = max(ended + self._schedule.tick, channel.rest_until)

    def _together(self, channel: Channel) -> int:
        """Return the number of views that share the time of one with this view."""
        if channel.key is not None:
            return 1
        return self._shares.among(each.identity for each in self._watching[channel])

    def _forget(self, channel: Channel) -> None:
        """Drop a channel that nobody watches."""
        del self._watching[channel]
        del self._channels[channel.topic, channel.scope]
