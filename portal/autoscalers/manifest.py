"""The settings of a replay to take away: a manifest of the autoscaler, and values of the chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from portal.autoscalers.adapter import spec_of
from portal.autoscalers.what_if import Settings, spec_with
from portal.autoscaling.simulation import RESOURCES
from portal.autoscaling.spec import MetricSource, ScalingBehavior, ScalingRules, TargetType
from portal.domain import yaml_text
from portal.domain.objects import Hpa, HpaMetric
from portal.viewmodels.hpa_metrics import metric_label
from portal.viewmodels.words import joined

Values = dict[str, object]


def manifest_of(hpa: Hpa, base: Settings, settings: Settings) -> str:
    """Return a HorizontalPodAutoscaler like this one with other settings, as YAML.

    What differs from ``base``, its present settings, takes the place of what the autoscaler has.
    Metrics that the portal knows in part only are left out, which a comment says.
    """
    spec: Values = {
        "scaleTargetRef": {
            "apiVersion": hpa.target_api or "apps/v1",
            "kind": hpa.target_kind,
            "name": hpa.target_name,
        },
        "minReplicas": settings.minimum,
        "maxReplicas": settings.maximum,
        "metrics": list(_metrics(hpa, settings)),
    }
    behavior = _behavior(hpa, base, settings)
    if behavior:
        spec["behavior"] = behavior
    manifest: Values = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": hpa.key.name, "namespace": hpa.key.namespace},
        "spec": spec,
    }
    comments = "".join(f"# {each}\n" for each in _comments(hpa, base, settings))
    return comments + yaml_text.exact(manifest)


def values_of(hpa: Hpa, base: Settings, settings: Settings) -> str:
    """Return these settings as values of the built-in chart, as YAML."""
    autoscaling: Values = {
        "enabled": True,
        "minReplicas": settings.minimum,
        "maxReplicas": settings.maximum,
        "targetCPU": settings.cpu,
        "targetMemory": settings.memory,
    }
    behavior = _behavior(hpa, base, settings)
    if behavior:
        autoscaling["behavior"] = behavior
    values: Values = {"autoscaling": autoscaling}
    requests = _requests(base, settings)
    if requests:
        values["resources"] = {"requests": requests}
    return yaml_text.exact(values)


def _requests(base: Settings, settings: Settings) -> dict[str, str]:
    """Return the requests of a pod that differ."""
    found: dict[str, str] = {}
    if settings.cpu_request != base.cpu_request:
        found["cpu"] = f"{settings.cpu_request}m"
    if settings.memory_request != base.memory_request:
        found["memory"] = f"{settings.memory_request}Mi"
    return found


def _comments(hpa: Hpa, base: Settings, settings: Settings) -> Iterator[str]:
    requests = [f"{name} {amount}" for name, amount in _requests(base, settings).items()]
    if requests:
        yield f"These settings go with other requests of a pod: {joined(requests)}."
    lost = [metric_label(each) for each in hpa.metrics if not _known(each)]
    if lost:
        words = " ".join(joined(lost).split())
        yield f"Left out, since the portal reads only a part of them: {words}."
    if hpa.scaled_object:
        yield f"KEDA's ScaledObject {hpa.scaled_object} owns this autoscaler, and changes it back."
    elif hpa.release:
        yield f"The Helm release {hpa.release} sets this autoscaler again when it is upgraded."


def _metrics(hpa: Hpa, settings: Settings) -> Iterator[Values]:
    """Yield the metrics, in their order; targets that are new come last."""
    targets = {"cpu": settings.cpu, "memory": settings.memory}
    seen: set[str] = set()
    for each in hpa.metrics:
        if each.source is MetricSource.RESOURCE and each.target_type == TargetType.UTILIZATION:
            target = targets.get(each.name, round(each.target))
            seen.add(each.name)
            if target is not None:
                yield _resource(each.name, target)
        elif _known(each):
            yield _metric(each)
    for name in RESOURCES:
        target = targets[name]
        if name not in seen and target is not None:
            yield _resource(name, target)


def _resource(name: str, target: int) -> Values:
    goal = {"type": "Utilization", "averageUtilization": target}
    return {"type": "Resource", "resource": {"name": name, "target": goal}}


def _known(metric: HpaMetric) -> bool:
    """Return True if all of a metric is known: selectors and objects are read as words only."""
    of_object = metric.source in {MetricSource.OBJECT, MetricSource.UNKNOWN}
    return not (of_object or metric.selector or metric.object) and metric.target > 0


_FIELDS: Mapping[MetricSource, str] = {
    MetricSource.RESOURCE: "resource",
    MetricSource.CONTAINER_RESOURCE: "containerResource",
    MetricSource.PODS: "pods",
    MetricSource.EXTERNAL: "external",
}


def _metric(metric: HpaMetric) -> Values:
    source: Values
    match metric.source:
        case MetricSource.RESOURCE:
            source = {"name": metric.name}
        case MetricSource.CONTAINER_RESOURCE:
            container, _, name = metric.name.rpartition("/")
            source = {"name": name, "container": container}
        case _:
            source = {"metric": {"name": metric.name}}
    source["target"] = _target(metric)
    return {"type": str(metric.source), _FIELDS[metric.source]: source}


def _target(metric: HpaMetric) -> Values:
    match metric.target_type:
        case TargetType.UTILIZATION:
            return {"type": "Utilization", "averageUtilization": round(metric.target)}
        case TargetType.AVERAGE_VALUE:
            return {"type": "AverageValue", "averageValue": _quantity(metric.target)}
        case _:
            return {"type": "Value", "value": _quantity(metric.target)}


def _quantity(amount: float) -> str:
    """Return an amount as Kubernetes writes it, in thousandths where it is not whole."""
    return str(int(amount)) if amount == int(amount) else f"{round(amount * 1000)}m"


def _behavior(hpa: Hpa, base: Settings, settings: Settings) -> Values:
    """Return the behavior; empty if there is none."""
    spec = spec_of(hpa)
    found: ScalingBehavior | None = spec_with(spec, base, settings).behavior if spec else None
    return {"scaleUp": _rules(found.up), "scaleDown": _rules(found.down)} if found else {}


def _rules(rules: ScalingRules) -> Values:
    found: Values = {}
    if rules.window is not None:
        found["stabilizationWindowSeconds"] = rules.window
    found["selectPolicy"] = rules.select
    found["policies"] = [
        {"type": each.type, "value": each.value, "periodSeconds": each.period}
        for each in rules.policies
    ]
    if rules.tolerance is not None:
        found["tolerance"] = _quantity(rules.tolerance)
    return found
