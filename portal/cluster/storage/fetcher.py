"""Fetches the newest revision of each release: chart, values, notes, description."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from itertools import islice
from typing import Protocol

from portal.cluster.backoff import Backoff
from portal.cluster.errors import Throttled, Unauthenticated
from portal.cluster.json_object import JsonObject, text
from portal.cluster.storage.codec import decode_for_pages, odd
from portal.cluster.storage.storage import secret_path
from portal.cluster.storage.unpack import read_bounded
from portal.domain.errors import ClusterUnavailable, NotFound, PortalError
from portal.domain.keys import ORIGIN_LABEL, Key
from portal.domain.release import ReleaseRecord, ReleaseRevision, ReleaseStatus, damaged
from portal.state.store import Store

log = logging.getLogger(__name__)

CONCURRENCY = 16
"""Concurrent fetches for releases that somebody looks at; for all others it is one."""
PACE = 0.05
"""Seconds between two fetches of the others: a thousand take about a minute."""
AHEAD = 50
"""Releases prefetched at the start: the first page of a list, which is sorted by name."""
RETRY = 20.0
"""Seconds until a body that the portal may not read is tried again."""


_Stamp = tuple[str, str, ReleaseStatus]
"""Identity and status of a record: name and uid of its Secret, and its status."""


class Secrets(Protocol):
    """The call that reads a body; ``ClusterClient`` implements it."""

    async def get(self, path: str) -> JsonObject:
        """GET one Secret."""
        ...


class _Queue:
    """A first-in, first-out queue of releases, each at most once."""

    def __init__(self) -> None:
        self._keys: dict[Key, None] = {}
        self._more = asyncio.Event()

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def put(self, key: Key) -> None:
        self._keys.setdefault(key)
        self._more.set()

    def discard(self, key: Key) -> None:
        self._keys.pop(key, None)

    async def get(self) -> Key:
        while not self._keys:
            self._more.clear()
            await self._more.wait()
        key = next(iter(self._keys))
        del self._keys[key]
        return key


class ReleaseFetcher:
    """Fetches bodies: at once for releases that somebody looks at, and slowly for all others.

    Only the newest revision is fetched, once for each status, since Helm updates the record when
    an operation ends. A pending revision will change soon, so it is fetched only if somebody looks.

    Args:
        api: the client.
        store: releases are read from it and bodies are written to it.
        pause: sleeps for a number of seconds; replaced in tests.
    """

    def __init__(
        self,
        api: Secrets,
        store: Store,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._store = store
        self._pause = pause
        self._read: dict[Key, _Stamp] = {}
        self._reading: set[Key] = set()
        self._wanted = _Queue()
        self._others = _Queue()
        self.fetched = 0
        """Secrets fetched since the start, failures included."""
        self.decoded = 0
        """Bodies decoded since the start."""

    def prioritize(self, keys: Iterable[Key]) -> None:
        """Fetch these releases first; called whenever they are shown, cheap if already fetched."""
        for key in keys:
            if self._missing(key) is not None:
                self._others.discard(key)
                self._wanted.put(key)

    def prefetch(self) -> None:
        """Fetch the releases of a list's first page before anybody looks.

        Before them those whose name objects without a record carry: they may be theirs.
        """
        apps = self._store.snapshot.apps
        unrecorded = {key.name for key, state in apps.items() if state.release is None}
        namesakes = (key for key, state in apps.items() if state.release and key.name in unrecorded)
        by_name = sorted(apps, key=lambda key: (key.name, key.namespace))
        self.prioritize([*islice(namesakes, AHEAD), *by_name[:AHEAD]])

    async def run(self) -> None:
        """Fetch until cancelled."""
        undo = self._store.on_change(self._look)
        try:
            self._look(frozenset(self._store.snapshot.apps))
            async with asyncio.TaskGroup() as group:
                for _ in range(CONCURRENCY):
                    group.create_task(self._work(self._wanted, 0))
                group.create_task(self._work(self._others, PACE))
        finally:
            undo()

    def _look(self, touched: frozenset[Key]) -> None:
        """Queue the releases that have a new revision or status."""
        for key in touched:
            release = self._missing(key)
            if release is not None and not release.status.pending and key not in self._wanted:
                self._others.put(key)
            elif release is None and self._store.snapshot.app(key).release is None:
                self._read.pop(key, None)

    def _missing(self, key: Key) -> ReleaseRecord | None:
        """The newest record of a release, if its body is neither fetched nor being fetched."""
        if key in self._reading:
            return None
        release = self._store.snapshot.app(key).release
        return None if release is None or self._read.get(key) == _stamp(release) else release

    async def _work(self, queue: _Queue, pace: float) -> None:
        """Fetch the releases of a queue one by one, backing off while the API does not answer."""
        backoff = Backoff()
        while True:
            key = await queue.get()
            release = self._missing(key)
            if release is None:
                continue
            self._reading.add(key)
            try:
                await self._fetch(release)
            except (ClusterUnavailable, Unauthenticated) as error:
                delay = backoff.next(error.seconds if isinstance(error, Throttled) else 0)
                log.warning("%s: %s; next try in %.1f s", key, error, delay)
                queue.put(key)
            else:
                backoff.reset()
                delay = pace
            finally:
                self._reading.discard(key)
            self._look(frozenset({key}))  # it may have changed meanwhile
            if delay:
                await self._pause(delay)

    async def _fetch(self, release: ReleaseRecord) -> None:
        """Fetch one body into the store; one that cannot be decoded is stored as damaged.

        Raises:
            ClusterUnavailable: the API does not answer.
            Unauthenticated: the API does not accept the credentials.
        """
        key, retry = release.key, False
        self.fetched += 1
        try:
            secret = await self._api.get(secret_path(release))
            self.decoded += 1
            encoded = text(secret, "data", "release")
            note = text(secret, "metadata", "labels", ORIGIN_LABEL)
            found = await read_bounded(partial(decode_for_pages, release, note), encoded)
        except (ClusterUnavailable, Unauthenticated):
            raise
        except NotFound:
            found = None  # the watch will report its deletion
        except PortalError as error:
            found, retry = self._refused(release, error), True
        except Exception as error:
            log.exception("%s: cannot read its body", key)
            found = odd(release, error)
        # Before anything can fail, so that this record is not fetched again and again.
        self._read[key] = _stamp(release)
        if retry:
            asyncio.get_running_loop().call_later(RETRY, self._again, release)
        if found is not None:
            if found.key != key:
                self._read[found.key] = self._read.pop(key)  # the store has it by this key
            self._store.put_detail(found)

    def _refused(self, release: ReleaseRecord, error: PortalError) -> ReleaseRevision | None:
        """A damaged revision for a body that may not be read; None if it was read before."""
        known = self._store.snapshot.app(release.key).detail
        if known is not None and known.revision == release.revision:
            return None
        return damaged(release, error.message)

    def _again(self, release: ReleaseRecord) -> None:
        """Retry a refused body: the portal may be allowed to read it by now."""
        if self._read.get(release.key) == _stamp(release):
            del self._read[release.key]
            self._look(frozenset({release.key}))


def _stamp(release: ReleaseRecord) -> _Stamp:
    return release.secret_name, release.uid, release.status
