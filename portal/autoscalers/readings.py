"""Reads usage more often while somebody looks at an autoscaler, to foresee its next sync better.

The poller of all metrics looks every ten seconds. A sync that reads a sample which came in between
could not be foreseen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from portal.autoscalers.followers import Followers
from portal.domain.errors import PortalError
from portal.domain.keys import Key
from portal.domain.objects import PodUsage

EVERY = 2.0
"""Seconds between two reads of a namespace."""


class Readings:
    """Reads the namespaces of the autoscalers that somebody looks at, until cancelled.

    ``read`` returns the usage of the pods of a namespace; ``told`` is called with the apps for
    which something differs.
    """

    def __init__(
        self,
        followers: Followers,
        read: Callable[[str], Awaitable[Iterable[PodUsage]]],
        told: Callable[[frozenset[Key]], None],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._followers = followers
        self._read = read
        self._told = told
        self._pause = pause

    async def run(self) -> None:
        """Read for ever."""
        while True:
            await self._pause(EVERY)
            await self.once()

    async def once(self) -> None:
        """Read once what is looked at; what cannot be read stays as the poller has it."""
        for namespace in self._followers.watched():
            try:
                async with asyncio.timeout(EVERY):
                    found = await self._read(namespace)
            except (PortalError, TimeoutError):
                continue
            changed = self._followers.measured(namespace, found)
            if changed:
                self._told(changed)
