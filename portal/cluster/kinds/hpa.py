"""HorizontalPodAutoscalers of autoscaling/v2."""

from __future__ import annotations

from datetime import datetime

from portal.cluster.api_types import Conditions, Meta, Part, from_json
from portal.cluster.decode import conditions, key, release_of
from portal.cluster.resource import Resource
from portal.domain.keys import Key
from portal.domain.objects import Hpa, HpaMetric, Kind
from portal.domain.quantities import parse


class _Named(Part, frozen=True):
    name: str = ""


class _MetricValue(Part, frozen=True):
    """``target`` of a metric, or ``current``."""

    type: str = ""
    average_utilization: int | None = None
    average_value: str = ""
    value: str = ""


class _MetricSource(Part, frozen=True):
    """The part of a metric that is named after its type."""

    name: str = ""
    container: str = ""
    metric: _Named = _Named()
    target: _MetricValue = _MetricValue()
    current: _MetricValue = _MetricValue()


class _Metric(Part, frozen=True):
    """``spec.metrics[]`` or ``status.currentMetrics[]``."""

    type: str = ""
    resource: _MetricSource | None = None
    container_resource: _MetricSource | None = None
    pods: _MetricSource | None = None
    object: _MetricSource | None = None
    external: _MetricSource | None = None


class _Target(Part, frozen=True):
    kind: str
    name: str


class _ScalingRules(Part, frozen=True):
    stabilization_window_seconds: int | None = None


class _Behavior(Part, frozen=True):
    scale_down: _ScalingRules | None = None


class _HpaSpec(Part, frozen=True):
    scale_target_ref: _Target
    max_replicas: int
    min_replicas: int | None = None
    metrics: tuple[_Metric, ...] | None = None
    behavior: _Behavior | None = None


class _HpaStatus(Conditions, frozen=True):
    current_replicas: int = 0
    desired_replicas: int = 0
    current_metrics: tuple[_Metric, ...] | None = None
    last_scale_time: datetime | None = None


class _Hpa(Part, frozen=True):
    """A HorizontalPodAutoscaler of autoscaling/v2."""

    metadata: Meta
    spec: _HpaSpec
    status: _HpaStatus = _HpaStatus()


@from_json(_Hpa)
def decode(found: _Hpa) -> tuple[Key, Hpa]:
    """A HorizontalPodAutoscaler of autoscaling/v2."""
    spec, status = found.spec, found.status
    rules = spec.behavior.scale_down if spec.behavior else None
    window = rules.stabilization_window_seconds if rules else None
    current = {_metric_id(each): each for each in status.current_metrics or () if each.type}
    own = key(found.metadata)
    return own, Hpa(
        key=own,
        release=release_of(found.metadata),
        target_kind=spec.scale_target_ref.kind,
        target_name=spec.scale_target_ref.name,
        min_replicas=1 if spec.min_replicas is None else spec.min_replicas,
        max_replicas=spec.max_replicas,
        current=status.current_replicas,
        desired=status.desired_replicas,
        metrics=tuple(_metric(each, current.get(_metric_id(each))) for each in spec.metrics or ()),
        conditions=conditions(status.conditions),
        last_scale_at=status.last_scale_time,
        scale_down_window=300 if window is None else window,
        uid=found.metadata.uid,
    )


def _source(metric: _Metric) -> _MetricSource:
    """The part of a metric that is named after its type."""
    parts = (
        metric.resource,
        metric.container_resource,
        metric.pods,
        metric.object,
        metric.external,
    )
    return next((each for each in parts if each is not None), _MetricSource())


def _metric_id(metric: _Metric) -> tuple[str, str]:
    """Type and name; a container's metric is named ``container/metric``."""
    source = _source(metric)
    name = source.name or source.metric.name
    return metric.type, f"{source.container}/{name}" if source.container else name


def _metric(spec: _Metric, status: _Metric | None) -> HpaMetric:
    target = _source(spec).target
    current = _source(status).current if status else _MetricValue()
    average = current.average_value or current.value
    if target.type == "Utilization":
        reading = current.average_utilization
        goal = float(target.average_utilization or 0)
        now = None if reading is None else float(reading)
    else:
        goal = float(parse(target.average_value or target.value or "0"))
        now = float(parse(average)) if average else None
    return HpaMetric(_metric_id(spec)[1], target.type, goal, now, average)


RESOURCE = Resource(
    Kind.HPA, "Autoscalers", "/apis/autoscaling/v2", "horizontalpodautoscalers", decode
)
