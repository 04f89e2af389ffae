"""Keeps a copy of one kind of object current: list in pages, watch, list again when necessary.

Watches are short (``WATCH_SECONDS``): the server ends them, or sends a bookmark just before, so
that within seconds something arrives or the connection is known to be broken. So liveness is proven
by the server, for one cheap request a kind in ten seconds.
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

from portal.cluster.api_types import Change, Json, any_object
from portal.cluster.backoff import Backoff, jittered
from portal.cluster.decode import unreadable
from portal.cluster.errors import Gone, Throttled, from_status
from portal.cluster.lists import TimeSlicer, page
from portal.cluster.resource import Resource
from portal.domain.errors import ClusterUnavailable, Forbidden, NotFound, PortalError
from portal.domain.keys import Key
from portal.domain.objects import Kind, Watched

log = logging.getLogger(__name__)

PAGE = 500
"""Objects per page of a list."""
WATCH_SECONDS = 10.0
"""Seconds that a watch is open, before jitter is subtracted."""
SILENCE = 3.0
"""Seconds after a watch's end at which its connection counts as broken."""
FAILURES_BEFORE_LIST = 3
"""Failed watches in a row after which the resource version is discarded. If watches keep failing,
the lists in their place keep the copy at most seconds old."""
NOT_INSTALLED_RETRY = 30.0
"""Seconds until an API that the cluster does not serve is tried again."""


class Api(Protocol):
    """The calls that a reflector makes; ``ClusterClient`` implements them."""

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
    """The receiver of objects; ``Store`` is one."""

    def keys(self, kind: Kind, namespace: str | None) -> set[Key]:
        """The keys of a kind in a namespace, or (None) in all."""
        ...

    def known(self, kind: Kind, key: Key) -> Watched | None:
        """The stored object, if any."""
        ...

    def apply(self, kind: Kind, key: Key, obj: Watched) -> None:
        """Add or replace one object."""
        ...

    def delete(self, kind: Kind, key: Key) -> None:
        """Remove one object."""
        ...


class Health(Struct, frozen=True):
    """The health of a reflector; ``unread`` are the objects that cannot be decoded.

    They are passed on as ``Unreadable``, as far as their names can be read.
    """

    synced: bool = False
    available: bool = True
    alive_at: datetime | None = None
    error: str = ""
    unread: frozenset[Key] = frozenset()


