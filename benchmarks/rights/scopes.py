"""The list for people with different roles; and how soon a role that is taken away shows."""

from __future__ import annotations

import asyncio
import json
import time
from statistics import median

from benchmarks.rights.people import (
    PEOPLE,
    Person,
    asking_kubernetes,
    bind,
    binding_path,
    people,
    unbind_all,
)
from benchmarks.scale.list_latency import ask, listed_in, question, router
from benchmarks.scale.portal_process import PortalProcess
from benchmarks.scale.seed import NAMESPACES, Name
from benchmarks.scale.stage import Stage
from benchmarks.table import Row, p50_p95, percentile

ROUNDS = 10
APART = 0.05
"""Seconds between two requests: each person looks again every five seconds."""
REVOCATIONS = 10
WARM, MIB, REVOKED = 0.040, 300.0, 30.0


async def measure(stage: Stage) -> list[Row]:
    """All rows."""
    everyone = people([f"bench-{number}" for number in range(NAMESPACES)])
    try:
        for person in everyone:
            await bind(stage.api, person, "view")
        async with asking_kubernetes(stage.account) as portal:
            rows = await _lists(stage, portal, everyone)
            rows.append(await _revocations(stage, portal))
            return rows
    finally:
        await unbind_all(stage.api, everyone)


def expected(person: Person, releases: list[Name]) -> int:
    """Return the number of releases that a person may see."""
    namespaces = person.namespaces
    return sum(not namespaces or each.namespace in namespaces for each in releases)


async def _lists(stage: Stage, portal: PortalProcess, everyone: list[Person]) -> list[Row]:
    first = everyone[0].headers
    body = question(await router(portal, first), "/admin")
    # What else the cluster has, those see who see everything.
    others = listed_in(await ask(portal, body, first)) - len(stage.releases)
    cold, warm = list[float](), list[float]()
    for turn in range(ROUNDS + 1):
        for person in everyone:
            started = time.perf_counter()
            text = await ask(portal, body, person.headers)
            (warm if turn else cold).append(time.perf_counter() - started)
            right = expected(person, stage.releases) + (0 if person.namespaces else others)
            if listed_in(text) != right:
                raise RuntimeError(f"{person.user}: {listed_in(text)} releases, not {right}")
            await asyncio.sleep(APART)
    memory = portal.memory()
    what = f"list of {len(stage.releases):,} releases for {PEOPLE} people with different roles"
    p95 = percentile(warm, 95)
    return [
        Row(
            f"{what}, each every 5 s, {len(warm)} requests",
            p50_p95(warm),
            f"a person's first: {p50_p95(cold)}",
            bar=f"p95 ≤ {WARM * 1000:.0f} ms",
            met=p95 <= WARM,
        ),
        Row(
            f"{what}: memory of the portal",
            f"{memory.rss:.0f} MiB RSS (worker {memory.worker:.0f}), {memory.pss:.0f} MiB PSS",
            bar=f"≤ {MIB:.0f} MiB RSS",
            met=memory.rss <= MIB,
        ),
    ]


async def _revocations(stage: Stage, portal: PortalProcess) -> Row:
    """Take the only role of a person away while they watch an app, again and again."""
    release = stage.releases[0]
    watcher = Person("bench-watcher", (release.namespace,))
    gone, shown = "There is no release named", f'"{release.name}'
    took = list[float]()
    for _ in range(REVOCATIONS):
        await bind(stage.api, watcher, "view")
        async with portal.session.ws_connect(
            "/live", origin=portal.url, headers=watcher.headers, max_msg_size=0
        ) as socket:
            await socket.send_str(json.dumps({"view": release.topic}))
            async with asyncio.timeout(2 * REVOKED):
                while shown not in (told := await socket.receive_str()) or gone in told:
                    pass
                started = time.monotonic()
                path = binding_path(release.namespace, watcher.user)
                await stage.api.call("DELETE", path)
                while gone not in (await socket.receive_str()):
                    pass
            took.append(time.monotonic() - started)
    worst = max(took)
    return Row(
        f"a RoleBinding is deleted → the open page is empty, {REVOCATIONS} times",
        f"p50 {median(took):.2f} s, at most {worst:.2f} s",
        bar=f"≤ {REVOKED:.0f} s",
        met=worst <= REVOKED,
    )
