"""One new revision among 10,000: how many bodies are decoded, and what it costs the portal."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from benchmarks.scale.api import until
from benchmarks.scale.portal_process import running
from benchmarks.scale.seed import NAMESPACES, Name, secret_name, secrets_path, upgrade
from benchmarks.scale.stage import Stage
from benchmarks.table import Row

UPGRADES = 60
GAP = 0.2
FEW = NAMESPACES // 10
"""Namespaces that hold a tenth of the releases."""


@dataclass(frozen=True)
class Cost:
    """Of one new revision: bodies decoded, and milliseconds of CPU above an idle portal's."""

    decoded: float
    ms: float


async def _newest(stage: Stage, release: Name) -> int:
    listed = await stage.api.call(
        "GET", f"{secrets_path(release)}?labelSelector=owner%3Dhelm,name%3D{release.name}"
    )
    return max(int(item["metadata"]["labels"]["version"]) for item in listed["items"])


async def _cost(stage: Stage, **settings: str) -> Cost:
    """Upgrades of releases of the first namespaces, one after the other."""
    inside = [each for each in stage.releases if int(each.namespace.rpartition("-")[2]) < FEW]
    async with running(stage.account, **settings) as portal:
        await portal.ready()
        await portal.settled()
        newest = {each: await _newest(stage, each) for each in inside}
        idle, seconds = portal.cpu(), UPGRADES * GAP
        await asyncio.sleep(seconds)
        before, decoded = portal.cpu(), await portal.metric("bodies_decoded")
        idle = before - idle
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number in range(UPGRADES):
            release = inside[number % len(inside)]
            newest[release] += 1
            await upgrade(stage.api, stage.records, release, newest[release])
            await asyncio.sleep(max(0.0, start + (number + 1) * GAP - loop.time()))
        if decoded is None:
            raise RuntimeError("the portal publishes no dash_portal_bodies_decoded")

        async def all_read() -> bool:
            return (await portal.metric("bodies_decoded") or 0) >= decoded + UPGRADES

        await until(all_read, "the new bodies are read", patience=60, every=0.2)
        took = loop.time() - start
        used = portal.cpu() - before - idle / seconds * took
        await asyncio.sleep(5)  # for a decode too many to show
        total = (await portal.metric("bodies_decoded") or 0) - decoded
    return Cost(total / UPGRADES, used / UPGRADES * 1000)


async def _undo(stage: Stage) -> None:
    """Take the revisions away again, so that all measurements find the same cluster."""
    for release in stage.releases:
        if int(release.namespace.rpartition("-")[2]) >= FEW:
            continue
        for revision in range(await _newest(stage, release), 10, -1):
            path = f"{secrets_path(release)}/{secret_name(release, revision)}"
            await stage.api.call("DELETE", path, fine=[404])
        last = f"{secrets_path(release)}/{secret_name(release, 10)}"
        labels = {"metadata": {"labels": {"status": "deployed"}}}
        await stage.api.call("PATCH", last, labels, kind="application/merge-patch+json")


async def measure(stage: Stage) -> list[Row]:
    """With all releases, and with a tenth: a portal that sees a tenth of the namespaces."""
    try:
        everything = await _cost(stage)
        few = await _cost(stage, namespaces=",".join(f"bench-{n}" for n in range(FEW)))
    finally:
        await _undo(stage)
    many, tenth = len(stage.releases), len(stage.releases) // 10
    ratio = everything.ms / few.ms if few.ms > 0 else float("inf")
    return [
        Row(
            f"one new revision among {many * 10:,}, mean of {UPGRADES}",
            f"{everything.decoded:.2f} decodes, {everything.ms:.1f} ms of CPU",
            f"among {tenth * 10:,}: {few.decoded:.2f} decodes, {few.ms:.1f} ms",
            f"{ratio:.2f}",
            "1 decode; CPU ≤ 1.5 × of that with a tenth of the releases",
            everything.decoded == 1 and ratio <= 1.5,
        )
    ]
