"""A load test sends what it was asked to, and what it measures is read."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev import demo
from portal.cluster.client import ClusterClient
from portal.cluster.load_tests import LoadTestJobs
from portal.cluster.pod_logs import PodLogs
from portal.domain.keys import Key
from portal.domain.load_tests import LoadTestLimits
from portal.logs.load_tests import LoadTestReader
from portal.operations.operations import utc_now
from portal.releases.load_test import LoadTestRequest, LoadTests
from portal.state.load_tests import ready_pods
from tests.cluster.test_actions import ANN, portal, sample
from tests.waiting import until

pytestmark = pytest.mark.cluster


@pytest.fixture
def namespace() -> Iterator[str]:
    """A namespace that admits only restricted pods."""
    name = f"load-test-{uuid.uuid4().hex[:8]}"
    level = "pod-security.kubernetes.io/enforce=restricted"
    subprocess.run(["kubectl", "create", "namespace", name], check=True, timeout=60)
    subprocess.run(["kubectl", "label", "namespace", name, level], check=True, timeout=60)
    yield name
    subprocess.run(["kubectl", "delete", "namespace", name, "--wait=false"], check=True, timeout=60)


async def test_an_app_is_tested_and_stays_as_it_is(namespace: str, tmp_path: Path) -> None:
    async with (
        portal(namespace, tmp_path) as here,
        ClusterClient.connect(Path(os.environ["KUBECONFIG"])) as client,
    ):
        changed: list[Key] = []
        reader = LoadTestReader(
            PodLogs(client), changed.append, lambda key: ready_pods(here.app(key))
        )
        here.actions._load_tests = tests = LoadTests(
            here.store,
            LoadTestJobs(client, demo.LOAD_TEST_IMAGE),
            LoadTestLimits(50, 15, 5),
            reader.throughput,
            utc_now,
        )
        here.actions.operations.declare([tests])
        key = here.key("tested")
        await here.ended(await here.actions.launch(ANN, sample(key)))
        revision = here.app(key).release.revision  # type: ignore[union-attr]

        (target,) = tests.offer(ANN, key).targets
        asked = LoadTestRequest(target.id, 20, 5, "steady", "/")
        await here.ended(await here.actions.load_test(ANN, key, asked))
        state = here.app(key)
        (test,) = state.load_tests
        await until(lambda: reader.measured(state)[test.job.uid].summary is not None)
        summary = reader.measured(state)[test.job.uid].summary
        assert summary is not None
        assert (summary.requests, dict(summary.codes)) == (100, {"200": 100})
        assert 0 < summary.p50 <= summary.p95 <= summary.p99
        assert tests.offer(ANN, key).minutes_left == 4
        assert state.release.revision == revision  # type: ignore[union-attr]
        assert (state.jobs, len(state.pods)) == ((), 1), "its pod is none of the app's"
        reader.close()
