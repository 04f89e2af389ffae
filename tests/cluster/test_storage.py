"""Releases that Helm keeps where the portal does not look for them first."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from portal.cluster.client import ClusterClient
from portal.cluster.storage.storage import HelmStorage
from portal.domain.errors import InvalidInput
from portal.domain.keys import Key
from tests.cluster.test_actions import ANN, _run, portal, sample
from tests.cluster.test_watches import until, watching

pytestmark = pytest.mark.cluster

HELM = os.environ.get("HELM_BIN") or shutil.which("helm") or "helm"


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    folder = tmp_path / "small"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: small\nversion: 1.0.0\n")
    (folder / "templates/service.yaml").write_text(
        "apiVersion: v1\nkind: Service\nmetadata: {name: '{{ .Release.Name }}'}\n"
        "spec: {ports: [{port: 80}]}\n"
    )
    return folder


@contextmanager
def made(name: str) -> Iterator[str]:
    _run("kubectl", "create", "namespace", name)
    yield name
    _run("kubectl", "delete", "namespace", name, "--wait=false")


@pytest.fixture
def namespace() -> Iterator[str]:
    with made(f"storage-{uuid.uuid4().hex[:8]}") as name:
        yield name


@pytest.fixture
def records(namespace: str) -> Iterator[str]:
    with made(f"{namespace}-records") as name:
        yield name


async def test_a_release_whose_record_is_elsewhere_is_shown_with_its_objects(
    namespace: str,
    records: str,
    chart: Path,
) -> None:
    """As Flux's ``storageNamespace`` has it."""
    _run(HELM, "install", "moved", str(chart), "-n", namespace)
    name = "sh.helm.release.v1.moved.v1"
    secret = json.loads(_run("kubectl", "get", "secret", name, "-n", namespace, "-o", "json"))
    meta = {"name": name, "namespace": records, "labels": secret["metadata"]["labels"]}
    (chart.parent / "secret.json").write_text(json.dumps({**secret, "metadata": meta}))
    _run("kubectl", "create", "-f", str(chart.parent / "secret.json"))
    _run("kubectl", "delete", "secret", name, "-n", namespace)

    key = Key(namespace, "moved")
    async with (
        ClusterClient.connect(Path(os.environ["KUBECONFIG"])) as client,
        watching(client, namespace, records) as store,
    ):
        await until(store, lambda: store.snapshot.app(key).release is not None, "the release")
        state = store.snapshot.app(key)
        assert state.release is not None
        assert state.release.secret == Key(records, name)
        assert len(state.services) == 1
        assert set(store.snapshot.apps) == {key}
        (revision,) = await HelmStorage(client, store.storage_namespace).revisions(key)
        assert (revision.key, revision.chart, revision.damaged) == (key, "small", "")


async def test_a_release_in_a_config_map_is_not_installed_over(
    namespace: str,
    chart: Path,
    tmp_path: Path,
) -> None:
    _run("env", "HELM_DRIVER=configmap", HELM, "install", "taken", str(chart), "-n", namespace)
    async with portal(namespace, tmp_path) as here:
        key = here.key("taken")
        await here.until(lambda: bool(here.app(key).services), "its objects")
        with pytest.raises(InvalidInput) as refused:
            await here.actions.launch(ANN, sample(key))
        assert "Its Service taken is there" in refused.value.fields["name"]
        _run("kubectl", "delete", "service", "taken", "-n", namespace)
        await here.until(lambda: not here.app(key).services, "no objects that are watched")
        with pytest.raises(InvalidInput) as refused:
            await here.actions.launch(ANN, sample(key))
        assert "ConfigMap sh.helm.release.v1.taken.v1" in refused.value.fields["name"]
        assert not here.app(key).workloads
