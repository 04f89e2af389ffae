"""500 pods of one app replaced at once: how far behind its view is, and other apps' views."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

from benchmarks.scale.api import MERGE_PATCH, until
from benchmarks.scale.marks import PODS, Marks, marking, pods_of
from benchmarks.scale.nodes import all_ready, deploy, deployments_path
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
ROLLED = Name("bench-0", "rolled")

Change = tuple[float, str, bool]
"""When a pod appeared (True) or was gone (False), as the raw watch says."""


async def _changes(stage: Stage, changes: list[Change], version: str) -> None:
    path = f"/api/v1/namespaces/{ROLLED.namespace}/pods"
    selector = f"app.kubernetes.io/instance={ROLLED.name}"
    async for at, event in stage.api.watch(path, version, selector):
        if event["type"] in ("ADDED", "DELETED"):
            changes.append((at, event["object"]["metadata"]["name"], event["type"] == "ADDED"))


def behind(changes: list[Change], frames: list[tuple[float, list[str]]]) -> list[float]:
    """For each change, seconds until a frame says so; infinite if none does.

    A pod that came and went between two frames is behind until the frame after it was gone.
    """
    lives: dict[str, dict[bool, float]] = {}
    for at, pod, there in changes:
        lives.setdefault(pod, {})[there] = at
    sets = [(at, frozenset(pods)) for at, pods in frames]
    late: list[float] = []
    for at, pod, there in changes:
        gone = lives[pod].get(False)
        for seen_at, pods in sets:
            right = (pod in pods) == there or (there and gone is not None and seen_at > gone)
            if seen_at >= at and right:
                late.append(seen_at - at)
                break
        else:
            # A frame from before the event that was right already (the portal was quicker).
            before = [pods for seen_at, pods in sets if seen_at < at]
            late.append(0.0 if before and (pod in before[-1]) == there else float("inf"))
    return late


async def _restart(stage: Stage) -> None:
    """What ``kubectl rollout restart`` does; returns when all pods are new and ready."""
    now = f"{time.time():.6f}"
    noted = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": now}}}
    path = f"{deployments_path(ROLLED)}/{ROLLED.name}"
    patch = {"spec": {"template": noted}}
    changed = await stage.api.call("PATCH", path, patch, kind=MERGE_PATCH)

    async def done() -> bool:
        found = await stage.api.call("GET", path)
        status = found["status"]
        return status.get("observedGeneration", 0) >= changed["metadata"]["generation"] and all(
            status.get(each, 0) == PODS_OF_ONE
            for each in ("replicas", "updatedReplicas", "readyReplicas")
        )

    await until(done, "all pods are replaced", patience=600, every=1)


async def _rolled(
    stage: Stage, portal: PortalProcess
) -> tuple[list[float], list[float], Marks, str]:
    """Lags of the app's view and of others', the marks, and how the restart went in words."""
    others = stage.releases[1 : OTHERS + 1]
    pods = await pods_of(stage.api, others)
    watched = [(release, pods[release][0]) for release in others]
    topics = [ROLLED.topic] * WATCHERS + [release.topic for release in others]
    orders = Orders(portal.url, topics, pods=list(range(WATCHERS)))
    changes: list[Change] = []
    reopened = stage.api.reopened
    version = await stage.api.newest(PODS)
    async with watching(orders) as viewers:
        look = asyncio.create_task(_changes(stage, changes, version))
        async with marking(stage.api) as marker:
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
    own: list[float] = []
    for one in seen[:WATCHERS]:
        own += behind(changes, [(at, names) for at, names in one["pods"]])
    if len(changes) < 2 * PODS_OF_ONE:
        raise RuntimeError(f"only {len(changes)} pods were seen to come or go")
    went = f"{len(changes):,} pods came or went in {took:.0f} s"
    if reopened := stage.api.reopened - reopened:
        went += f"; the raw watch was cut {reopened} times for being slow"
    return own, fan_out(marker.marks, watched, seen[WATCHERS:]), marker.marks, went


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
            f"rolling restart of {PODS_OF_ONE} pods of one app at once: pod seen by a raw watch → "
            f"in the view, {WATCHERS} viewers",
            f"p95 {percentile(own, 95):.2f} s, worst {worst:.2f} s of {len(own):,}",
            went,
            "–",
            "≤ 1 s",
            worst <= 1,
        ),
        Row(
            f"meanwhile {OTHERS} other apps: pod patched → received",
            f"p95 {percentile(others, 95):.2f} s, worst {worst_other:.2f} s of {len(others):,}",
            f"raw watch {p50_p95(marks.watch_delays())}",
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
