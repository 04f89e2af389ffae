"""A browser's part in a launch, without the browser: the same requests, and the live connection.

A browser on these two cores would compete with Helm for them, which no user's does. So its own
request, as it once sent it, is sent again with another name in it; and what it does next, to
show the app's page, is done as well.
"""

from __future__ import annotations

import asyncio
import copy
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from benchmarks.launching.ground import NAMESPACE
from benchmarks.scale.list_latency import ask, question, router
from benchmarks.scale.portal_process import PortalProcess


class BrowserSession:
    """One tab, live from the start on. Use ``browser_session``."""

    def __init__(
        self,
        portal: PortalProcess,
        router: dict[str, Any],
        sent: dict[str, Any],
        socket: aiohttp.ClientWebSocketResponse,
    ) -> None:
        self._portal = portal
        self._router = router
        self._sent = sent
        self._socket = socket

    async def launch(self, release: str) -> float:
        """Ask for a launch, then for the app's page; the Unix time at which the first was sent."""
        body = copy.deepcopy(self._sent)
        for each in _said_of_components(body):
            if (each["id"], each["property"]) == ("launch-name", "value"):
                each["value"] = release
        start = time.time()
        said = await ask(self._portal, body)
        path = f"/apps/{NAMESPACE}/{release}"
        if f'"data-next": "{path}"' not in json.dumps(json.loads(said)):
            raise RuntimeError(f"{release} was not accepted: {said[:500]}")
        await ask(self._portal, question(self._router, path))
        await self._socket.send_str(json.dumps({"view": f"app/{NAMESPACE}/{release}"}))
        return start


def _said_of_components(part: Any) -> list[dict[str, Any]]:
    """All properties in a request, however they are nested."""
    if isinstance(part, dict):
        if "id" in part and "property" in part:
            return [part]
        part = list(part.values())
    if isinstance(part, list):
        return [found for each in part for found in _said_of_components(each)]
    return []


@asynccontextmanager
async def browser_session(
    portal: PortalProcess, sent: dict[str, Any]
) -> AsyncGenerator[BrowserSession]:
    """Open a session for the block; it reads and drops whatever the portal sends."""
    known = await router(portal)
    async with portal.session.ws_connect("/live", origin=portal.url, compress=15) as socket:

        async def read() -> None:
            async for _ in socket:
                pass

        reading = asyncio.create_task(read())
        try:
            yield BrowserSession(portal, known, sent, socket)
        finally:
            reading.cancel()
