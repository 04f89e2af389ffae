"""The validator must find what the API server would refuse, or the chart tests prove nothing."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.charts.k8s_schemas import validate

CONTAINER = {"name": "app", "image": "a", "env": [{"name": "A", "value": "1"}]}
DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "a", "labels": {"a": "b"}},
    "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [CONTAINER]}},
    },
}
ROUTE = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "metadata": {"name": "a"},
    "spec": {"parentRefs": [{"name": "public"}]},
}


def changed(manifest: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    out = copy.deepcopy(manifest)
    *parents, last = path.split(".")
    at: Any = out
    for key in parents:
        at = at[int(key)] if key.isdigit() else at[key]
    at[last] = value
    return out


@pytest.mark.parametrize("manifest", [DEPLOYMENT, ROUTE], ids=["Deployment", "HTTPRoute"])
def test_right_manifests_are_accepted(manifest):
    assert validate(manifest) == []


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        (changed(DEPLOYMENT, "spec.replica", 1), "'replica' was unexpected"),
        (changed(DEPLOYMENT, "spec.replicas", "1"), "not of type 'integer'"),
        (changed(DEPLOYMENT, "metadata.label", {}), "'label' was unexpected"),
        (changed(DEPLOYMENT, "metadata.labels.a", 1), "not of type 'string'"),
        (
            changed(DEPLOYMENT, "spec.template.spec.containers.0.port", 1),
            "'port' was unexpected",
        ),
        (
            changed(DEPLOYMENT, "spec.template.spec.containers.0.env", [{"name": "A"}] * 2),
            "occurs twice",
        ),
        (changed(DEPLOYMENT, "spec.strategy.rollingUpdate.maxSurge", []), "not of type"),
        (changed(DEPLOYMENT, "spec.template.spec", {}), "'containers' is a required property"),
        (changed(DEPLOYMENT, "apiVersion", "apps/v2"), "no schema"),
        (changed(DEPLOYMENT, "kind", "Deploymant"), "no schema"),
        (changed(ROUTE, "spec.rule", []), "'rule' was unexpected"),
        (changed(ROUTE, "spec.parentRefs", [{"name": 1}]), "not of type 'string'"),
        (changed(ROUTE, "metadata.nam", "a"), "'nam' was unexpected"),
        (changed(ROUTE, "kind", "HTTPRout"), "no schema"),
    ],
)
def test_wrong_manifests_are_refused(manifest, says):
    problems = validate(manifest)
    assert problems
    assert says in "\n".join(problems)
