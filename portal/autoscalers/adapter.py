"""An app's state as the autoscaling engine takes it. Pure.

Custom and external metrics are known from the autoscaler's status alone: their answer is made so
that the engine reads the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
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
    target = max(1, round(found.target * factor))
    if measured(found):
        container, _, resource = found.name.rpartition("/")
        return Metric(found.source, resource, kind, target, container)
    return Metric(found.source, found.title or found.name, kind, target)


_OF_PODS = {MetricSource.RESOURCE, MetricSource.CONTAINER_RESOURCE}


def measured(metric: HpaMetric) -> bool:
    """Return True if the use of the pods is what the metric reads; else its status tells it."""
    return metric.source in _OF_PODS and metric.name.rpartition("/")[2] in {"cpu", "memory"}


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
    own = tuple(
        (each.name, each.cpu_request, each.memory_request)
        for each in pod.containers
        if not each.init
    )
    containers, whole = _requests(own, pod.cpu_request, pod.memory_request, made_up)
    return engine.Pod(
        pod.key.name,
        containers,
        pod.phase,
        ready.status if ready else "True" if pod.ready else None,
        NEVER if since is None else since.timestamp(),
        None if started is None else started.timestamp(),
        pod.deleting,
        whole,
    )


Requests = Mapping[str, int]


@lru_cache(512)
def _requests(
    own: tuple[tuple[str, float | None, float | None], ...],
    cpu: float | None,
    memory: float | None,
    made_up: tuple[str, ...],
) -> tuple[tuple[Container, ...], Requests | None]:
    """Return a pod's containers, and the requests of the pod as a whole if it has such.

    ``cpu`` and ``memory`` are the pod's in all. The result is shared by pods that request alike.
    """
    extra = dict.fromkeys(made_up, _UNIT)
    containers = tuple(
        # What is made up is asked for once.
        Container(name, _amounts(*each) | (extra if at == 0 else dict.fromkeys(made_up, 0)))
        for at, (name, *each) in enumerate(own)
    )
    sums = (_total(each for _, each, _ in own), _total(each for *_, each in own))
    if _alike(sums[0], cpu) and _alike(sums[1], memory):
        return containers, None
    whole = _amounts(cpu, memory) | extra
    return (containers, whole) if any(whole.values()) else ((Container("app", whole),), None)


def _total(amounts: Iterable[float | None]) -> float | None:
    known = list(amounts)
    found = [each for each in known if each is not None]
    return sum(found) if found and len(found) == len(known) else None


def _alike(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other)


def _amounts(cpu: float | None, memory: float | None) -> dict[str, int]:
    return {
        name: round(amount * 1000)
        for name, amount in (("cpu", cpu), ("memory", memory))
        if amount is not None and math.isfinite(amount)
    }


_SELECTORS = {"InvalidSelector", "AmbiguousSelector"}


def scale_of(hpa: Hpa, current: int) -> Scale:
    """Return the scale target as its last sync found it; ``current`` pods are there."""
    failed = {each.type: each.reason for each in hpa.conditions if each.status == "False"}
    selector = failed.get("ScalingActive", "")
    return Scale(
        hpa.current,
        current,
        selector if selector in _SELECTORS else "",
        readable=failed.get("AbleToScale") != "FailedGetScale",
        writable=failed.get("AbleToScale") != "FailedUpdateScale",
    )


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
        _use(pods, usage, hpa.key.namespace, metric)
        if measured(found)
        else as_read(found, metric, pods, current)
        for found, metric in zip(hpa.metrics, spec.metrics, strict=True)
    )


def _use(
    pods: Sequence[engine.Pod], usage: Mapping[Key, PodUsage], namespace: str, metric: Metric
) -> Samples | None:
    """Return the samples of CPU or memory; None if there is none at all."""
    found: dict[str, Sample] = {}
    for pod in pods:
        used = usage.get(Key(namespace, pod.name))
        amount = None if used is None else _used(used, metric)
        if used is not None and amount is not None:
            found[pod.name] = Sample(amount, used.at.timestamp(), used.window)
    return found or None


def _used(used: PodUsage, metric: Metric) -> int | None:
    """Return what a pod, or the one container that counts, uses; None if it was not measured."""
    parts = [
        cpu if metric.name == "cpu" else memory
        for name, cpu, memory in used.containers
        if not metric.container or name == metric.container
    ]
    if not parts and not metric.container:
        parts = [used.cpu if metric.name == "cpu" else used.memory]
    # A sum may have a rest in binary; the controller rounds up what is left of each container.
    return sum(math.ceil(round(each * 1000, 6)) for each in parts) if parts else None


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
