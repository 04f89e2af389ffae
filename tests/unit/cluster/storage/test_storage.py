from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from portal.cluster.client import ClusterClient
from portal.cluster.storage.codec import chart_files, encode
from portal.cluster.storage.storage import HelmStorage
from portal.cluster.storage.unpack import MAX_BODY, unpack
from portal.domain.errors import ChartError, Conflict, Forbidden, NotFound, PortalError
from portal.domain.identity import Identity
from portal.domain.keys import OPERATION_LABEL, Key, made_by
from portal.domain.objects import ReleaseStatus
from portal.domain.owners import NOBODY, Owners, label_of

KEY = Key("apps", "sales")
PENDING = ReleaseStatus.PENDING_UPGRADE


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


CHART: dict[str, Any] = {
    "metadata": {"apiVersion": "v2", "name": "dash-app", "version": "0.1.0"},
    "values": {"replicaCount": 1},
    "schema": b64("{}"),
    "templates": [{"name": "templates/a.yaml", "data": b64("kind: A")}],
    "files": [{"name": "README.md", "data": b64("é")}],
}


class FakeClient(ClusterClient):
    """A few revisions of one release."""

    def __init__(self) -> None:
        self.secrets: dict[str, dict[str, Any]] = {}
        self.put_bodies: list[dict[str, Any]] = []
        self.patched: list[str] = []
        self.gone: set[str] = set()
        self.acted_for: list[Identity | None] = []
        self.others: list[dict[str, Any]] = []
        self.forbidden = False

    def acting_for(self, identity: Identity | None) -> FakeClient:
        self.acted_for.append(identity)
        return self

    def add(self, revision: int, status: str, *, made_by: str = "") -> None:
        name = f"sh.helm.release.v1.sales.v{revision}"
        body = {
            "name": "sales",
            "version": revision,
            "info": {"status": status, "description": "Preparing upgrade", "notes": "hé"},
            "chart": CHART,
            "config": {"a": [1, 2.5, None, "x"]},
            "manifest": "---\n",
        }
        labels = {"owner": "helm", "name": "sales", "version": str(revision), "status": status}
        if made_by:
            labels[OPERATION_LABEL] = made_by
        self.secrets[f"/api/v1/namespaces/apps/secrets/{name}"] = {
            "metadata": {
                "name": name,
                "namespace": "apps",
                "creationTimestamp": "2026-11-23T10:58:37Z",
                "labels": labels,
                "resourceVersion": str(revision * 10),
            },
            "type": "helm.sh/release.v1",
            "data": {"release": encode(body)},
        }

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, accept: str = ""
    ) -> dict[str, Any]:
        if path in self.secrets:
            return self.secrets[path]
        if path.endswith("/configmaps"):
            return self.config_maps()
        assert params == {"labelSelector": "owner=helm,name=sales"}
        return {"items": [{"metadata": each["metadata"]} for each in self.secrets.values()]}

    async def patch(self, path: str, operations: list[dict[str, Any]]) -> dict[str, Any]:
        if path in self.gone:
            raise NotFound("gone")
        self.patched.append(path.rpartition(".")[2])
        labels = self.secrets[path]["metadata"]["labels"]
        for each in operations:
            name = each["path"].removeprefix("/metadata/labels/").replace("~1", "/")
            if each["op"] == "remove":
                del labels[name]
            else:
                labels[name] = each["value"]
        return self.secrets[path]

    def config_maps(self) -> dict[str, Any]:
        if self.forbidden:
            raise Forbidden("configmaps")
        return {"items": self.others}

    async def post(self, path: str, body: dict[str, Any], params: Any = None) -> dict[str, Any]:
        name = f"{path}/{body['metadata']['name']}"
        if name in self.secrets:
            raise Conflict("already exists")
        self.secrets[name] = body
        return body

    async def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.secrets[path] = body
        return body


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def records(client: FakeClient) -> HelmStorage:
    return HelmStorage(client)


