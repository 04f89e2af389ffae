"""Time in which the demo's portal pod stops while browsers are connected."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time

import aiohttp

from benchmarks.table import Row, percentile
from dev.demo import NAMESPACE, RELEASE

ROUNDS = 3
TABS = 10
BAR = 5.0
SELECTOR = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=portal"


def _kubectl(*arguments: str) -> str:
    command = ["kubectl", "-n", NAMESPACE, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


async def _stop(url: str) -> tuple[float, float]:
    """Seconds from the deletion until the last stream is closed, and until the pod is gone."""
    pods: list[str] = []
    while len(pods) != 1:  # one from before may still be leaving
        pods = _kubectl("get", "pods", "-l", SELECTOR, "-o", "name").split()
        await asyncio.sleep(0.2)
    (pod,) = pods
    async with aiohttp.ClientSession() as session:
        # An idle kept-alive connection, as every browser has.
        async with session.get(f"{url}/healthz") as answer:
            await answer.read()
        sockets = [await session.ws_connect(f"{url}/live", origin=url) for _ in range(TABS)]
        for socket in sockets:
            await socket.send_str(json.dumps({"view": "admin"}))
            await socket.receive()

        async def closed(socket: aiohttp.ClientWebSocketResponse) -> float:
            async for _ in socket:
                pass
            return time.monotonic()

        ends = [asyncio.create_task(closed(each)) for each in sockets]
        started = time.monotonic()
        await asyncio.to_thread(_kubectl, "delete", pod, "--wait=true")
        gone = time.monotonic()
        last = max(await asyncio.gather(*ends))
    _kubectl("rollout", "status", f"deployment/{RELEASE}", "--timeout=120s")
    return last - started, gone - started


def measure(url: str) -> list[Row]:
    """The pod leaves, a few times."""
    found = [asyncio.run(_stop(url.rstrip("/"))) for _ in range(ROUNDS)]
    streams, gone = (percentile([each[n] for each in found], 50) for n in (0, 1))
    worst = max(each[1] for each in found)
    return [
        Row(
            f"the portal's pod deleted → gone, {TABS} tabs open, {ROUNDS} times",
            f"p50 {gone:.1f} s, worst {worst:.1f} s; streams closed after {streams:.1f} s",
            bar=f"{BAR:.0f} s",
            met=worst <= BAR,
        )
    ]
