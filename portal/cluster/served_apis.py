"""Discovery of the versions in which a cluster serves a kind."""

from __future__ import annotations

import re

from portal.cluster.client import ClusterClient
from portal.cluster.json_object import items, text
from portal.domain.errors import NotFound

_GROUP = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


class ServedApis:
    """Asks the API server each time: nothing is cached, since an administrator may just have
    installed or removed an API."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    async def versions(self, group: str, kind: str) -> tuple[str, ...]:
        """Return the ``apiVersion`` s in which a kind is served, the preferred one first.

        Raises:
            PortalError: the API server, or the server of that group, does not answer: it may still
                have the kind.
        """
        if not group:
            return ("v1",) if await self._has("/api/v1", kind) else ()
        if not _GROUP.fullmatch(group):
            return ()
        try:
            answer = await self._client.get(f"/apis/{group}")
        except NotFound:
            return ()
        preferred = text(answer, "preferredVersion", "groupVersion")
        served = [text(each, "groupVersion") for each in items(answer, "versions")]
        ordered = sorted(served, key=lambda each: each != preferred)
        return tuple([each for each in ordered if await self._has(f"/apis/{each}", kind)])

    async def _has(self, path: str, kind: str) -> bool:
        try:
            answer = await self._client.get(path)
        except NotFound:
            return False
        served = {
            text(each, "kind")
            for each in items(answer, "resources")
            if "/" not in text(each, "name")  # a subresource
        }
        return kind in served
