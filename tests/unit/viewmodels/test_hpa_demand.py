"""What an autoscaler's readings ask for, and the calculation on the page."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from portal.autoscaling.spec import SCALE_DOWN, SCALE_UP, MetricSource, ScalingBehavior
from portal.domain.objects import HpaMetric
from portal.viewmodels.hpa_demand import Demand, PodCounts, arithmetic, demand_of

from .make import hpa

PODS = st.integers(1, 1000)
READING = st.integers(0, 5000)


def cpu(current: float, target: float = 100) -> HpaMetric:
    return HpaMetric("cpu", "Utilization", target, current)


def demanded(
    ready: int,
    *metrics: HpaMetric,
    unready: int = 0,
    bounds: tuple[int, int] = (0, 10**6),
    up: float | None = None,
    down: float | None = None,
) -> Demand | None:
    """Return the demand over ``ready`` measured pods, and ``unready`` others."""
    one = hpa(metrics=metrics, min_replicas=bounds[0], max_replicas=bounds[1])
    behavior = ScalingBehavior(replace(SCALE_UP, tolerance=up), replace(SCALE_DOWN, tolerance=down))
    return demand_of(replace(one, behavior=behavior), PodCounts(ready + unready, ready, ready))


def asked(ready: int, current: float, unready: int = 0) -> int:
    """Return the replicas that one metric asks for, with a target of 100."""
    found = demanded(ready, cpu(current), unready=unready)
    assert found is not None
    return found.asked


@pytest.mark.parametrize(
    ("ready", "current", "expected"),
    [
        (1, 200, 2),  # the documentation's own: 200m against 100m doubles
        (2, 50, 1),  # and 50m halves
        (3, 110, 3),  # on the edge of the tolerance
        (3, 111, 4),
        (3, 90, 3),
        (10, 89, 9),
        (4, 0, 0),
    ],
)
def test_desired(ready: int, current: float, expected: int) -> None:
    assert asked(ready, current) == expected


@pytest.mark.parametrize(
    ("ready", "unready", "current", "expected"),
    [
        (2, 2, 200, 4),  # the two that start will carry the rest
        (2, 2, 150, 4),
        (2, 1, 200, 4),  # one is not enough
        (2, 2, 50, 1),  # on the way down they do not count
    ],
)
def test_unready_pods_are_waited_for(
    ready: int, unready: int, current: float, expected: int
) -> None:
    assert asked(ready, current, unready) == expected


@given(PODS, READING, READING)
def test_more_load_never_asks_for_fewer_pods(ready: int, one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert asked(ready, low) <= asked(ready, high)


@given(PODS, st.integers(0, 100), READING)
def test_starting_pods_never_make_it_shrink_under_load(
    ready: int, unready: int, current: int
) -> None:
    if current > 110:
        assert asked(ready, current, unready) >= ready


def test_the_metric_that_asks_for_most_decides() -> None:
    found = demanded(2, cpu(20, 70), HpaMetric("memory", "Utilization", 80, 150))
    assert found is not None
    assert (found.metric.name, found.replicas) == ("memory", 4)


@pytest.mark.parametrize(
    ("ready", "metrics"),
    [
        (0, [cpu(50, 70)]),
        (2, []),
        (2, [cpu(50, 0)]),
        (2, [cpu(math.nan, 70)]),
        (2, [HpaMetric("cpu", "Tarot", 50, 70)]),
    ],
)
def test_no_demand_without_something_to_go_by(ready: int, metrics: list[HpaMetric]) -> None:
    assert demanded(ready, *metrics) is None


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
    found = demanded(ready, cpu(current, target), unready=unready, bounds=bounds)
    assert found is not None
    assert arithmetic(found) == words


def test_pods_that_are_ready_and_not_measured_count_as_on_target_on_the_way_down() -> None:
    found = demand_of(hpa(metrics=(cpu(60),)), PodCounts(4, 4, 2))
    assert found is not None
    assert (found.counted, found.waiting, found.asked) == (2, 2, 4)
    assert arithmetic(found).endswith("ceil(4 × 0.80) = 4")


@given(PODS, st.integers(0, 1000), st.integers(1, 100))
def test_the_sum_on_the_page_comes_out(ready: int, current: int, target: int) -> None:
    found = demanded(ready, cpu(current, target))
    assert found is not None
    words = arithmetic(found)
    if "ceil" in words:
        pods, ratio = words.split("ceil(")[1].split(")")[0].split(" × ")
        assert math.ceil(int(pods) * float(ratio) - 1e-9) == found.asked


@given(
    st.floats(),
    st.floats(),
    st.integers(0, 500),
    st.integers(0, 500),
    st.sampled_from(["Utilization", "AverageValue", "Value"]),
    st.sampled_from([*MetricSource]),
)
def test_broken_readings_never_raise(
    current: float, target: float, ready: int, unready: int, kind: str, source: MetricSource
) -> None:
    metric = HpaMetric("it", kind, target, current, source)
    found = demanded(ready, metric, unready=unready, bounds=(1, 4))
    assert found is None or (1 <= found.replicas <= 4 and arithmetic(found))


@pytest.mark.parametrize(
    ("current", "up", "down", "expected", "words"),
    [
        (134, 0.5, None, 2, "within 50 % of the target: no change"),
        (60, 0.5, None, 2, "ceil(2 × 0.60) = 2"),
        (45, None, 0.6, 2, "within 60 % of the target: no change"),
        (134, None, 0.6, 3, "ceil(2 × 1.34) = 3"),
        (105, 0.0, None, 3, "ceil(2 × 1.05) = 3"),
        (100, 0.0, 0.0, 2, "within 0 % of the target: no change"),
    ],
)
def test_each_direction_has_its_tolerance(
    current: int, up: float | None, down: float | None, expected: int, words: str
) -> None:
    found = demanded(2, cpu(current), up=up, down=down)
    assert found is not None
    assert found.asked == expected
    assert arithmetic(found).endswith(f"→ {words}")


@pytest.mark.parametrize(
    ("kind", "source", "expected"),
    [
        # Over the one pod that is measured; the others count as idle.
        ("AverageValue", MetricSource.PODS, 14),
        # A value from outside is multiplied by the ready pods.
        ("Value", MetricSource.EXTERNAL, 28),
        # An average over all replicas.
        ("AverageValue", MetricSource.EXTERNAL, 56),
    ],
)
def test_each_kind_of_metric_has_its_pods(kind: str, source: MetricSource, expected: int) -> None:
    metric = HpaMetric("it", kind, 1, 13.9, source)
    found = demand_of(hpa(metrics=(metric,), max_replicas=100), PodCounts(4, 2, 1))
    assert found is not None
    assert found.asked == expected


def test_from_zero_a_value_alone_decides() -> None:
    queue = HpaMetric("queue", "Value", 40, 7, MetricSource.EXTERNAL)
    found = demand_of(hpa(metrics=(queue,), min_replicas=0), PodCounts(0, 0, 0))
    assert found is not None
    assert found.asked == 1
    averaged = (HpaMetric("queue", "AverageValue", 40, 7, MetricSource.EXTERNAL), cpu(7, 40))
    assert demand_of(hpa(metrics=averaged, min_replicas=0), PodCounts(0, 0, 0)) is None