class _NotInstalled(PortalError):
    """The cluster does not serve this API."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Reflector:
    """Copies one resource, of one namespace or all, into a sink until cancelled.

    ``report`` is called with the new health whenever it changes, and at most once a second if only
    ``alive_at`` does. Reflectors that share ``slicer`` decode one after the other.
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
        self._reported = self.health

    async def run(self) -> None:
        """List and watch for ever; after an error, report it, wait and retry."""
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
                # After a page of a list has expired, the next list is unpaged.
                paged = bool(self._version)
                self._version = ""
                await self._wait(error)
            except PortalError as error:
                failures += 1
                if failures >= FAILURES_BEFORE_LIST or isinstance(error, Forbidden | NotFound):
                    self._version = ""
                await self._wait(error)
            except Exception as error:  # a bug must not end the watch unnoticed
                log.exception("%s: unexpected", self._path)
                self._version = ""
                await self._wait(PortalError(f"The portal failed while watching: {error!r}"))

    async def _wait(self, error: PortalError) -> None:
        """Report ``error`` and wait accordingly."""
        level = logging.WARNING
        match error:
            case Gone():
                log.info("%s: listing again: %s", self._path, error.message)
                await self._pause(self._backoff.next())
                return
            case _NotInstalled():
                # Most clusters lack some of these APIs: that is said once.
                level = logging.INFO if self.health.available else logging.DEBUG
                for key in self._keys():
                    self._sink.delete(self._resource.kind, key)
                self.health = replace(self.health, unread=frozenset())
                self._update(available=False, error=str(error))
                delay = jittered(NOT_INSTALLED_RETRY)
            case Forbidden():
                # The copy stays: an API server that restarts refuses for a moment.
                self._update(available=False, error=self._not_allowed(error))
                delay = self._backoff.next()
            case Throttled():
                self._update(error=str(error))
                delay = self._backoff.next(at_least=error.seconds)
            case _:
                self._update(error=str(error))
                delay = self._backoff.next()
        log.log(level, "%s: %s; next try in %.1f s", self._path, error, delay)
        await self._pause(delay)

    def _not_allowed(self, error: Forbidden) -> str:
        where = f" in the namespace {self._namespace}" if self._namespace else ""
        return f"Not allowed{where}. {error}"

    async def _list(self, paged: bool) -> str:
        """Replace the copy by a fresh list; returns the list's resource version.

        Unchanged objects are dropped as they are decoded, so that a repeated list never is a
        second copy of everything.

        Raises:
            _NotInstalled: an optional API is not found. For any other API the same answer is a
                failure, and the copy stays.
        """
        resource = self._resource
        gone = self._keys()
        changed: dict[Key, Watched] = {}

        def if_changed(raw: Json) -> tuple[Key, Watched] | None:
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
                found = await self._slicer.collect(map(if_changed, read.items))
            except ValueError as error:
                raise ClusterUnavailable(
                    f"The Kubernetes API sent a list that cannot be read: {error}"
                ) from error
            changed |= filter(None, found)
            if not read.rest:
                break
            params["continue"] = read.rest
        for key in gone:
            self._sink.delete(resource.kind, key)
        for key, obj in changed.items():
            self._sink.apply(resource.kind, key, obj)
        # An earlier error is cleared when the watch opens, which may be what is not allowed.
        self._update(synced=True, alive=True)
        return read.version or "0"

    async def _watch(self) -> None:
        """Apply changes since the newest version seen, until the server ends the watch.

        Raises:
            ClusterUnavailable: among others, if the watch ends early without any event: then
                nothing shows that there were no changes.
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
            # An open watch proves permission; liveness is proven by the first event.
            self._update(available=True)
            async for event in events:
                self._take(event)
                seen = True
                self._update(alive=True, error="")
        if not seen and self._clock() - began < asked - 1:
            raise ClusterUnavailable("The watch ended early, without any event.")
        self._update(alive=True, error="")
        self._backoff.reset()

    def _take(self, change: Change) -> None:
        common = any_object(change.object)
        if change.type == "ERROR":
            raise from_status(common.code or 500, common.message)
        if change.type != "BOOKMARK":
            decoded = None if change.type == "DELETED" else self._decode(change.object)
            if decoded is not None:
                self._sink.apply(self._resource.kind, *decoded)
            else:
                # Do not show the old state of an object that can no longer be decoded.
                self._sink.delete(self._resource.kind, common.key)
            if change.type == "DELETED":
                self._readable(common.key)
        self._version = common.metadata.resource_version or self._version

    def _keys(self) -> set[Key]:
        return self._sink.keys(self._resource.kind, self._namespace)

    def _decode(self, raw: Json) -> tuple[Key, Watched] | None:
        """Return an object with its key; None if it has no name."""
        try:
            found = self._resource.decode(raw)
        except Exception as error:
            key = any_object(raw).key
            self.health = replace(self.health, unread=self.health.unread | {key})
            log.warning("%s: cannot read %s: %r", self._path, key, error)
            rest = unreadable(self._resource.kind, raw, error)
            return (key, rest) if rest else None
        self._readable(found[0])
        return found

    def _readable(self, key: Key) -> None:
        if key in self.health.unread:
            self.health = replace(self.health, unread=self.health.unread - {key})

    def _update(
        self,
        *,
        synced: bool | None = None,
        available: bool | None = None,
        alive: bool = False,
        error: str | None = None,
    ) -> None:
        """Update the health, and report it if it has changed; None keeps a field."""
        old, reported = self.health, self._reported
        new = self.health = replace(
            old,
            synced=old.synced if synced is None else synced,
            available=old.available if available is None else available,
            alive_at=self._now() if alive else old.alive_at,
            error=old.error if error is None else error,
        )
        recent = (
            new.alive_at
            and reported.alive_at
            and (new.alive_at - reported.alive_at).total_seconds() < 1
        )
        if recent and replace(new, alive_at=reported.alive_at) == reported:
            return
        self._reported = new
        self._report(new)
