"""Simulated viewers, in a process of their own: each a WebSocket like a browser tab's.

``python -m benchmarks.scale.viewers`` reads its orders as JSON from the first line of standard
input, says ``ready`` when each viewer has its first frame, and ends at the next line (or end of
input) with what they saw as JSON. A mark is stamped when the frame that carries it has been
received whole; parsing it is a browser's own work, on a machine of its own.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
import zlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).resolve().parent.parent.parent
BASE = 7_000_000
SHORT = 120
"""Characters of a frame within which it says what it is."""
MARK = re.compile(r"(?<!\d)(7\d{6})(?!\d)")
"""A mark: a restart count of a pod above ``BASE``, which nothing else on a page looks like."""


@dataclass
class Orders:
    """The task of a process of viewers."""

    url: str
    topics: list[str]
    """One for each viewer."""
    churn: float = 0.0
    """Reconnections a minute, over all viewers."""
    counting: list[int] = field(default_factory=list[int])
    """Viewers that also note how many pods are ready."""


@dataclass
class Seen:
    """The observations of one viewer."""

    timestamps: dict[int, float] = field(default_factory=dict[int, float])
    """Mark → Unix time at which it, or a later one, was first seen."""
    counts: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    """Ready pods of the app, by the time of each update."""
    frames: int = 0
    bytes: int = 0
    lost: int = 0
    """Connections that ended without having been asked to."""


class Viewer:
    """One tab."""

    def __init__(self, session: aiohttp.ClientSession, orders: Orders, number: int) -> None:
        self._session = session
        self._url = orders.url
        self._topic = orders.topics[number]
        self._counting = number in orders.counting
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._leaving = False
        self.seen = Seen()
        self.first = asyncio.Event()

    async def run(self) -> None:
        """Watch until cancelled; connect again whenever the connection ends."""
        while True:
            self._leaving = False
            try:
                async with self._session.ws_connect(
                    f"{self._url}/live?frames=deflate",
                    origin=self._url,
                    compress=15,  # what browsers offer
                    max_msg_size=0,
                ) as self._socket:
                    await self._socket.send_str(json.dumps({"view": self._topic}))
                    async for message in self._socket:
                        if message.type is aiohttp.WSMsgType.TEXT:
                            self._take(message.data, len(message.data))
                        elif message.type is aiohttp.WSMsgType.BINARY:
                            frame = zlib.decompress(message.data, wbits=-zlib.MAX_WBITS)
                            self._take(frame.decode(), len(message.data))
            except (aiohttp.ClientError, ConnectionError):
                pass
            if not self._leaving:
                self.seen.lost += 1
                await asyncio.sleep(0.5)

    async def again(self) -> None:
        """Close, as a reload does; ``run`` connects anew."""
        self._leaving = True
        if self._socket is not None:
            await self._socket.close()

    def _take(self, text: str, size: int) -> None:
        now = time.time()
        if '"patches"' not in text[:SHORT]:
            return
        self.seen.frames += 1
        self.seen.bytes += size
        self.first.set()
        for found in set(MARK.findall(text)):
            self.seen.timestamps.setdefault(int(found) - BASE, now)
        if self._counting:
            parts = json.loads(text)["patches"]
            if (count := _ready(parts.get("app-replicas"))) is not None:
                self.seen.counts.append((now, count))


def _ready(part: Any) -> int | None:
    """The count of ready pods somewhere in a part of a page."""
    if isinstance(part, dict):
        if part.get("p", {}).get("data-testid") == "replicas-ready":
            return int(part["c"])
        part = list(part.values())
    if isinstance(part, list):
        return next((found for each in part if (found := _ready(each)) is not None), None)
    return None


async def _churn(viewers: list[Viewer], a_minute: float) -> None:
    number = 0
    while True:
        await asyncio.sleep(60 / a_minute)
        await viewers[number % len(viewers)].again()
        number += 1


async def _main() -> None:
    loop = asyncio.get_running_loop()
    orders = Orders(**json.loads(await loop.run_in_executor(None, sys.stdin.readline)))
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        viewers = [Viewer(session, orders, number) for number in range(len(orders.topics))]
        tasks: list[asyncio.Task[None]] = []
        for viewer in viewers:
            tasks.append(asyncio.create_task(viewer.run()))
            await asyncio.sleep(0.005)
        for viewer in viewers:
            await viewer.first.wait()
        if orders.churn:
            tasks.append(asyncio.create_task(_churn(viewers, orders.churn)))
        print("ready", flush=True)
        await loop.run_in_executor(None, sys.stdin.readline)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps([asdict(viewer.seen) for viewer in viewers]), flush=True)


class Watching:
    """The viewers' process, seen from the benchmark. Use ``watching``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def end(self) -> list[dict[str, Any]]:
        """End them all; what each saw (``Seen`` as a dictionary, marks as strings)."""
        said, _ = await self._process.communicate(b"end\n")
        return json.loads(said)


@asynccontextmanager
async def watching(orders: Orders) -> AsyncGenerator[Watching]:
    """Viewers that all have their first frame, inside the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.scale.viewers",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**28,
    )
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(json.dumps(asdict(orders)).encode() + b"\n")
        async with asyncio.timeout(120):
            said = await process.stdout.readline()
        if said.strip() != b"ready":
            raise RuntimeError("the viewers' process ended")
        yield Watching(process)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


if __name__ == "__main__":
    asyncio.run(_main())
