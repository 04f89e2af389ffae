"""Size and load time of a page, in Chromium on a slow connection.

A release of the portal's own chart on the real cluster, and a portal process of this machine. Each
visit is by a browser that has never been there, or by one that was there just before.
"""

from __future__ import annotations

import asyncio
import base64
import os
import statistics
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, CDPSession, Page, async_playwright
from rich.console import Console

from benchmarks.scale import portal_process
from benchmarks.scale.api import Api, until
from benchmarks.scale.seed import MARK
from benchmarks.scale.stage import paused
from benchmarks.table import Row
from dev.chromium import FLAGS, executable
from dev.demo import SAMPLE_IMAGE
from portal.domain.identity import ANONYMOUS
from portal.domain.keys import LAUNCHED_BY

NAMESPACE = "bench-weight"
RELEASE = "look"
CHART = Path(__file__).resolve().parent.parent / "charts" / "dash-app"
LINE = {
    "offline": False,
    "latency": 60,
    "downloadThroughput": 20e6 / 8,
    "uploadThroughput": 20e6 / 8,
}
"""20 Mbit/s and 60 ms, as Chromium emulates them."""
VISITS = 7
KB = 1000
SECOND = 30 * KB
AFTERWARDS = 1.5
"""Seconds after the page is live in which what it loads late still counts."""


@dataclass(frozen=True)
class Target:
    """A page and its bars."""

    name: str
    path: str
    shown: str
    """Selector of what the live view fills."""
    first: int
    """Most bytes of a first visit."""
    live: float
    """Most seconds to the first live data."""
    before: tuple[str, str, str]
    """The same before anything was done about it: a first and a second visit, live data."""


TARGETS = (
    Target("`/`", "/", "[data-testid=release]", 400 * KB, 1.2, ("1.79 MB", "50 kB", "1.34 s")),
    Target(
        "an app's page",
        f"/apps/{NAMESPACE}/{RELEASE}",
        "[data-testid=replicas-ready]",
        700 * KB,
        1.6,
        ("6.6 MB", "158 kB", "1.50 s"),
    ),
)


@dataclass
class Visit:
    """The measurements of one visit."""

    bytes: float = 0
    """Over the wire, headers and live frames included."""
    requests: int = 0
    began: float = 0
    framed: float = 0
    """When the first view came over the live connection, on the browser's clock."""

    def listen(self, cdp: CDPSession) -> None:
        """Note what the browser says of its network."""
        cdp.on("Network.requestWillBeSent", self._asked)
        cdp.on("Network.loadingFinished", self._loaded)
        cdp.on("Network.webSocketFrameReceived", self._frame)

    def _asked(self, event: dict[str, Any]) -> None:
        if event["request"]["url"].startswith("http"):
            self.requests += 1
            self.began = self.began or event["timestamp"]

    def _loaded(self, event: dict[str, Any]) -> None:
        self.bytes += event["encodedDataLength"]

    def _frame(self, event: dict[str, Any]) -> None:
        frame = event["response"]
        binary = frame["opcode"] == 2
        size = len(base64.b64decode(frame["payloadData"]) if binary else frame["payloadData"])
        self.bytes += size
        if size > 100:  # not a beat
            self.framed = self.framed or event["timestamp"]


SEEN = """(shown) => {
  window.seen = new Promise((resolve) => {
    const look = () => {
      if (document.querySelector(shown) && document.querySelector("#live-state[data-state=live]"))
        resolve(performance.now());
    };
    const everything = { childList: true, subtree: true, attributes: true };
    new MutationObserver(look).observe(document, everything);
  });
}"""


async def visit(page: Page, cdp: CDPSession, address: str, shown: str) -> tuple[Visit, float]:
    """Open a page; what came, and the seconds until live data was there."""
    one = Visit()
    one.listen(cdp)
    await page.goto(address, wait_until="commit")
    async with asyncio.timeout(60):
        seen = await page.evaluate("window.seen") / 1000
    await asyncio.sleep(AFTERWARDS)
    if not one.framed:
        raise RuntimeError(f"{address}: no live data came")
    return one, max(seen, one.framed - one.began)


@dataclass
class Measured:
    """Of one page, each time."""

    first: list[float] = field(default_factory=list[float])
    second: list[float] = field(default_factory=list[float])
    live: list[float] = field(default_factory=list[float])
    again: list[float] = field(default_factory=list[float])
    requests: int = 0


