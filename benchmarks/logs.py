"""Logs of 20 pods: 100 lines a second each for one viewer and for fifty, then 500 for one.

Pods on the real cluster, and a portal process of this machine. The viewers are WebSocket clients
of this process, and one is a tab in Chromium.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
import zlib
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from playwright.async_api import async_playwright
from rich.console import Console

from benchmarks.scale import portal_process
from benchmarks.scale.api import until
from benchmarks.scale.portal_process import PortalProcess
from benchmarks.table import Row
from dev.chromium import FLAGS, executable

NAMESPACE = "bench-logs"
RELEASE = "printer"
CHART = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "charts" / "printer"
PODS = 20
LOADS = {100: (1, 50), 500: (1,)}
"""Viewers by the lines a second that each pod prints. At 500 containerd and the kubelet alone take
one of two cores."""
SECONDS = 15.0
FRAMES = """
() => new Promise((done) => {
  let worst = 0, last = performance.now(), until = last + 10000;
  const step = (now) => {
    worst = Math.max(worst, now - last);
    last = now;
    if (now < until) requestAnimationFrame(step);
    else done(worst);
  };
  requestAnimationFrame(step);
})
"""


@dataclass
class Received:
    """What one viewer got: lines, those that were dropped for it, and bytes."""

    lines: int = 0
    dropped: int = 0
    bytes: int = 0


async def measure(kubeconfig: Path, console: Console) -> list[Row]:
    """All rows."""
    _run("kubectl", "create", "namespace", NAMESPACE)
    rows: list[Row] = []
    try:
        for rate, viewers in LOADS.items():
            pods = f"--set=replicas={PODS},rate={rate}"
            _run("helm", "install", RELEASE, str(CHART), "-n", NAMESPACE, pods, "--wait")
            async with portal_process.running(kubeconfig, namespaces=NAMESPACE) as portal:
                await portal.ready()
                for count in viewers:
                    rows += await _viewed(portal, rate, count, console)
                rows += await _in_a_tab(portal, rate, console)
            _run("helm", "uninstall", RELEASE, "-n", NAMESPACE, "--wait")
        return rows
    finally:
        _run("kubectl", "delete", "namespace", NAMESPACE, "--wait=false")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, env=os.environ)


async def _viewed(portal: PortalProcess, rate: int, viewers: int, console: Console) -> list[Row]:
    """Lines a second, memory, processor and streams with so many viewers."""
    name = f"logs of {PODS} pods × {rate} lines/s, {viewers} viewer{'s' * (viewers > 1)}"
    before = portal.memory().worker
    found = [Received() for _ in range(viewers)]
    async with AsyncExitStack() as stack:
        for each in found:
            task = asyncio.create_task(_view(portal, each))
            stack.callback(task.cancel)

        async def all_read() -> bool:
            return min(each.lines for each in found) > 0

        await until(all_read, "every viewer has lines", patience=60)
        await asyncio.sleep(5)  # the lines of the past
        streams = await portal.metric("log_requests")
        cpu, started = portal.cpu(), time.monotonic()
        lines = [each.lines for each in found]
        dropped = [each.dropped for each in found]
        await asyncio.sleep(SECONDS)
        took = time.monotonic() - started
        cpu = (portal.cpu() - cpu) / took
        a_second = [(each.lines - old) / took for each, old in zip(found, lines, strict=True)]
        lost = [(each.dropped - old) / took for each, old in zip(found, dropped, strict=True)]
        memory = portal.memory().worker
    console.print(f"{name}: {a_second[:3]} {lost[:3]} {memory - before:.0f} MiB, CPU {cpu:.0%}")
    await asyncio.sleep(12)  # until feeds and streams have ended
    return [
        Row(
            f"{name}: lines a second that each gets",
            f"{min(a_second):,.0f} (dropped and counted: {max(lost):,.0f})",
        ),
        Row(
            f"{name}: logs open at the API server",
            f"{streams:.0f}",
            bar=f"{PODS}",
            met=streams == PODS,
        ),
        Row(
            f"{name}: the portal's memory, and its processor time",
            f"{memory:.0f} MiB ({memory - before:+.0f}), {cpu:.0%} of a core",
        ),
    ]


async def _view(portal: PortalProcess, found: Received) -> None:
    query = f"namespace={NAMESPACE}&name={RELEASE}&frames=deflate"
    origin = {"Origin": portal.url}
    async with portal.session.ws_connect(
        f"/live/logs?{query}", headers=origin, max_msg_size=0
    ) as socket:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                text = zlib.decompress(message.data, -zlib.MAX_WBITS).decode()
            else:
                text = str(message.data)
            found.bytes += len(message.data)
            if text.startswith('{"lines"'):
                found.lines += text.count("],[") + 1  # cheap: fifty viewers share this process
            elif text.startswith('{"dropped"'):
                found.dropped += json.loads(text)["dropped"]


async def _in_a_tab(portal: PortalProcess, rate: int, console: Console) -> list[Row]:
    """Memory and the longest frame of a tab that follows."""
    name = f"logs of {PODS} pods × {rate} lines/s, in a tab"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable(), args=[*FLAGS, "--enable-precise-memory-info"]
        )
        try:
            page = await browser.new_page(base_url=portal.url)
            await page.goto(f"/apps/{NAMESPACE}/{RELEASE}/logs")
            await page.wait_for_function("() => document.querySelectorAll('.log-line').length > 20")
            await page.wait_for_timeout(10_000)
            early = await page.evaluate("performance.memory.usedJSHeapSize") / 2**20
            longest = await page.evaluate(FRAMES)
            await page.wait_for_timeout(20_000)
            late = await page.evaluate("performance.memory.usedJSHeapSize") / 2**20
            state = await page.locator(".log-state").inner_text()
        finally:
            await browser.close()
    console.print(f"{name}: {early:.0f} → {late:.0f} MiB, longest frame {longest:.0f} ms: {state}")
    return [
        Row(f"{name}: JavaScript heap after 10 s and 40 s", f"{early:.0f} MiB, {late:.0f} MiB"),
        Row(f"{name}: longest frame of 10 s", f"{longest:.0f} ms"),
    ]
