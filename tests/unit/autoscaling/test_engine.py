"""The decision and its trace. That it is the controller's own is held by tests/cluster."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from portal.autoscaling.engine import Constraint, decide
from portal.autoscaling.metrics import Outcome
from portal.autoscaling.spec import (
    SCALE_DOWN,
    SCALE_UP,
    Metric,
    MetricSource,
    ScalingBehavior,
    ScalingPolicy,
    ScalingRules,
    TargetType,
)
from portal.autoscaling.state import Condition, History, Pod, Sample, Scale, ScaleEvent

from .make import APP, CPU, QUEUE, busy, earlier, pods, state, used


def reasons(conditions: object) -> dict[str, str]:
    assert isinstance(conditions, dict)
    return {name: each.reason for name, each in conditions.items()}


def test_a_load_above_the_target() -> None:
    found = decide(busy(2, 143))
    assert (found.replicas, found.desired) == (4, 4)
    assert reasons(found.conditions) == {
        "AbleToScale": "SucceededRescale",
        "ScalingActive": "ValidMetricFound",
        "ScalingLimited": "ScaleUpLimit",
        "ScaledToZero": "NotScaledToZero",
    }
    trace = found.trace
    assert (trace.constraint, trace.recommended) == (Constraint.RATE, 5)
    assert trace.rate is not None
    assert trace.rate.limit == 4
    metric = trace.decisive
    assert metric is not None
    assert (metric.current, metric.proposal, metric.outcome) == (143, 5, Outcome.PROPOSED)
    assert metric.ratio == pytest.approx(143 / 70)


def test_utilization_is_cut_to_whole_percent_before_the_ratio() -> None:
    # 77.9 % of a target of 70 % is a ratio of 1.113; 77 % is within the tolerance.
    among = pods(10)
    samples = {each.name: Sample(78 if at else 77) for at, each in enumerate(among)}
    found = decide(state(10, samples, bounds=(1, 20)))
    assert found.replicas == 10
    assert found.trace.metrics[0].outcome is Outcome.TOLERATED


@pytest.mark.parametrize(
    "kind",
    [
        pods(1)[0],
        Pod("late", APP, ready="False", ready_since=-5.0, started=-5.0),
        Pod("pending", APP, phase="Pending"),
        Pod("going", APP, deleting=True),
        Pod("unmeasured", APP, started=-1000.0),
    ],
    ids=lambda each: each.name,
)
@pytest.mark.parametrize("percent", [10, 70, 200])
def test_replicas_of_a_pod_count_as_so_many_pods(kind: Pod, percent: int) -> None:
    three = [replace(kind, name=f"one-of-{each}") for each in range(3)]
    alike = [replace(kind, replicas=3)]

    def proposal(among: list[Pod]) -> tuple[int, int, float, int]:
        samples = used(percent, [*pods(2, 10), *(among if kind.name != "unmeasured" else [])])
        found = decide(state(5, samples, among=[*pods(2, 10), *among])).trace.metrics[0]
        return found.proposal, found.current, found.final_ratio, found.counted

    assert proposal(alike) == proposal(three)


def test_pods_are_grouped() -> None:
    running, late = pods(2), Pod("late", APP, ready="False", ready_since=-5.0, started=-5.0)
    among = [
        *running,
        late,
        Pod("pending", APP, phase="Pending"),
        Pod("unmeasured", APP, started=-1000.0),
        Pod("going", APP, deleting=True),
        Pod("failed", APP, phase="Failed"),
    ]
    samples = used(200, [*running, late, among[5]]) | {"elsewhere": Sample(1)}
    groups = decide(state(5, samples, among=among)).trace.metrics[0].pods
    assert groups is not None
    assert (groups.ready, groups.strangers) == (2, 1)
    assert list(groups.unready) == ["late", "pending"]
    assert list(groups.missing) == ["unmeasured"]
    assert list(groups.ignored) == ["going", "failed"]
    assert (groups.unready_as, groups.missing_as) == (0, 0)


@pytest.mark.parametrize(
    ("target", "percent", "counts_as", "replicas"),
    [
        (70, 10, 100, 2),  # 2 at 10 % and 1 at 100 %: 40 % of 70 %
        (150, 10, 150, 2),  # not less than the target
        (70, 120, 0, 4),  # 2 at 120 % and 2 idle are on target
    ],
)
def test_missing_pods(target: int, percent: int, counts_as: int, replicas: int) -> None:
    all_of_them = 3 if percent < target else 4
    among = pods(all_of_them)
    wanted = Metric(MetricSource.RESOURCE, "cpu", TargetType.UTILIZATION, target)
    found = decide(
        state(
            all_of_them,
            used(percent, among[:2]),
            metrics=(wanted,),
            history=earlier((1, -1000.0)),
        )
    )
    trace = found.trace.metrics[0]
    assert trace.pods is not None
    assert trace.pods.missing_as == counts_as
    assert found.replicas == replicas


def test_a_change_of_direction_is_none() -> None:
    # Without the unmeasured pod it would shrink; with it at 100 % the load is above the target.
    found = decide(state(2, used(60, pods(1)), among=pods(2)))
    assert found.trace.metrics[0].outcome is Outcome.REVERSED
    assert found.replicas == 2


def test_an_earlier_recommendation_holds_the_replicas() -> None:
    found = decide(busy(4, 20, history=earlier((3, -100.0), (4, -200.0), (9, -301.0))))
    assert found.replicas == 4
    held = found.trace.stabilized
    assert held is not None
    assert held.held_by is not None
    assert (held.held_by.replicas, held.held_by.at, held.until) == (4, -200.0, 100.0)
    assert found.trace.constraint is Constraint.STABILIZATION
    assert found.conditions["AbleToScale"].reason == "ScaleDownStabilized"
    # The one too old to count makes room for the new one.
    assert [each.replicas for each in found.history.recommendations] == [3, 4, 2]


def test_policies_count_the_changes_within_their_periods() -> None:
    two = ScalingRules(0, (ScalingPolicy("Pods", 2, 60), ScalingPolicy("Percent", 10, 30)))
    history = replace(earlier((1, -10.0)), ups=(ScaleEvent(2, -20.0), ScaleEvent(1, -90.0)))
    found = decide(busy(5, 300, behavior=ScalingBehavior(two), history=history))
    rate = found.trace.rate
    assert rate is not None
    assert rate.decisive is not None
    assert found.replicas == 5
    assert [(each.start, each.limit, each.until) for each in rate.policies] == [
        (3, 5, 40.0),
        (3, 4, 10.0),
    ]
    assert rate.decisive.policy.type == "Pods"
    later = decide(busy(5, 300, behavior=ScalingBehavior(two), history=history, now=41.0))
    assert later.replicas == 7


def test_changes_are_remembered_only_with_behavior() -> None:
    assert decide(busy(2, 143)).history.ups == ()
    found = decide(busy(2, 143, behavior=ScalingBehavior()))
    assert found.history.ups == (ScaleEvent(3, 0.0),)


def test_the_nearest_bound() -> None:
    assert decide(busy(2, 143, bounds=(1, 3))).trace.constraint is Constraint.MAXIMUM
    quiet = busy(3, 1, bounds=(2, 5), history=earlier((1, -500.0)))
    assert decide(quiet).trace.constraint is Constraint.MINIMUM
    over = decide(busy(7, 10, bounds=(1, 5)))
    assert (over.replicas, over.trace.constraint) == (5, Constraint.OVER_MAXIMUM)
    under = decide(busy(1, 10, bounds=(2, 5)))
    assert (under.replicas, under.trace.constraint) == (2, Constraint.UNDER_MINIMUM)


def test_a_metric_that_fails_stops_only_scaling_down() -> None:
    both = (CPU, QUEUE)
    down = decide(state(4, used(10, pods(4)), None, metrics=both))
    assert (down.replicas, down.trace.constraint) == (4, Constraint.NO_METRICS)
    assert down.conditions["ScalingActive"] == Condition(False, "FailedGetExternalMetric")
    up = decide(state(4, used(100, pods(4)), None, metrics=both))
    assert up.replicas == 6
    assert up.conditions["ScalingActive"] == Condition(True, "ValidMetricFound")


def test_a_pod_without_a_request_is_told() -> None:
    bare = Pod("bare", (replace(APP[0], requests={}),))
    found = decide(state(2, used(50, pods(1)), among=[*pods(1), bare]))
    assert found.trace.metrics[0].failure == "container app of pod bare requests no cpu"
    assert found.conditions["ScalingActive"].reason == "FailedGetResourceMetric"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Scale(2, 2, readable=False), "FailedGetScale"),
        (Scale(2, 2, writable=False), "FailedUpdateScale"),
    ],
)
def test_a_scale_that_cannot_be_used(change: Scale, reason: str) -> None:
    found = decide(replace(busy(2, 143), scale=change, desired=3))
    assert (found.replicas, found.desired) == (2, 3)
    assert found.conditions["AbleToScale"] == Condition(False, reason)


def test_a_selector_that_another_autoscaler_shares() -> None:
    shared = replace(busy(2, 143), scale=Scale(2, 2, "AmbiguousSelector"))
    assert decide(shared).conditions["ScalingActive"] == Condition(False, "AmbiguousSelector")


def test_scaling_to_zero_and_back() -> None:
    idle = state(
        2, (0,), metrics=(QUEUE,), bounds=(0, 5), history=earlier((0, -500.0)), behavior=None
    )
    found = decide(idle)
    assert found.replicas == 0
    assert found.conditions["ScaledToZero"] == Condition(True, "ScaledToZero")
    awake = replace(idle, scale=Scale(0, 0), answers=((25_000,),), conditions=found.conditions)
    assert decide(awake).replicas == 3
    by_hand = replace(awake, conditions={})
    assert decide(by_hand).trace.constraint is Constraint.DISABLED


@pytest.mark.parametrize(
    ("minor", "replicas"),
    [
        (34, 3),
        (35, 3),
        (36, 0),  # only what the autoscaler scaled to zero wakes
        (37, 0),
    ],
)
def test_zero_replicas_of_each_version(minor: int, replicas: int) -> None:
    empty = state(0, (25_000,), metrics=(QUEUE,), bounds=(0, 5), minor=minor)
    assert decide(empty).replicas == replicas


@pytest.mark.parametrize(("minor", "replicas"), [(34, 3), (35, 2), (37, 2)])
def test_a_tolerance_of_its_own_of_each_version(minor: int, replicas: int) -> None:
    wide = ScalingBehavior(replace(SCALE_UP, tolerance=0.5))
    assert decide(busy(2, 90, behavior=wide, minor=minor)).replicas == replicas


@pytest.mark.parametrize(("minor", "active"), [(34, True), (35, False), (37, False)])
def test_a_container_that_a_pod_lacks_in_each_version(minor: int, active: bool) -> None:
    metric = Metric(MetricSource.CONTAINER_RESOURCE, "cpu", TargetType.UTILIZATION, 70, "app")
    among = [*pods(2), Pod("other", (replace(APP[0], name="web"),))]
    found = decide(state(3, used(70, pods(2)), among=among, metrics=(metric,), minor=minor))
    assert found.conditions["ScalingActive"].status is active


COUNTS = st.integers(1, 40)


@given(COUNTS, st.integers(0, 2000), st.integers(1, 10), st.integers(10, 50))
def test_the_bounds_hold_and_the_trace_agrees(
    replicas: int, percent: int, minimum: int, maximum: int
) -> None:
    found = decide(busy(replicas, percent, bounds=(minimum, maximum)))
    assert minimum <= found.replicas <= maximum
    trace = found.trace
    if trace.constraint is Constraint.METRIC:
        assert trace.recommended == found.replicas
    if trace.constraint is Constraint.STABILIZATION:
        assert trace.stabilized is not None
        assert trace.stabilized.replicas == found.replicas


@given(COUNTS, st.integers(0, 500))
def test_a_decision_changes_nothing_that_it_was_given(replicas: int, percent: int) -> None:
    given_state = busy(replicas, percent, behavior=ScalingBehavior())
    assert decide(given_state) == decide(given_state)
    assert given_state.history == History()
    assert SCALE_DOWN.window is None
