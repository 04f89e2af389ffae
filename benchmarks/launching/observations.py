"""When a release and its first pod came to be, as raw watches of our own see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from benchmarks.scale.api import Api

PATIENCE = 120.0


class Observations:
    """Unix times of what was first seen, by release. Use ``observing``."""

    def __init__(self) -> None:
        self.deployed: dict[str, float] = {}
        """Helm's record says that the release is deployed."""
        self.pod: dict[str, float] = {}
        """Kubernetes has made its first pod."""
        self._news = asyncio.Condition()

    def note_secret(self, at: float, event: dict[str, Any]) -> None:
        """One event of the watch of Helm's records."""
        labels = event["object"]["metadata"].get("labels", {})
        if event["type"] != "DELETED" and labels.get("status") == "deployed":
            self.deployed.setdefault(labels["name"], at)

    def note_pod(self, at: float, event: dict[str, Any]) -> None:
        """One event of the watch of pods."""
        labels = event["object"]["metadata"].get("labels", {})
        if event["type"] != "DELETED" and (name := labels.get("app.kubernetes.io/instance")):
            self.pod.setdefault(name, at)

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something is so."""
        try:
            async with asyncio.timeout(PATIENCE), self._news:
                await self._news.wait_for(condition)
        except TimeoutError:
            raise TimeoutError(f"{what}: not within {PATIENCE:.0f} s") from None

    async def follow(self, api: Api, path: str, selector: str, note: Callable[..., None]) -> None:
        """Take in one watch, for ever."""
        async for at, event in api.watch(path, await api.newest(path), selector):
            note(at, event)
            async with self._news:
                self._news.notify_all()


@asynccontextmanager
async def observing(api: Api, namespace: str) -> AsyncGenerator[Observations]:
    """The watches of a namespace, open inside the block."""
    seen, core = Observations(), f"/api/v1/namespaces/{namespace}"
    tasks = [
        asyncio.create_task(seen.follow(api, f"{core}/secrets", "owner=helm", seen.note_secret)),
        asyncio.create_task(seen.follow(api, f"{core}/pods", "", seen.note_pod)),
    ]
    try:
        await asyncio.sleep(1)  # until they are open; not part of what is measured
        yield seen
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
