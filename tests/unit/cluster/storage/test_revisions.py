from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from portal.cluster.client import ClusterClient
from portal.cluster.storage.codec import encode
from portal.cluster.storage.storage import HelmStorage
from portal.domain.errors import Forbidden, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.objects import ReleaseStatus
from portal.domain.owners import Owners, label_of
from portal.domain.proposals import VolumeClaim

KEY = Key("apps", "sales")
SECRETS = "/api/v1/namespaces/apps/secrets"
BODY = {
    "info": {
        "description": "Changed by ann",
        "last_deployed": "2026-11-23T10:58:37.129639706Z",
        "status": "deployed",
    },
    "chart": {"metadata": {"name": "dash-app", "version": "0.1.0", "appVersion": "1"}},
    "config": {"replicaCount": 2},
    "manifest": "kind: Service\n",
}


def secret(revision: int, status: str, *, data: str = "", **labels: str) -> dict[str, Any]:
    named = {"name": "sales", "owner": "helm", "version": str(revision), "status": status}
    return {
        "metadata": {
            "name": f"sh.helm.release.v1.sales.v{revision}",
            "namespace": "apps",
            "creationTimestamp": "2026-11-23T10:58:37Z",
            "labels": named | labels,
        },
        "data": {"release": data or encode(BODY)},
    }


class FakeClient(ClusterClient):
    """Answers by path; ``asked`` are the paths."""

    def __init__(self, *secrets: dict[str, Any]) -> None:
        self.secrets = {each["metadata"]["name"]: each for each in secrets}
        self.gone: set[str] = set()
        self.volume_claims: list[dict[str, Any]] | None = None
        self.asked: list[str] = []
        self.acted_for: list[Identity | None] = []

    def acting_for(self, identity: Identity | None) -> FakeClient:
        self.acted_for.append(identity)
        return self

    async def get(self, path: str, params: object = None, accept: str = "") -> dict[str, Any]:
        self.asked.append(path)
        if path == SECRETS:
            assert params == {"labelSelector": "owner=helm,name=sales"}
            return {"items": [{"metadata": one["metadata"]} for one in self.secrets.values()]}
        if path.endswith("/persistentvolumeclaims"):
            if self.volume_claims is None:
                raise Forbidden("no")
            return {"items": self.volume_claims}
        name = path.removeprefix(f"{SECRETS}/")
        if name in self.gone:
            raise NotFound("gone")
        return self.secrets[name]


def past(client: FakeClient) -> HelmStorage:
    return HelmStorage(client)


async def test_all_revisions_newest_first() -> None:
    label = {"dash-portal.io/operation": "op1.10"}
    client = FakeClient(secret(9, "superseded"), secret(10, "deployed", **label))
    ten, nine = await past(client).revisions(KEY)
    assert (ten.revision, ten.status, ten.operation) == (10, ReleaseStatus.DEPLOYED, "op1")
    assert ten.last_deployed == datetime(2026, 11, 23, 10, 58, 37, 129639, UTC)
    assert (ten.description, ten.chart, ten.chart_version) == (
        "Changed by ann",
        "dash-app",
        "0.1.0",
    )
    assert ten.values == {"replicaCount": 2}
    assert ten.manifest == ""
    assert (await past(client).revision(KEY, 10)).manifest == "kind: Service\n"
    assert (nine.revision, nine.operation) == (9, "")


async def test_the_label_of_an_older_revision_counts_for_nothing() -> None:
    client = FakeClient(secret(3, "deployed", **{"dash-portal.io/operation": "op1.2"}))
    assert (await past(client).revisions(KEY))[0].operation == ""


async def test_what_cannot_be_read_is_told_and_what_goes_meanwhile_is_not() -> None:
    client = FakeClient(
        secret(3, "never-heard-of"), secret(2, "failed", data="?"), secret(1, "superseded")
    )
    client.gone = {"sh.helm.release.v1.sales.v1"}
    three, two = await past(client).revisions(KEY)
    assert three.status is ReleaseStatus.UNKNOWN
    assert "base64" in two.damaged


async def test_what_runs_is_the_last_deployed_one() -> None:
    client = FakeClient(secret(3, "failed"), secret(2, "deployed"), secret(1, "superseded"))
    found = await past(client).newest_and_deployed(KEY)
    assert found is not None
    assert [each.revision for each in found] == [3, 2]
    assert len(client.asked) == 3, "the list, and two bodies"
    alone = await past(FakeClient(secret(1, "failed"))).newest_and_deployed(KEY)
    assert alone is not None
    assert alone[0] is alone[1]
    assert await past(FakeClient()).newest_and_deployed(KEY) is None


async def test_one_revision() -> None:
    client = FakeClient(secret(2, "deployed"), secret(1, "superseded"))
    assert (await past(client).revision(KEY, 1)).revision == 1
    with pytest.raises(NotFound, match="revision 7 of sales"):
        await past(client).revision(KEY, 7)


async def test_volume_claims() -> None:
    client = FakeClient()
    assert await past(client).claims("apps") is None
    client.volume_claims = [
        {
            "metadata": {
                "name": "data-db-0",
                "namespace": "apps",
                "labels": {"app.kubernetes.io/instance": "sales"},
                "ownerReferences": [{"kind": "StatefulSet"}],
            },
            "status": {"capacity": {"storage": "8Gi"}, "phase": "Bound"},
        },
        {
            "metadata": {
                "name": "b",
                "namespace": "apps",
                "annotations": {"meta.helm.sh/release-name": "sales"},
            },
            "spec": {
                "resources": {"requests": {"storage": "1Gi"}},
                "accessModes": ["ReadWriteMany"],
            },
        },
    ]
    assert await past(client).claims("apps") == (
        VolumeClaim(Key("apps", "data-db-0"), "sales", "8Gi", owned=True, phase="Bound"),
        VolumeClaim(Key("apps", "b"), "sales", "1Gi", modes=("ReadWriteMany",)),
    )


async def test_whose_a_revision_is() -> None:
    owners = Owners(label_of("ann"), (label_of("user:bob"),))
    (read,) = await past(FakeClient(secret(1, "deployed", **owners.labels))).revisions(KEY)
    assert read.owners == owners


async def test_a_release_has_the_namespace_that_its_body_tells() -> None:
    """Flux's ``storageNamespace``: the record is not where the objects are."""
    kept = secret(1, "deployed", data=encode(BODY | {"namespace": "shop"}))
    client = FakeClient(kept)
    stored = HelmStorage(client, {Key("shop", "sales"): "apps"}.__getitem__)
    (read,) = await stored.revisions(Key("shop", "sales"))
    assert (read.key, read.storage_namespace) == (Key("shop", "sales"), "apps")
    assert read.secret == Key("apps", "sh.helm.release.v1.sales.v1")
    assert client.asked[-1] == f"{SECRETS}/sh.helm.release.v1.sales.v1"


@pytest.mark.parametrize("namespace", ["apps", "", "a/../b", 7, None])
async def test_what_is_no_other_namespace_counts_for_nothing(namespace: object) -> None:
    client = FakeClient(secret(1, "deployed", data=encode(BODY | {"namespace": namespace})))
    (read,) = await past(client).revisions(KEY)
    assert (read.key, read.storage_namespace) == (KEY, "")
