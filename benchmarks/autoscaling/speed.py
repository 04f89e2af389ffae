"""The time of the engine's decisions: of the CPU, since nothing in them waits."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.table import Row, percentile
from portal.autoscaling.engine import decide
from portal.autoscaling.replay import Observation, replay
from portal.autoscaling.spec import Metric, MetricSource, ScalingBehavior, Spec, TargetType
from portal.autoscaling.state import Container, Pod, Sample, Scale, State

SIX_HOURS = 6 * 3600
SYNC = 15
CPU = Metric(MetricSource.RESOURCE, "cpu", TargetType.UTILIZATION, 70)
MEMORY = Metric(MetricSource.RESOURCE, "memory", TargetType.UTILIZATION, 80)
SPEC = Spec(1, 200, (CPU, MEMORY), ScalingBehavior())
APP = (
    Container("app", {"cpu": 100, "memory": 2**30 * 1000}),
    Container("proxy", {"cpu": 50, "memory": 2**27 * 1000}),
)


def measure() -> list[Row]:
    """Return the rows of decisions and of a replay, with the traces that both make."""
    state = _decision(100)
    decision = [_timed(state) for _ in range(5000)]
    observations = _observations()
    replays = [_timed(lambda: replay(SPEC, observations)) for _ in range(20)]
    p50, p95 = (percentile(decision, each) * 1e6 for each in (50, 95))
    window = percentile(replays, 50) * 1000
    return [
        Row(
            "the engine: one decision by CPU and memory of 100 pods, with its trace, 5,000 times",
            f"p50 {p50:.0f} µs, p95 {p95:.0f} µs",
            bar="p50 ≤ 100 µs",
            met=p50 <= 100,
        ),
        Row(
            "the engine: six hours of 20 pods replayed, 1,440 syncs, median of 20",
            f"{window:.0f} ms",
            bar="≤ 100 ms",
            met=window <= 100,
        ),
    ]


def _timed(work: Callable[[], object]) -> float:
    started = time.thread_time()
    work()
    return time.thread_time() - started


def _pods(count: int) -> list[Pod]:
    return [Pod(f"pod-{number}", APP, started=-1000.0) for number in range(count)]


def _answers(pods: list[Pod], at: int) -> list[dict[str, Sample]]:
    load = 60 + at // SYNC % 97
    return [
        {
            each.name: Sample(load + number % 40, float(at), 15.0)
            for number, each in enumerate(pods)
        },
        {each.name: Sample(2**29 * 1000, float(at), 15.0) for each in pods},
    ]


def _decision(count: int) -> Callable[[], object]:
    pods = _pods(count)
    state = State(0.0, SPEC, Scale(count, count), pods, _answers(pods, 0))
    return lambda: decide(state)


def _observations() -> list[Observation]:
    pods = _pods(20)
    return [
        Observation(float(at), pods, _answers(pods, at), Scale(20, 20))
        for at in range(0, SIX_HOURS, SYNC)
    ]
