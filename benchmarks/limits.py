"""One person's storm, and what another person notices of it: pages, live views and a change.

A portal process of its own, in which a header names people. While it is quiet, and then while
one person connects a thousand live views and asks for a hundred changes at once, again and again,
another one opens pages, and waits for changes in a live page and a live list. A watch of the API
server, which shares the processors, tells how much of that is its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console

from benchmarks.scale import portal_process
from benchmarks.scale.api import MERGE_PATCH, Api
from benchmarks.scale.list_latency import question, router
from benchmarks.scale.portal_process import PortalProcess
from benchmarks.table import NONE, Row, percentile

NAMESPACE = "bench-limits"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
CHART = Path(__file__).resolve().parent.parent / "charts" / "dash-app"
SECRET = "a-shared-secret-of-the-benchmark"
CONNECTIONS = 1_000
CHANGES = 100
APPS = 20
"""Apps of the person whose storm it is: each can have one change at a time."""
ROUNDS = 60
PAUSE = 0.5
"""The longest between changes, in seconds."""
FIRST_WAIT, LONGEST_WAIT = 4.0, 60.0
"""Seconds after which a page that is refused tries again, as its script does: twice as long each
time, up to the longest."""
TWICE = 2.0
KUBERNETES = "a change in a watch of the API server, without the portal"


def as_user(name: str, groups: str = "") -> dict[str, str]:
    """The headers of a request of ``name``, as the proxy sends them."""
    found = {"X-Forwarded-User": name, "X-Portal-Secret": SECRET}
    return found | ({"X-Forwarded-Groups": groups} if groups else {})


async def measure(kubeconfig: Path, console: Console) -> list[Row]:
    """All rows."""
    _run("kubectl", "create", "namespace", NAMESPACE)
    try:
        names = ["other", *(f"storm-{number}" for number in range(APPS))]
        for first in range(0, len(names), 4):
            await asyncio.gather(*map(_install, names[first : first + 4]))
        with tempfile.TemporaryDirectory() as folder:
            secret = Path(folder) / "secret"
            secret.write_text(SECRET)
            async with (
                Api.connect(kubeconfig) as api,
                portal_process.running(
                    kubeconfig,
                    namespaces=NAMESPACE,
                    auth_mode="header",
                    auth_secret_file=str(secret),
                    auth_admin_groups="all",
                ) as portal,
            ):
                await portal.ready()
                return await _both(api, portal, console)
    finally:
        _run("kubectl", "delete", "namespace", NAMESPACE, "--wait=false")


async def _install(name: str) -> None:
    values = "--set=image.repository=registry.example.com/none,replicaCount=1"
    nowhere = "--set=nodeSelector.bench=nowhere"
    command = ("helm", "install", name, str(CHART), "-n", NAMESPACE, values, nowhere)
    await asyncio.to_thread(_run, *command)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, env=os.environ)


async def _both(api: Api, portal: PortalProcess, console: Console) -> list[Row]:
    other = Person(api, portal)
    await other.once()
    quiet = await other.measured()
    storm = subprocess.Popen(
        # Its own process, which leaves the processor to the portal: a storm comes from elsewhere.
        ["nice", "-n", "19", sys.executable, "-m", "benchmarks.limits", portal.url, NAMESPACE],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        await asyncio.sleep(3)
        stormy = await other.measured()
    finally:
        storm.terminate()
        told, _ = storm.communicate(timeout=20)
    counts: object = json.loads(told.strip().splitlines()[-1]) if told.strip() else {}
    console.print(f"the storm: {counts}")
    rows: list[Row] = []
    for what, seconds in quiet.items():
        before, after = (percentile(each, 95) * 1000 for each in (seconds, stormy[what]))
        ours = what != KUBERNETES
        rows.append(
            Row(
                f"one person's storm ({CONNECTIONS:,} connections, {CHANGES} changes at once): "
                f"{what}{' of another' if ours else ''}, p95 of {len(seconds)}",
                f"{after:.0f} ms",
                f"{before:.0f} ms while it is quiet",
                f"{after / before:.2f}",
                f"≤ {TWICE:g} × the quiet one" if ours else NONE,
                after <= TWICE * before if ours else None,
            )
        )
    return rows


class Person:
    """Another person, who does one thing after the other."""

    def __init__(self, api: Api, portal: PortalProcess) -> None:
        self._api = api
        self._portal = portal
        self._mark = 1

    async def once(self) -> None:
        """Do everything once: the portal then has loaded what it needs."""
        await self._page()
        for topic in (f"app/{NAMESPACE}/other", "admin?q=other"):
            async with self._watching(topic) as change:
                await change()

    async def measured(self) -> dict[str, list[float]]:
        """Return the seconds that each took, ``ROUNDS`` times."""
        found: dict[str, list[float]] = {"a page's answer": [], "a change in a live page": []}
        found["a change in a live list"] = []
        found[KUBERNETES] = []
        async with (
            self._watching_kubernetes() as itself,
            self._watching(f"app/{NAMESPACE}/other") as page,
            self._watching("admin?q=other") as listed,
        ):
            for _ in range(ROUNDS):
                found["a page's answer"].append(await self._page())
                found["a change in a live page"].append(await page())
                # A list rests after each frame; a change must come at any time of that alike.
                await asyncio.sleep(PAUSE * random.random())
                found["a change in a live list"].append(await listed())
                found[KUBERNETES].append(await itself())
                await asyncio.sleep(PAUSE * random.random())
        return found

    async def _page(self) -> float:
        started = time.perf_counter()
        async with self._portal.session.get("/", headers=as_user("ann")) as answer:
            answer.raise_for_status()
            await answer.read()
        body = question(await self._router(), f"/apps/{NAMESPACE}/other")
        headers = as_user("ann")
        async with self._portal.session.post(
            "/_dash-update-component", json=body, headers=headers
        ) as answer:
            answer.raise_for_status()
            await answer.read()
        return time.perf_counter() - started

    async def _router(self) -> dict[str, Any]:
        if not hasattr(self, "_found"):
            self._portal.session.headers.update(as_user("ann"))
            self._found = await router(self._portal)
        return self._found

    @asynccontextmanager
    async def _watching(self, topic: str) -> AsyncGenerator[Callable[[], Awaitable[float]]]:
        """A live view; what it gives waits for a change of replicas, and returns the seconds."""
        sign = '"replicas":{},' if topic.startswith("app/") else '"0/{}"'
        async with self._portal.session.ws_connect(
            "/live", headers={**as_user("ann"), "Origin": self._portal.url}, max_msg_size=0
        ) as socket:
            await socket.send_str(json.dumps({"view": topic}))
            while '"patches"' not in (await socket.receive()).data:
                pass

            async def change() -> float:
                started = await self._change()
                async with asyncio.timeout(30):
                    while sign.format(self._mark) not in str((await socket.receive()).data):
                        pass
                return time.perf_counter() - started

            yield change

    @asynccontextmanager
    async def _watching_kubernetes(self) -> AsyncGenerator[Callable[[], Awaitable[float]]]:
        """The same without the portal."""
        version = await self._api.newest(DEPLOYMENTS)
        events = self._api.watch(DEPLOYMENTS, version, "app.kubernetes.io/instance=other")

        async def change() -> float:
            started = await self._change()
            async with asyncio.timeout(30):
                while (await anext(events))[1]["object"]["spec"]["replicas"] != self._mark:
                    pass
            return time.perf_counter() - started

        async with aclosing(events):
            yield change

    async def _change(self) -> float:
        """Change the replicas; return when that began."""
        self._mark = self._mark % 5 + 1  # a view may skip states: none is the one before
        started = time.perf_counter()
        await self._api.call(
            "PATCH", f"{DEPLOYMENTS}/other", {"spec": {"replicas": self._mark}}, kind=MERGE_PATCH
        )
        return started


class Storm:
    """One person's tabs and changes: what is refused is tried again, as a page would."""

    def __init__(self, session: aiohttp.ClientSession, url: str, namespace: str) -> None:
        self._session = session
        self._namespace = namespace
        self._origin = {"Origin": url}
        self.counts: Counter[str] = Counter()

    async def run(self, scale: dict[str, Any]) -> None:
        """Storm until cancelled."""
        tabs = (self._tab(number) for number in range(CONNECTIONS))
        await asyncio.gather(*tabs, *(self._changes(scale, each) for each in range(CHANGES)))

    async def _tab(self, number: int) -> None:
        attempts = 0
        while True:
            with suppress(aiohttp.ClientError):
                async with self._session.ws_connect(
                    "/live", headers=self._origin, max_msg_size=0
                ) as socket:
                    await socket.send_str(json.dumps({"view": f"admin?q={number}"}))
                    async for message in socket:
                        if '"patches"' in str(message.data):
                            attempts = 0
                            self.counts["frames"] += 1
            self.counts["connections refused"] += 1
            attempts += 1
            wait = min(LONGEST_WAIT, FIRST_WAIT * 2**attempts)
            await asyncio.sleep(wait * (0.5 + random.random() / 2))

    async def _changes(self, scale: dict[str, Any], number: int) -> None:
        body = json.dumps(scale).replace("STORM", f"storm-{number % APPS}")
        while True:
            with suppress(aiohttp.ClientError):
                async with self._session.post(
                    "/_dash-update-component",
                    data=body,
                    headers={"Content-Type": "application/json"},
                ) as answer:
                    text = await answer.text()
                    self.counts["changes refused" if "limits." in text else "changes asked"] += 1
            await asyncio.sleep(1)


