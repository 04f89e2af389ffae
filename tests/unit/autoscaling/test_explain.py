"""What would change a decision."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from portal.autoscaling.engine import decide
from portal.autoscaling.explain import Cause, Turn, turns
from portal.autoscaling.spec import Metric, MetricSource, TargetType
from portal.autoscaling.state import Sample, State

from .make import QUEUE, busy, earlier, pods, state, used


def turned(given_state: State) -> dict[tuple[Cause, bool], Turn]:
    """Turns by their cause, and by whether they lead to more replicas."""
    decision = decide(given_state)
    found = turns(given_state, decision)
    assert all(each.replicas != decision.replicas for each in found)
    return {(each.cause, each.replicas > decision.replicas): each for each in found}


def test_readings_below_and_above() -> None:
    found = turned(busy(4, 60, history=earlier((1, -500.0))))
    assert found == {
        (Cause.READING, False): Turn(Cause.READING, 52, 3),
        (Cause.READING, True): Turn(Cause.READING, 78, 5),
    }


def test_a_window_ends() -> None:
    found = turned(busy(4, 20, history=earlier((4, -100.0), (3, -10.0))))
    # The recommendation of 3 still counts when the one of 4 does not any more.
    assert found[Cause.TIME, False] == Turn(Cause.TIME, 200.0, 3)
    assert (Cause.READING, False) not in found, "no lower load would change it"


def test_a_step_is_followed_by_the_next() -> None:
    assert turned(busy(2, 143))[Cause.TIME, True] == Turn(Cause.TIME, 15.0, 5)


def test_a_maximum() -> None:
    assert turned(busy(3, 143, bounds=(1, 5)))[Cause.MAXIMUM, True] == Turn(Cause.MAXIMUM, 6, 6)
    assert turned(busy(9, 70, bounds=(1, 5)))[Cause.MAXIMUM, True] == Turn(Cause.MAXIMUM, 6, 6)


def test_a_minimum() -> None:
    idle = busy(2, 1, bounds=(2, 5), history=earlier((1, -500.0)))
    assert turned(idle)[Cause.MINIMUM, False] == Turn(Cause.MINIMUM, 1, 1)
    least = busy(1, 1, bounds=(1, 5), history=earlier((1, -500.0)))
    assert (Cause.MINIMUM, False) not in turned(least), "zero needs another kind of metric"


@pytest.mark.parametrize(
    ("metric", "answer", "above"),
    [
        (QUEUE, (10_000,), 11_001),
        (replace(QUEUE, target_type=TargetType.AVERAGE_VALUE), (20_000,), 11_001),
        (
            Metric(MetricSource.PODS, "busy", TargetType.AVERAGE_VALUE, 500),
            {each.name: Sample(500) for each in pods(2)},
            551,
        ),
    ],
)
def test_readings_of_other_metrics(metric: Metric, answer: object, above: int) -> None:
    given_state = state(2, answer, metrics=(metric,))  # pyright: ignore[reportArgumentType]
    found = turned(given_state)
    assert found[Cause.READING, True].value == above


@given(st.integers(1, 12), st.integers(0, 300), st.integers(0, 3))
def test_a_turn_is_where_the_decision_changes(replicas: int, percent: int, missing: int) -> None:
    given_state = state(
        replicas + missing, used(percent, pods(replicas)), among=pods(replicas + missing)
    )
    decision = decide(given_state)
    for each in turns(given_state, decision):
        if each.cause is Cause.READING:
            at = used(int(each.value), pods(replicas))
            assert decide(replace(given_state, answers=(at,))).replicas == each.replicas
            step = 1 if each.value < percent else -1
            before = used(int(each.value) + step, pods(replicas))
            assert decide(replace(given_state, answers=(before,))).replicas == decision.replicas
