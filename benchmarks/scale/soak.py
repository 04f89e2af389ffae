"""Half an hour of viewers who come and go, and steady changes: does memory grow?"""

from __future__ import annotations

import asyncio
import time

from benchmarks.scale.marks import marking, pods_of
from benchmarks.scale.portal_process import running
from benchmarks.scale.stage import Stage
from benchmarks.scale.viewers import Orders, watching
from benchmarks.table import Row, slope

VIEWERS = 100
APPS = 50
GAP = 0.25
SAMPLE = 10.0
WARM = 5.0
"""Minutes after which everything has been done once."""
SETTLED = 6
"""Samples at either end whose largest counts."""
GROWS = 10.0
"""MiB that half an hour of history may add (see portal/state/history.py)."""


async def measure(stage: Stage) -> list[Row]:
    """Sample the worker's resident memory: the slope of the second half, and all that it grows."""
    releases = stage.releases[:APPS]
    pods = [found[0] for found in (await pods_of(stage.api, releases)).values()]
    topics = ["admin" if n % 10 == 0 else releases[n % len(releases)].topic for n in range(VIEWERS)]
    points: list[tuple[float, float]] = []
    async with running(stage.account) as portal:
        await portal.ready()
        await portal.settled()
        orders = Orders(portal.url, topics, churn=VIEWERS / 10)
        async with watching(orders) as viewers, marking(stage.api) as marker:

            async def change() -> None:
                while True:
                    await marker.steadily(pods, len(pods), GAP)

            changing = asyncio.create_task(change())
            started = time.monotonic()
            while (passed := (time.monotonic() - started) / 60) < stage.soak_minutes:
                points.append((passed, portal.memory().worker))
                if len(points) % 30 == 1:
                    stage.say(f"{passed:.0f} min: {points[-1][1]:.1f} MiB")
                if changing.done():
                    changing.result()
                await asyncio.sleep(SAMPLE)
            changing.cancel()
            await asyncio.gather(changing, return_exceptions=True)
            seen = await viewers.end()
    lost = sum(each["lost"] for each in seen)
    frames = sum(each["frames"] for each in seen)
    second = [point for point in points if point[0] >= stage.soak_minutes / 2]
    growth = slope(second) * 10
    warm = [mib for passed, mib in points if passed >= min(WARM, stage.soak_minutes / 2)]
    whole = max(warm[-SETTLED:]) - max(warm[:SETTLED])
    return [
        Row(
            f"{stage.soak_minutes:.0f} minutes, {VIEWERS} viewers, a tenth reconnecting each "
            f"minute, {1 / GAP:.0f} changes a second",
            f"{growth:+.2f} MiB in 10 minutes over the second half "
            f"({points[0][1]:.0f} → {points[-1][1]:.0f} MiB), {whole:+.1f} MiB in all after "
            f"{WARM:.0f} minutes, {frames:,} frames, {lost} lost",
            "–",
            "–",
            f"< 1 MiB in 10 minutes, < {GROWS:.0f} MiB in all",
            growth < 1 and whole < GROWS and lost == 0,
        )
    ]
