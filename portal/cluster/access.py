"""Asks Kubernetes of namespaces, the Pod Security they enforce, and of its version."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from portal.cluster.client import METADATA_LIST, ClusterClient
from portal.cluster.json_object import JsonObject, items, part, text
from portal.domain.errors import NotFound, PortalError
from portal.domain.projects import UNLIMITED_APPS, AppLimits, app_limits

ENFORCE = "pod-security.kubernetes.io/enforce"
"""Label on a namespace with the Pod Security level that its pods must meet."""


async def _metadata(client: ClusterClient, name: str) -> JsonObject | None:
    """Return the metadata of a namespace; None if it does not exist."""
    try:
        found = await client.get(f"/api/v1/namespaces/{name}")
    except NotFound:
        return None
    return part(found, "metadata")


async def _names(client: ClusterClient) -> tuple[str, ...]:
    found: list[str] = []
    more = ""
    while True:
        params = {"limit": str(PAGE)} | ({"continue": more} if more else {})
        answer = await client.get("/api/v1/namespaces", params, METADATA_LIST)
        found += [text(each, "metadata", "name") for each in items(answer, "items")]
        more = text(answer, "metadata", "continue")
        if not more:
            return tuple(found)


PAGE = 500
"""Namespaces in a page of the list."""
VERSION_MEMORY = 300.0
"""Seconds for which the cluster's version is remembered."""


class Namespaces:
    """Looks up namespaces one by one, and caches the answers for ``memory`` seconds.

    A form asks while somebody types, and a portal limited to some namespaces may not list all.
    """

    def __init__(
        self,
        client: ClusterClient,
        *,
        memory: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._memory = memory
        self._clock = clock
        self._known: dict[str, tuple[float, JsonObject | None]] = {}
        self._version = (float("-inf"), "")
        self._names: tuple[float, tuple[str, ...]] = (float("-inf"), ())
        self._listing = asyncio.Lock()

    async def names(self) -> tuple[str, ...]:
        """Return the names of all namespaces of the cluster.

        Raises:
            PortalError: they cannot be listed.
        """
        async with self._listing:
            until, found = self._names
            if until <= self._clock():
                found = await _names(self._client)
                self._names = (self._clock() + self._memory, found)
            return found

    async def kubernetes(self) -> str:
        """The cluster's version, such as v1.37.2; "" where it is not told."""
        known, version = self._version
        if known <= self._clock():
            try:
                version = str((await self._client.get("/version")).get("gitVersion") or "")
            except PortalError:
                return version
            self._version = (self._clock() + VERSION_MEMORY, version)
        return version

    async def missing(self, name: str) -> bool:
        """Return True if the namespace certainly does not exist; False where that is unknown."""
        try:
            return await self._look_up(name) is None
        except PortalError:
            return False

    async def enforced_level(self, name: str) -> str:
        """Return the Pod Security level that a namespace enforces, "" if none, or if unknown."""
        try:
            return text(await self._look_up(name) or {}, "labels", ENFORCE)
        except PortalError:
            return ""

    async def app_limits(self, name: str) -> AppLimits:
        """Return the limits that a namespace sets for apps; none where they are unknown."""
        try:
            return app_limits(part(await self._look_up(name) or {}, "annotations"))
        except PortalError:
            return UNLIMITED_APPS

    async def _look_up(self, name: str) -> JsonObject | None:
        now = self._clock()
        self._known = {key: each for key, each in self._known.items() if each[0] > now}
        if name not in self._known:
            self._known[name] = (now + self._memory, await _metadata(self._client, name))
        return self._known[name][1]
