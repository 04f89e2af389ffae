"""The HPA's arithmetic against the documentation's examples, and its properties."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.autoscaling.algorithm import (
    Basis,
    Decision,
    PodCounts,
    Reading,
    Tolerance,
    arithmetic,
    bounded,
    decide,
)

PODS = st.integers(1, 1000)
RATIO = st.floats(0, 50, allow_nan=False)


def decided(
    ready: int,
    *readings: Reading,
    unready: int = 0,
    bounds: tuple[int, int] = (0, 10**6),
    **more: Tolerance,
) -> Decision | None:
    """Return the decision over ``ready`` measured pods, and ``unready`` others."""
    return decide(PodCounts(ready + unready, ready, ready), readings, *bounds, **more)


def asked(ready: int, ratio: float, unready: int = 0) -> int:
    """Return the replicas that one metric asks for."""
    found = decided(ready, Reading("CPU", ratio, 1), unready=unready)
    assert found is not None
    return found.asked


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
    assert asked(ready, ratio) == expected


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
    assert asked(ready, ratio, unready) == expected


@given(PODS, RATIO, RATIO)
def test_more_load_never_asks_for_fewer_pods(ready: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert asked(ready, low) <= asked(ready, high)


@given(PODS, RATIO)
def test_what_it_asks_for_carries_the_load(ready: int, ratio: float) -> None:
    found = asked(ready, ratio)
    load = ready * ratio
    assert found * 1.1 >= load - 1e-6
    if found > ready:
        assert found - 1 < load


@given(PODS, st.integers(0, 100), RATIO)
def test_starting_pods_never_make_it_shrink_under_load(
    ready: int, unready: int, ratio: float
) -> None:
    if ratio > 1.1:
        assert asked(ready, ratio, unready) >= ready


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_bounds_hold(replicas: int, one: int, other: int) -> None:
    low, high = sorted((one, other))
    result = bounded(replicas, low, high)
    assert low <= result <= high
    assert result == replicas or not low <= replicas <= high


def test_the_metric_that_asks_for_most_decides() -> None:
    found = decided(2, Reading("CPU", 20, 70), Reading("Memory", 150, 80))
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
    assert decided(ready, *readings) is None


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
    found = decided(ready, Reading("CPU", current, target), unready=unready, bounds=bounds)
    assert found is not None
    assert arithmetic(found) == words


@given(PODS, st.integers(0, 1000), st.integers(1, 100))
def test_the_sum_on_the_page_comes_out(ready: int, current: int, target: int) -> None:
    found = decided(ready, Reading("CPU", current, target))
    assert found is not None
    words = arithmetic(found)
    if "ceil" in words:
        ratio = float(words.split("× ")[1].split(")")[0])
        assert math.ceil(ready * ratio - 1e-9) == found.asked


@given(st.floats(), st.floats(), st.integers(-5, 500), st.integers(-5, 500))
def test_broken_readings_never_raise(
    current: float, target: float, ready: int, unready: int
) -> None:
    found = decided(ready, Reading("CPU", current, target), unready=max(0, unready), bounds=(1, 4))
    assert found is None or (1 <= found.replicas <= 4 and arithmetic(found))


@pytest.mark.parametrize(
    ("ratio", "tolerance", "expected", "words"),
    [
        (1.34, Tolerance(up=0.5), 2, "within 50 % of the target: no change"),
        (0.6, Tolerance(up=0.5), 2, "ceil(2 × 0.60) = 2"),
        (0.45, Tolerance(down=0.6), 2, "within 60 % of the target: no change"),
        (1.34, Tolerance(down=0.6), 3, "ceil(2 × 1.34) = 3"),
        (1.05, Tolerance(up=0.0), 3, "ceil(2 × 1.05) = 3"),
        (1.0, Tolerance(0.0, 0.0), 2, "within 0 % of the target: no change"),
    ],
)
def test_each_direction_has_its_tolerance(
    ratio: float, tolerance: Tolerance, expected: int, words: str
) -> None:
    found = decided(2, Reading("CPU", ratio, 1), tolerance=tolerance)
    assert found is not None
    assert found.asked == expected
    assert arithmetic(found).endswith(f"→ {words}")


@pytest.mark.parametrize(
    ("basis", "ratio", "expected"),
    [
        (Basis.MEASURED, 13.9, 14),  # over the one pod that is measured, not over all four
        (Basis.READY, 13.9, 28),  # a value from outside is multiplied by the ready pods
        (Basis.REPLICAS, 13.9, 56),  # an average over all replicas
        (Basis.READY, 1.05, 4),  # on target all replicas stay
        (Basis.REPLICAS, 0.5, 2),
    ],
)
def test_each_kind_of_metric_has_its_pods(basis: Basis, ratio: float, expected: int) -> None:
    found = decide(PodCounts(4, 2, 1), [Reading("it", ratio, 1, basis)], 0, 100)
    assert found is not None
    assert found.asked == expected


def test_from_zero_a_value_alone_decides() -> None:
    found = decide(PodCounts(0, 0, 0), [Reading("queue", 7, 40, Basis.READY)], 0, 3)
    assert found is not None
    assert found.asked == 1
    averaged = [Reading("queue", 7, 40, Basis.REPLICAS), Reading("CPU", 7, 40)]
    assert decide(PodCounts(0, 0, 0), averaged, 0, 3) is None