async def scale_request(session: aiohttp.ClientSession, namespace: str) -> dict[str, Any]:
    """Return the request of *Apply* in the card *Scale* of the app STORM."""
    async with session.get("/_dash-dependencies") as answer:
        callbacks = await answer.json()
    found = next(
        each
        for each in callbacks
        if each["output"] == "scale-message.children" and each["inputs"][0]["id"] == "scale-apply"
    )
    values = {
        "scale-apply": 1,
        "app-key": [namespace, "STORM"],
        "scale-replicas": 1,
        "scale-bounds": [1, 2],
    }
    filled = [
        {**each, "value": values.get(each["id"])} for each in (*found["inputs"], *found["state"])
    ]
    return {
        "output": found["output"],
        "outputs": {"id": "scale-message", "property": "children"},
        "inputs": filled[:1],
        "state": filled[1:],
        "changedPropIds": ["scale-apply.n_clicks"],
    }


async def storm(url: str, namespace: str) -> None:
    """Storm until SIGTERM, then print the counts."""
    loop, connector = asyncio.get_running_loop(), aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        url, connector=connector, headers=as_user("bob", "all")
    ) as session:
        made = Storm(session, url, namespace)
        task = asyncio.create_task(made.run(await scale_request(session, namespace)))
        loop.add_signal_handler(15, task.cancel)
        with suppress(asyncio.CancelledError):
            await task
    print(json.dumps(made.counts))


if __name__ == "__main__":
    asyncio.run(storm(*sys.argv[1:]))
