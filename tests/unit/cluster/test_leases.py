from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from portal.cluster.client import ClusterClient
from portal.cluster.leases import LEASES, Leases
from portal.domain.errors import Conflict, NotFound
from portal.domain.keys import Key
from portal.domain.operations import Operation, OperationLease, OperationPhase, Step
from portal.releases.scale import SCALE

T0 = datetime(2026, 1, 1, tzinfo=UTC)
KEY = Key("apps", "sales")
OPERATION = Operation(
    id="a" * 32,
    key=KEY,
    verb=SCALE,
    actor="Ann <ann@example.com>",
    phase=OperationPhase.RUNNING,
    created_at=T0,
    updated_at=T0,
    steps=(Step("Check", T0, T0), Step("Run helm", T0)),
    fields={"tag": "no"},
    base=3,
    description="Scaled to 2 by ann",
    asked={"to": "bob"},
)


class FakeClient(ClusterClient):
    """Objects by path, with versions as the API has them."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.version = 100

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, accept: str = ""
    ) -> dict[str, Any]:
        if path not in self.objects:
            raise NotFound("none")
        return self.objects[path]

    async def post(
        self, path: str, body: dict[str, Any], params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        name = f"{path}/{body['metadata']['name']}"
        if name in self.objects:
            raise Conflict("already exists")
        return self._write(name, body)

    async def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if self.objects[path]["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            raise Conflict("modified")
        return self._write(path, body)

    async def delete(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path not in self.objects:
            raise NotFound("none")
        version = self.objects[path]["metadata"]["resourceVersion"]
        if version != body["preconditions"]["resourceVersion"]:
            raise Conflict("modified")
        return self.objects.pop(path)

    def _write(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        stored: dict[str, Any] = json.loads(json.dumps(body))
        stored["metadata"]["resourceVersion"] = str(self.version)
        self.objects[path] = stored
        return stored


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def leases(client: FakeClient) -> Leases:
    return Leases(client)


async def test_a_claim_is_read_as_it_was_written(client: FakeClient, leases: Leases) -> None:
    assert await leases.read(KEY) is None
    written = await leases.put(OperationLease(OPERATION, "portal-1"))
    assert written == OperationLease(OPERATION, "portal-1", "101") == await leases.read(KEY)
    ((path, raw),) = client.objects.items()
    assert path == ("/apis/coordination.k8s.io/v1/namespaces/apps/leases/dash-portal.sales")
    assert raw["spec"]["holderIdentity"] == "portal-1"
    assert raw["spec"]["leaseDurationSeconds"] == 15
    assert raw["metadata"]["labels"] == {LEASES.selector: "true"}
    assert LEASES.decode(json.dumps(raw)) == (Key("apps", "dash-portal.sales"), written)


async def test_for_whom_it_runs_stays_with_it(client: FakeClient, leases: Leases) -> None:
    first = await leases.put(OperationLease(OPERATION, "portal-1", sealed="gAAA"))
    free = await leases.put(replace(first, holder=""))
    assert free.sealed == "gAAA"
    (raw,) = client.objects.values()
    assert LEASES.decode(json.dumps(raw))[1] == free


async def test_who_writes_must_have_seen_the_newest(leases: Leases) -> None:
    first = await leases.put(OperationLease(OPERATION, "portal-1"))
    with pytest.raises(Conflict):
        await leases.put(OperationLease(OPERATION, "portal-2"))
    free = await leases.put(replace(first, holder="", cancel="bob"))
    assert (free.holder, free.cancel) == ("", "bob")
    for late in (leases.put(replace(first, holder="portal-2")), leases.delete(first)):
        with pytest.raises(Conflict):
            await late
    await leases.delete(free)
    await leases.delete(free)
    assert await leases.read(KEY) is None


@pytest.mark.parametrize(
    ("namespace", "name"), [("other", "dash-portal.sales"), ("apps", "dash-portal.x")]
)
async def test_a_record_of_another_release_is_refused(
    client: FakeClient, leases: Leases, namespace: str, name: str
) -> None:
    await leases.put(OperationLease(OPERATION, "portal-1"))
    (raw,) = client.objects.values()
    raw["metadata"] |= {"namespace": namespace, "name": name}
    with pytest.raises(ValueError, match="another release"):
        LEASES.decode(json.dumps(raw))


async def test_fields_of_a_newer_portal_are_no_error(client: FakeClient, leases: Leases) -> None:
    await leases.put(OperationLease(OPERATION, "portal-1"))
    (raw,) = client.objects.values()
    notes = raw["metadata"]["annotations"]
    record = json.loads(notes["dash-portal.io/operation"])
    notes["dash-portal.io/operation"] = json.dumps({**record, "new": 1})
    found = await leases.read(KEY)
    assert found is not None
    assert found.operation == OPERATION


async def test_the_record_stays_as_it_is_for_portals_of_other_versions(
    client: FakeClient, leases: Leases
) -> None:
    await leases.put(OperationLease(OPERATION, "portal-1"))
    (raw,) = client.objects.values()
    at = "2026-01-01T00:00:00Z"
    assert json.loads(raw["metadata"]["annotations"]["dash-portal.io/operation"]) == {
        "id": "a" * 32,
        "key": ["apps", "sales"],
        "verb": "scale",
        "words": {
            "name": "scale",
            "noun": "change of scale",
            "progressive": "scaling",
            "creates": False,
            "removes": False,
            "rolls_out": True,
        },
        "actor": "Ann <ann@example.com>",
        "phase": "running",
        "created_at": at,
        "updated_at": at,
        "steps": [
            {"title": "Check", "started_at": at, "ended_at": at, "error": "", "waits": False},
            {"title": "Run helm", "started_at": at, "ended_at": None, "error": "", "waits": False},
        ],
        "error": "",
        "advice": "",
        "revision": None,
        "helm_seconds": None,
        "fields": {"tag": "no"},
        "base": 3,
        "description": "Scaled to 2 by ann",
        "cause": "",
        "asked": {"to": "bob"},
    }


@pytest.mark.parametrize("verb", ["launch", "uninstall", "scale"])
async def test_a_record_of_an_older_portal_lacks_the_words(
    client: FakeClient, leases: Leases, verb: str
) -> None:
    await leases.put(OperationLease(OPERATION, "portal-1"))
    (raw,) = client.objects.values()
    notes = raw["metadata"]["annotations"]
    record = json.loads(notes["dash-portal.io/operation"])
    del record["words"]
    notes["dash-portal.io/operation"] = json.dumps({**record, "verb": verb})
    found = await leases.read(KEY)
    assert found is not None
    read = found.operation.verb
    assert (read.name, read.noun) == (verb, verb)
    assert (read.creates, read.removes) == (verb == "launch", verb == "uninstall")
