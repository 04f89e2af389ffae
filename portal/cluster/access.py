"""Asks Kubernetes which namespaces there are, and which version it is of."""

from __future__ import annotations

import time
from collections.abc import Callable

from portal.cluster.client import ClusterClient
from portal.domain.errors import NotFound, PortalError


async def namespace_exists(client: ClusterClient, name: str) -> bool:
    """Return True if the namespace exists. Raises ``Forbidden`` if it may not be read."""
    try:
        await client.get(f"/api/v1/namespaces/{name}")
    except NotFound:
        return False
    return True


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
        self._known: dict[str, tuple[float, bool]] = {}
        self._version = (float("-inf"), "")

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
        now = self._clock()
        self._known = {key: each for key, each in self._known.items() if each[0] > now}
        if name not in self._known:
            try:
                missing = not await namespace_exists(self._client, name)
            except PortalError:
                return False
            self._known[name] = (now + self._memory, missing)
        return self._known[name][1]
