"""What a large index of charts does to all others: how long health waits, and how much it takes."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
from aiohttp import web

from benchmarks.inputs.measure import QUIET, WAITED, asked_for_health
from benchmarks.scale.portal_process import PortalProcess, running
from benchmarks.scale.stage import Stage
from benchmarks.table import Row, percentile

MIB = 20
VERSIONS = 150
MORE = 60.0
"""MiB that it may take while it is read."""
AT_MOST = 120.0
"""Seconds."""
BETWEEN = 10
"""Seconds between two readings."""


def entries(chart: int) -> str:
    """The versions of one chart, with what an index of a large repository says of each."""
    name = f"chart-{chart:04}"
    lines = [f"  {name}:\n"]
    for version in range(VERSIONS):
        lines.append(
            f"  - annotations: {{category: Database, licenses: Apache-2.0}}\n"
            f"    apiVersion: v2\n    appVersion: 16.2.{version}\n"
            f"    created: '2024-11-18T10:00:00.000000000Z'\n"
            f"    dependencies:\n    - name: common\n      repository: https://example.com/charts\n"
            f"      version: 2.x.x\n    description: Something that many people run, {version}.\n"
            f"    digest: {version:064x}\n    home: https://example.com\n"
            f"    icon: https://example.com/{name}.svg\n    keywords:\n    - data\n    - sql\n"
            f"    maintainers:\n    - name: Somebody\n    name: {name}\n"
            f"    sources:\n    - https://example.com/{name}\n"
            f"    urls:\n    - {name}-1.{version}.0.tgz\n    version: 1.{version}.0\n"
        )
    return "".join(lines)


def index() -> Iterator[str]:
    """An index of ``MIB``."""
    size = 0
    yield "apiVersion: v1\nentries:\n"
    for chart in range(100_000):
        text = entries(chart)
        size += len(text)
        yield text
        if size >= MIB * 2**20:
            return


async def measure(stage: Stage) -> list[Row]:
    """Have a portal of its own read it, and read it again."""
    body = "".join(index()).encode()
    asked = asyncio.Event()
    open_ = asyncio.Event()

    async def answer(_: web.Request) -> web.StreamResponse:
        await open_.wait()
        asked.set()
        return web.Response(body=body)

    app = web.Application()
    app.router.add_get("/index.yaml", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        source = {
            "name": "large",
            "kind": "repository",
            "url": f"http://127.0.0.1:{runner.addresses[0][1]}",
        }
        with tempfile.TemporaryDirectory() as folder:
            settings = Path(folder, "catalog.yaml")
            settings.write_text(json.dumps([source]))
            more = {"catalog_file": str(settings), "catalog_interval": str(BETWEEN)}
            more["catalog_index_limit"] = str(MIB + 2)
            async with running(stage.account, **more) as portal:
                return await _rows(portal, open_, asked)
    finally:
        await runner.cleanup()


async def _rows(portal: PortalProcess, open_: asyncio.Event, asked: asyncio.Event) -> list[Row]:
    await portal.ready()
    await portal.settled()
    async with asked_for_health() as quiet:
        await asyncio.sleep(QUIET)
    before = memory(portal)
    most = before
    async with asked_for_health() as waited:
        open_.set()
        async with asyncio.timeout(AT_MOST):
            await asked.wait()
            while not _is_read(portal):
                most = max(most, memory(portal))
                await asyncio.sleep(0.1)
    kept = memory(portal)
    asked.clear()
    async with asked_for_health() as again:
        async with asyncio.timeout(AT_MOST):
            await asked.wait()
        await asyncio.sleep(QUIET)
        most = max(most, memory(portal))
    portal.check()
    p99, p99_again = percentile(waited, 99), percentile(again, 99)
    return [
        Row(
            f"an index of {MIB} MiB is read: /healthz meanwhile, p99 of {len(waited):,}",
            f"{p99 * 1000:.0f} ms; {p99_again * 1000:.0f} ms when it has not changed",
            f"{percentile(quiet, 99) * 1000:.0f} ms before",
            bar=f"≤ {WAITED * 1000:.0f} ms",
            met=max(p99, p99_again) <= WAITED,
        ),
        Row(
            f"an index of {MIB} MiB is read: memory, its process included",
            f"+{most - before:.0f} MB at most, +{kept - before:.0f} MB after it",
            bar=f"≤ +{MORE:.0f} MB",
            met=most - before <= MORE,
        ),
    ]


def _is_read(portal: PortalProcess) -> bool:
    """Whether the process that reads the index has come and gone."""
    worker = portal.worker()
    return bool(_seen_child(worker)) and not worker.children()


_CHILDREN: set[int] = set()


def _seen_child(worker: psutil.Process) -> set[int]:
    _CHILDREN.update(each.pid for each in worker.children())
    return _CHILDREN


def memory(portal: PortalProcess) -> float:
    """MiB of the worker and of what it has started (PSS)."""
    worker = portal.worker()
    total = 0
    for each in (worker, *worker.children(recursive=True)):
        try:
            total += each.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total / 2**20
