"""The HPA's arithmetic against the documentation's examples, and its properties."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.autoscaling.algorithm import (
    Reading,
    arithmetic,
    bounded,
    decide,
    desired_replicas,
    fastest_up,
)

PODS = st.integers(1, 1000)
RATIO = st.floats(0, 50, allow_nan=False)


@pytest.mark.parametrize(
    ("ready", "ratio", "expected"),
    [
        (1, 200 / 100, 2),  # the documentation's own: 200m against 100m doubles
        (2, 50 / 100, 1),  # and 50m halves
        (2, 143 / 70, 5),
        (3, 1.1, 3),  # on the edge of the tolerance
        (3, 1.101, 4),
        (3, 0.9, 3),
        (10, 0.89, 9),
        (4, 0, 0),
        (3, 2.0000000000000004, 6),  # a rounding error adds no pod
    ],
)
def test_desired(ready: int, ratio: float, expected: int) -> None:
    assert desired_replicas(ready, ratio) == expected


@pytest.mark.parametrize(
    ("ready", "unready", "ratio", "expected"),
    [
        (2, 2, 2.0, 4),  # the two that start will carry the rest
        (2, 2, 1.5, 4),
        (2, 1, 2.0, 4),  # one is not enough
        (2, 2, 0.5, 1),  # on the way down they do not count
    ],
)
def test_unready_pods_are_waited_for(ready: int, unready: int, ratio: float, expected: int) -> None:
    assert desired_replicas(ready, ratio, unready=unready) == expected


@pytest.mark.parametrize(("ready", "ratio"), [(-1, 1), (1, -0.1), (1, math.inf), (1, math.nan)])
def test_nonsense_is_refused(ready: int, ratio: float) -> None:
    with pytest.raises(ValueError, match="no such"):
        desired_replicas(ready, ratio)


@given(PODS, RATIO, RATIO)
def test_more_load_never_asks_for_fewer_pods(ready: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert desired_replicas(ready, low) <= desired_replicas(ready, high)


@given(PODS, RATIO)
def test_what_it_asks_for_carries_the_load(ready: int, ratio: float) -> None:
    asked = desired_replicas(ready, ratio)
    load = ready * ratio
    assert asked * 1.1 >= load - 1e-6
    if asked > ready:
        assert asked - 1 < load


@given(PODS, st.integers(0, 100), RATIO)
def test_starting_pods_never_make_it_shrink_under_load(
    ready: int, unready: int, ratio: float
) -> None:
    if ratio > 1.1:
        assert desired_replicas(ready, ratio, unready=unready) >= ready


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_bounds_hold(replicas: int, one: int, other: int) -> None:
    low, high = sorted((one, other))
    result = bounded(replicas, low, high)
    assert low <= result <= high
    assert result == replicas or not low <= replicas <= high


@given(PODS)
def test_the_speed_limit_is_the_more_generous_policy(current: int) -> None:
    assert fastest_up(current) == max(2 * current, current + 4)


def test_the_metric_that_asks_for_most_decides() -> None:
    found = decide(2, [Reading("CPU", 20, 70), Reading("Memory", 150, 80)], 1, 10)
    assert found is not None
    assert (found.reading.name, found.replicas) == ("Memory", 4)


@pytest.mark.parametrize(
    ("ready", "readings"),
    [
        (0, [Reading("CPU", 50, 70)]),
        (2, []),
        (2, [Reading("CPU", 50, 0)]),
        (2, [Reading("CPU", math.nan, 70)]),
    ],
)
def test_no_decision_without_something_to_go_by(ready: int, readings: list[Reading]) -> None:
    assert decide(ready, readings, 1, 4) is None


@pytest.mark.parametrize(
    ("ready", "unready", "current", "target", "bounds", "words"),
    [
        (
            2,
            0,
            143,
            70,
            (1, 4),
            "2 pods at 143 % of a 70 % target → ceil(2 × 2.04) = 5, capped at 4",
        ),
        (1, 0, 143, 70, (1, 4), "1 pod at 143 % of a 70 % target → ceil(1 × 2.04) = 3"),
        (
            3,
            0,
            72,
            70,
            (1, 4),
            "3 pods at 72 % of a 70 % target → within 10 % of the target: no change",
        ),
        (
            3,
            0,
            10,
            50,
            (2, 4),
            "3 pods at 10 % of a 50 % target → ceil(3 × 0.20) = 1, raised to the minimum of 2",
        ),
        (
            2,
            2,
            140,
            70,
            (1, 4),
            "2 pods at 140 % of a 70 % target → enough once the 2 more that are starting share "
            "the load",
        ),
    ],
)
def test_words(
    ready: int, unready: int, current: float, target: float, bounds: tuple[int, int], words: str
) -> None:
    found = decide(ready, [Reading("CPU", current, target)], *bounds, unready)
    assert found is not None
    assert arithmetic(found) == words


@given(PODS, st.integers(0, 1000), st.integers(1, 100))
def test_the_sum_on_the_page_comes_out(ready: int, current: int, target: int) -> None:
    found = decide(ready, [Reading("CPU", current, target)], 0, 10**6)
    assert found is not None
    words = arithmetic(found)
    if "ceil" in words:
        ratio = float(words.split("× ")[1].split(")")[0])
        assert math.ceil(ready * ratio - 1e-9) == found.asked


@given(st.floats(), st.floats(), st.integers(-5, 500), st.integers(-5, 500))
def test_broken_readings_never_raise(
    current: float, target: float, ready: int, unready: int
) -> None:
    found = decide(ready, [Reading("CPU", current, target)], 1, 4, max(0, unready))
    assert found is None or (1 <= found.replicas <= 4 and arithmetic(found))
