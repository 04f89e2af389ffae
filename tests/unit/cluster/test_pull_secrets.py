"""Pull secrets, read by their names."""

from __future__ import annotations

import base64
from typing import cast

import pytest

from portal.cluster.client import ClusterClient
from portal.cluster.json_object import JsonObject
from portal.cluster.pull_secrets import PullSecrets
from portal.domain.errors import Forbidden, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.pull_secrets import PullSecret

CONFIG = b'{"auths": {}}'
PACKED = base64.b64encode(CONFIG).decode()


class FakeClient:
    """Answers paths."""

    def __init__(self, answers: dict[str, JsonObject]) -> None:
        self.answers = answers

    def acting_for(self, identity: Identity | None) -> FakeClient:
        return self

    async def get(self, path: str) -> JsonObject:
        if path not in self.answers:
            raise NotFound("No.")
        if not self.answers[path]:
            raise Forbidden("No.")
        return self.answers[path]


def reading(name: str, **answer: object) -> PullSecrets:
    path = f"/api/v1/namespaces/apps/{name}"
    return PullSecrets(cast(ClusterClient, FakeClient({path: answer})))


@pytest.mark.parametrize(
    ("kind", "data", "config"),
    [
        ("kubernetes.io/dockerconfigjson", {".dockerconfigjson": PACKED}, CONFIG),
        ("kubernetes.io/dockercfg", {".dockercfg": PACKED}, CONFIG),
        ("kubernetes.io/dockercfg", {".dockerconfigjson": PACKED}, None),
        ("kubernetes.io/dockerconfigjson", {".dockerconfigjson": "!"}, None),
        ("kubernetes.io/dockerconfigjson", None, None),
        ("Opaque", {".dockerconfigjson": PACKED}, None),
    ],
)
async def test_a_secret(kind: str, data: object, config: bytes | None) -> None:
    metadata = {"name": "a", "labels": {"x": "y"}}
    secrets = reading("secrets/a", type=kind, data=data, metadata=metadata)
    found = await secrets.secret(Key("apps", "a"))
    assert found == PullSecret("a", kind, config, {"x": "y"})
    assert await secrets.secret(Key("apps", "b")) is None


async def test_a_secret_that_may_not_be_read() -> None:
    with pytest.raises(Forbidden):
        await reading("secrets/a").secret(Key("apps", "a"))


async def test_the_secrets_of_an_account() -> None:
    listed = [{"name": "a"}, {"name": "b"}]
    secrets = reading("serviceaccounts/default", imagePullSecrets=listed, kind="ServiceAccount")
    assert await secrets.of_account(Key("apps", "default")) == ("a", "b")
    assert await secrets.of_account(Key("apps", "other")) == ()
    none = reading("serviceaccounts/default", kind="ServiceAccount")
    assert await none.of_account(Key("apps", "default")) == ()
