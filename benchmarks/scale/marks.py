"""Marks: a pod's restart count set to a number that is seen nowhere else, and then looked for.

The restart count is a status field like any other to Kubernetes, and every page that lists pods
shows it. A raw watch of our own sees the same marks: the floor that nothing can be faster than.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from benchmarks.scale.api import JSON_PATCH, Api
from benchmarks.scale.seed import Name
from benchmarks.scale.viewers import BASE

PODS = "/api/v1/pods"
NUMBERS = itertools.count(1)
"""One series for all measurements: pods keep their last mark."""


@dataclass(frozen=True)
class Pod:
    """A simulated pod."""

    namespace: str
    name: str

    @property
    def path(self) -> str:
        """Its API path."""
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"


@dataclass
class MarkTimestamps:
    """Marks with the times at which they were sent and seen by a raw watch, in Unix seconds."""

    sent: dict[int, float] = field(default_factory=dict[int, float])
    watched: dict[int, float] = field(default_factory=dict[int, float])
    of: dict[int, Pod] = field(default_factory=dict[int, Pod])

    def watch_delays(self) -> list[float]:
        """Of the raw watch."""
        return [self.watched[n] - at for n, at in self.sent.items() if n in self.watched]

    def delays(
        self,
        seen: dict[int, float],
        wanted: Iterable[int] | None = None,
        since: dict[int, float] | None = None,
    ) -> list[float]:
        """Of a viewer, from sent (or ``since``) to seen: a later mark stands for an earlier one.

        A mark that was never seen, nor any after it, counts as infinitely late.
        """
        marks = sorted(self.sent if wanted is None else wanted)
        begin = self.sent if since is None else self.sent | since
        found, soonest = list[float](), float("inf")
        for mark in reversed(marks):
            soonest = min(soonest, seen.get(mark, float("inf")))
            found.append(max(0.0, soonest - begin[mark]))
        return found


async def pods_of(api: Api, releases: Iterable[Name]) -> dict[Name, list[Pod]]:
    """The pods of releases, in the order of their names."""
    listed = await api.call("GET", f"{PODS}?resourceVersion=0")
    found: dict[Name, list[Pod]] = {release: [] for release in releases}
    for item in listed["items"]:
        meta = item["metadata"]
        release = Name(
            meta["namespace"], meta.get("labels", {}).get("app.kubernetes.io/instance", "")
        )
        if release in found and "deletionTimestamp" not in meta:
            found[release].append(Pod(meta["namespace"], meta["name"]))
    return found


class Marker:
    """Sets marks while a raw watch looks on. Use ``marking``."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.timestamps = MarkTimestamps()

    async def set(self, pod: Pod) -> int:
        """Set the next mark on a pod."""
        mark = next(NUMBERS)
        change = {
            "op": "replace",
            "path": "/status/containerStatuses/0/restartCount",
            "value": BASE + mark,
        }
        self.timestamps.of[mark] = pod
        self.timestamps.sent[mark] = time.time()
        await self._api.call("PATCH", f"{pod.path}/status", [change], kind=JSON_PATCH)
        return mark

    async def steadily(self, pods: Sequence[Pod], count: int, gap: float) -> None:
        """``count`` marks on the pods in turn, one every ``gap`` seconds at the soonest."""
        for number in range(count):
            started = time.monotonic()
            await self.set(pods[number % len(pods)])
            await asyncio.sleep(max(0.0, gap - (time.monotonic() - started)))

    def note(self, at: float, event: dict[str, Any]) -> None:
        """One event of the raw watch."""
        for status in event["object"].get("status", {}).get("containerStatuses", ()):
            mark = status.get("restartCount", 0) - BASE
            if mark in self.timestamps.sent:
                self.timestamps.watched.setdefault(mark, at)


@asynccontextmanager
async def marking(api: Api) -> AsyncGenerator[Marker]:
    """A marker with its raw watch open, inside the block; it gets a while to see the last."""
    marker = Marker(api)
    version = await api.newest(PODS)

    async def look() -> None:
        async for at, event in api.watch(PODS, version):
            marker.note(at, event)

    watch = asyncio.create_task(look())
    try:
        await asyncio.sleep(1)
        yield marker
        await asyncio.sleep(3)
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
