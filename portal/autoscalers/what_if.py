"""Settings of a replay: those of the sliders, as a spec and as pods; and the recorded load. Pure.

A new pod takes as long to become ready as the app's pods take.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from portal.autoscaling.replay import syncs
from portal.autoscaling.simulation import RESOURCES, PodModel, Point
from portal.autoscaling.spec import (
    BEHAVIOR,
    FLAGS,
    Flags,
    Metric,
    MetricSource,
    ScalingPolicy,
    ScalingRules,
    Spec,
    TargetType,
)
from portal.autoscaling.stabilization import window_down
from portal.state.history import Sample
from portal.viewmodels.recorded_load import RecordedLoad


class Settings(Struct, frozen=True):
    """The settings of a replay. Targets are percent of the request; None if there is none.

    Requests are thousandths of a core, and MiB. Windows are in seconds; ``up_pods`` and
    ``down_pods`` are the most pods that are added or removed a minute, 0 for no such policy.
    """

    minimum: int
    maximum: int
    cpu: int | None = None
    memory: int | None = None
    cpu_request: int = 0
    memory_request: int = 0
    up_window: int = 0
    down_window: int = 300
    up_pods: int = 0
    down_pods: int = 0


def record_of(samples: Sequence[Sample], load: RecordedLoad) -> tuple[Point, ...]:
    """Return what was recorded, oldest first, with the replicas that were desired."""
    return tuple(
        Point(one.at, one, each.desired, each.ready)
        for each, one in zip(samples, load.loads, strict=True)
    )


def recorded(record: Sequence[Point]) -> tuple[Point, ...]:
    """Return what was recorded at the syncs of a simulation."""
    return tuple(replace(each, at=at) for at, each in syncs(record))


def settings_of(
    spec: Spec, cpu_request: float, memory_request: float, flags: Flags = FLAGS
) -> Settings:
    """Return the present settings; requests in cores and bytes."""
    targets = {
        each.name: each.target
        for each in spec.metrics
        if each.source is MetricSource.RESOURCE and each.target_type is TargetType.UTILIZATION
    }
    behavior = spec.behavior or BEHAVIOR
    return Settings(
        spec.min_replicas,
        spec.max_replicas,
        targets.get("cpu"),
        targets.get("memory"),
        round(cpu_request * 1000),
        round(memory_request / 2**20),
        behavior.up.window or 0,
        int(window_down(behavior, flags)),
        _a_minute(behavior.up),
        _a_minute(behavior.down),
    )


def _a_minute(rules: ScalingRules) -> int:
    """Return the pods a minute of rules that consist of one such policy; else 0."""
    match rules.policies:
        case (ScalingPolicy(type="Pods", value=value, period=60),):
            return value
        case _:
            return 0


def pods_with(settings: Settings, start_up: float, start_cost: float | None = None) -> PodModel:
    """Return the pods of a replay, which are ready after ``start_up`` seconds.

    ``start_cost`` are the core-seconds that it takes to start one, None if that is not known.
    """
    cores, size = settings.cpu_request / 1000, settings.memory_request * 2.0**20
    return PodModel(cores, size, start_up, start_cost=start_cost)


def spec_with(spec: Spec, base: Settings, changed: Settings) -> Spec:
    """Return the spec with what differs between two settings; what is not replayed is left out."""
    targets = {"cpu": changed.cpu, "memory": changed.memory}
    metrics = [
        each
        for each in spec.metrics
        if each.source is MetricSource.RESOURCE
        and each.name in RESOURCES
        and each.target_type is TargetType.AVERAGE_VALUE
    ]
    metrics += [
        Metric(MetricSource.RESOURCE, name, TargetType.UTILIZATION, target)
        for name, target in targets.items()
        if target is not None
    ]
    behavior = spec.behavior
    rules = ("up_window", "down_window", "up_pods", "down_pods")
    if any(getattr(base, name) != getattr(changed, name) for name in rules):
        usual = behavior or BEHAVIOR
        behavior = replace(
            usual,
            up=_rules(usual.up, base.up_pods, changed.up_pods, changed.up_window, BEHAVIOR.up),
            down=_rules(
                usual.down, base.down_pods, changed.down_pods, changed.down_window, BEHAVIOR.down
            ),
        )
    return Spec(changed.minimum, changed.maximum, tuple(metrics), behavior)


def _rules(
    rules: ScalingRules, before: int, pods: int, window: int, usual: ScalingRules
) -> ScalingRules:
    policies = rules.policies
    if pods and pods != before:
        policies = (ScalingPolicy("Pods", pods, 60),)
    elif before and not pods:
        policies = usual.policies
    return replace(rules, window=window, policies=policies)


def start_up_of(times: Iterable[float]) -> float:
    """Return the time in seconds that a pod takes to be ready: the median of those given.

    Without any it is taken to be half a minute.
    """
    ordered = sorted(each for each in times if 0 <= each <= 1800)
    return ordered[len(ordered) // 2] if ordered else 30.0