async def test_the_newest_revision_is_found(client: FakeClient, records: HelmStorage) -> None:
    assert await records.newest(KEY) is None
    client.add(10, "deployed", made_by=made_by("o1", 10))
    client.add(9, "superseded")
    found = await records.newest(KEY)
    assert found is not None
    assert (found.revision, found.status) == (10, ReleaseStatus.DEPLOYED)
    assert (found.operation, found.description) == ("o1", "Preparing upgrade")
    assert (found.chart, found.chart_version) == ("dash-app", "0.1.0")
    assert found.values == {"a": [1, 2.5, None, "x"]}


async def test_a_label_that_was_passed_on_is_not_believed(
    client: FakeClient, records: HelmStorage
) -> None:
    client.add(4, "pending-upgrade", made_by=made_by("o1", 3))
    found = await records.newest(KEY)
    assert found is not None
    assert found.operation == ""


async def test_marking_as_failed_changes_label_and_body_alike(
    client: FakeClient, records: HelmStorage
) -> None:
    client.add(2, PENDING)
    (before,) = client.secrets.values()
    was = json.loads(unpack(before["data"]["release"], MAX_BODY))
    found = await records.newest(KEY)
    assert found is not None

    await records.mark_failed(KEY, found, "Interrupted")

    (after,) = client.secrets.values()
    assert after["metadata"]["labels"]["status"] == "failed"
    assert int(after["metadata"]["labels"]["modifiedAt"]) > 1_700_000_000
    assert after["metadata"]["resourceVersion"] == "20", "or it would overwrite whatever is there"
    info = {"status": "failed", "description": "Interrupted", "notes": "hé"}
    assert json.loads(unpack(after["data"]["release"], MAX_BODY)) == {**was, "info": info}


async def test_what_moved_meanwhile_is_left_alone(client: FakeClient, records: HelmStorage) -> None:
    client.add(2, PENDING)
    found = await records.newest(KEY)
    assert found is not None
    (secret,) = client.secrets.values()
    secret["metadata"]["resourceVersion"] = "21"
    with pytest.raises(Conflict, match="gone on with sales"):
        await records.mark_failed(KEY, found, "Interrupted")
    assert secret["metadata"]["labels"]["status"] == PENDING


OLD, NEW = "example.com/v1beta1", "example.com/v1"
WIDGET = f"apiVersion: {OLD}\nkind: Widget\nmetadata: {{name: é}}\n"
SUCCESSORS = {(OLD, "Widget"): NEW, ("policy/v1beta1", "PodSecurityPolicy"): ""}


@pytest.mark.parametrize("status", ["deployed", "uninstalling"])
async def test_a_mapped_revision_is_the_old_one_with_other_apis(
    client: FakeClient, records: HelmStorage, status: str
) -> None:
    client.add(3, status)
    ((path, before),) = client.secrets.items()
    was = json.loads(unpack(before["data"]["release"], MAX_BODY))
    policy = "apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {name: p}\n"
    was |= {"manifest": WIDGET, "hooks": [{"name": "h", "manifest": WIDGET}, {"manifest": policy}]}
    before["data"]["release"] = encode(was)
    before["metadata"]["labels"]["team"] = "a"
    found = await records.newest(KEY)
    assert found is not None

    await records.add_mapped(KEY, found, 4, SUCCESSORS, "Mapped by ann", {OPERATION_LABEL: "o1.4"})

    new = client.secrets[path.replace(".v3", ".v4")]
    labels = new["metadata"]["labels"]
    assert (new["type"], labels["team"], labels["version"]) == ("helm.sh/release.v1", "a", "4")
    assert (labels["status"], labels[OPERATION_LABEL]) == (status, "o1.4")
    body = json.loads(unpack(new["data"]["release"], MAX_BODY))
    assert body["manifest"] == WIDGET.replace(OLD, NEW)
    assert body["hooks"] == [{"name": "h", "manifest": WIDGET.replace(OLD, NEW)}]
    assert (body["version"], body["info"]["status"]) == (4, status)
    assert body["info"]["description"] == "Mapped by ann"
    assert (body["chart"], body["config"]) == (was["chart"], was["config"])

    old = client.secrets[path]
    left = "superseded" if status == "deployed" else status
    assert old["metadata"]["labels"]["status"] == left
    assert json.loads(unpack(old["data"]["release"], MAX_BODY))["info"]["status"] == left
    with pytest.raises(Conflict):
        await records.add_mapped(KEY, found, 4, SUCCESSORS, "Mapped by bob", {})


