"""KEDA and the VerticalPodAutoscaler, their own programs, scale an app that the portal launched.

They are built first, which takes minutes, so that this is a stage of its own: ``make scalers``.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from dev.scalers import keda, vpa
from dev.scalers.installed import kubectl
from portal.domain.errors import Conflict
from portal.domain.keys import Key
from portal.releases.forms import ScaleRequest
from portal.viewmodels.app import app_view
from portal.viewmodels.model import AppView
from tests.cluster.test_actions import ANN, Portal, deployment_ready, portal, sample

pytestmark = pytest.mark.scalers


@pytest.fixture
def namespace() -> Generator[str]:
    name = f"real-scalers-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def with_keda(namespace: str, tmp_path: Path) -> Generator[None]:
    with keda.running(Path(os.environ["KEDA_PROGRAMS"]), tmp_path, namespace):
        yield


@pytest.fixture
def with_vpa(namespace: str, tmp_path: Path) -> Generator[None]:
    with vpa.running(Path(os.environ["VPA_PROGRAMS"]), tmp_path, namespace):
        yield


class Queue:
    """The length of a queue, as a trigger asks for it; None breaks it."""

    length: int | None = 0
    url = ""

    async def answer(self, _request: web.Request) -> web.Response:
        if self.length is None:
            return web.Response(status=500)
        return web.json_response({"length": self.length})

    @asynccontextmanager
    async def served(self) -> AsyncGenerator[None]:
        app = web.Application()
        app.router.add_get("/", self.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
            yield
        finally:
            await runner.cleanup()


def scaled(queue: Queue) -> dict[str, Any]:
    metadata = {"url": queue.url, "valueLocation": "length", "targetValue": "5"}
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "worker"},
        "spec": {
            "scaleTargetRef": {"name": "sleeper"},
            "maxReplicaCount": 2,
            "pollingInterval": 1,
            "cooldownPeriod": 1,
            "triggers": [{"type": "metrics-api", "metadata": metadata}],
        },
    }


def page(here: Portal, key: Key) -> AppView:
    return app_view(here.app(key), here.store.snapshot.sources, datetime.now(UTC))


def timeline(here: Portal, key: Key) -> list[str]:
    return [f"{each.about} {each.title}" for each in page(here, key).timeline.lines]


async def test_keda(namespace: str, with_keda: None, tmp_path: Path) -> None:
    queue, inside = Queue(), ("-n", namespace)
    async with portal(namespace, tmp_path) as here, queue.served():
        actions, key = here.actions, here.key("sleeper")

        def headline() -> str:
            return page(here, key).headline.text

        def notices() -> list[str]:
            return [each.title for one in page(here, key).scalers for each in one.notices]

        async def upgraded(memory: str) -> int:
            """Change the app; return the fewest pods that were wanted meanwhile."""
            fewest = 99

            def note(_keys: object) -> None:
                nonlocal fewest
                fewest = min(fewest, *(each.desired for each in here.app(key).workloads))

            stop = here.store.on_change(note)
            done = await here.ended(await actions.launch(ANN, sample(key, memory_request=memory)))
            stop()
            assert "Hand the replicas to the autoscaler" in [step.title for step in done.steps]
            return fewest

        await here.ended(await actions.launch(ANN, sample(key)))
        kubectl("create", *inside, "-f", "-", stdin=scaled(queue))
        await here.until(lambda: headline() == "Asleep", "sleep")
        await here.until(lambda: "ScaledObject worker 1 → 0" in timeline(here, key), "its entry")
        assert await upgraded("70Mi") == 0
        assert headline() == "Asleep"

        queue.length = 10
        await here.until(lambda: deployment_ready(here.app(key)) == 2, "two pods")
        await here.until(lambda: headline() == "Ready", "the end of scaling")
        assert "ScaledObject worker 0 → 1" in timeline(here, key)
        assert await upgraded("80Mi") == 2
        with pytest.raises(Conflict, match="KEDA scales sleeper"):
            await actions.scale(ANN, key, ScaleRequest(replicas=1))

        queue.length = None
        await here.until(lambda: "KEDA cannot read a trigger" in notices(), "the failure")
        assert "takes all pods away" not in page(here, key).scalers[0].sentence
        queue.length = 10
        await here.until(lambda: not notices(), "the end of the failure")

        note = "autoscaling.keda.sh/paused-replicas=1"
        kubectl("annotate", "scaledobject/worker", note, *inside)
        await here.until(lambda: not here.app(key).hpas, "the end of KEDA's autoscaler")
        await here.until(lambda: deployment_ready(here.app(key)) == 1, "the pause at one pod")
        assert "paused at 1 pod." in page(here, key).scalers[0].sentence
        with pytest.raises(Conflict, match="also while it is paused"):
            await actions.scale(ANN, key, ScaleRequest(replicas=2))

        kubectl("delete", "scaledobject/worker", *inside)
        await here.until(lambda: not page(here, key).scalers, "the end of the ScaledObject")
        await here.ended(await actions.uninstall(ANN, key))


async def test_the_vertical_pod_autoscaler(namespace: str, with_vpa: None, tmp_path: Path) -> None:
    async with portal(namespace, tmp_path) as here:
        actions, key = here.actions, here.key("sized")
        await here.ended(await actions.launch(ANN, sample(key, replicas=2, memory_request="64Mi")))
        before = {each.uid for each in here.app(key).pods}
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "sized"}
        sizes = {
            "apiVersion": "autoscaling.k8s.io/v1",
            "kind": "VerticalPodAutoscaler",
            "metadata": {"name": "sizes"},
            "spec": {"targetRef": target, "updatePolicy": {"updateMode": "InPlaceOrRecreate"}},
        }
        kubectl("create", "-n", namespace, "-f", "-", stdin=sizes)

        def applied() -> bool:
            rows = [row for each in page(here, key).vertical for row in each.rows]
            return bool(rows) and all(row.now == row.target for row in rows)

        await here.until(applied, "the recommended requests")
        assert {each.uid for each in here.app(key).pods} == before, "changed in place"
        changed = "Requests changed in place (InPlaceResizedByVPA)"
        await here.until(lambda: any(changed in each for each in timeline(here, key)), "its entry")
        await here.ended(await actions.uninstall(ANN, key))
