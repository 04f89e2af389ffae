"""What the page says of autoscalers that fail, as Kubernetes' own HPA controller writes it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from portal.cluster.client import ClusterClient
from portal.domain.keys import HELM_RELEASE_NAME, Key
from portal.domain.objects import Hpa
from portal.viewmodels.autoscaler import autoscaler_view
from portal.viewmodels.hpa_problems import autoscaler_problem
from tests.cluster.test_watches import IMAGE, kubeconfig, namespace, run, until, watching

__all__ = ["kubeconfig", "namespace"]

pytestmark = pytest.mark.cluster

RELEASE = {HELM_RELEASE_NAME: "shop"}


def deployment(name: str) -> dict[str, Any]:
    container = {"name": "app", "image": f"{IMAGE}:1.0", "resources": {"requests": {"cpu": "10m"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "annotations": RELEASE},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [container]},
            },
        },
    }


def autoscaler(name: str, metric: dict[str, Any], api: str = "apps/v1") -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "annotations": RELEASE},
        "spec": {
            "scaleTargetRef": {"apiVersion": api, "kind": "Deployment", "name": name},
            "maxReplicas": 4,
            "metrics": [metric],
            "behavior": {
                "scaleUp": {"tolerance": "50m"},
                "scaleDown": {"selectPolicy": "Disabled"},
            },
        },
    }


QUEUE = {
    "type": "External",
    "external": {
        "metric": {"name": "unserved", "selector": {"matchLabels": {"queue": "orders"}}},
        "target": {"type": "AverageValue", "averageValue": "3"},
    },
}
CPU = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
}


async def test_autoscalers_that_fail_are_explained(kubeconfig: Path, namespace: str) -> None:
    objects = [
        deployment("queue"),
        autoscaler("queue", QUEUE),
        deployment("old"),
        autoscaler("old", CPU, "extensions/v1beta1"),
    ]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    key = Key(namespace, "shop")
    async with ClusterClient.connect(kubeconfig) as client, watching(client, namespace) as store:

        def hpa(name: str) -> Hpa | None:
            return next((one for one in store.snapshot.app(key).hpas if one.key.name == name), None)

        def failed(name: str) -> bool:
            found = hpa(name)
            return found is not None and any(one.status == "False" for one in found.conditions)

        await run("kubectl", "-n", namespace, "apply", "-f", "-", stdin=listed)
        bodies: dict[str, str] = {}
        for name in ("queue", "old"):
            await until(store, lambda name=name: failed(name), f"the failure of {name}")
            found = hpa(name)
            assert found is not None
            view = autoscaler_view(found, (), {}, datetime.now(UTC))
            assert view.desired is None
            assert "It never takes pods away." in view.summary
            assert found.behavior is not None
            assert found.behavior.up.tolerance == 0.05
            (notice,) = view.notices
            bodies[name] = notice.body
        assert "serves the metric unserved (external.metrics.k8s.io)" in bodies["queue"]
        assert bodies["old"].endswith(
            "extensions/v1beta1, which this Kubernetes does not have: write apiVersion: apps/v1."
        )
        assert autoscaler_problem(store.snapshot.app(key), datetime.now(UTC)) is not None
