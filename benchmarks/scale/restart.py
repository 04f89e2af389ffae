"""500 pods of one app replaced at once: how far behind its view is, and other apps' views."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

from benchmarks.scale.api import MERGE_PATCH, until
from benchmarks.scale.marks import MarkTimestamps, marking, pods_of
from benchmarks.scale.nodes import Stall, all_ready, deploy, deployments_path
from benchmarks.scale.portal_process import PortalProcess, running
from benchmarks.scale.push_latency import fan_out
from benchmarks.scale.seed import Name, secret_name, secrets_path
from benchmarks.scale.stage import Stage
from benchmarks.scale.viewers import Orders, watching
from benchmarks.table import Row, p50_p95, percentile

PODS_OF_ONE = 500
OTHERS = 20
"""Apps that are marked and watched meanwhile."""
WATCHERS = 5
"""Viewers of the app itself."""
AHEAD = 0.5
"""Seconds by which the portal may hear of a change before the raw watch does."""
ROLLED = Name("bench-0", "rolled")

Counts = list[tuple[float, int]]
"""Ready pods at each change, by Unix seconds."""


async def _count(stage: Stage, counts: Counts) -> None:
    """Count the ready pods from a raw watch, for ever."""
    path = f"/api/v1/namespaces/{ROLLED.namespace}/pods"
    selector = f"app.kubernetes.io/instance={ROLLED.name}"
    ready: set[str] = set()
    async for at, event in stage.api.watch(path, "0", selector):  # begins with all there are
        pod = event["object"]
        name = pod["metadata"]["name"]
        is_ready = (
            event["type"] != "DELETED"
            and "deletionTimestamp" not in pod["metadata"]
            and any(
                each["type"] == "Ready" and each["status"] == "True"
                for each in pod["status"].get("conditions", ())
            )
        )
        if is_ready != (name in ready):
            (ready.add if is_ready else ready.discard)(name)
            counts.append((at, len(ready)))


def behind(counts: Counts, frames: Counts) -> list[float]:
    """For each change of the count, seconds until a frame shows it or a later one.

    A frame shows the latest change up to then that has its count: of two with the same count the
    better one for us. What no frame ever shows is infinitely late.
    """
    late: list[float] = []
    shown = 0  # all changes before this one have been shown
    for at, count in frames:
        matching = [
            n
            for n, (changed, value) in enumerate(counts)
            if value == count and changed <= at + AHEAD
        ]
        if matching and matching[-1] >= shown:
            late += [max(0.0, at - changed) for changed, _ in counts[shown : matching[-1] + 1]]
            shown = matching[-1] + 1
    return late + [float("inf")] * (len(counts) - shown)


async def _restart(stage: Stage) -> None:
    """Restart as ``kubectl rollout restart`` does; return when all pods are new and ready."""
    now = f"{time.time():.6f}"
    noted = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": now}}}
    path = f"{deployments_path(ROLLED)}/{ROLLED.name}"
    patch = {"spec": {"template": noted}}
    changed = await stage.api.call("PATCH", path, patch, kind=MERGE_PATCH)
    stall = Stall(stage.api)

    async def done() -> bool:
        found = await stage.api.call("GET", path)
        status = found["status"]
        await stall.look(status, [ROLLED])
        return status.get("observedGeneration", 0) >= changed["metadata"]["generation"] and all(
            status.get(each, 0) == PODS_OF_ONE
            for each in ("replicas", "updatedReplicas", "readyReplicas")
        )

    await until(done, "all pods are replaced", patience=600, every=1)


async def _rolled(
    stage: Stage, portal: PortalProcess
) -> tuple[list[float], list[float], MarkTimestamps, str]:
    """Lags of the app's view and of others', the marks, and how the restart went in words."""
    others = stage.releases[1 : OTHERS + 1]
    pods = await pods_of(stage.api, others)
    watched = [(release, pods[release][0]) for release in others]
    topics = [ROLLED.topic] * WATCHERS + [release.topic for release in others]
    orders = Orders(portal.url, topics, counting=list(range(WATCHERS)))
    counts: Counts = []
    reopened = stage.api.reopened
    async with watching(orders) as viewers:
        look = asyncio.create_task(_count(stage, counts))
        async with marking(stage.api) as marker:
            del counts[:-1]
            started = time.monotonic()
            rolling = asyncio.create_task(_restart(stage))
            while not rolling.done():
                await marker.steadily([pod for _, pod in watched], OTHERS, 0.2)
            await rolling
            took = time.monotonic() - started
            await asyncio.sleep(3)
        look.cancel()
        with suppress(asyncio.CancelledError):
            await look
        seen: list[dict[str, Any]] = await viewers.end()
    lowest = min(count for _, count in counts)
    if lowest == PODS_OF_ONE:
        raise RuntimeError("no pod was seen to go")
    own: list[float] = []
    for one in seen[:WATCHERS]:
        own += behind(counts, one["counts"])
    went = f"{len(counts):,} changes of the count, down to {lowest}, in {took:.0f} s"
    if reopened := stage.api.reopened - reopened:
        went += f"; the raw watch was cut {reopened} times for being slow"
    others_late = fan_out(marker.timestamps, watched, seen[WATCHERS:], marker.timestamps.watched)
    return own, others_late, marker.timestamps, went


async def measure(stage: Stage) -> list[Row]:
    """One restart of one app, beside viewers of others; memory before and when all is calm."""
    records, api = stage.records, stage.api
    await api.call("POST", secrets_path(ROLLED), records.secret(ROLLED, 1, "deployed"), fine=[409])
    await deploy(api, [ROLLED], PODS_OF_ONE, lambda: None)
    try:
        await all_ready(api, [ROLLED], PODS_OF_ONE, lambda _: None)
        async with running(stage.account) as portal:
            await portal.ready()
            await portal.settled()
            start = portal.memory().rss
            own, others, marks, went = await _rolled(stage, portal)
            await asyncio.sleep(15)
            await portal.settled()
            end = portal.memory().rss
    finally:
        await api.call("DELETE", f"{deployments_path(ROLLED)}/{ROLLED.name}", fine=[404])
        await api.call("DELETE", f"{secrets_path(ROLLED)}/{secret_name(ROLLED, 1)}", fine=[404])
    worst, worst_other = max(own, default=float("inf")), max(others, default=float("inf"))
    return [
        Row(
            f"rolling restart of {PODS_OF_ONE} pods of one app at once: a raw watch's count of "
            f"ready pods → the same in the view, {WATCHERS} viewers",
            f"p95 {percentile(own, 95):.2f} s, worst {worst:.2f} s of {len(own):,}",
            went,
            "–",
            "≤ 1 s",
            worst <= 1,
        ),
        Row(
            f"meanwhile {OTHERS} other apps: a pod's change in a raw watch → in the view",
            f"p95 {percentile(others, 95):.2f} s, worst {worst_other:.2f} s of {len(others):,}",
            f"patch → raw watch {p50_p95(marks.watch_delays())}",
            "–",
            "≤ 1 s",
            worst_other <= 1,
        ),
        Row(
            "portal memory after that restart",
            f"{end:.0f} MiB RSS",
            f"before {start:.0f} MiB",
            f"{end / start:.2f}",
            "back to its start (within 5 %)",
            end <= start * 1.05,
        ),
    ]
