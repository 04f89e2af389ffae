"""Effects of the largest requests on others: how long the loop and health checks are blocked."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from benchmarks.inputs.loads import ANSWERS, SIZES, loads, messages
from benchmarks.scale.portal_process import PORT, ROOT, PortalProcess, running
from benchmarks.scale.seed import Name
from benchmarks.scale.stage import Stage
from benchmarks.table import Row, percentile
from portal.catalog.dash_app import CHART_NAME
from portal.domain.charts import BUILT_IN
from portal.ui import ids

AT_ONCE = 4
"""Requests under way."""
QUIET = 5.0
HELD, WAITED = 0.020, 0.050
HEADERS = {"Content-Type": "application/json"}


def usual(release: Name) -> Any:
    """Return the usual values of the pages' components for such a release."""
    form = {
        **{"name": "sales", "namespace": release.namespace, "repository": "r.io/app", "tag": "1"},
        **{"port": 8050, "replicas": 1, "autoscaling": False, "bounds": [1, 4]},
        **{"exposure": "LoadBalancer", "cpu_request": "100m", "memory_request": "128Mi"},
    }
    place = {"source": BUILT_IN, "chart": CHART_NAME, "version": "", "revision": None}
    known = {
        (ids.APP_KEY, "data"): [release.namespace, release.name],
        (ids.CHART_PLACE, "data"): place,
        (ids.LOCATION, "pathname"): f"/catalog/{BUILT_IN}/{CHART_NAME}",
        (ids.VERSION_PLAN, "data"): {"version": "1.2.0", "since": 4},
        **{(ids.launch(field), "value"): value for field, value in form.items()},
    }
    # Nothing is launched or changed: no button has been pressed.
    return lambda id, name: known.get((id, name), True if name == "is_open" else None)


@asynccontextmanager
async def asked_for_health() -> AsyncIterator[list[float]]:
    """Measure each answer of ``/healthz`` while the block runs; the times are known after it."""
    took: list[float] = []
    asking = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.inputs.health", str(PORT)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    yield took
    said, _ = await asking.communicate(b"")
    took += json.loads(said)


async def measure(stage: Stage) -> list[Row]:
    """Send all of them to a portal of its own."""
    async with running(stage.account, app="benchmarks.inputs.held:create()") as portal:
        await portal.ready()
        await portal.settled()
        async with portal.session.get("/_dash-dependencies") as answer:
            found: list[Any] = await answer.json()
        callbacks = [each for each in found if each["clientside_function"] is None]
        made = loads(callbacks, usual(stage.releases[0]), SIZES)
        worst: dict[str, float] = {}
        async with asked_for_health() as quiet:
            await asyncio.sleep(QUIET)
        await held(portal)
        async with asked_for_health() as waited:
            await asyncio.gather(*(_send(portal, made, worst) for _ in range(AT_ONCE)))
            requests = len(worst)
            worst["live messages and frames"] = await _live(portal)
        portal.check()
    longest = max(worst, key=lambda each: worst[each])
    stage.say(f"longest: {longest}")
    p99 = percentile(waited, 99)
    what = f"{requests:,} requests as large, deep, wide and many as can be"
    return [
        Row(
            f"{what}: the loop is held up, at worst",
            f"{worst[longest] * 1000:.0f} ms",
            bar=f"≤ {HELD * 1000:.0f} ms",
            met=worst[longest] <= HELD,
        ),
        Row(
            f"/healthz meanwhile, p99 of {len(waited):,}",
            f"{p99 * 1000:.0f} ms",
            f"{percentile(quiet, 99) * 1000:.0f} ms while nothing is sent",
            bar=f"≤ {WAITED * 1000:.0f} ms",
            met=p99 <= WAITED,
        ),
    ]


async def held(portal: PortalProcess) -> float:
    """The longest that the loop was held up since the last time."""
    async with portal.session.get("/held") as answer:
        return float((await answer.json())["seconds"])


async def _send(portal: PortalProcess, made: Iterator[Any], worst: dict[str, float]) -> None:
    for load in made:
        body = load.body.encode(errors="surrogatepass")
        url = "/_dash-update-component"
        async with portal.session.post(url, data=body, headers=HEADERS) as answer:
            await answer.read()
        if answer.status not in ANSWERS:
            raise RuntimeError(f"{load.name}: {answer.status}")
        worst[load.name] = await held(portal)


async def _live(portal: PortalProcess) -> float:
    """All messages, each on a connection of its own, and as a frame."""
    origin = {"Origin": portal.url}
    for message in messages():
        async with portal.session.ws_connect("/live", headers=origin) as socket:
            await socket.send_str(message)
            with suppress(TimeoutError):
                await socket.receive(timeout=0.02)
        async with portal.session.get("/live/frame", params={"view": message[:1000]}):
            pass
    return await held(portal)
