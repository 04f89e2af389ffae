"""Decodes the body of each release's newest revision: chart, values, notes, what Helm said."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import zlib
from datetime import UTC, datetime

from portal.cluster.backoff import Backoff
from portal.cluster.raw import Raw, part, text
from portal.cluster.reflector import Api
from portal.domain.errors import NotFound, PortalError
from portal.domain.keys import Key
from portal.domain.objects import Release, ReleaseDetail, ReleaseStatus
from portal.state.store import Store

log = logging.getLogger(__name__)

MAX_BODY = 32 * 2**20
"""Bytes of JSON a body may unpack to. A Secret holds 1 MiB, which could unpack to a thousand."""
CONCURRENCY = 4
GZIP_MAGIC = b"\x1f\x8b\x08"


class Damaged(ValueError):
    """A release body that cannot be read; the message says why."""


def unpack(encoded: str) -> Raw:
    """``data.release`` of a Helm Secret → the release: base64 twice, gzip (or not), JSON.

    Raises:
        Damaged: any step fails, or the body is too large.
    """
    try:
        packed = base64.b64decode(base64.b64decode(encoded, validate=True), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Damaged(f"The release record is not base64: {error}") from error
    if packed.startswith(GZIP_MAGIC):
        packed = _gunzip(packed)
    try:
        release: object = json.loads(packed)
    except ValueError as error:
        raise Damaged(f"The release record is not JSON: {error}") from error
    if not isinstance(release, dict):
        raise Damaged("The release record is not an object.")
    return release  # pyright: ignore[reportUnknownVariableType]


def _gunzip(packed: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    try:
        body = stream.decompress(packed, MAX_BODY)
    except zlib.error as error:
        raise Damaged(f"The release record is not gzip: {error}") from error
    if stream.unconsumed_tail:
        raise Damaged(f"The release record unpacks to more than {MAX_BODY // 2**20} MiB.")
    if not stream.eof:
        raise Damaged("The release record is cut off.")
    return body


def detail(key: Key, revision: int, encoded: str) -> ReleaseDetail:
    """Decode one body; a damaged one is told, not raised."""
    try:
        raw = unpack(encoded)
        info = part(raw, "info")
        chart = part(raw, "chart", "metadata")
        values = part(raw, "config")
        return ReleaseDetail(
            key=key,
            revision=revision,
            chart=text(chart, "name"),
            chart_version=text(chart, "version"),
            app_version=text(chart, "appVersion"),
            description=text(info, "description"),
            notes=text(info, "notes"),
            values=dict(values),
            first_deployed=_time(info.get("first_deployed")),
            last_deployed=_time(info.get("last_deployed")),
        )
    except Damaged as error:
        return ReleaseDetail(key, revision, damaged=str(error))
    except (ArithmeticError, AttributeError, TypeError, ValueError, RecursionError) as error:
        return _odd(key, revision, error)


def _odd(key: Key, revision: int, error: Exception) -> ReleaseDetail:
    return ReleaseDetail(key, revision, damaged=f"The release record is odd: {error}")


def _time(text: object) -> datetime | None:
    """Helm writes Go's zero time for "never", and leaves times out in newer records."""
    if not isinstance(text, str) or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(text).astimezone(UTC)


class ReleaseBodies:
    """Fetches bodies as releases appear and move on, a few at a time.

    A revision is decoded once for each status it takes, since Helm writes into the same record
    how it ended. Only the newest revision is read.
    """

    def __init__(self, api: Api, store: Store) -> None:
        self._api = api
        self._store = store
        self._read: dict[Key, tuple[str, ReleaseStatus]] = {}
        self._queue: asyncio.Queue[Key] = asyncio.Queue()
        self._queued: set[Key] = set()

    async def run(self) -> None:
        """Fetch until cancelled."""
        undo = self._store.on_change(self._look)
        try:
            self._look(frozenset(self._store.snapshot.apps))
            async with asyncio.TaskGroup() as group:
                for _ in range(CONCURRENCY):
                    group.create_task(self._work())
        finally:
            undo()

    def _look(self, touched: frozenset[Key]) -> None:
        apps = self._store.snapshot.apps
        for key in touched:
            state = apps.get(key)
            release = state.release if state is not None else None
            if release is None:
                self._read.pop(key, None)
            elif self._read.get(key) != _stamp(release) and key not in self._queued:
                self._queued.add(key)
                self._queue.put_nowait(key)

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            try:
                await self._fetch(key)
            except Exception:  # one odd release must not end the decoding of all
                log.exception("%s: cannot keep its body", key)
            finally:
                self._queued.discard(key)
            self._look(frozenset({key}))  # it may have moved on meanwhile

    async def _fetch(self, key: Key) -> None:
        """Read the newest body, waiting out an API that does not answer."""
        backoff = Backoff()
        while (release := self._store.snapshot.app(key).release) is not None:
            path = f"/api/v1/namespaces/{key.namespace}/secrets/{release.secret_name}"
            try:
                secret = await self._api.get(path)
                encoded = text(secret, "data", "release")
                found = await asyncio.to_thread(detail, key, release.revision, encoded)
            except NotFound:
                # Its deletion is on its way through the watch.
                self._read[key] = _stamp(release)
                return
            except PortalError as error:
                if release != self._store.snapshot.app(key).release:
                    continue
                log.warning("%s: %s", key, error)
                self._store.put_detail(ReleaseDetail(key, release.revision, damaged=error.message))
                await asyncio.sleep(backoff.next())
                continue
            except Exception as error:
                log.exception("%s: cannot read its body", key)
                found = _odd(key, release.revision, error)
            # First: whatever comes of it, this record is not read again and again.
            self._read[key] = _stamp(release)
            self._store.put_detail(found)
            return


def _stamp(release: Release) -> tuple[str, ReleaseStatus]:
    return release.secret_name, release.status
