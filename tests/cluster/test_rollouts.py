"""Updates that do not get through, with the real controllers: what the page and the wait say."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from portal.domain.keys import Key
from portal.domain.operations import OperationPhase
from portal.state.rollouts import Hold, rollouts
from portal.viewmodels.app import app_view
from portal.viewmodels.model import AppView, Severity
from tests.cluster.test_actions import ANN, Portal, portal, sample

pytestmark = pytest.mark.cluster


def kubectl(*words: str) -> None:
    done = subprocess.run(
        ["kubectl", *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"rollouts-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def seen(here: Portal, key: Key) -> AppView:
    return app_view(here.app(key), here.store.snapshot.sources, datetime.now(UTC))


def held(here: Portal, key: Key, hold: Hold) -> bool:
    """Return True if the operation waits for a rollout that is held for this reason."""
    state = here.app(key)
    waiting = state.operation and state.operation.phase is OperationPhase.WAITING
    return bool(waiting) and [each.hold for each in rollouts(state)] == [hold]


async def test_a_quota_that_stops_an_update_is_said_and_the_way_back_leads_out(
    namespace: str, tmp_path: Path
) -> None:
    async with portal(namespace, tmp_path) as here:
        actions, key = here.actions, here.key("full")
        await here.ended(await actions.launch(ANN, sample(key, replicas=2)))
        kubectl("create", "quota", "seats", "--hard=pods=2", "-n", namespace)

        await actions.launch(ANN, sample(key, replicas=2, cpu_request="60m"))
        await here.until(lambda: held(here, key, Hold.REFUSED), "the refusal")
        view = seen(here, key)
        assert (view.headline.text, view.headline.severity) == ("Update stuck", Severity.WARN)
        assert view.sentence == (
            "2 old pods serve on; the new one cannot be created. The quota seats of "
            f"{namespace} leaves no room for one more pod: pods 2 of 2 in use, one more needs 1."
        )
        assert view.operation is not None
        assert view.operation.obstacle == view.notices[0]
        assert view.back_to == 1

        await here.ended(await actions.rollback(ANN, key, view.back_to))
        await here.until(lambda: seen(here, key).headline.text == "Ready", "the old version")
        assert here.app(key).workloads[0].ready == 2


async def test_a_paused_deployment_is_not_rolled_out_until_it_is_resumed(
    namespace: str, tmp_path: Path
) -> None:
    async with portal(namespace, tmp_path) as here:
        actions, key = here.actions, here.key("paused")
        await here.ended(await actions.launch(ANN, sample(key)))
        kubectl("rollout", "pause", "deployment/paused", "-n", namespace)

        changed = await actions.launch(ANN, sample(key, cpu_request="60m"))
        await here.until(lambda: held(here, key, Hold.PAUSED), "the update that is held")
        view = seen(here, key)
        assert view.headline.text == "Paused"
        assert view.sentence == (
            "Paused: changes are not rolled out. 1 pod of the version before is ready."
        )
        assert view.operation is not None
        assert view.operation.obstacle == view.notices[0]

        kubectl("rollout", "resume", "deployment/paused", "-n", namespace)
        await here.ended(changed)
        await here.until(lambda: seen(here, key).headline.text == "Ready", "the new version")
