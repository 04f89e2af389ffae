"""The hub of logs: one stream for each container, however many people look at it.

A *feed* merges the streams of one selection, and is shared by all who look at the same. Both end
some seconds after the last one has left, so that a reload of the page opens nothing again. All of
it runs on one event loop; lines are made safe in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import count

from portal.domain.errors import Conflict
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.limits import LIMITS, Limit
from portal.domain.objects import Pod
from portal.domain.scrubber import Scrubber
from portal.logs.cleaner import Cleaner
from portal.logs.feed import INTERVAL, Feed
from portal.logs.ring import LINES
from portal.logs.stream import USUAL, LogSource, LogStream, Timing
from portal.logs.subscription import CHARACTERS, LogSubscription
from portal.logs.targets import GONE, Condition, Selection, Target, offered, targets

MOST = 500
"""The most connections of everybody."""

MOST_STREAMS = 300
"""The most containers that are read at the same time."""

PAST = 10_000
FEWEST = 200
"""Lines of the past that are read for one selection together, and of each container at least."""

LINGER = 10.0
"""Seconds for which a feed goes on after the last one has left."""


class LogHub:
    """Streams, feeds and those who look at them.

    ``pods`` returns an app's present pods, and ``scrubber`` what hides its secrets.
    """

    def __init__(
        self,
        source: LogSource,
        pods: Callable[[Key], Sequence[Pod]],
        scrubber: Callable[[Key], Awaitable[Scrubber]],
        *,
        timing: Timing = USUAL,
        interval: float = INTERVAL,
        linger: float = LINGER,
        room: int = CHARACTERS,
        limit: Limit = LIMITS.logs,
    ) -> None:
        self._source = source
        self._pods = pods
        self._scrubber = scrubber
        self._timing = timing
        self._interval = interval
        self._linger = linger
        self._cleaner = Cleaner(interval=interval)
        self._room = room
        self._limit = limit
        self._ids = count(1)
        self._feeds: dict[Selection, tuple[Feed, asyncio.Task[None]]] = {}
        self._streams: dict[tuple[Key, Target], tuple[LogStream, asyncio.Task[None]]] = {}
        self._subscriptions: dict[LogSubscription, Selection] = {}
        self._lines = 0
        self.closed = False

    @property
    def viewers(self) -> int:
        """The number of connections."""
        return len(self._subscriptions)

    @property
    def streams(self) -> int:
        """The number of containers that are read."""
        return sum(not stream.over for stream, _ in self._streams.values())

    @property
    def lines(self) -> int:
        """The number of lines read since the start."""
        return self._lines + sum(stream.read for stream, _ in self._streams.values())

    @property
    def identities(self) -> set[Identity]:
        """The identities that are connected now."""
        return {each.identity for each in self._subscriptions}

    def admit(self, identity: Identity, selection: Selection) -> LogSubscription:
        """Return the subscription of one more connection.

        It counts from now on, until it leaves: many that come at once do not pass the limits.

        Raises:
            Conflict: there are too many, or the portal stops.
        """
        if self.closed:
            raise Conflict("The portal is restarting.")
        present = [each.identity for each in self._subscriptions]
        if refusal := self._limit.refusal_beside(identity, present, MOST):
            raise refusal
        subscription = LogSubscription(identity, self._room)
        self._subscriptions[subscription] = selection
        return subscription

    async def join(self, subscription: LogSubscription, *, tail: int, since: int = 0) -> None:
        """Begin to send; see ``Feed.join``. Does nothing if the subscription has left."""
        selection = self._subscriptions.get(subscription)
        if selection is None:
            return
        await self._feed(selection).join(subscription, tail, since)
        if subscription.closed and selection in self._feeds:  # it has left meanwhile
            self._feeds[selection][0].subscribers.discard(subscription)

    def leave(self, subscription: LogSubscription) -> None:
        """Stop looking."""
        selection = self._subscriptions.pop(subscription, None)
        subscription.close()
        if selection is None or selection not in self._feeds:
            return
        self._feeds[selection][0].subscribers.discard(subscription)
        asyncio.get_running_loop().call_later(self._linger, self._forget, selection)

    def changed(self, touched: frozenset[Key] = frozenset()) -> None:
        """Follow pods that came and went, of the releases ``touched``; without any, of all."""
        for selection in tuple(self._feeds):
            if not touched or selection.app in touched:
                self._follow(selection)

    def close(self) -> None:
        """End everything."""
        self.closed = True
        for subscription in tuple(self._subscriptions):
            self.leave(subscription)
        for _, task in (*self._feeds.values(), *self._streams.values()):
            task.cancel()
        self._feeds.clear()
        self._streams.clear()
        self._cleaner.close()

    def _feed(self, selection: Selection) -> Feed:
        found = self._feeds.get(selection)
        if found is not None:
            return found[0]
        feed = Feed(self._interval)
        self._feeds[selection] = feed, asyncio.create_task(feed.run())
        self._follow(selection)
        return feed

    def _follow(self, selection: Selection) -> None:
        """Have a feed follow the containers that its selection means now."""
        feed = self._feeds[selection][0]
        pods = self._pods(selection.app)
        found, left_out = targets(pods, selection)
        past = min(LINES, max(PAST // max(len(found), 1), FEWEST))
        streams: dict[Target, LogStream] = {}
        for target, condition in found.items():
            stream = self._stream(selection.app, target, condition, past)
            if stream is None:
                left_out += 1
            else:
                stream.poke(condition)
                streams[target] = stream
        for target, stream in feed.streams.items():
            if target not in found:
                stream.poke(GONE)
        feed.follow(streams, left_out, offered(pods))
        self._prune()

    def _stream(
        self, app: Key, target: Target, condition: Condition, tail: int
    ) -> LogStream | None:
        """Return the stream of a container; None if there are too many."""
        found = self._streams.get((app, target))
        if found is not None:
            return found[0]
        if self.streams >= MOST_STREAMS:
            return None
        stream = LogStream(
            next(self._ids),
            target,
            condition,
            self._source,
            lambda: self._scrubber(app),
            self._touch,
            app=app,
            tail=tail,
            cleaner=self._cleaner,
            timing=self._timing,
        )
        self._streams[app, target] = stream, asyncio.create_task(stream.run())
        return stream

    def _touch(self, stream: LogStream) -> None:
        for feed, _ in self._feeds.values():
            feed.touch(stream)

    def _forget(self, selection: Selection) -> None:
        """End a feed that nobody looks at, and the streams that no other one needs."""
        found = self._feeds.get(selection)
        if found is None or found[0].subscribers or selection in self._subscriptions.values():
            return
        found[1].cancel()
        del self._feeds[selection]
        self._prune()

    def _prune(self) -> None:
        """End the streams that no feed needs."""
        needed = {each.id for feed, _ in self._feeds.values() for each in feed.streams.values()}
        for place, (stream, task) in tuple(self._streams.items()):
            if stream.id not in needed:
                task.cancel()
                self._lines += stream.read
                del self._streams[place]
