"""Replay, and the flags that are inferred from recorded decisions."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace

from portal.autoscaling import inference
from portal.autoscaling.inference import Record
from portal.autoscaling.replay import Observation, replay
from portal.autoscaling.spec import FLAGS, Flags, Spec
from portal.autoscaling.state import Scale

from .make import CPU, pods, used

SPEC = Spec(1, 20, (CPU,))


def observed(count: int = 400) -> list[Observation]:
    """Syncs of ten pods under a load that goes up and down."""
    random = Random(1)
    found: list[Observation] = []
    load = 10.0
    for at in range(count):
        load = min(18.0, max(5.0, load * random.uniform(0.8, 1.25)))
        among = pods(10)
        answer = used(round(70 * load / 10), among)
        found.append(Observation(15.0 * at, among, (answer,), Scale(10, 10)))
    return found


def recorded(flags: Flags) -> Record:
    """The record of a controller with these flags."""
    observations = observed()
    decisions = replay(SPEC, observations, flags=flags)
    return Record(SPEC, observations, [each.desired for each in decisions])


def test_a_replay_goes_on_from_its_own_decisions() -> None:
    start = Observation(0.0, pods(2), (used(143, pods(2)),), Scale(2, 2))
    rest = [Observation(15.0 * at, pods(4), (used(20, pods(4)),)) for at in range(1, 30)]
    decisions = replay(SPEC, [start, *rest])
    # The first recommendation, of 5, holds for five minutes.
    assert [each.replicas for each in decisions[:21]] == [4] + [5] * 20
    assert decisions[-1].replicas == 2


def test_a_replay_needs_a_beginning() -> None:
    with pytest.raises(ValueError, match="first observation"):
        replay(SPEC, [Observation(0.0, [], [])])


@pytest.mark.parametrize("value", [0.0, 0.05, 0.1, 0.2, 0.3])
def test_the_tolerance_of_a_record(value: float) -> None:
    found = inference.tolerance(recorded(replace(FLAGS, tolerance=value)))
    assert found.low <= value <= found.high
    assert abs(found.value - value) <= 0.05
    assert found.confidence > 0.3


@pytest.mark.parametrize("value", [60.0, 180.0, 300.0, 600.0])
def test_the_window_of_a_record(value: float) -> None:
    found = inference.downscale_stabilization(
        recorded(replace(FLAGS, downscale_stabilization=value))
    )
    assert found.value == value
    assert found.confidence > 0.9


def test_a_record_without_a_decision_tells_nothing() -> None:
    found = inference.tolerance(Record(SPEC, [], []))
    assert (found.value, found.confidence) == (0.1, pytest.approx(0.5))
    assert (found.low, found.high) == (0.0, 0.5)
    assert inference.sync_period([]).confidence == pytest.approx(0.5)


@pytest.mark.parametrize("period", [5.0, 10.0, 15.0, 30.0])
def test_the_sync_period_of_a_record(period: float) -> None:
    random = Random(2)
    now, times = 0.0, [0.0]
    for _ in range(30):
        now += period * random.choice([1, 1, 2, 3, 5])
        times.append(now + random.uniform(0, 0.4))
    found = inference.sync_period(times)
    assert found.value == period
    assert found.confidence > 0.9


def test_two_times_tell_little_of_the_sync_period() -> None:
    assert inference.sync_period([0.0, 30.2]).confidence < 0.9
