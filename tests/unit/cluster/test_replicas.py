from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from portal.cluster.client import ClusterClient
from portal.cluster.errors import Throttled, from_status, message_of
from portal.cluster.replicas import Replicas
from portal.domain.errors import ClusterUnavailable, Conflict, Forbidden, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key

JsonObject = dict[str, Any]
KEY = Key("apps", "dash")
PATH = "/apis/apps/v1/namespaces/apps/deployments/dash"


class Deployment(ClusterClient):
    """A client whose only object is a Deployment that may change under our hands."""

    def __init__(self, replicas: int | None = 3, conflicts: int = 0) -> None:
        self.replicas = replicas
        self.conflicts = conflicts
        self.managed: list[JsonObject] = []
        self.applied: list[tuple[JsonObject, str]] = []
        self.patched: list[list[JsonObject]] = []
        self.acted_for: list[Identity | None] = []

    def acting_for(self, identity: Identity | None) -> Deployment:
        self.acted_for.append(identity)
        return self

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, accept: str = ""
    ) -> JsonObject:
        assert path == PATH
        if self.replicas is None:
            raise NotFound("no such deployment")
        return {
            "metadata": {"uid": "u1", "resourceVersion": "7", "managedFields": self.managed},
            "spec": {"replicas": self.replicas},
        }

    async def apply(
        self,
        path: str,
        body: JsonObject,
        field_manager: str,
        *,
        force: bool = False,
        dry_run: bool = False,
    ) -> JsonObject:
        assert not force
        assert not dry_run
        self._change()
        self.applied.append((body, field_manager))
        return body

    async def patch(self, path: str, operations: list[JsonObject]) -> JsonObject:
        self._change()
        self.patched.append(operations)
        return {}

    def _change(self) -> None:
        if self.conflicts:
            self.conflicts -= 1
            assert self.replicas is not None
            self.replicas += 1
            raise Conflict("changed")


def owner(manager: str, fields: JsonObject, **more: str) -> JsonObject:
    return {"manager": manager, "fieldsV1": fields, **more}


async def test_the_live_number_is_owned_and_nothing_else() -> None:
    client = Deployment(3)
    assert await Replicas(client).hand_over(KEY) == 3
    ((body, manager),) = client.applied
    assert body["spec"] == {"replicas": 3}
    assert body["metadata"] == {"name": "dash", "uid": "u1"}
    assert manager == "dash-portal"


async def test_a_number_that_changes_meanwhile_is_read_again() -> None:
    client = Deployment(3, conflicts=2)
    assert await Replicas(client).hand_over(KEY) == 5
    with pytest.raises(Conflict):
        await Replicas(Deployment(3, conflicts=99)).hand_over(KEY)


async def test_a_first_install_has_nothing_to_hand_over() -> None:
    client = Deployment(None)
    assert await Replicas(client).hand_over(KEY) is None
    assert await Replicas(client).release(KEY) == ()
    assert client.applied == []


async def test_only_owners_of_nothing_but_replicas_are_dropped() -> None:
    client = Deployment(3)
    helm = owner("helm", {"f:spec": {"f:replicas": {}, "f:template": {}}})
    status = owner("kube-controller-manager", {"f:status": {}}, subresource="status")
    client.managed = [
        helm,
        owner("dash-portal", {"f:spec": {"f:replicas": {}}}),
        owner("kube-controller-manager", {"f:spec": {"f:replicas": {}}}, subresource="scale"),
        status,
    ]
    dropped = await Replicas(client).release(KEY)
    assert dropped == ("dash-portal", "kube-controller-manager")
    ((test, change),) = client.patched
    assert test == {"op": "test", "path": "/metadata/resourceVersion", "value": "7"}
    assert change["value"] == [helm, status]


async def test_without_such_owners_nothing_is_sent() -> None:
    client = Deployment(3)
    client.managed = [owner("helm", {"f:spec": {"f:replicas": {}, "f:template": {}}})]
    assert await Replicas(client).release(KEY) == ()
    assert client.patched == []


def test_errors_of_the_api_are_told_apart() -> None:
    assert isinstance(from_status(403, "no"), Forbidden)
    leaving = from_status(403, "no new content in namespace a because it is being terminated")
    assert "The namespace a is being deleted" in leaving.message
    assert isinstance(from_status(404, "no"), NotFound)
    assert isinstance(from_status(409, "no"), Conflict)
    assert isinstance(from_status(503, "no"), ClusterUnavailable)
    busy = from_status(429, "slow down", "7")
    assert isinstance(busy, Throttled)
    assert busy.seconds == 7
    assert "slow down" in str(busy)
    assert message_of(b'{"kind":"Status","message":"pods is forbidden"}') == "pods is forbidden"
    assert message_of(b"<html>gateway</html>") == "<html>gateway</html>"
    assert message_of(b"[1]") == "[1]"
