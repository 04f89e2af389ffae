"""States of the engine as the objects of Kubernetes that they stand for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from portal.autoscaling.readings import PodUsage
from portal.autoscaling.spec import Flags, Metric, MetricSource, ScalingRules, Spec, TargetType
from portal.autoscaling.state import Container, ContainerRole, Pod, Sample

CLOCK = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
"""The time at which the fake clock of Go's ``testing/synctest`` starts."""

Json = dict[str, Any]


def flags(given: Flags) -> Json:
    """The controller's flags."""
    return {
        "tolerance": given.tolerance,
        "downscaleStabilization": given.downscale_stabilization,
        "cpuInitializationPeriod": given.cpu_initialization_period,
        "initialReadinessDelay": given.initial_readiness_delay,
    }


def spec(given: Spec) -> Json:
    """``spec`` of a HorizontalPodAutoscaler."""
    found: Json = {
        "minReplicas": given.min_replicas,
        "maxReplicas": given.max_replicas,
        "metrics": [_metric(each) for each in given.metrics],
    }
    if given.behavior is not None:
        found["behavior"] = {
            "scaleUp": _rules(given.behavior.up),
            "scaleDown": _rules(given.behavior.down),
        }
    return found


def _metric(given: Metric) -> Json:
    target: Json = {"type": given.target_type.value}
    if given.target_type is TargetType.UTILIZATION:
        target["averageUtilization"] = given.target
    elif given.target_type is TargetType.AVERAGE_VALUE:
        target["averageValue"] = milli(given.target)
    else:
        target["value"] = milli(given.target)
    source: Json = {"target": target}
    if given.source in {MetricSource.RESOURCE, MetricSource.CONTAINER_RESOURCE}:
        source["name"] = given.name
    else:
        source["metric"] = {"name": given.name}
    if given.source is MetricSource.CONTAINER_RESOURCE:
        source["container"] = given.container
    if given.source is MetricSource.OBJECT:
        source["describedObject"] = {"kind": "Service", "name": "front", "apiVersion": "v1"}
    name = given.source.value
    return {"type": name, name[0].lower() + name[1:]: source}


def _rules(given: ScalingRules) -> Json:
    found: Json = {
        "selectPolicy": given.select,
        "policies": [
            {"type": each.type, "value": each.value, "periodSeconds": each.period}
            for each in given.policies
        ],
    }
    if given.window is not None:
        found["stabilizationWindowSeconds"] = given.window
    if given.tolerance is not None:
        found["tolerance"] = milli(round(given.tolerance * 1000))
    return found


def pod(given: Pod) -> Json:
    """A pod."""
    status: Json = {"phase": given.phase}
    if given.started is not None:
        status["startTime"] = time(given.started)
    if given.ready is not None:
        status["conditions"] = [
            {
                "type": "Ready",
                "status": given.ready,
                "lastTransitionTime": time(given.ready_since),
            }
        ]
    whole: Json = {
        "containers": [_container(c) for c in given.containers if c.role is ContainerRole.MAIN],
        "initContainers": [
            _container(c) for c in given.containers if c.role is not ContainerRole.MAIN
        ],
        "overhead": _quantities(given.overhead),
    }
    if given.requests is not None:
        whole["resources"] = {"requests": _quantities(given.requests)}
    metadata: Json = {"name": given.name}
    if given.deleting:
        metadata["deletionTimestamp"] = time(0.0)
    return {"metadata": metadata, "spec": whole, "status": status}


def _container(given: Container) -> Json:
    found: Json = {"name": given.name, "resources": {"requests": _quantities(given.requests)}}
    if given.role is ContainerRole.SIDECAR:
        found["restartPolicy"] = "Always"
    return found


def usage(given: PodUsage) -> Json:
    """An item of metrics.k8s.io."""
    return {
        "metadata": {"name": given.pod},
        "timestamp": time(given.at),
        "window": f"{given.window:g}s",
        "containers": [
            {"name": name, "usage": _quantities(amounts)}
            for name, amounts in given.containers.items()
        ],
    }


def samples(given: Mapping[str, Sample]) -> list[Json]:
    """The items of a pods metric of custom.metrics.k8s.io."""
    return [
        {
            "describedObject": {"kind": "Pod", "name": name},
            "timestamp": time(each.at),
            "windowSeconds": int(each.window),
            "value": milli(each.value),
        }
        for name, each in given.items()
    ]


def values(given: Sequence[int]) -> list[str]:
    """The values of a metric of external.metrics.k8s.io."""
    return [milli(each) for each in given]


def milli(amount: int) -> str:
    """A quantity, from thousandths."""
    return f"{amount}m"


def time(seconds: float) -> str | None:
    """A time of an object, from seconds since the start of the clock; whole seconds."""
    if math.isinf(seconds):
        return None
    return datetime.fromtimestamp(CLOCK + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _quantities(given: Mapping[str, int]) -> dict[str, str]:
    return {name: milli(amount) for name, amount in given.items()}
