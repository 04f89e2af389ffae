"""A restart replaces every pod, and the next upgrade neither undoes nor repeats it."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from portal.cluster.client import ClusterClient
from portal.cluster.restarts import FIELD_MANAGER, RESTARTED_AT, Restarts
from portal.domain.keys import Key
from portal.releases.restart import RESTART, Restart
from tests.cluster.test_actions import ANN, Portal, portal, sample

pytestmark = pytest.mark.cluster


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"restart-{uuid.uuid4().hex[:8]}"
    subprocess.run(["kubectl", "create", "namespace", name], check=True, timeout=60)
    yield name
    subprocess.run(["kubectl", "delete", "namespace", name, "--wait=false"], check=True, timeout=60)


def pods(here: Portal, key: Key) -> set[str]:
    return {each.key.name for each in here.app(key).pods if each.deleting_since is None}


async def template(client: ClusterClient, key: Key) -> tuple[dict[str, str], set[str]]:
    """The annotations of the pod template, and who owns the restart's."""
    path = f"/apis/apps/v1/namespaces/{key.namespace}/deployments/{key.name}"
    live = await client.get(path)
    owners = {
        each["manager"]
        for each in live["metadata"]["managedFields"]
        if RESTARTED_AT in str(each["fieldsV1"])
    }
    return live["spec"]["template"]["metadata"].get("annotations", {}), owners


async def test_a_restart_replaces_the_pods_once(namespace: str, tmp_path: Path) -> None:
    async with (
        portal(namespace, tmp_path) as here,
        ClusterClient.connect(Path(os.environ["KUBECONFIG"])) as client,
    ):
        restart = Restart(here.store, Restarts(client))
        here.actions.plain = {RESTART.name: restart}
        here.actions.operations.declare([restart])
        key = here.key("restarted")
        await here.ended(await here.actions.launch(ANN, sample(key, replicas=2)))
        await here.until(lambda: len(pods(here, key)) == 2, "two pods")
        before, revision = pods(here, key), here.app(key).release.revision  # type: ignore[union-attr]

        words = await here.actions.preview_plain(ANN, RESTART.name, key)
        assert all(name in words[0] for name in before)
        await here.ended(await here.actions.begin_plain(ANN, RESTART.name, key))
        await here.until(lambda: len(pods(here, key)) == 2, "two pods")
        after = pods(here, key)
        assert not before & after
        assert here.app(key).release.revision == revision  # type: ignore[union-attr]
        noted, owners = await template(client, key)
        assert owners == {FIELD_MANAGER}

        # What an upgrade does not change of the template stays, and its pods too.
        spec = replace(sample(key), replicas=3)
        await here.ended(await here.actions.launch(ANN, spec))
        await here.until(lambda: len(pods(here, key)) == 3, "three pods")
        assert after < pods(here, key)
        assert (await template(client, key))[0] == noted
