"""One launch at a time: by the portal and by the shell, in turns."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median

from benchmarks.launching.browser_session import BrowserSession, browser_session
from benchmarks.launching.form import learn
from benchmarks.launching.ground import CHART, Ground, run
from benchmarks.table import Row

OVERHEAD = 0.150
RATIO = 1.25


@dataclass(frozen=True)
class Times:
    """Seconds since the request was sent, or since the start of the helm process."""

    deployed: float
    pod: float


async def _times(ground: Ground, release: str, start: float) -> Times:
    seen = ground.seen
    await seen.until(lambda: release in seen.deployed and release in seen.pod, release)
    times = Times(seen.deployed[release] - start, seen.pod[release] - start)
    await ground.clear(release)
    return times


async def by_portal(ground: Ground, session: BrowserSession, release: str) -> Times:
    """By the form's own request."""
    return await _times(ground, release, await session.launch(release))


async def by_hand(ground: Ground, release: str, values: str) -> Times:
    """By the bare command."""
    start = time.time()
    command = ground.helm("upgrade", "--install", release, str(CHART), "--values", "-")
    await run(*command, environment=ground.environment, given=values)
    return await _times(ground, release, start)


def rows(portal: list[Times], hand: list[Times]) -> list[Row]:
    """For the table."""
    found: list[Row] = []
    for what, pick in (
        ("helm release deployed", lambda each: each.deployed),
        ("first pod", lambda each: each.pod),
    ):
        ours, theirs = ([pick(each) for each in side] for side in (portal, hand))
        over = median(a - b for a, b in zip(ours, theirs, strict=True))
        ratio = median(ours) / median(theirs)
        found.append(
            Row(
                f"launch: the form is sent → {what}, {len(portal)} pairs",
                f"p50 {median(ours) * 1000:.0f} ms, overhead p50 {over * 1000:.0f} ms",
                f"`helm upgrade --install` begins → {what}: p50 {median(theirs) * 1000:.0f} ms",
                f"{ratio:.2f}",
                f"overhead p50 ≤ {OVERHEAD * 1000:.0f} ms, ratio ≤ {RATIO}",
                over <= OVERHEAD and ratio <= RATIO,
            )
        )
    return found


async def measure(ground: Ground, count: int) -> list[Row]:
    """All rows of the pairs. The first pair warms both sides up, and does not count."""
    portal, hand = list[Times](), list[Times]()
    learnt = await learn(ground)
    async with browser_session(ground.portal, learnt.request) as session:
        for number in range(count + 1):
            names = f"bench-portal-{number:02}", f"bench-shell-{number:02}"
            if number % 2:
                hand.append(await by_hand(ground, names[1], learnt.values))
                portal.append(await by_portal(ground, session, names[0]))
            else:
                portal.append(await by_portal(ground, session, names[0]))
                hand.append(await by_hand(ground, names[1], learnt.values))
            ours, theirs = portal[-1], hand[-1]
            ground.console.print(
                f"pair {number} of {count}: deployed after {ours.deployed * 1000:.0f} ms by the "
                f"portal, {theirs.deployed * 1000:.0f} by the shell; first pod after "
                f"{ours.pod * 1000:.0f}, {theirs.pod * 1000:.0f}"
            )
    return rows(portal[1:], hand[1:])
