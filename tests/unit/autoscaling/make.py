"""States for tests: pods of one template at a time, by default measured and ready for long."""

from __future__ import annotations

from collections.abc import Sequence

from portal.autoscaling.spec import (
    LATEST,
    Metric,
    MetricSource,
    ScalingBehavior,
    Spec,
    TargetType,
)
from portal.autoscaling.state import (
    Answer,
    Container,
    History,
    Pod,
    Recommendation,
    Sample,
    Scale,
    State,
)

CPU = Metric(MetricSource.RESOURCE, "cpu", TargetType.UTILIZATION, 70)
QUEUE = Metric(MetricSource.EXTERNAL, "queue", TargetType.VALUE, 10_000)
APP = (Container("app", {"cpu": 100, "memory": 2**30}),)


def pods(count: int, first: int = 0) -> list[Pod]:
    """Ready pods."""
    return [Pod(f"pod-{first + number}", APP, started=-1000.0) for number in range(count)]


def used(percent: int, among: Sequence[Pod]) -> dict[str, Sample]:
    """Samples of pods that use so much of their CPU request."""
    return {each.name: Sample(percent, 0.0, 15.0) for each in among}


def earlier(*recommendations: tuple[int, float]) -> History:
    """A history of recommendations, each with its time."""
    return History(tuple(Recommendation(replicas, at) for replicas, at in recommendations))


def state(
    replicas: int,
    *answers: Answer,
    among: Sequence[Pod] | None = None,
    metrics: tuple[Metric, ...] = (CPU,),
    bounds: tuple[int, int] = (1, 10),
    behavior: ScalingBehavior | None = None,
    history: History = History(),  # noqa: B008
    now: float = 0.0,
    minor: int = LATEST,
) -> State:
    """A state at the time ``now`` with as many ready pods as replicas, unless others are given."""
    return State(
        now,
        Spec(*bounds, metrics, behavior),
        Scale(replicas, replicas),
        pods(replicas) if among is None else among,
        answers,
        history,
        minor=minor,
    )


def busy(replicas: int, percent: int, **more: object) -> State:
    """A state in which all pods use so much of their CPU request."""
    return state(replicas, used(percent, pods(replicas)), **more)  # pyright: ignore
