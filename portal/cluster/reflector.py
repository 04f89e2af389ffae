"""Keeps a copy of one kind of object current: list in pages, watch, list anew when told to.

A watch here is short (``WATCH_SECONDS``): the server ends it, or sends a bookmark just before,
so that every few seconds something arrives or the connection is known to be broken. What is
alive is thus proven by the server's own words, at about one cheap request a kind in ten seconds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from portal.cluster.api_types import Change, Json, anything
from portal.cluster.backoff import Backoff, jittered
from portal.cluster.errors import Gone, Throttled, from_status
from portal.cluster.lists import TimeSlicer, page
from portal.cluster.resource import Resource
from portal.domain.errors import ClusterUnavailable, Forbidden, NotFound, PortalError
from portal.domain.keys import Key
from portal.domain.objects import Kind, Watched

log = logging.getLogger(__name__)

PAGE = 500
"""Objects a page of a list."""
WATCH_SECONDS = 10.0
"""The longest a watch is left open, less some jitter."""
SILENCE = 3.0
"""Seconds past the watch's end after which its connection counts as broken."""
FAILURES_BEFORE_LIST = 3
"""Failed watches in a row after which the resource version is no longer trusted. Where watches
fail on, lists in their place keep the copy some seconds old."""
NOT_INSTALLED_RETRY = 30.0
"""Seconds until an API that the cluster does not have is looked for again."""


class Api(Protocol):
    """The two calls a reflector makes; ``ClusterClient`` has them."""

    async def read(
        self, path: str, params: Mapping[str, str] | None = None, accept: str = ...
    ) -> bytes:
        """GET one page of a list, as JSON."""
        ...

    def stream(
        self, path: str, params: Mapping[str, str], accept: str = ..., read_timeout: float = ...
    ) -> AbstractAsyncContextManager[AsyncIterator[Change]]:
        """Open a watch."""
        ...


class Sink(Protocol):
    """Where objects go; ``Store`` is one."""

    def keys(self, kind: Kind, namespace: str | None) -> set[Key]:
        """What there is in a namespace, or (None) everywhere."""
        ...

    def known(self, kind: Kind, key: Key) -> Watched | None:
        """An object as it was last told."""
        ...

    def apply(self, kind: Kind, key: Key, obj: Watched) -> None:
        """Add or replace one object."""
        ...

    def delete(self, kind: Kind, key: Key) -> None:
        """Forget one object."""
        ...


class Health(Struct, frozen=True):
    """How a reflector is doing. ``unread`` are the objects that cannot be decoded now."""

    synced: bool = False
    available: bool = True
    alive_at: datetime | None = None
    error: str = ""
    unread: frozenset[Key] = frozenset()


