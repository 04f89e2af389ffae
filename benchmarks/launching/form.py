"""The portal's launch form in Chromium: filled in, clicked, and watched for its answer."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Page, Request, async_playwright, expect

from benchmarks.launching.ground import Ground
from benchmarks.scale.portal_process import PortalProcess
from benchmarks.table import Row, p50_p95, percentile
from dev.chromium import FLAGS, executable

ACKNOWLEDGED = 0.100
OBSERVE = """() => {
  window.seen = {};
  const note = (what, at) => { window.seen[what] ??= (performance.timeOrigin + at) / 1000; };
  addEventListener("click", (event) => {
    if (event.target.closest("#launch-submit")) note("clicked", event.timeStamp);
  }, {capture: true});
  new MutationObserver(() => {
    const at = performance.now();
    if (document.querySelector("[data-testid=accepted]")) note("accepted", at);
    if (document.querySelector("[data-testid=app-page]")) note("page", at);
  }).observe(document.body, {childList: true, subtree: true});
}"""


@dataclass(frozen=True)
class Click:
    """Unix times: the click, the portal's word that it has begun, the app's page."""

    clicked: float
    accepted: float
    page: float


@dataclass(frozen=True)
class Learnt:
    """The request of a click on Launch, and the values for Helm as the page shows them."""

    request: dict[str, Any]
    values: str


class Form:
    """The form in one tab. Use ``opened``."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._values = ""
        self._sent: dict[str, Any] = {}
        page.on("request", self._note)

    def _note(self, request: Request) -> None:
        body = request.post_data or ""
        if '"launch-submit.n_clicks"' in body:
            self._sent = json.loads(body)

    @property
    def learnt(self) -> Learnt:
        """Of the last click."""
        return Learnt(self._sent, self._values)

    async def launch(self, release: str) -> Click:
        """Fill it in and click; returns when the app's page stands."""
        page = self._page
        await page.goto("/launch")
        await page.locator("#launch-name").fill(release)
        await expect(page.locator("#launch-submit")).to_be_enabled()
        await page.locator("#live-state[data-state=live]").wait_for()
        self._values = await page.locator("#launch-values").inner_text()
        await page.evaluate(OBSERVE)
        skew = await page.evaluate("performance.timeOrigin + performance.now()") / 1000
        if abs(skew := skew - time.time()) > 0.05:
            raise RuntimeError(f"the browser's clock is {skew:.3f} s off")
        # As a hand does it: Playwright's own click looks first whether anything is in its way.
        await page.locator("#launch-submit").hover()
        await page.mouse.down()
        await page.mouse.up()
        await page.locator("[data-testid=app-page]").wait_for()
        seen = await page.evaluate("window.seen")
        return Click(seen["clicked"], seen.get("accepted", seen["page"]), seen["page"])


@asynccontextmanager
async def opened(portal: PortalProcess) -> AsyncGenerator[Form]:
    """A browser of its own, for the block."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable(), args=FLAGS)
        try:
            page = await browser.new_page(base_url=portal.url)
            page.set_default_timeout(30_000)
            yield Form(page)
        finally:
            await browser.close()


async def learn(ground: Ground) -> Learnt:
    """Launch once, to see what is sent."""
    async with opened(ground.portal) as form:
        await form.launch("bench-first")
    await ground.seen.until(lambda: "bench-first" in ground.seen.deployed, "a first launch")
    await ground.clear("bench-first")
    return form.learnt


async def measure(ground: Ground, count: int) -> list[Row]:
    """Clicks; the first one loads the pages' scripts, and does not count."""
    accepted, page, memory = list[float](), list[float](), list[float]()
    deployed, seen = list[float](), ground.seen.deployed
    async with opened(ground.portal) as form:
        for number in range(count + 1):
            release = f"bench-click-{number:02}"
            click = await form.launch(release)
            accepted.append(click.accepted - click.clicked)
            page.append(click.page - click.clicked)
            await ground.seen.until(lambda name=release: name in seen, release)
            deployed.append(seen[release] - click.clicked)
            memory.append(ground.portal.memory().worker)
            await ground.clear(release)
            ground.console.print(
                f"click {number} of {count}: accepted after {accepted[-1] * 1000:.0f} ms, "
                f"the app's page {page[-1] * 1000:.0f}, deployed {deployed[-1] * 1000:.0f}"
            )
    del accepted[0], page[0], deployed[0]
    beside = "Chromium on the same two cores"
    return [
        Row(
            f"launch: click → the page says that it has begun, {count} clicks",
            p50_p95(accepted),
            beside,
            bar=f"p95 ≤ {ACKNOWLEDGED * 1000:.0f} ms",
            met=percentile(accepted, 95) <= ACKNOWLEDGED,
        ),
        Row(f"launch: click → the app's page, {count} clicks", p50_p95(page), beside),
        Row(f"launch: click → helm release deployed, {count} clicks", p50_p95(deployed), beside),
        Row(
            "portal memory with one app, its page open",
            f"{memory[0]:.0f} MiB, after {count} launches {memory[-1]:.0f} MiB",
        ),
    ]
