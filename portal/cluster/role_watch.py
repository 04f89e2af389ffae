"""A watch of roles and their bindings, which tells that what people may do has changed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence

from portal.cluster.api_types import any_object
from portal.cluster.backoff import Backoff, jittered
from portal.cluster.client import METADATA, METADATA_LIST
from portal.cluster.errors import from_status
from portal.cluster.lists import page
from portal.cluster.reflector import Api
from portal.domain.errors import Forbidden, NotFound, PortalError

log = logging.getLogger(__name__)

GROUP = "/apis/rbac.authorization.k8s.io/v1"
WATCH_SECONDS = 20.0
"""Seconds that a watch is open, before jitter is subtracted."""
SILENCE = 3.0
"""Seconds after a watch's end at which its connection counts as broken."""
NOT_ALLOWED_RETRY = 300.0
"""Seconds until a watch that is not allowed is tried again."""
ASKED_AFTER = (0.1, 1.5)
"""Seconds after a change at which its effect is asked for: the API server's authorizer reads roles
by a watch of its own, and another API server may be a little later."""


def paths(namespaces: Sequence[str]) -> tuple[str, ...]:
    """Return the collections of roles and bindings that count in these namespaces (empty: all)."""
    inside = [f"/namespaces/{each}" for each in namespaces] or [""]
    return (
        *(f"{GROUP}{each}/{plural}" for each in inside for plural in ("rolebindings", "roles")),
        f"{GROUP}/clusterrolebindings",
        f"{GROUP}/clusterroles",
    )


class RoleWatch:
    """Calls ``changed`` soon after a role or a binding has changed, or may have.

    Only metadata is read. Without the right to watch one of the collections it is not
    ``complete``, and tells of the others alone.
    """

    def __init__(
        self,
        api: Api,
        namespaces: Sequence[str],
        changed: Callable[[], None],
        asked_after: Iterable[float] = ASKED_AFTER,
    ) -> None:
        self._api = api
        self._paths = paths(namespaces)
        self._changed = changed
        self._asked_after = tuple(asked_after)
        self._open: set[str] = set()
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def complete(self) -> bool:
        """True if no change can happen now that is not told of."""
        return len(self._open) == len(self._paths)

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for path in self._paths:
                    group.create_task(self._follow(path), name=f"watch {path}")
        finally:
            self._forget_timers()

    async def _follow(self, path: str) -> None:
        """Watch one collection for ever."""
        backoff = Backoff()
        version = ""
        while True:
            try:
                if not version:
                    version = await self._newest(path)
                    # Something may have changed while nobody watched.
                    self._tell()
                version = await self._watch(path, version)
                backoff.reset()
                continue
            except (Forbidden, NotFound) as error:
                log.info("%s is not watched: %s", path, error)
                delay = jittered(NOT_ALLOWED_RETRY)
            except PortalError as error:
                delay = backoff.next()
                log.info("%s: %s; next try in %.1f s", path, error, delay)
            except ValueError as error:
                delay = backoff.next()
                log.warning("%s: an answer that cannot be read: %s", path, error)
            self._open.discard(path)
            version = ""
            await asyncio.sleep(delay)

    async def _newest(self, path: str) -> str:
        return page(await self._api.read(path, {"limit": "1"}, METADATA_LIST)).version or "0"

    async def _watch(self, path: str, version: str) -> str:
        """Watch until the server ends it; return the newest resource version."""
        seconds = jittered(WATCH_SECONDS)
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(round(seconds)),
        }
        began = time.monotonic()
        async with self._api.stream(path, params, METADATA, seconds + SILENCE) as events:
            self._open.add(path)
            async for change in events:
                common = any_object(change.object)
                if change.type == "ERROR":
                    raise from_status(common.code or 500, common.message)
                version = common.metadata.resource_version or version
                if change.type != "BOOKMARK":
                    self._tell()
        if time.monotonic() - began < 1.0:
            await asyncio.sleep(1.0)  # a proxy that ends watches at once is not asked in a loop
        return version

    def _tell(self) -> None:
        self._forget_timers()
        loop = asyncio.get_running_loop()
        self._timers = [loop.call_later(each, self._changed) for each in self._asked_after]

    def _forget_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers = []
