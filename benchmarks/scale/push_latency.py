"""From a patch of a pod's status to a browser's DOM, and to hundreds of viewers at once."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Page, async_playwright

from benchmarks.scale.marks import MarkTimestamps, Pod, marking, pods_of
from benchmarks.scale.portal_process import PortalProcess, running
from benchmarks.scale.seed import Name
from benchmarks.scale.stage import Stage
from benchmarks.scale.viewers import BASE, Orders, watching
from benchmarks.table import Row, p50_p95, percentile
from dev.chromium import FLAGS, executable

PATCHES = 100
GAP = 0.2
VIEWERS = 500
APPS = 200

OBSERVE = """([pod, base]) => {
  window.timestamps = {};
  const look = () => {
    const at = performance.timeOrigin + performance.now();
    const cell = document.querySelector(`tr[data-name="${pod}"] [data-label=Restarts]`);
    const mark = Number(cell?.textContent) - base;
    if (mark > 0 && !(mark in window.timestamps)) window.timestamps[mark] = at / 1000;
  };
  new MutationObserver(look).observe(document.body,
    {childList: true, subtree: true, characterData: true});
}"""


@asynccontextmanager
async def page_of(portal: PortalProcess, release: Name) -> AsyncGenerator[Page]:
    """The app's page in Chromium, live."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable(), args=FLAGS)
        try:
            page = await browser.new_page(base_url=portal.url)
            await page.goto(f"/apps/{release.namespace}/{release.name}")
            await page.locator("[data-testid=pod]").first.wait_for()
            await page.locator("#live-state[data-state=live]").wait_for()
            yield page
        finally:
            await browser.close()


async def one_viewer(stage: Stage, portal: PortalProcess, pod: Pod, release: Name) -> Row:
    """Patch → DOM, beside patch → raw watch."""
    async with page_of(portal, release) as page, marking(stage.api) as marker:
        await page.evaluate(OBSERVE, [pod.name, BASE])
        skew = await page.evaluate("performance.timeOrigin + performance.now()") / 1000
        skew -= time.time()
        if abs(skew) > 0.05:
            raise RuntimeError(f"the browser's clock is {skew:.3f} s off")
        await marker.steadily([pod], PATCHES, GAP)
        await page.wait_for_timeout(3000)
        seen = {int(k): v for k, v in (await page.evaluate("window.timestamps")).items()}
    marks = marker.timestamps
    dom = marks.delays(seen)
    over = [
        delay - (marks.watched[mark] - marks.sent[mark])
        for mark, delay in zip(sorted(marks.sent, reverse=True), dom, strict=True)
        if mark in marks.watched
    ]
    late = percentile(over, 95)
    return Row(
        f"a pod's status patched → change in the DOM, 1 viewer, {len(dom)} patches",
        f"{p50_p95(dom)}; over the raw watch {p50_p95(over)}",
        f"raw watch {p50_p95(marks.watch_delays())}",
        "–",
        "p95 ≤ 30 ms over the raw watch",
        late <= 0.030 and len(over) == len(dom),
    )


async def many_viewers(
    stage: Stage, portal: PortalProcess, watched: list[tuple[Name, Pod]], bar: float, what: str
) -> Row:
    """Patch → received by each viewer of that app, over all viewers."""
    topics = [release.topic for release, _ in watched]
    pods = list(dict.fromkeys(pod for _, pod in watched))
    patches = max(PATCHES, len(pods))
    async with watching(Orders(portal.url, topics)) as viewers:
        async with marking(stage.api) as marker:
            await marker.steadily(pods, patches, GAP)
        seen = await viewers.end()
    delays = fan_out(marker.timestamps, watched, seen)
    lost = sum(each["lost"] for each in seen)
    p95 = percentile(delays, 95)
    text = f"{p50_p95(delays)}, worst {max(delays) * 1000:.0f} ms of {len(delays):,}"
    if lost:
        text += f"; {lost} connections lost"
    return Row(
        f"{what}, {patches} patches",
        text,
        f"raw watch {p50_p95(marker.timestamps.watch_delays())}",
        "–",
        f"p95 ≤ {bar * 1000:.0f} ms",
        p95 <= bar and not lost,
    )


def fan_out(
    marks: MarkTimestamps,
    watched: list[tuple[Name, Pod]],
    seen: list[dict[str, Any]],
    since: dict[int, float] | None = None,
) -> list[float]:
    """Delays of all marks at all viewers they were for (``since``: from then on)."""
    of: dict[Pod, list[int]] = {}
    for mark, pod in marks.of.items():
        of.setdefault(pod, []).append(mark)
    return [
        delay
        for (_, pod), one in zip(watched, seen, strict=True)
        for delay in marks.delays(
            {int(k): v for k, v in one["timestamps"].items()}, of.get(pod, ()), since
        )
    ]


async def measure(stage: Stage) -> list[Row]:
    """All rows of the push."""
    releases = stage.releases[:APPS]
    pods = await pods_of(stage.api, releases)
    same, different = releases[0], [(release, pods[release][0]) for release in releases]
    rows: list[Row] = []
    async with running(stage.account) as portal:
        await portal.ready()
        await portal.settled()
        rows.append(await one_viewer(stage, portal, pods[same][0], same))
        stage.say(f"1 viewer: {rows[-1].ours}")
        rows.append(
            await many_viewers(
                stage,
                portal,
                [(same, pods[same][0])] * VIEWERS,
                0.150,
                f"the same, {VIEWERS} simulated viewers of one app, sent → received whole",
            )
        )
        stage.say(f"{VIEWERS} viewers: {rows[-1].ours}")
        rows.append(
            await many_viewers(
                stage,
                portal,
                different,
                0.200,
                f"the same, {len(different)} viewers of {len(different)} apps",
            )
        )
        stage.say(f"{len(different)} apps: {rows[-1].ours}")
    return rows
