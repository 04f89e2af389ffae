"""An app's state as the autoscaling engine takes it. Pure.

The snapshot has the use of each pod as a whole. A metric that is read in another way (of one
container, custom, external) is known from the autoscaler's status alone: its answer is made so
that the engine reads the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

from portal.autoscaling import state as engine
from portal.autoscaling.spec import Metric, MetricSource, Spec, TargetType
from portal.autoscaling.state import NEVER, Answer, Conditions, Container, Sample, Samples, Scale
from portal.domain.keys import Key
from portal.domain.objects import Hpa, HpaMetric, Pod, PodUsage

_UNIT = 100_000
"""The request, in thousandths, of what is known in percent only: each percent is a whole number."""

_LARGEST = 1e12
"""The largest reading that is taken, in the unit of its target: beyond it, it is broken."""


def spec_of(hpa: Hpa) -> Spec | None:
    """Return an autoscaler's spec; None if a target of it cannot be read."""
    metrics = tuple(map(_metric, hpa.metrics))
    known = tuple(each for each in metrics if each is not None)
    if not known or len(known) < len(metrics):
        return None
    return Spec(hpa.min_replicas, hpa.max_replicas, known, hpa.behavior)


def _metric(found: HpaMetric) -> Metric | None:
    if not 0 < found.target <= _LARGEST:
        return None
    kind = TargetType(found.target_type)
    factor = 1 if kind is TargetType.UTILIZATION else 1000
    return Metric(found.source, found.name, kind, max(1, round(found.target * factor)))


def measured(metric: HpaMetric) -> bool:
    """Return True if the use of the pods is what the metric reads; else its status tells it."""
    return metric.source is MetricSource.RESOURCE and metric.name in {"cpu", "memory"}


def pods_of(hpa: Hpa, pods: Sequence[Pod]) -> tuple[engine.Pod, ...]:
    """Return the pods of its target."""
    made_up = tuple(
        each.name
        for each in hpa.metrics
        if each.target_type == TargetType.UTILIZATION and not measured(each)
    )
    return tuple(_pod(each, made_up) for each in pods)


def _pod(pod: Pod, made_up: tuple[str, ...]) -> engine.Pod:
    ready = next((each for each in pod.conditions if each.type == "Ready"), None)
    since = ready.changed_at if ready else pod.ready_at
    running = pod.phase not in {"Pending", "Unknown"}
    started = pod.started_at or (pod.created_at if running else None)
    return engine.Pod(
        pod.key.name,
        _containers(pod.cpu_request, pod.memory_request, made_up),
        pod.phase,
        ready.status if ready else "True" if pod.ready else None,
        NEVER if since is None else since.timestamp(),
        None if started is None else started.timestamp(),
        pod.deleting,
    )


@lru_cache(512)
def _containers(
    cpu: float | None, memory: float | None, made_up: tuple[str, ...]
) -> tuple[Container, ...]:
    """One container with the requests of the pod as a whole; shared by pods that request alike."""
    requests = {
        name: round(amount * 1000)
        for name, amount in (("cpu", cpu), ("memory", memory))
        if amount is not None and math.isfinite(amount)
    }
    return (Container("app", {**requests, **dict.fromkeys(made_up, _UNIT)}),)


def scale_of(hpa: Hpa, current: int) -> Scale:
    """Return the scale target as its last sync found it; ``current`` pods are there."""
    return Scale(hpa.current, current)


def conditions_of(hpa: Hpa) -> Conditions:
    """Return the conditions of its status."""
    return {
        each.type: engine.Condition(each.status == "True", each.reason) for each in hpa.conditions
    }


def answers_of(
    hpa: Hpa, spec: Spec, pods: Sequence[engine.Pod], usage: Mapping[Key, PodUsage], current: int
) -> tuple[Answer, ...]:
    """Return the answers of the metrics APIs, from the use of its pods and from its status."""
    return tuple(
        _use(pods, usage, hpa.key.namespace, metric.name)
        if measured(found)
        else as_read(found, metric, pods, current)
        for found, metric in zip(hpa.metrics, spec.metrics, strict=True)
    )


def _use(
    pods: Sequence[engine.Pod], usage: Mapping[Key, PodUsage], namespace: str, resource: str
) -> Samples | None:
    """Return the samples of CPU or memory; None if there is none at all."""
    found: dict[str, Sample] = {}
    for pod in pods:
        used = usage.get(Key(namespace, pod.name))
        if used is not None:
            amount = used.cpu if resource == "cpu" else used.memory
            at = used.at.timestamp()
            # The sum may have a rest in binary; the controller rounds up what is left in full.
            found[pod.name] = Sample(math.ceil(round(amount * 1000, 6)), at, used.window)
    return found or None


def as_read(found: HpaMetric, metric: Metric, pods: Sequence[engine.Pod], current: int) -> Answer:
    """Return an answer that has the reading of the status; None without one."""
    reading = found.current
    if reading is None or not 0 <= reading <= _LARGEST:
        return None
    if metric.target_type is TargetType.UTILIZATION:
        value = round(reading) * _UNIT // 100
    else:
        value = round(reading * 1000)
    if metric.target_type is TargetType.VALUE:
        return (value,)
    if metric.source.shared:
        return (value * current,)
    return {each.name: Sample(value) for each in pods if each.ready == "True"} or None


def reading_of(found: HpaMetric) -> int | None:
    """Return the reading of the status in the unit of the engine's; None without one."""
    if found.current is None or not 0 <= found.current <= _LARGEST:
        return None
    return round(found.current * (1 if found.target_type == TargetType.UTILIZATION else 1000))
