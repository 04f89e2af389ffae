from __future__ import annotations

import asyncio
from typing import Any

import pytest

from portal.cluster.admission import KINDS_FOR, PROVEN_FOR, Admission
from portal.cluster.client import ClusterClient
from portal.cluster.errors import Rejected
from portal.domain.errors import ClusterUnavailable, Forbidden, NotFound, PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.reviews import ResourceAttributes, Touched
from tests.unit.auth.test_kubernetes import FakeReviews

POD: dict[str, Any] = {"metadata": {"generateName": "a-"}, "spec": {"containers": []}}
VIOLATES = 'pods "a" is forbidden: violates PodSecurity "restricted:latest": hostNetwork'


class Api(ClusterClient):
    """Answers by path; ``lax`` admits whatever it is asked about."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        self.lax = False
        self.refusal: PortalError | None = None
        self.warmed = 0

    async def warm(self, connections: int) -> None:
        self.warmed += connections

    async def get(self, path: str, params: Any = None, accept: str = "") -> dict[str, Any]:
        self.asked.append(path)
        await asyncio.sleep(0)
        if path not in self.answers:
            raise NotFound(path)
        return self.answers[path]

    async def post(self, path: str, body: Any, params: Any = None) -> dict[str, Any]:
        assert params == {"dryRun": "All"}, "nothing is ever made"
        self.asked.append(path)
        if self.refusal is not None:
            raise self.refusal
        if body is not POD and not self.lax:
            raise Forbidden(VIOLATES)
        return {}


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def admission(api: Api, clock: list[float]) -> Admission:
    namespaces = {"restricted": "strict", "baseline": ""}
    return Admission(api, namespaces, clock=lambda: clock[0])


async def test_the_level_that_a_namespace_enforces_itself(api: Api, admission: Admission) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.answers["/api/v1/namespaces/apps"] = {"metadata": {"labels": labels}}
    assert await admission.enforced_level("apps") == "restricted"
    assert await admission.enforced_level("none") == ""


async def test_kinds_are_asked_for_once_in_a_while(
    api: Api, admission: Admission, clock: list[float]
) -> None:
    resources = [
        {"name": "deployments", "kind": "Deployment", "namespaced": True},
        {"name": "deployments/scale", "kind": "Scale", "namespaced": True},
    ]
    api.answers["/apis/apps/v1"] = {"resources": resources}
    api.answers["/api/v1"] = {"resources": [{"name": "nodes", "kind": "Node", "namespaced": False}]}
    assert await admission.namespaced("apps/v1", "Deployment") is True
    assert await admission.namespaced("v1", "Node") is False
    assert len(api.asked) == 2
    assert await admission.namespaced("apps/v1", "Deployment") is True
    assert len(api.asked) == 2
    # What is not there may come: it is asked for each time.
    assert await admission.namespaced("apps/v1", "Scale") is None
    assert await admission.namespaced("example.com/v1", "Widget") is None
    assert await admission.namespaced("example.com/v1", "Widget") is None
    assert len(api.asked) == 5
    clock[0] += KINDS_FOR + 1
    assert await admission.namespaced("apps/v1", "Deployment") is True
    assert len(api.asked) == 6


@pytest.mark.parametrize("version", ["", "../v1", "a/b/c", "v1?x=", "v1/..", "A/v1", "a%2f/v1"])
async def test_no_version_leads_elsewhere(api: Api, admission: Admission, version: str) -> None:
    assert await admission.namespaced(version, "Pod") is None
    assert api.asked == []


async def test_whatever_has_a_name_is_looked_up(api: Api, admission: Admission) -> None:
    key = Key("apps", "prepare")
    assert await admission.metadata("batch/v1", "Job", key) is None, "no such kind"
    resources = [{"name": "jobs", "kind": "Job", "namespaced": True}]
    api.answers["/apis/batch/v1"] = {"resources": resources}
    assert await admission.metadata("batch/v1", "Job", key) is None
    api.answers["/apis/batch/v1/namespaces/apps/jobs/prepare"] = {"metadata": {}}
    assert await admission.metadata("batch/v1", "Job", key) == {}
    named = {"metadata": {"annotations": {"a": "b"}}}
    api.answers["/apis/batch/v1/namespaces/apps/jobs/prepare"] = named
    assert await admission.metadata("batch/v1", "Job", key) == named["metadata"]
    for name in ("", "../x", "a/b", "a?b", "a b", "A"):
        assert await admission.metadata("batch/v1", "Job", Key("apps", name)) is None


async def test_the_selectors_of_services_are_listed(api: Api, admission: Admission) -> None:
    path = "/api/v1/namespaces/apps/services"
    found = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}}
    api.answers[path] = {"items": [found, {"metadata": {"name": "none"}, "spec": {}}]}
    assert await admission.services("apps") == [
        ({"name": "web"}, {"app": "web"}),
        ({"name": "none"}, {}),
    ]


async def test_an_account_gives_tokens_unless_it_says_not(api: Api, admission: Admission) -> None:
    key = Key("apps", "default")
    path = "/api/v1/namespaces/apps/serviceaccounts/default"
    assert await admission.automounts_token(key)
    api.answers[path] = {}
    assert await admission.automounts_token(key)
    api.answers[path] = {"automountServiceAccountToken": False}
    assert not await admission.automounts_token(key)


async def test_the_kinds_of_a_version_are_asked_for_once_by_all(
    api: Api, admission: Admission
) -> None:
    api.answers["/api/v1"] = {
        "resources": [
            {"name": "pods", "kind": "Pod", "namespaced": True},
            {"name": "nodes", "kind": "Node", "namespaced": False},
        ]
    }
    found = await asyncio.gather(
        *(admission.namespaced("v1", kind) for kind in ("Pod", "Node", "Pod"))
    )
    assert found == [True, False, True]
    assert api.asked == ["/api/v1"]


async def test_what_every_launch_asks_is_asked_ahead(api: Api, admission: Admission) -> None:
    api.answers["/api/v1"] = {
        "resources": [
            {"name": "pods", "kind": "Pod", "namespaced": True},
            {"name": "services", "kind": "Service", "namespaced": True},
        ]
    }
    await admission.prepare("restricted")
    assert api.warmed > 1
    ahead = len(api.asked)
    await admission.namespaced("v1", "Pod")
    await admission.pod_problem(POD, "restricted")
    assert len(api.asked) == ahead + 1, "only the pod itself"


async def test_what_cannot_be_asked_ahead_is_asked_again(api: Api, admission: Admission) -> None:
    api.refusal = ClusterUnavailable("no answer")
    await admission.prepare("restricted")
    await admission.prepare("privileged")  # which no namespace is needed for
    api.refusal = None
    assert await admission.pod_problem(POD, "restricted") == ""


async def test_kubernetes_judges_pods(api: Api, admission: Admission) -> None:
    assert await admission.pod_problem(POD, "restricted") == ""
    assert await admission.pod_problem({}, "restricted") == "Pod Security: hostNetwork"
    assert set(api.asked) == {"/api/v1/namespaces/strict/pods"}


async def test_a_pod_that_no_level_would_take_is_told(api: Api, admission: Admission) -> None:
    await admission.pod_problem(POD, "restricted")
    api.refusal = Rejected('Kubernetes: Pod "a-x" is invalid: spec.containers: Required value')
    problem = await admission.pod_problem(POD, "restricted")
    assert problem == "Kubernetes refuses its pods: spec.containers: Required value"


async def test_a_namespace_has_to_prove_itself_again_and_again(
    api: Api, admission: Admission, clock: list[float]
) -> None:
    await admission.pod_problem(POD, "restricted")
    asked = len(api.asked)
    await admission.pod_problem(POD, "restricted")
    assert len(api.asked) == asked + 1
    api.lax = True
    clock[0] += PROVEN_FOR + 1
    with pytest.raises(ClusterUnavailable, match="does not enforce Pod Security restricted"):
        await admission.pod_problem(POD, "restricted")


@pytest.mark.parametrize(
    "error",
    [
        Forbidden("Kubernetes: pods is forbidden: exceeded quota: none"),
        NotFound("Kubernetes: namespaces strict not found"),
    ],
)
async def test_what_cannot_be_asked_is_not_allowed(
    api: Api, admission: Admission, error: PortalError
) -> None:
    api.refusal = error
    with pytest.raises(ClusterUnavailable, match="cannot check pods"):
        await admission.pod_problem(POD, "restricted")


async def test_a_level_without_a_namespace_is_not_allowed(admission: Admission) -> None:
    with pytest.raises(ClusterUnavailable, match="no namespace to try pods of the level baseline"):
        await admission.pod_problem(POD, "baseline")


async def test_what_a_person_may_not_do_with_objects(api: Api) -> None:
    api.answers["/apis/apps/v1"] = {
        "resources": [{"name": "deployments", "kind": "Deployment", "namespaced": True}]
    }
    reviews = FakeReviews({"apps": frozenset({ResourceAttributes("get", "deployments", "apps")})})
    admission = Admission(api, {}, reviews)
    touched = [
        Touched("apps/v1", "Deployment", "sales", frozenset({"get", "patch"})),
        Touched("gone/v1", "Thing", "sales", frozenset({"get"})),
    ]
    missing = {ResourceAttributes("patch", "deployments", "apps")}
    assert await admission.denied(touched, "apps", identity=Identity("ann")) == missing
    assert reviews.single == 0
    reviews.webhook = True
    assert await admission.denied(touched, "apps", identity=Identity("ann")) == missing
    assert reviews.single == 2, "what the rules do not tell is asked one by one"
    assert await admission.denied(touched, "apps", identity=None) == frozenset()
    assert await Admission(api, {}).denied(touched, "apps", identity=Identity("ann")) == frozenset()
