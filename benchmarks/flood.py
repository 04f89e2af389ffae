"""Five thousand live connections at once, on loopback: how many are taken, and what that costs.

The portal's worker, and its live endpoint with views that cost nothing: what is measured is the
limits. Everybody is somebody else, or all are one person.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from benchmarks.table import Row, p50_p95
from portal.domain.identity import Identity
from portal.domain.limits import LIMITS
from portal.domain.permissions import Scope
from portal.live.endpoint import PATH, live_endpoint
from portal.live.hub import MOST, Hub

ROOT = Path(__file__).resolve().parent.parent
MANY = 5_000
AT_ONCE = 200
"""Handshakes under way."""
ANSWERS_WITHIN = 30.0
MEMORY = 250 * 2**20
PORT = 8973


class _App(Starlette):
    """The site under the worker; ``drain`` is what the worker calls when it stops."""

    def __init__(self) -> None:
        self.hub = hub = Hub(lambda topic, scope: lambda: {"id": "{}"}, lambda topic, who: Scope())

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            hub.start()
            yield
            hub.close()

        def identify(connection: HTTPConnection) -> Identity:
            return Identity(connection.query_params.get("who", ""))

        async def health(_: Request) -> Response:
            return PlainTextResponse(str(hub.subscribers))

        super().__init__(
            routes=[WebSocketRoute(PATH, live_endpoint(hub, identify)), Route("/healthz", health)],
            lifespan=lifespan,
        )

    def drain(self) -> None:
        self.hub.close()


def site() -> _App:
    """The application, for gunicorn."""
    return _App()


@asynccontextmanager
async def _server() -> AsyncGenerator[psutil.Process]:
    with tempfile.TemporaryDirectory() as folder:
        command = (
            *(sys.executable, "-m", "gunicorn", "benchmarks.flood:site()"),
            *("--bind", f"127.0.0.1:{PORT}", "--worker-class", "portal.web.worker.Worker"),
            *("--no-control-socket", "--worker-tmp-dir", folder, "--config", os.devnull),
        )
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as master:
            try:
                while await _health() is None:  # noqa: ASYNC110 (nothing else tells)
                    await asyncio.sleep(0.1)
                yield psutil.Process(master.pid).children()[0]
            finally:
                master.terminate()


async def _health() -> tuple[float, int] | None:
    """Seconds until the answer of a probe, and the live connections; None without an answer."""
    began = time.perf_counter()
    with suppress(OSError, ValueError, IndexError):
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return time.perf_counter() - began, int(answer.rpartition(b"\r\n\r\n")[2])
    return None


async def _connect(who: str, slots: asyncio.Semaphore) -> asyncio.StreamWriter | None:
    """A live connection that stays; None if it was refused."""
    async with slots:
        with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
            writer.write(
                f"GET {PATH}?who={who} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
            )
            async with asyncio.timeout(ANSWERS_WITHIN):
                head = await reader.readuntil(b"\r\n\r\n")
                opcode = (await reader.readexactly(1))[0] & 0x0F
            if b" 101 " in head and opcode == 1:  # a heartbeat, rather than the end
                return writer
            writer.close()
    return None


async def _flood(name: str, whose: str, most: int) -> Row:
    """``whose`` names who connects, by the number of the connection; ``most`` may be taken."""
    async with _server() as process:
        before = process.memory_info().rss
        probes: list[float] = []
        live: list[int] = []
        unanswered = 0
        over = asyncio.Event()

        async def probe() -> None:
            while not over.is_set():
                nonlocal unanswered
                if answer := await _health():
                    probes.append(answer[0])
                    live.append(answer[1])
                else:
                    unanswered += 1
                await asyncio.sleep(0.05)

        probing = asyncio.create_task(probe())
        slots = asyncio.Semaphore(AT_ONCE)
        opened = await asyncio.gather(
            *(_connect(whose.format(number), slots) for number in range(MANY))
        )
        over.set()
        await probing
        taken = [each for each in opened if each is not None]
        grown = process.memory_info().rss - before
        for each in taken:
            each.close()
        left = len(taken)
        while left:
            answer = await _health()
            left = answer[1] if answer else left
    return Row(
        f"{MANY:,} live connections at once, {name}: how many are taken, probes meanwhile",
        f"{max(live):,} at most, {grown / 2**20:.0f} MiB; {p50_p95(probes)}, "
        f"{unanswered} of {len(probes) + unanswered} unanswered",
        bar=f"≤ {most:,}, ≤ {MEMORY / 2**20:.0f} MiB, 99 of 100 probes answered",
        met=0 < max(live) <= most and grown < MEMORY and 99 * unanswered <= len(probes),
    )


async def measure() -> list[Row]:
    """Return a row for different people, and one for a single person."""
    return [
        await _flood("each of its own person", "p{}", MOST),
        await _flood("of one person", "ann", LIMITS.tabs.most),
    ]
