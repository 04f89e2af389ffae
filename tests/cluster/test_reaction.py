"""An app that is scaled up under load: each step from the load to a ready pod is known."""

from __future__ import annotations

import asyncio
import os
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dev import demo
from portal.autoscalers.followers import Followers
from portal.autoscalers.load_forecast import expected
from portal.autoscalers.reaction import ScaleUp, way_of
from portal.autoscalers.reaction_view import reaction_view
from portal.cluster.client import ClusterClient
from portal.cluster.load_tests import LoadTestJobs
from portal.cluster.metrics import MetricsPoller
from portal.cluster.pod_logs import PodLogs
from portal.domain.keys import Key
from portal.domain.launch import AutoscalingSpec
from portal.domain.load_tests import LoadTestLimits
from portal.logs.load_tests import LoadTestReader
from portal.operations.operations import utc_now
from portal.releases.load_test import LoadTestRequest, LoadTests
from portal.state.load_tests import ready_pods
from portal.viewmodels.marks import load_test_marks
from tests.cluster.test_actions import ANN, Portal, portal, sample

pytestmark = pytest.mark.cluster


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"reaction-{uuid.uuid4().hex[:8]}"
    subprocess.run(["kubectl", "create", "namespace", name], check=True, timeout=60)
    yield name
    subprocess.run(["kubectl", "delete", "namespace", name, "--wait=false"], check=True, timeout=60)


@asynccontextmanager
async def under_load(
    namespace: str, home: Path, limits: LoadTestLimits
) -> AsyncIterator[tuple[Portal, Followers, LoadTestReader, LoadTests]]:
    """A portal that measures, follows autoscalers, and tests apps under load."""
    async with (
        portal(namespace, home) as here,
        ClusterClient.connect(Path(os.environ["KUBECONFIG"])) as client,
    ):
        followers = Followers(here.store)
        reader = LoadTestReader(
            PodLogs(client), lambda key: None, lambda key: ready_pods(here.app(key))
        )
        here.actions._load_tests = tests = LoadTests(
            here.store,
            LoadTestJobs(client, demo.LOAD_TEST_IMAGE),
            limits,
            reader.throughput,
            utc_now,
            forecast=lambda state, plan, one_pod: expected(
                state, followers.of(state.key), reader.measured(state), plan, one_pod
            ),
        )
        here.actions.operations.declare([tests])
        poller = MetricsPoller(client, here.store, interval=5, namespaces=(namespace,))
        polling = asyncio.create_task(poller.run())
        try:
            yield here, followers, reader, tests
        finally:
            polling.cancel()
            reader.close()
            followers.close()


def scale_ups(followers: Followers, key: Key) -> list[ScaleUp]:
    """The scale-ups of an app's only autoscaler."""
    return [each for found in followers.of(key).values() for each in found.scale_ups]


def stopped(here: Portal, key: Key) -> bool:
    """Return True once the operation of the load test has ended."""
    operation = here.app(key).operation
    return operation is None or operation.phase.terminal


async def test_a_scale_up_is_known_from_the_load_to_ready(namespace: str, tmp_path: Path) -> None:
    limits = LoadTestLimits(30, 90, 5)
    async with under_load(namespace, tmp_path, limits) as (here, followers, _, tests):
        key = here.key("busy")
        spec = sample(key, autoscaling=AutoscalingSpec(1, 2, 60, None), cpu_limit="500m")
        await here.ended(await here.actions.launch(ANN, spec))
        await here.until(lambda: bool(here.app(key).usage), "the first measurement")
        (target,) = tests.offer(ANN, key).targets
        asked = LoadTestRequest(target.id, 10, 90, "steady", "/work?ms=15")
        await here.actions.load_test(ANN, key, asked)
        await here.until(
            lambda: any(each.over for each in scale_ups(followers, key)), "the scale-up"
        )
        one = next(each for each in scale_ups(followers, key) if each.over)
        (pod,) = one.pods
        way = way_of(one, pod)
        assert [step.name for step in way.steps if step.at is None] == [], "every step is known"
        assert way.total is not None
        view = reaction_view([one], here.app(key).load_tests)
        assert view.scale_ups[0].title == "1 → 2 pods"
        assert any("A load test was running" in note for note in view.scale_ups[0].notes)
        (mark,) = load_test_marks(here.app(key).load_tests, details=True)
        assert mark.at <= one.decided
        await here.actions.cancel(ANN, key)
        await here.until(lambda: stopped(here, key), "the end of the load test")