async def twice(browser: Browser, address: str, shown: str, into: Measured) -> None:
    """A first and a second visit of a new browser."""
    context = await browser.new_context()
    try:
        await context.add_init_script(f"({SEEN})({shown!r})")
        for sizes, times in ((into.first, into.live), (into.second, into.again)):
            page = await context.new_page()
            cdp = await context.new_cdp_session(page)
            await cdp.send("Network.enable")
            await cdp.send("Network.emulateNetworkConditions", LINE)
            one, seconds = await visit(page, cdp, address, shown)
            sizes.append(one.bytes)
            times.append(seconds)
            into.requests = max(into.requests, one.requests)
            await page.close()
    finally:
        await context.close()


async def measure(url: str, console: Console) -> list[Row]:
    """All rows, from the portal at ``url``."""
    rows: list[Row] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable(), args=FLAGS)
        try:
            for target in TARGETS:
                # Whoever comes first after a start without an image waits for the compression.
                await twice(browser, url + target.path, target.shown, Measured())
                found = Measured()
                for _ in range(VISITS):
                    await twice(browser, url + target.path, target.shown, found)
                rows += _rows(target, found)
                console.print(f"{target.name}: {found}")
        finally:
            await browser.close()
    return rows


def _rows(target: Target, found: Measured) -> list[Row]:
    first, second = max(found.first), max(found.second)
    live = statistics.median(found.live)
    heavy, light, late = target.before
    return [
        Row(
            f"{target.name}, first visit: bytes received, most of {VISITS}",
            f"{first / KB:.0f} kB in {found.requests} requests",
            f"{heavy}, nothing compressed",
            bar=f"≤ {target.first / KB:.0f} kB",
            met=first <= target.first,
        ),
        Row(
            f"{target.name}, second visit: bytes received, most of {VISITS}",
            f"{second / KB:.1f} kB",
            f"{light}, nothing compressed",
            bar=f"≤ {SECOND / KB:.0f} kB",
            met=second <= SECOND,
        ),
        Row(
            f"{target.name}, 20 Mbit/s and 60 ms, first visit → live data, median of {VISITS}",
            f"{live:.2f} s (second visit {statistics.median(found.again):.2f} s)",
            f"{late}, nothing compressed",
            bar=f"≤ {target.live} s",
            met=live <= target.live,
        ),
    ]


@asynccontextmanager
async def released(kubeconfig: Path, pause: bool) -> AsyncGenerator[str]:
    """A portal, and an app for it to show; its URL. All is removed at the end."""
    async with Api.connect(kubeconfig) as api:
        space = {"metadata": {"name": NAMESPACE, "labels": MARK}}
        await api.call("POST", "/api/v1/namespaces", space, fine=[409])
        try:
            repository, _, tag = SAMPLE_IMAGE.rpartition(":")
            label = LAUNCHED_BY.replace(".", r"\.")
            values = (
                f"image.repository={repository},image.tag={tag},containerPort=8050,"
                "resources.requests.cpu=50m,resources.requests.memory=96Mi,"
                "autoscaling.enabled=true,autoscaling.minReplicas=1,autoscaling.maxReplicas=3,"
                f"commonAnnotations.{label}={ANONYMOUS.user}"  # so that Apps shows it
            )
            command = ("helm", "upgrade", "--install", RELEASE, str(CHART), "--set", values)
            environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
            done = await asyncio.create_subprocess_exec(
                *command,
                *("--namespace", NAMESPACE, "--wait", "--timeout", "120s"),
                env=environment,
                stdout=subprocess.DEVNULL,
            )
            if await done.wait():
                raise RuntimeError("the sample was not installed")
            async with paused(api, pause), portal_process.running(kubeconfig) as portal:
                await portal.ready()
                await portal.settled()
                yield portal.url
        finally:
            path = f"/api/v1/namespaces/{NAMESPACE}"
            await api.call("DELETE", path, fine=[404, 409])

            async def gone() -> bool:
                return (await api.call("GET", path, fine=[404])).get("code") == 404

            await until(gone, "the benchmark's namespace is gone", patience=300, every=1)


async def run(kubeconfig: Path, console: Console, *, pause: bool) -> list[Row]:
    """Set up and measure."""
    async with released(kubeconfig, pause) as url:
        return await measure(url, console)
