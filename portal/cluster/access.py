"""Asks Kubernetes which namespaces there are."""

from __future__ import annotations

import time
from collections.abc import Callable

from portal.cluster.client import ClusterClient
from portal.domain.errors import NotFound, PortalError


async def namespace_exists(client: ClusterClient, name: str) -> bool:
    """Whether there is such a namespace. Raises ``Forbidden`` where that may not be asked."""
    try:
        await client.get(f"/api/v1/namespaces/{name}")
    except NotFound:
        return False
    return True


class Namespaces:
    """Which namespaces there are: asked one by one, and remembered for ``memory`` seconds.

    A form asks while somebody types, and a portal limited to some namespaces may not list.
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
        """Whether there surely is no such namespace; False where that cannot be told."""
        now = self._clock()
        self._known = {key: each for key, each in self._known.items() if each[0] > now}
        if name not in self._known:
            try:
                missing = not await namespace_exists(self._client, name)
            except PortalError:
                return False
            self._known[name] = (now + self._memory, missing)
        return self._known[name][1]
