from __future__ import annotations

from typing import Any

import pytest

from portal.objects.links import Link, Relation, links_of, selects
from tests.unit.objects.make import tree

POD_SPEC: dict[str, Any] = {
    "nodeName": "node-1",
    "serviceAccountName": "runner",
    "imagePullSecrets": [{"name": "registry"}],
    "volumes": [
        {"name": "a", "secret": {"secretName": "tls"}},
        {"name": "b", "configMap": {"name": "settings"}},
        {"name": "c", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "d", "projected": {"sources": [{"secret": {"name": "token"}}]}},
    ],
    "containers": [
        {
            "envFrom": [{"secretRef": {"name": "env"}}, {"configMapRef": {"name": "more"}}],
            "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "one", "key": "k"}}}],
        }
    ],
    "initContainers": [
        {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "two", "key": "k"}}}]}
    ],
}
USED = {
    *(("Secret", name) for name in ("registry", "tls", "token", "env", "one")),
    *(("ConfigMap", name) for name in ("settings", "more", "two")),
    ("PersistentVolumeClaim", "data"),
    ("ServiceAccount", "runner"),
}


def uses(given: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each.kind, each.name) for each in links_of(given) if each.relation is Relation.USES}


def test_a_pod_links_to_its_owner_its_node_and_what_it_uses() -> None:
    owner = [{"kind": "ReplicaSet", "name": "web-7d9c"}]
    found = links_of(tree("Pod", "web-1", metadata={"ownerReferences": owner}, spec=POD_SPEC))
    assert found[0] == Link(Relation.OWNER, "ReplicaSet", "web-7d9c")
    assert Link(Relation.RUNS_ON, "Node", "node-1") in found
    assert len(found) == len(set(found)) == len(USED) + 2


@pytest.mark.parametrize(
    "given",
    [
        tree("Pod", "x", spec=POD_SPEC),
        tree("Deployment", "x", spec={"template": {"spec": POD_SPEC}}),
        tree("Job", "x", spec={"template": {"spec": POD_SPEC}}),
        tree("CronJob", "x", spec={"jobTemplate": {"spec": {"template": {"spec": POD_SPEC}}}}),
    ],
)
def test_workloads_use_what_their_pods_use(given: dict[str, Any]) -> None:
    assert uses(given) == USED


def test_what_routes_and_autoscalers_lead_to() -> None:
    target = {"scaleTargetRef": {"kind": "Deployment", "name": "web"}}
    assert links_of(tree("HorizontalPodAutoscaler", "x", spec=target)) == (
        Link(Relation.TARGET, "Deployment", "web"),
    )
    backend = {"service": {"name": "front"}}
    ingress = {
        "rules": [{"http": {"paths": [{"backend": backend}, {"backend": backend}]}}],
        "tls": [{"secretName": "cert"}],
    }
    assert links_of(tree("Ingress", "x", spec=ingress)) == (
        Link(Relation.USES, "Secret", "cert"),
        Link(Relation.ROUTES, "Service", "front"),
    )
    route = {"rules": [{"backendRefs": [{"name": "front"}]}]}
    assert links_of(tree("HTTPRoute", "x", spec=route)) == (
        Link(Relation.ROUTES, "Service", "front"),
    )


def test_a_selector_selects_by_all_of_its_labels() -> None:
    labels = {"app": "web", "tier": "front"}
    assert selects(tree("Service", "x", spec={"selector": {"app": "web"}}), labels)
    assert not selects(tree("Service", "x", spec={"selector": {"app": "web", "v": "2"}}), labels)
    assert not selects(tree("Service", "x", spec={}), labels), "it selects no pods by itself"
    budget = {"selector": {"matchLabels": {"app": "web"}}}
    assert selects(tree("PodDisruptionBudget", "x", spec=budget), labels)
    budget["selector"]["matchExpressions"] = [{"key": "a", "operator": "Exists"}]  # type: ignore[assignment]
    assert not selects(tree("PodDisruptionBudget", "x", spec=budget), labels)


@pytest.mark.parametrize("odd", [None, "text", 7, [None, 3, "x"], {"name": 5}, [{"name": None}]])
def test_odd_fields_give_no_links(odd: object) -> None:
    spec = dict.fromkeys(POD_SPEC, odd) | {"rules": odd, "scaleTargetRef": odd}
    for kind in ("Pod", "Deployment", "Ingress", "HTTPRoute", "HorizontalPodAutoscaler"):
        found = links_of(tree(kind, "x", metadata={"ownerReferences": odd}, spec=spec))
        assert all(isinstance(each.name, str) and each.name for each in found)
