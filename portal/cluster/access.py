"""Looks up whether namespaces exist."""

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
