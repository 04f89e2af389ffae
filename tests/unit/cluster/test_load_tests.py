"""The Jobs of load tests, as they are made, stopped and read again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portal.cluster.client import ClusterClient
from portal.cluster.kinds.job import RESOURCE
from portal.cluster.load_tests import LoadTestJobs, arguments, job
from portal.domain.errors import Conflict, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import HELM_RELEASE_NAME, LOAD_TEST_OF, LOAD_TEST_PLAN, Key
from portal.domain.load_tests import LoadTestPlan, Shape

ANN, KEY, NAME = Identity("ann"), Key("apps", "sales"), "sales-load-0a1b2c3d"
PLAN = LoadTestPlan("sales", 80, "/health", 20, 10, Shape.STEPS, actor="ann", operation="0a1b")
PATH = "/apis/batch/v1/namespaces/apps/jobs"


def service(**spec: Any) -> dict[str, Any]:
    usual = {"selector": {"app": "sales"}, "clusterIP": "10.0.0.7", "ports": [{"port": 80}]}
    return {"metadata": {"uid": "u-1"}, "spec": usual | spec}


class FakeClient(ClusterClient):
    """One Service; ``made`` are the Jobs."""

    def __init__(self, found: dict[str, Any] | None = None) -> None:
        self.service = found or service()
        self.made: dict[str, Any] = {}
        self.patched: list[tuple[str, Any]] = []
        self.acted_for: list[Identity | None] = []

    def acting_for(self, identity: Identity | None) -> FakeClient:
        self.acted_for.append(identity)
        return self

    async def get(self, path: str, params: Any = None, accept: str = "") -> Any:
        if path.endswith("/services/sales"):
            return self.service
        if path.removeprefix(f"{PATH}/") in self.made:
            return {}
        raise NotFound("none")

    async def post(self, path: str, body: Any, params: Any = None) -> Any:
        assert path == PATH
        name = body["metadata"]["name"]
        if name in self.made:
            raise Conflict("already exists")
        self.made[name] = body
        return body

    async def patch(self, path: str, operations: list[dict[str, Any]]) -> Any:
        if path.rpartition("/")[2] not in self.made:
            raise NotFound("none")
        self.patched.append((path, operations))
        return {}


async def test_it_is_made_once_and_goes_with_its_service() -> None:
    client = FakeClient()
    jobs = LoadTestJobs(client, "registry.example.com/load-test:1")
    for _ in range(2):  # again after the portal has stopped
        await jobs.start(KEY, NAME, PLAN, identity=ANN)
    assert client.acted_for == [ANN, ANN]
    ((name, body),) = client.made.items()
    assert name == NAME
    assert body["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "Service", "name": "sales", "uid": "u-1"}
    ]
    spec = body["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (0, 130)
    assert spec["ttlSecondsAfterFinished"] == 86400


def test_it_is_restricted_bounded_and_not_of_the_release() -> None:
    body = job("load-test:1", KEY, NAME, PLAN, service())
    pod = body["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(container["resources"]) == {"requests", "limits"}
    for metadata in (body["metadata"], body["spec"]["template"]["metadata"]):
        assert HELM_RELEASE_NAME not in metadata.get("annotations", {})
        # No Service of the app selects it.
        assert "app.kubernetes.io/instance" not in metadata["labels"]


def test_it_sends_to_the_services_own_address() -> None:
    assert arguments(KEY, PLAN, service()) == [
        "-url=http://sales.apps.svc:80/health",
        "-phases=5x3s,10x3s,15x2s,20x2s",
        "-address=10.0.0.7:80",
    ]
    assert "-address=[fd00::7]:80" in arguments(KEY, PLAN, service(clusterIP="fd00::7"))
    headless = arguments(KEY, PLAN, service(clusterIP="None"))
    assert not any(each.startswith("-address") for each in headless)
    named = service(ports=[{"port": 80, "name": "https-web"}])
    assert arguments(KEY, PLAN, named)[0].startswith("-url=https://")
    climb = LoadTestPlan("sales", 80, "/", 20, 10, Shape.CLIMB)
    assert arguments(KEY, climb, service())[-2:] == ["-stop-p95=2000ms", "-stop-errors=0.05"]


@pytest.mark.parametrize("spec", [{"type": "ExternalName"}, {"selector": None}, {"selector": {}}])
async def test_a_service_that_leads_elsewhere_is_not_tested(spec: dict[str, Any]) -> None:
    client = FakeClient(service(**spec))
    with pytest.raises(Conflict, match="selects no pods"):
        await LoadTestJobs(client, "l:1").start(KEY, NAME, PLAN, identity=ANN)
    assert client.made == {}


async def test_it_is_stopped_by_its_deadline_with_who_did() -> None:
    client = FakeClient()
    jobs = LoadTestJobs(client, "l:1")
    await jobs.stop(KEY, NAME, "bob", identity=ANN)  # gone already
    await jobs.start(KEY, NAME, PLAN, identity=ANN)
    await jobs.stop(KEY, NAME, "bob", identity=ANN)
    ((path, operations),) = client.patched
    assert path == f"{PATH}/{NAME}"
    assert [(each["path"], each["value"]) for each in operations] == [
        ("/spec/activeDeadlineSeconds", 1),
        ("/metadata/annotations/dash-portal.io~1load-test-stopped-by", "bob"),
    ]


def read(**metadata: Any) -> Any:
    body = json.loads(json.dumps(job("l:1", KEY, NAME, PLAN, service())))
    body["metadata"] |= {"namespace": "apps", "creationTimestamp": "2026-01-01T00:00:00Z"}
    for name, value in metadata.items():
        body["metadata"][name] = body["metadata"][name] | value
    return RESOURCE.decode(json.dumps(body))[1]


def test_what_was_made_is_read_again() -> None:
    made = read()
    assert (made.release, made.load_test_of, made.load_test) == ("", "sales", PLAN)
    stopped = read(annotations={"dash-portal.io/load-test-stopped-by": "bob"})
    assert stopped.load_test.stopped_by == "bob"


@pytest.mark.parametrize("plan", ["", "{}", "[]", '{"service": 1}', "{"])
def test_a_job_with_another_plan_is_no_load_test(plan: str) -> None:
    odd = read(annotations={LOAD_TEST_PLAN: plan})
    assert (odd.load_test, odd.load_test_of) == (None, "")


def test_a_charts_own_job_is_the_releases() -> None:
    own = read(annotations={HELM_RELEASE_NAME: "sales"}, labels={LOAD_TEST_OF: "other"})
    assert (own.release, own.load_test, own.load_test_of) == ("sales", None, "")