async def test_a_revision_that_moved_meanwhile_is_not_mapped(
    client: FakeClient, records: HelmStorage
) -> None:
    client.add(3, "deployed")
    found = await records.newest(KEY)
    assert found is not None
    (secret,) = client.secrets.values()
    secret["metadata"]["resourceVersion"] = "31"
    with pytest.raises(Conflict, match="gone on with sales"):
        await records.add_mapped(KEY, found, 4, SUCCESSORS, "Mapped", {})
    assert len(client.secrets) == 1


async def test_a_release_in_a_config_map_is_found(client: FakeClient, records: HelmStorage) -> None:
    assert await records.other_record(KEY) == ""
    client.others = [
        {"metadata": {"name": f"sh.helm.release.v1.sales.v{each}", "labels": {"version": each}}}
        for each in ("9", "10")
    ]
    assert await records.other_record(KEY) == "ConfigMap sh.helm.release.v1.sales.v10"
    client.forbidden = True
    assert await records.other_record(KEY) == ""


async def test_a_damaged_record_is_told(client: FakeClient, records: HelmStorage) -> None:
    client.add(1, "deployed")
    (secret,) = client.secrets.values()
    secret["data"]["release"] = "?"
    with pytest.raises(PortalError, match="not base64"):
        await records.newest(KEY)


async def test_the_chart_comes_back_as_files(client: FakeClient, records: HelmStorage) -> None:
    client.add(1, "deployed")
    files = await records.chart(KEY)
    assert set(files) == {
        "Chart.yaml",
        "values.yaml",
        "values.schema.json",
        "templates/a.yaml",
        "README.md",
    }
    assert files["templates/a.yaml"] == b"kind: A"
    assert files["README.md"] == "é".encode()


async def test_each_revision_has_its_own_chart(client: FakeClient, records: HelmStorage) -> None:
    client.add(1, "superseded")
    client.add(10, "deployed")
    del next(iter(client.secrets.values()))["data"]
    assert await records.chart(KEY) == await records.chart(KEY, 10)
    with pytest.raises(PortalError, match="not JSON"):
        await records.chart(KEY, 1)
    with pytest.raises(NotFound, match="revision 2 of sales"):
        await records.chart(KEY, 2)


def test_a_chart_of_charts_is_refused() -> None:
    metadata = {**CHART["metadata"], "dependencies": [{"name": "redis"}]}
    with pytest.raises(ChartError, match="contains other charts"):
        chart_files(json.dumps({**CHART, "metadata": metadata}).encode())


async def test_owners_are_written_onto_every_revision(client: FakeClient) -> None:
    for revision in (1, 2, 3):
        client.add(revision, "superseded" if revision < 3 else "deployed")
    records = HelmStorage(client)
    assert (await records.newest(KEY)).owners is NOBODY  # type: ignore[union-attr]
    owners = Owners(label_of("ann"), (label_of("user:bob"), label_of("group:team a")))
    await records.set_owners(KEY, owners)
    assert client.patched == ["v3", "v2", "v1"], "what counts first"
    newest = await records.newest(KEY)
    assert newest is not None
    assert newest.owners == owners
    await records.set_owners(KEY, owners)
    assert len(client.patched) == 3, "nothing differs"
    alone = Owners(label_of("ann"))
    client.gone = {next(path for path in client.secrets if path.endswith("v1"))}
    await records.set_owners(KEY, alone)
    for path, secret in client.secrets.items():
        labels = secret["metadata"]["labels"]
        assert {"owner", "name", "version", "status"} <= set(labels)
        assert any("shared-with" in name for name in labels) is (path in client.gone)
