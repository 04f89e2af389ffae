"""What an autoscaler does with a load."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from portal.autoscaling.engine import decide
from portal.autoscaling.replay import INTERRUPTION, syncs
from portal.autoscaling.simulation import (
    Figures,
    Load,
    PodModel,
    Point,
    figures,
    limits_of,
    simulate,
)
from portal.autoscaling.spec import (
    FLAGS,
    Metric,
    MetricSource,
    ScalingBehavior,
    ScalingPolicy,
    ScalingRules,
    Spec,
    TargetType,
)
from portal.autoscaling.state import Container, Pod, Scale, State
from portal.autoscaling.state import History as Kept
from portal.autoscaling.state import Sample as Use
from portal.state.history import History, Sample

CPU = Metric(MetricSource.RESOURCE, "cpu", TargetType.UTILIZATION, 50)
SPEC = Spec(1, 10, (CPU,), ScalingBehavior())
PODS = PodModel(0.1, 2**27, 15.0)
MINUTE = 60.0


def load(cores: Callable[[int], float | None], minutes: int = 60) -> list[Load]:
    """A record with a part each minute."""
    return [Load(MINUTE * at, cores(at), 1e8) for at in range(minutes)]


def run(
    record: list[Load], spec: Spec = SPEC, pods: PodModel = PODS, replicas: int = 2
) -> tuple[Point, ...]:
    return simulate(record, spec, pods, replicas)


def last(record: list[Load], spec: Spec = SPEC, pods: PodModel = PODS) -> int:
    return run(record, spec, pods)[-1].replicas


def sums(curve: tuple[Point, ...], pods: PodModel = PODS, spec: Spec = SPEC) -> Figures:
    return figures(curve, pods, limits_of(spec, pods))


def test_a_steady_load_is_answered_as_the_target_means() -> None:
    # 0.2 cores over requests of 0.1: 4 pods have 50 % each.
    steady = load(lambda at: 0.2)
    assert last(steady) == 4
    assert last(steady, replace(SPEC, metrics=(replace(CPU, target=100),))) == 2
    assert last(steady, replace(SPEC, max_replicas=3)) == 3
    assert last(steady, pods=replace(PODS, cpu=0.2)) == 2
    assert last(load(lambda at: 0.0), replace(SPEC, min_replicas=2)) == 2


def test_the_load_is_shared_by_the_pods_that_are_ready() -> None:
    busy = load(lambda at: 0.4, 10)
    slow, quick = (run(busy, pods=replace(PODS, start_up=each)) for each in (120.0, 0.0))
    assert slow[-1].replicas == quick[-1].replicas == 8
    assert sums(slow).over > sums(quick).over > 0
    (first,) = {each.ready for each in slow if each.at < 120}
    assert first == 2, "the new ones are not ready yet"


def test_a_longer_window_keeps_the_pods() -> None:
    def spike(at: int) -> float:
        return 0.4 if at == 5 else 0.05

    def waits(window: int) -> dict[float, int]:
        down = replace(ScalingBehavior().down, window=window)
        spec = replace(SPEC, behavior=ScalingBehavior(down=down))
        return {each.at: each.replicas for each in run(load(spike), spec)}

    short, long = waits(60), waits(600)
    assert short[10 * MINUTE] == 1
    assert long[10 * MINUTE] > 1
    assert list(long.values())[-1] == 1


def test_the_flags_are_the_controllers_own() -> None:
    steady, tolerant = load(lambda at: 0.12), replace(FLAGS, tolerance=0.3)
    assert simulate(steady, SPEC, PODS, 2)[-1].replicas == 3
    assert simulate(steady, SPEC, PODS, 2, tolerant)[-1].replicas == 2
    assert limits_of(SPEC, PODS, tolerant) == {"cpu": pytest.approx(0.065)}


def test_a_rate_limits_each_minute() -> None:
    up = ScalingRules(0, (ScalingPolicy("Pods", 1, 60),))
    spec = replace(SPEC, behavior=ScalingBehavior(up=up))
    found = [each.replicas for each in run(load(lambda at: 0.5, 10), spec, replicas=1)]
    assert found[:8] == [2, 2, 2, 2, 3, 3, 3, 3]
    assert max(found) == 10


def test_without_a_known_load_nothing_changes() -> None:
    found = run(load(lambda at: None, 10), replicas=3)
    assert {each.replicas for each in found} == {3}
    assert (sums(found).over_share, sums(found).highest) == (None, None)


def test_an_interruption_of_the_record_is_left_out() -> None:
    first = load(lambda at: 0.2, 3)
    record = [*first, *(replace(each, at=each.at + 3600) for each in first)]
    times = [at for at, _ in syncs(record)]
    assert max(b - a for a, b in itertools.pairwise(times)) > 3000
    assert len(times) == 2 * 8 + 1
    assert simulate((), SPEC, PODS, 1) == ()
    assert sums(()) == Figures()


def test_a_steady_load_counts_for_all_of_its_time() -> None:
    """Of equal samples the record keeps the first and the last of five minutes alone."""
    kept = History()
    for second in range(0, 3601, 10):
        at = datetime.fromtimestamp(1_800_000_000 + second, UTC)
        kept = kept.added(Sample(at, 2, 2, 2, 1, 10, {}, 0.1, 1e8))
    record = [Load(each.at.timestamp(), each.cpu, each.memory) for each in kept]
    longest = max(later.at - each.at for each, later in itertools.pairwise(record))
    assert 180 < longest < INTERRUPTION, "an interruption is longer than what is left out"
    assert sums(run(record)).seconds == 3600


def test_figures_add_up() -> None:
    curve = tuple(Point(at, each, 2, 2) for at, each in syncs(load(lambda at: 0.2, 61)))
    found = sums(curve)
    assert found.seconds == found.known == found.over == 3600
    assert found.over_share == 1.0
    assert found.pod_hours == pytest.approx(2.0)
    assert found.core_hours == pytest.approx(0.2)
    assert found.highest == pytest.approx(100)
    assert (found.changes, found.most) == (0, 2)


def test_the_metric_that_is_nearest_its_limit_counts() -> None:
    memory = Metric(MetricSource.RESOURCE, "memory", TargetType.AVERAGE_VALUE, 10**11)
    spec = replace(SPEC, metrics=(CPU, memory))
    assert limits_of(spec, PODS) == {"cpu": pytest.approx(0.055), "memory": pytest.approx(1.1e8)}
    curve = [Point(0.0, Load(0.0, 0.05, 4e8), 2, 2)]
    found = figures(curve, PODS, limits_of(spec, PODS))
    assert found.over == 15
    assert found.highest == pytest.approx(100 * 2e8 / 2**27)
    assert limits_of(replace(spec, metrics=(CPU,)), PodModel()) == {}, "percent of no request"


def one_by_one(record: list[Load], spec: Spec, pods: PodModel, replicas: int) -> list[Point]:
    """The same simulation with each pod on its own."""
    requests = {"cpu": round(pods.cpu * 1000), "memory": round(pods.memory * 1000)}
    usual = Pod("", (Container("app", requests),))
    there = [replace(usual, name=f"first-{each}") for each in range(replicas)]
    wanted = desired = replicas
    kept, known, curve = Kept(), {}, list[Point]()
    for number, (at, each) in enumerate(syncs(record)):
        del there[wanted:]
        there += [
            replace(usual, name=f"{number}-{place}", ready="False", ready_since=at, started=at)
            for place in range(wanted - len(there))
        ]
        there = [
            replace(pod, ready="True", ready_since=since)
            if pod.ready == "False" and at >= (since := (pod.started or 0.0) + pods.start_up)
            else pod
            for pod in there
        ]
        ready = [pod.name for pod in there if pod.ready == "True"]
        answers: list[dict[str, Use] | None] = []
        for metric in spec.metrics:
            used, base = each.of_pod(metric.name, len(ready)), each.base_of(metric.name)
            sampled = {pod.name: used if pod.name in ready else base for pod in there}
            of = {
                name: Use(round(amount * 1000), at, FLAGS.sync_period)
                for name, amount in sampled.items()
                if amount
            }
            answers.append(of if used is not None and ready else None)
        scale = Scale(wanted, len(there))
        decision = decide(State(at, spec, scale, there, answers, kept, known, desired))
        kept, known, desired = decision.history, decision.conditions, decision.desired
        wanted = decision.replicas
        curve.append(Point(at, each, wanted, len(ready)))
    return curve


@pytest.mark.parametrize("start_up", [0.0, 7.0, 30.0, 100.0, 400.0])
@pytest.mark.parametrize("behavior", [None, ScalingBehavior()])
def test_pods_that_count_as_one_change_nothing(
    start_up: float, behavior: ScalingBehavior | None
) -> None:
    memory = Metric(MetricSource.RESOURCE, "memory", TargetType.UTILIZATION, 80)
    spec = Spec(1, 30, (CPU, memory), behavior)

    def cores(at: int) -> float | None:
        return None if at % 47 == 5 else 0.1 + (at * at % 31) / 20

    record = [replace(each, base=2e7) for each in load(cores, 120)]
    pods = replace(PODS, start_up=start_up)
    curve = run(record, spec, pods, 7)
    assert list(curve) == one_by_one(record, spec, pods, 7)
    assert len({each.replicas for each in curve}) > 3
