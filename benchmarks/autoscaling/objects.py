"""Kubernetes' objects as the engine takes them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_CEILING
from typing import Any

from portal.autoscaling.readings import PodUsage
from portal.autoscaling.spec import (
    SCALE_DOWN,
    SCALE_UP,
    Metric,
    MetricSource,
    ScalingBehavior,
    ScalingPolicy,
    ScalingRules,
    Spec,
    TargetType,
)
from portal.autoscaling.state import NEVER, Container, ContainerRole, Pod
from portal.domain.quantities import parse

Json = Mapping[str, Any]


def milli(quantity: str) -> int:
    """Return a quantity in thousandths, rounded up as the controller does."""
    return int((parse(quantity) * 1000).to_integral_value(ROUND_CEILING))


def time(text: str | None) -> float:
    """Return a time in Unix seconds."""
    return NEVER if not text else datetime.fromisoformat(text).timestamp()


def spec(hpa: Json) -> Spec:
    """Return the spec of a HorizontalPodAutoscaler of resource metrics."""
    found = hpa["spec"]
    behavior = found.get("behavior")
    return Spec(
        found.get("minReplicas", 1),
        found["maxReplicas"],
        tuple(map(_metric, found["metrics"])),
        behavior
        and ScalingBehavior(
            _rules(behavior.get("scaleUp"), SCALE_UP), _rules(behavior.get("scaleDown"), SCALE_DOWN)
        ),
    )


def _metric(found: Json) -> Metric:
    source = MetricSource(found["type"])
    name = found["type"]
    given = found[name[0].lower() + name[1:]]
    target = given["target"]
    kind = TargetType(target["type"])
    amount = (
        target["averageUtilization"]
        if kind is TargetType.UTILIZATION
        else milli(target["averageValue"])
    )
    return Metric(source, given["name"], kind, amount, given.get("container", ""))


def _rules(found: Json | None, usual: ScalingRules) -> ScalingRules:
    if not found:
        return usual
    policies = found.get("policies")
    tolerance = found.get("tolerance")
    return ScalingRules(
        found.get("stabilizationWindowSeconds", usual.window),
        tuple(ScalingPolicy(p["type"], p["value"], p["periodSeconds"]) for p in policies)
        if policies
        else usual.policies,
        found.get("selectPolicy", usual.select),
        None if tolerance is None else float(parse(tolerance)),
    )


def pod(found: Json) -> Pod:
    """Return a pod."""
    status, meta = found["status"], found["metadata"]
    ready = next((c for c in status.get("conditions", ()) if c["type"] == "Ready"), None)
    started = status.get("startTime")
    whole = found["spec"].get("resources", {}).get("requests")
    return Pod(
        meta["name"],
        tuple(_containers(found["spec"])),
        phase=status.get("phase", ""),
        ready=ready and ready["status"],
        ready_since=time(ready.get("lastTransitionTime")) if ready else NEVER,
        started=time(started) if started else None,
        deleting="deletionTimestamp" in meta,
        requests=None if whole is None else _amounts(whole),
        overhead=_amounts(found["spec"].get("overhead", {})),
    )


def _containers(found: Json) -> list[Container]:
    main = [
        Container(c["name"], _amounts(c.get("resources", {}).get("requests", {})))
        for c in found["containers"]
    ]
    init = [
        Container(
            c["name"],
            _amounts(c.get("resources", {}).get("requests", {})),
            ContainerRole.SIDECAR if c.get("restartPolicy") == "Always" else ContainerRole.INIT,
        )
        for c in found.get("initContainers", ())
    ]
    return main + init


def usages(found: Sequence[Json]) -> list[PodUsage]:
    """Return the items of metrics.k8s.io."""
    return [
        PodUsage(
            each["metadata"]["name"],
            time(each["timestamp"]),
            _seconds(each["window"]),
            {c["name"]: _amounts(c["usage"]) for c in each["containers"]},
        )
        for each in found
    ]


def _amounts(found: Mapping[str, str]) -> dict[str, int]:
    return {name: milli(amount) for name, amount in found.items()}


def _seconds(duration: str) -> float:
    """Return a duration of metrics-server, which is below a minute or in minutes and seconds."""
    minutes, _, seconds = duration.rpartition("m") if duration.endswith("s") else ("", "", "0s")
    total = 60.0 * float(minutes or 0) + float(seconds.removesuffix("s") or 0)
    return total if math.isfinite(total) else 0.0
