"""The Admin page: its first answer after a cold start, warm answers, and memory; beside helm."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import aiohttp

from benchmarks.scale.portal_process import PortalProcess, running
from benchmarks.scale.stage import REPLICAS, Stage
from benchmarks.table import Row, p50_p95, percentile
from portal.viewmodels.listing import PAGE_SIZE
from portal.viewmodels.releases import UNREAD

UPDATE = "/_dash-update-component"
REQUESTS = 200
HISTORY_KB = 20 + REPLICAS * 5
"""Size of the history of an app and its pods over six hours (see portal/state/history.py)."""


@dataclass(frozen=True)
class HelmList:
    """``helm list -A --max 0``: seconds, MiB at its most, releases listed."""

    seconds: float
    mib: float
    releases: int


def helm_list() -> HelmList:
    """Run it once."""
    started = time.monotonic()
    argv = ["helm", "list", "-A", "--max", "0"]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        assert process.stdout
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f"helm list failed: {errors.read(300).decode()}")
    rows = len(said.splitlines()) - 1  # below a heading
    return HelmList(time.monotonic() - started, usage.ru_maxrss / 1024, rows)


async def router(portal: PortalProcess, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The callback that shows a page, as Dash tells a browser of it when it loads."""
    async with portal.session.get("/_dash-dependencies", headers=headers) as answer:
        callbacks = await answer.json()
    (found,) = [
        each
        for each in callbacks
        if [one["property"] for one in each["inputs"]] == ["pathname", "search"]
    ]
    return found


def question(router: dict[str, Any], pathname: str) -> dict[str, Any]:
    """Return the request that a browser posts to show a page."""
    outputs = [
        dict(zip(("id", "property"), one.rsplit(".", 1), strict=True))
        for one in router["output"].strip(".").split("...")
    ]
    values = {"pathname": pathname, "search": ""}
    inputs = [{**one, "value": values[one["property"]]} for one in router["inputs"]]
    return {
        "output": router["output"],
        "outputs": outputs,
        "inputs": inputs,
        "changedPropIds": [f"{inputs[0]['id']}.pathname"],
        "parsedChangedPropsIds": [f"{inputs[0]['id']}.pathname"],
    }


async def ask(
    portal: PortalProcess, body: dict[str, Any], headers: Mapping[str, str] | None = None
) -> str:
    """The page's answer; ``headers`` are sent as well."""
    async with portal.session.post(UPDATE, json=body, headers=headers) as answer:
        answer.raise_for_status()
        return await answer.text()


def rows_of(part: Any) -> list[dict[str, Any]]:
    """The rows of the table, wherever in an answer it stands."""
    if isinstance(part, dict):
        if part.get("type") == "Releases":
            return part["props"]["rows"]
        part = list(part.values())
    if isinstance(part, list):
        return next((rows for each in part if (rows := rows_of(each))), [])
    return []


def is_right(text: str, releases: int) -> bool:
    """Return True if an answer counts all releases and shows a complete page of them."""
    if f"{releases} releases" not in text.replace(",", ""):
        return False
    rows = rows_of(json.loads(text))
    return len(rows) == min(PAGE_SIZE, releases) and all(
        row["path"] and row.get("chart") != UNREAD for row in rows
    )


async def first_right_answer(portal: PortalProcess, releases: int) -> float:
    """Seconds from the start of the process; asked again every 50 ms until it is right.

    To ask more often would be most of what the portal does meanwhile.
    """
    while True:
        portal.check()
        try:
            body = question(await router(portal), "/admin")
            break
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(0.01)
    while not is_right(await ask(portal, body), releases):
        if time.monotonic() - portal.started > 90:
            raise TimeoutError(f"the Admin page never spoke of {releases} releases")
        await asyncio.sleep(0.05)
    return time.monotonic() - portal.started


def listed_in(text: str) -> int:
    """Return the number of releases that an answer counts: Helm's, and failed launches."""
    found = re.search(r"([\d,]+) releases?", text)
    return int(found[1].replace(",", "")) if found else 0


async def measure(stage: Stage) -> list[Row]:
    """All rows of the list."""
    helm = [await asyncio.to_thread(helm_list)]
    async with running(stage.account) as portal:
        await portal.ready()
        await portal.settled()
        body = question(await router(portal), "/admin")
        releases = listed_in(await ask(portal, body))
        if releases < helm[0].releases:
            raise RuntimeError(f"{releases} releases are shown of {helm[0].releases}")
        warm = list[float]()
        size = 0
        for _ in range(REQUESTS):
            started = time.perf_counter()
            text = await ask(portal, body)
            warm.append(time.perf_counter() - started)
            size = len(text)
            if not is_right(text, releases):
                raise RuntimeError(f"a wrong answer: {json.dumps(text)[:300]}")
        memory = portal.memory()
        decoded = await portal.metric("bodies_decoded")
    cold: list[float] = []
    for _ in range(3):
        helm.append(await asyncio.to_thread(helm_list))
        async with running(stage.account) as portal:
            cold.append(await first_right_answer(portal, releases))
        stage.say(f"helm list {helm[-1].seconds:.2f} s; the portal, cold, {cold[-1]:.2f} s")
    peer = median(each.seconds for each in helm)
    first, p95 = median(cold), percentile(warm, 95)
    read = "" if decoded is None else f", {decoded:,.0f} bodies read"
    full = memory.rss + HISTORY_KB * len(stage.releases) / 1024
    command = "`helm list -A --max 0`"
    return [
        Row(
            f"Admin page, {stage.size}: process start → first right answer, median of 3",
            f"{first:.2f} s",
            f"{command} {peer:.2f} s",
            f"{peer / first:.1f} × faster",
            "≤ 3 s and ≥ 4 × faster",
            first <= 3 and peer / first >= 4,
        ),
        Row(
            f"the same, warm, {REQUESTS} requests",
            f"{p50_p95(warm)} ({size / 1024:.0f} KiB)",
            f"{command} {peer:.2f} s",
            f"{peer / p95:.0f} × faster",
            "p95 ≤ 20 ms and ≥ 200 × faster",
            p95 <= 0.020 and peer / p95 >= 200,
        ),
        Row(
            f"portal memory, {stage.size}, {stage.pods}",
            f"{memory.rss:.0f} MiB RSS (worker {memory.worker:.0f}), {memory.pss:.0f} MiB PSS"
            + f"{read}; {full:.0f} MiB with six hours of history, as computed",
            f"{command} {median(each.mib for each in helm):.0f} MiB",
            f"{median(each.mib for each in helm) / full:.1f} × less",
            "≤ 250 MiB RSS, history included",
            full <= 250,
        ),
    ]
