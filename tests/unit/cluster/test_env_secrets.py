"""Secrets with variables of apps, on a fake API."""

from __future__ import annotations

import base64
from typing import Any

from portal.cluster.client import ClusterClient
from portal.cluster.env_secrets import EnvSecrets
from portal.domain.errors import NotFound
from portal.domain.identity import Identity
from portal.domain.keys import ENV_OF, Key

KEY, NAME = Key("apps", "sales"), "sales-env-0a1b2c"
SECRET = f"/api/v1/namespaces/apps/secrets/{NAME}"


class FakeClient(ClusterClient):
    def __init__(self, uses: str | None) -> None:
        self.uses = uses
        self.calls: list[tuple[str, str, Any]] = []

    def acting_for(self, identity: Identity | None) -> ClusterClient:
        return self

    async def get(self, path: str, params: Any = None, accept: str = "") -> dict[str, Any]:
        if self.uses is None:
            raise NotFound("none")
        source = {"secretKeyRef": {"name": self.uses, "key": "T"}}
        env = [{"name": "A", "value": "1"}, {"name": "T", "valueFrom": source}]
        template = {"spec": {"containers": [{"name": "app", "env": env}]}}
        return {"metadata": {"uid": "u-1"}, "spec": {"template": template}}

    async def post(self, path: str, body: dict[str, Any], params: Any = None) -> dict[str, Any]:
        self.calls.append(("post", path, body))
        return body

    async def patch(self, path: str, operations: list[dict[str, Any]]) -> dict[str, Any]:
        self.calls.append(("patch", path, operations))
        return {}

    async def delete(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(("delete", path, body))
        return {}


async def test_it_is_immutable_and_of_its_release() -> None:
    client = FakeClient(None)
    await EnvSecrets(client).create(KEY, NAME, {"T": "é"}, identity=None)
    ((_, path, body),) = client.calls
    assert path == "/api/v1/namespaces/apps/secrets"
    assert body["metadata"] == {"name": NAME, "labels": {ENV_OF: "sales"}}
    assert body["immutable"] is True
    assert base64.b64decode(body["data"]["T"]).decode() == "é"


async def test_it_goes_with_the_deployment_that_uses_it() -> None:
    client = FakeClient(NAME)
    await EnvSecrets(client).settle(KEY, NAME, identity=None)
    ((verb, path, operations),) = client.calls
    assert (verb, path) == ("patch", SECRET)
    (owner,) = operations[0]["value"]
    assert owner == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "sales", "uid": "u-1"}


async def test_one_that_nothing_uses_is_deleted() -> None:
    for uses in (None, "sales-env-older0"):
        client = FakeClient(uses)
        await EnvSecrets(client).settle(KEY, NAME, identity=None)
        assert client.calls == [("delete", SECRET, {})]