class _NotInstalled(PortalError):
    """The cluster does not have this API."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Reflector:
    """Copies one resource, of one namespace or all, into a sink until cancelled.

    ``report`` is called with the new health whenever it changed, and at most once a second for
    mere signs of life. Reflectors that share ``slicer`` decode one after the other.
    """

    def __init__(
        self,
        api: Api,
        resource: Resource,
        sink: Sink,
        report: Callable[[Health], None],
        *,
        namespace: str | None = None,
        slicer: TimeSlicer | None = None,
        now: Callable[[], datetime] = _utc_now,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        backoff: Backoff | None = None,
    ) -> None:
        self._api = api
        self._resource = resource
        self._sink = sink
        self._report = report
        self._namespace = namespace
        self._path = resource.path(namespace)
        self._slicer = slicer or TimeSlicer()
        self._now = now
        self._clock = clock
        self._pause = pause
        self._backoff = backoff or Backoff()
        self._version = ""
        self.health: Health = Health()
        self._told = self.health

    async def run(self) -> None:
        """List and watch for ever; errors are reported, waited out and retried."""
        failures = 0
        paged = True
        while True:
            try:
                if not self._version:
                    self._version = await self._list(paged)
                    paged = True
                await self._watch()
                failures = 0
            except Gone as error:
                # A list whose pages expire is asked for whole the next time.
                paged = bool(self._version)
                self._version = ""
                await self._wait(error)
            except PortalError as error:
                failures += 1
                if failures >= FAILURES_BEFORE_LIST or isinstance(error, Forbidden | NotFound):
                    self._version = ""
                await self._wait(error)
            except Exception as error:  # a fault of the portal must not end a watch unseen
                log.exception("%s: unexpected", self._path)
                self._version = ""
                await self._wait(PortalError(f"The portal failed while watching: {error!r}"))

    async def _wait(self, error: PortalError) -> None:
        """Report ``error`` and wait as long as suits it."""
        match error:
            case Gone():
                log.info("%s: listing anew: %s", self._path, error.message)
                await self._pause(self._backoff.next())
                return
            case _NotInstalled():
                for key in self._keys():
                    self._sink.delete(self._resource.kind, key)
                self.health = replace(self.health, unread=frozenset())
                self._say(available=False, error=str(error))
                delay = jittered(NOT_INSTALLED_RETRY)
            case Forbidden():
                # What was listed stays: an API server that restarts refuses for a moment.
                self._say(available=False, error=self._not_allowed(error))
                delay = self._backoff.next()
            case Throttled():
                self._say(error=str(error))
                delay = self._backoff.next(at_least=error.seconds)
            case _:
                self._say(error=str(error))
                delay = self._backoff.next()
        log.warning("%s: %s; next try in %.1f s", self._path, error, delay)
        await self._pause(delay)

    def _not_allowed(self, error: Forbidden) -> str:
        where = f" in the namespace {self._namespace}" if self._namespace else ""
        return f"Not allowed{where}. {error}"

    async def _list(self, paged: bool) -> str:
        """Make a fresh list all there is, at once; returns its resource version.

        What it finds unchanged is let go again object by object: a list that is made anew every
        few minutes must never be a second copy of everything.

        Raises:
            _NotInstalled: there is nothing to list, and never has to be. Of any other API the same
                answer is a fault on the way to it, and what was listed stays.
        """
        resource = self._resource
        gone = self._keys()
        changed: dict[Key, Watched] = {}

        def news(raw: Json) -> tuple[Key, Watched] | None:
            decoded = self._decode(raw)
            if decoded is None:
                return None
            key, obj = decoded
            gone.discard(key)
            return None if self._sink.known(resource.kind, key) == obj else decoded

        self.health = replace(self.health, unread=frozenset())
        params = {"labelSelector": resource.selector} if resource.selector else {}
        if paged:
            params["limit"] = str(PAGE)
        while True:
            try:
                body = await self._api.read(self._path, params, resource.list_accept)
            except NotFound as error:
                if resource.optional:
                    raise _NotInstalled("This cluster does not have this API.") from error
                raise
            try:
                read = page(body)
                found = await self._slicer.collect(map(news, read.items))
            except ValueError as error:
                raise ClusterUnavailable(
                    f"The Kubernetes API sent something odd: {error}"
                ) from error
            changed |= filter(None, found)
            if not read.rest:
                break
            params["continue"] = read.rest
        for key in gone:
            self._sink.delete(resource.kind, key)
        for key, obj in changed.items():
            self._sink.apply(resource.kind, key, obj)
        # What was wrong before is over when the watch opens as well: it may be what is not allowed.
        self._say(synced=True, alive=True)
        return read.version or "0"

    async def _watch(self) -> None:
        """Follow changes from the newest version seen, until the server ends the watch.

        Raises:
            ClusterUnavailable: among others, where it ends long before its time without a word:
                whatever does that, nothing says that there was nothing to tell.
        """
        resource = self._resource
        seconds = jittered(WATCH_SECONDS)
        asked = round(seconds)
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(asked),
        }
        if resource.selector:
            params["labelSelector"] = resource.selector
        began = self._clock()
        seen = False
        async with self._api.stream(
            self._path, params, resource.watch_accept, seconds + SILENCE
        ) as events:
            # It is allowed, then. That anything comes of it is seen when something does.
            self._say(available=True)
            async for event in events:
                self._take(event)
                seen = True
                self._say(alive=True, error="")
        if not seen and self._clock() - began < asked - 1:
            raise ClusterUnavailable("The watch ended without a word.")
        self._say(alive=True, error="")
        self._backoff.reset()

    def _take(self, change: Change) -> None:
        about = anything(change.object)
        if change.type == "ERROR":
            raise from_status(about.code or 500, about.message)
        if change.type != "BOOKMARK":
            decoded = None if change.type == "DELETED" else self._decode(change.object)
            if decoded is not None:
                self._readable(decoded[0])
                self._sink.apply(self._resource.kind, *decoded)
            else:
                # The old state of something that can no longer be read would be a lie.
                self._sink.delete(self._resource.kind, about.key)
            if change.type == "DELETED":
                self._readable(about.key)
        self._version = about.metadata.resource_version or self._version

    def _keys(self) -> set[Key]:
        return self._sink.keys(self._resource.kind, self._namespace)

    def _decode(self, raw: Json) -> tuple[Key, Watched] | None:
        try:
            return self._resource.decode(raw)
        except Exception as error:
            key = anything(raw).key
            self.health = replace(self.health, unread=self.health.unread | {key})
            log.warning("%s: skipping %s: %r", self._path, key, error)
            return None

    def _readable(self, key: Key) -> None:
        if key in self.health.unread:
            self.health = replace(self.health, unread=self.health.unread - {key})

    def _say(
        self,
        *,
        synced: bool | None = None,
        available: bool | None = None,
        alive: bool = False,
        error: str | None = None,
    ) -> None:
        """Report what changes; None leaves it as it was."""
        old, told = self.health, self._told
        new = self.health = replace(
            old,
            synced=old.synced if synced is None else synced,
            available=old.available if available is None else available,
            alive_at=self._now() if alive else old.alive_at,
            error=old.error if error is None else error,
        )
        young = (
            new.alive_at and told.alive_at and (new.alive_at - told.alive_at).total_seconds() < 1
        )
        if young and replace(new, alive_at=told.alive_at) == told:
            return  # nothing new
        self._told = new
        self._report(new)
