"""Requests of viewers to the API server, from its own metrics."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from statistics import mean

from benchmarks.scale.portal_process import ACCOUNT, PortalProcess, running
from benchmarks.scale.stage import Stage
from benchmarks.scale.viewers import Orders, watching
from benchmarks.table import Row

VIEWERS = 500
SECONDS = 60

WATCHES = re.compile(r'^apiserver_longrunning_requests\{[^}]*verb="WATCH"[^}]*\} (\S+)$', re.M)
REQUESTS = re.compile(
    rf'^apiserver_flowcontrol_dispatched_requests_total\{{flow_schema="{ACCOUNT}",[^}}]*\}} (\S+)$',
    re.M,
)


@dataclass(frozen=True)
class Minute:
    """Watches open in the whole API server, on average; requests of the portal's account."""

    watches: float
    requests: float
    own_watches: float
    """Watches that the portal has open, as it says."""
    calls: dict[str, float]
    """The portal's own count, by what was asked."""

    @property
    def renewals(self) -> float:
        """Watches opened again where the last one ended, each after 8 to 10 s at random."""
        return self.calls.get("watch", 0)

    @property
    def others(self) -> float:
        """Everything else that was asked."""
        return sum(self.calls.values()) - self.renewals


async def _minute(stage: Stage, portal: PortalProcess, viewers: int) -> Minute:
    """A minute with so many viewers, half of them of lists, half of different apps."""
    apps = [release.topic for release in stage.releases]
    topics = ["admin" if n % 2 else apps[n % len(apps)] for n in range(viewers)]
    async with watching(Orders(portal.url, topics)) as watched:
        watches = list[float]()
        first, calls = await _requests(stage), await portal.calls()
        for _ in range(SECONDS):
            text = await stage.api.call("GET", "/metrics", accept="text/plain")
            watches.append(sum(float(each) for each in WATCHES.findall(text)))
            await asyncio.sleep(1)
        last, after = await _requests(stage), await portal.calls()
        own = await portal.metric("watches") or 0
        await watched.end()
    asked = {call: count - calls.get(call, 0) for call, count in after.items()}
    return Minute(mean(watches), last - first, own, {call: n for call, n in asked.items() if n})


async def _requests(stage: Stage) -> float:
    text = await stage.api.call("GET", "/metrics", accept="text/plain")
    found = REQUESTS.findall(text)
    if not found:
        raise RuntimeError("the API server does not count the portal's requests apart")
    return sum(float(each) for each in found)


async def measure(stage: Stage) -> list[Row]:
    """1, 500 and again 1 viewer: what differs between the two outer ones is chance."""
    async with running(stage.account) as portal:
        await portal.ready()
        await portal.settled()
        before = await _minute(stage, portal, 1)
        stage.say(f"1 viewer: {before}")
        many = await _minute(stage, portal, VIEWERS)
        stage.say(f"{VIEWERS} viewers: {many}")
        after = await _minute(stage, portal, 1)
        stage.say(f"1 viewer: {after}")
    watches = many.watches - mean((before.watches, after.watches))
    renewals = many.renewals - mean((before.renewals, after.renewals))
    others = many.others - mean((before.others, after.others))
    return [
        Row(
            f"API server: watches open, the portal's requests in a minute, 1 → {VIEWERS} viewers",
            f"{watches:+.1f} watches, {others:+.0f} requests; "
            f"{renewals:+.0f} of {many.renewals:.0f} renewals of watches, which are jittered",
            f"1 viewer {before.requests:.0f} and {after.requests:.0f}, "
            f"{VIEWERS} {many.requests:.0f} requests; the portal's own watches "
            f"{before.own_watches:.0f} → {many.own_watches:.0f}",
            "–",
            "+0, +0 (polls at a minute's edge: within 1; renewals: within 5 %)",
            watches < 0.5
            and many.own_watches <= before.own_watches
            and others <= 1
            and renewals <= 0.05 * before.renewals,
        )
    ]
