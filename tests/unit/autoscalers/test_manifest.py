"""Settings of a replay as a manifest and as values of the chart."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from portal.autoscalers.manifest import manifest_of, values_of
from portal.autoscalers.what_if import Settings
from portal.autoscaling.spec import MetricSource, ScalingBehavior, ScalingPolicy, ScalingRules
from portal.domain.objects import HpaMetric
from tests.unit.viewmodels.make import hpa

BASE = Settings(1, 10, 70, None, 100, 128, 0, 300)
OWN = hpa(50, metrics=(HpaMetric("cpu", "Utilization", 70, 50),), target_api="apps/v1")


def read(text: str) -> dict[str, Any]:
    return yaml.safe_load(text)


def test_the_present_settings_are_the_autoscaler_as_it_is() -> None:
    found = read(manifest_of(OWN, BASE, BASE))
    assert (found["apiVersion"], found["kind"]) == ("autoscaling/v2", "HorizontalPodAutoscaler")
    assert found["metadata"] == {"name": OWN.key.name, "namespace": OWN.key.namespace}
    spec = found["spec"]
    assert spec["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": OWN.target_kind,
        "name": OWN.target_name,
    }
    target = {"type": "Utilization", "averageUtilization": 70}
    assert spec["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    assert "behavior" not in spec


def test_what_differs_takes_the_place_of_what_is() -> None:
    changed = replace(BASE, minimum=2, maximum=6, cpu=None, memory=80, down_window=60, up_pods=2)
    spec = read(manifest_of(OWN, BASE, changed))["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 6)
    assert [each["resource"]["name"] for each in spec["metrics"]] == ["memory"]
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 60
    assert spec["behavior"]["scaleUp"]["policies"] == [
        {"type": "Pods", "value": 2, "periodSeconds": 60}
    ]


@pytest.mark.parametrize(
    ("metric", "written"),
    [
        (
            HpaMetric("memory", "AverageValue", 2.0**27, None),
            {
                "type": "Resource",
                "resource": {
                    "name": "memory",
                    "target": {"type": "AverageValue", "averageValue": "134217728"},
                },
            },
        ),
        (
            HpaMetric("app/cpu", "Utilization", 60, None, MetricSource.CONTAINER_RESOURCE),
            {
                "type": "ContainerResource",
                "containerResource": {
                    "name": "cpu",
                    "container": "app",
                    "target": {"type": "Utilization", "averageUtilization": 60},
                },
            },
        ),
        (
            HpaMetric("requests", "AverageValue", 12.5, None, MetricSource.PODS),
            {
                "type": "Pods",
                "pods": {
                    "metric": {"name": "requests"},
                    "target": {"type": "AverageValue", "averageValue": "12500m"},
                },
            },
        ),
        (
            HpaMetric("queue", "Value", 30, None, MetricSource.EXTERNAL),
            {
                "type": "External",
                "external": {
                    "metric": {"name": "queue"},
                    "target": {"type": "Value", "value": "30"},
                },
            },
        ),
    ],
)
def test_other_metrics_stay_as_they_are(metric: HpaMetric, written: dict[str, Any]) -> None:
    own = replace(OWN, metrics=(metric,))
    none = replace(BASE, cpu=None)
    assert read(manifest_of(own, none, none))["spec"]["metrics"] == [written]


@pytest.mark.parametrize(
    "metric",
    [
        HpaMetric("queue", "Value", 30, None, MetricSource.EXTERNAL, selector="queue=orders"),
        HpaMetric("hits", "Value", 30, None, MetricSource.OBJECT, object="Service\nfront: x"),
        HpaMetric("new", "Value", 30, None, MetricSource.UNKNOWN),
    ],
)
def test_a_metric_that_is_known_in_part_is_left_out_and_named(metric: HpaMetric) -> None:
    text = manifest_of(replace(OWN, metrics=(*OWN.metrics, metric)), BASE, BASE)
    assert len(read(text)["spec"]["metrics"]) == 1, "a comment stays one"
    assert f"only a part of them: {metric.name}" in text


def test_who_would_change_it_back_is_said() -> None:
    assert "Helm release demo" in manifest_of(replace(OWN, release="demo"), BASE, BASE)
    keda = replace(OWN, release="demo", scaled_object="queue")
    assert "ScaledObject queue" in manifest_of(keda, BASE, BASE)


def test_other_requests_are_in_the_values_and_said_of_the_manifest() -> None:
    changed = replace(BASE, cpu_request=250, memory_request=256)
    assert read(values_of(OWN, BASE, changed)) == {
        "autoscaling": {
            "enabled": True,
            "minReplicas": 1,
            "maxReplicas": 10,
            "targetCPU": 70,
            "targetMemory": None,
        },
        "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}},
    }
    assert "requests of a pod: cpu 250m and memory 256Mi." in manifest_of(OWN, BASE, changed)


def test_the_behavior_is_kept_whole() -> None:
    slow = ScalingRules(None, (ScalingPolicy("Percent", 10, 30),), "Min", 0.05)
    own = replace(OWN, behavior=ScalingBehavior(down=slow))
    for text in (manifest_of(own, BASE, BASE), values_of(own, BASE, BASE)):
        found = read(text)
        behavior = (found.get("spec") or found["autoscaling"])["behavior"]
        assert behavior["scaleDown"] == {
            "selectPolicy": "Min",
            "policies": [{"type": "Percent", "value": 10, "periodSeconds": 30}],
            "tolerance": "50m",
        }
        assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
