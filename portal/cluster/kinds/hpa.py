"""HorizontalPodAutoscalers of autoscaling/v2."""

from __future__ import annotations

from collections.abc import Sequence

from portal.autoscaling.spec import (
    SCALE_DOWN,
    SCALE_UP,
    MetricSource,
    ScalingBehavior,
    ScalingPolicy,
    ScalingRules,
)
from portal.cluster.api_types import Conditions, Meta, Part, Time, from_json
from portal.cluster.decode import conditions, key, quantity, release_of
from portal.cluster.resource import Resource
from portal.domain.keys import Key
from portal.domain.objects import Hpa, HpaMetric, Kind

INT64 = 2**63
"""The controller keeps values in thousandths as int64."""


class _Expression(Part, frozen=True):
    """``matchExpressions[]`` of a label selector."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] | None = None


class _Selector(Part, frozen=True):
    """A label selector."""

    match_labels: dict[str, str] | None = None
    match_expressions: tuple[_Expression, ...] | None = None


class _MetricName(Part, frozen=True):
    """``metric``: the name and selector of a custom or external metric."""

    name: str = ""
    selector: _Selector | None = None


class _MetricValue(Part, frozen=True):
    """``target`` of a metric, or ``current``."""

    type: str = ""
    average_utilization: int | None = None
    average_value: str = ""
    value: str = ""


class _Object(Part, frozen=True):
    """``describedObject``: the object that a metric is about."""

    kind: str = ""
    name: str = ""


class _MetricSource(Part, frozen=True):
    """The part of a metric that is named after its type."""

    name: str = ""
    container: str = ""
    metric: _MetricName = _MetricName()
    described_object: _Object | None = None
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
    api_version: str = ""


class _Policy(Part, frozen=True):
    """``policies[]`` of scaling rules."""

    type: str = ""
    value: int = 0
    period_seconds: int = 0


class _ScalingRules(Part, frozen=True):
    stabilization_window_seconds: int | None = None
    select_policy: str | None = None
    policies: tuple[_Policy, ...] | None = None
    tolerance: str | None = None


class _Behavior(Part, frozen=True):
    scale_up: _ScalingRules | None = None
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
    last_scale_time: Time | None = None


class _Hpa(Part, frozen=True):
    """A HorizontalPodAutoscaler of autoscaling/v2."""

    metadata: Meta
    spec: _HpaSpec
    status: _HpaStatus = _HpaStatus()


@from_json(_Hpa)
def decode(found: _Hpa) -> tuple[Key, Hpa]:
    """A HorizontalPodAutoscaler of autoscaling/v2."""
    spec, status, target = found.spec, found.status, found.spec.scale_target_ref
    metrics = spec.metrics or ()
    own = key(found.metadata)
    return own, Hpa(
        key=own,
        release=release_of(found.metadata),
        target_kind=target.kind,
        target_name=target.name,
        min_replicas=1 if spec.min_replicas is None else spec.min_replicas,
        max_replicas=spec.max_replicas,
        current=status.current_replicas,
        desired=status.desired_replicas,
        metrics=tuple(map(_metric, metrics, _statuses(metrics, status.current_metrics or ()))),
        conditions=conditions(status.conditions),
        last_scale_at=status.last_scale_time,
        behavior=_behavior(spec.behavior),
        uid=found.metadata.uid,
        target_api=target.api_version,
        created_at=found.metadata.creation_timestamp,
        scaled_object=_scaled_object(found.metadata),
    )


def _scaled_object(meta: Meta) -> str:
    """The name of the KEDA ScaledObject that owns it, or ""."""
    owners = meta.owner_references or ()
    return next((each.name for each in owners if each.kind == "ScaledObject"), "")


def _behavior(found: _Behavior | None) -> ScalingBehavior | None:
    if found is None:
        return None
    return ScalingBehavior(_rules(found.scale_up, SCALE_UP), _rules(found.scale_down, SCALE_DOWN))


def _rules(found: _ScalingRules | None, usual: ScalingRules) -> ScalingRules:
    """The rules of one direction; what is left out is as ``usual``."""
    if found is None:
        return usual
    window, policies = found.stabilization_window_seconds, found.policies
    return ScalingRules(
        window=usual.window if window is None else window,
        policies=usual.policies
        if policies is None
        else tuple(ScalingPolicy(each.type, each.value, each.period_seconds) for each in policies),
        select=found.select_policy or usual.select,
        tolerance=_number(found.tolerance or ""),
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


def _metric_id(metric: _Metric) -> tuple[str, ...]:
    """Type, name, selector and object; a container's metric is named ``container/metric``."""
    source = _source(metric)
    name = source.name or source.metric.name
    name = f"{source.container}/{name}" if source.container else name
    about = source.described_object
    subject = f"{about.kind} {about.name}".strip() if about else ""
    return metric.type, name, _selector(source.metric.selector), subject


def _selector(found: _Selector | None) -> str:
    """A label selector as text: "queue=orders, tier in (a, b)"."""
    if found is None:
        return ""
    labels = [f"{name}={value}" for name, value in sorted((found.match_labels or {}).items())]
    return ", ".join([*labels, *map(_expression, found.match_expressions or ())])


def _expression(found: _Expression) -> str:
    if found.operator == "Exists":
        return found.key
    if found.operator == "DoesNotExist":
        return f"!{found.key}"
    return f"{found.key} {found.operator.lower()} ({', '.join(found.values or ())})"


def _statuses(spec: Sequence[_Metric], status: Sequence[_Metric]) -> list[_Metric | None]:
    """The status of each metric of the spec; None for one that could not be read.

    The controller keeps the order of the spec, with an empty entry for a metric that failed.
    While the status is that of another spec, metrics are found by what identifies them.
    """
    aligned = len(spec) == len(status) and all(
        not read.type or _metric_id(read) == _metric_id(each)
        for each, read in zip(spec, status, strict=True)
    )
    if aligned:
        return [each if each.type else None for each in status]
    known = {_metric_id(each): each for each in status if each.type}
    return [known.get(_metric_id(each)) for each in spec]


def _metric(spec: _Metric, status: _Metric | None) -> HpaMetric:
    kind, name, selector, subject = _metric_id(spec)
    target = _source(spec).target
    current = _source(status).current if status else _MetricValue()
    # The field that is set decides, as in the controller; the type may contradict it.
    if target.average_value:
        target_type, goal, now = "AverageValue", target.average_value, current.average_value
    elif target.value:
        target_type, goal, now = "Value", target.value, current.value
    else:
        target_type = "Utilization"
        goal, now = _text(target.average_utilization), _text(current.average_utilization)
    return HpaMetric(
        name=name,
        target_type=target_type,
        target=_number(goal) or 0.0,
        current=_number(now),
        source=MetricSource(kind) if kind in _SOURCES else MetricSource.UNKNOWN,
        selector=selector,
        object=subject,
        reported=bool(now),
    )


_SOURCES = frozenset(MetricSource)


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _number(text: str) -> float | None:
    """The value of a quantity; None if there is none.

    There is none at the ends of int64 either: the controller writes them for an average over no
    pods.
    """
    number = quantity(text)
    return None if number is None or abs(number) * 1000 >= INT64 else number


RESOURCE = Resource(
    Kind.HPA, "Autoscalers", "/apis/autoscaling/v2", "horizontalpodautoscalers", decode
)
