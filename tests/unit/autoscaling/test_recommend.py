from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from portal.autoscaling.lint import Amounts, Setup
from portal.autoscaling.recommend import (
    Advice,
    Capacity,
    Confidence,
    Observed,
    Plan,
    growth,
    outcome,
    recommend,
    worse,
)
from portal.autoscaling.simulation import Figures, Load

MI = 2**20
HOUR = 3600


def record(cores: Callable[[float], float], hours: float = 6, step: int = 15) -> tuple[Load, ...]:
    """A load over time, in cores."""
    return tuple(Load(float(at), cores(at)) for at in range(0, int(hours * HOUR), step))


def spiky(at: float) -> float:
    """Quiet, with a steep rise to six times as much for ten minutes of each hour."""
    return 1.2 if at % HOUR >= 3000 else 0.2


def setup(**changes: object) -> Setup:
    base = Setup(
        1,
        4,
        {"cpu": 70.0},
        {
            "cpu": Amounts(0.2, None, 0.05, 0.14, 0.3, 600),
            "memory": Amounts(256 * MI, 256 * MI, 150 * MI, 180 * MI, 210 * MI, 600),
        },
        start_up=60.0,
    )
    return replace(base, **changes)  # pyright: ignore[reportArgumentType]


def advice(given: Setup, observed: Observed, *, autoscaled: bool = True) -> Advice:
    return recommend(given if autoscaled else None, given, observed)


def values(found: Advice) -> dict[str, float]:
    return {each.setting: each.value for each in found.recommendations}


def with_use(
    resource: str, request: float | None, limit: float | None, usual: float, peak: float
) -> Setup:
    given = setup()
    amounts = Amounts(request, limit, 0.0, usual, peak, 600)
    return replace(given, resources={**given.resources, resource: amounts})


STEADY = Observed(record(lambda at: 0.14))


@pytest.mark.parametrize(
    ("hours", "readings", "confidence"),
    [
        (0.4, 600, Confidence.NONE),
        (1, 600, Confidence.LOW),
        (3, 600, Confidence.MEDIUM),
        (6, 600, Confidence.HIGH),
        (6, 29, Confidence.NONE),
    ],
)
def test_the_confidence_is_by_the_time_recorded(
    hours: float, readings: int, confidence: Confidence
) -> None:
    given = setup(resources={"cpu": Amounts(1.0, None, 0.1, 0.1, 0.1, readings)})
    found = advice(given, Observed(record(spiky, hours)))

    assert found.confidence is confidence
    assert bool(found.recommendations) == (confidence is not Confidence.NONE)


def test_without_an_autoscaler_requests_follow_the_use() -> None:
    given = with_use("cpu", 1.0, None, 0.1, 0.3)
    found = advice(given, STEADY, autoscaled=False)

    assert values(found) == {"cpu_request": pytest.approx(0.115)}
    assert "100m" in found.recommendations[0].evidence
    assert found.before is None


def test_a_request_that_fits_is_left_alone() -> None:
    assert values(advice(with_use("cpu", 0.12, None, 0.1, 0.3), STEADY, autoscaled=False)) == {}


def test_a_missing_request_is_recommended() -> None:
    given = with_use("cpu", None, None, 0.004, 0.005)

    assert values(advice(given, STEADY, autoscaled=False)) == {"cpu_request": 0.025}


def test_with_an_autoscaler_the_request_is_lowered_to_where_the_use_is_at_the_target() -> None:
    idle = with_use("cpu", 1.0, None, 0.1, 0.12)
    found = advice(idle, Observed(record(lambda at: 0.1)))

    assert values(found)["cpu_request"] == pytest.approx(0.1 * 1.15 / 0.7, abs=0.005)
    assert found.before is not None
    assert found.after is not None
    assert found.after.core_hours < found.before.core_hours
    # The next look finds nothing more to do.
    settled = with_use("cpu", values(found)["cpu_request"], None, 0.1, 0.12)
    assert "cpu_request" not in values(advice(settled, Observed(record(lambda at: 0.1))))


def test_the_use_that_an_autoscaler_holds_at_its_target_is_no_reason() -> None:
    assert "cpu_request" not in values(advice(with_use("cpu", 0.2, None, 0.14, 0.2), STEADY))


@pytest.mark.parametrize(
    ("amounts", "kills", "expected"),
    [
        ((1024, 1024, 100, 200), 0, {"memory_request": 240}),
        ((240, None, 100, 200), 0, {"memory_limit": 240}),
        ((240, 200, 100, 200), 0, {"memory_limit": 240}),
        ((240, 240, 100, 200), 2, {"memory_limit": 352}),
        ((1000, 1000, 100, 990), 1, {"memory_limit": 1200}),
        ((None, 240, 10, 20), 0, {"memory_request": 64}),
    ],
)
def test_memory_is_the_peak_with_a_margin_and_its_limit_is_only_raised(
    amounts: tuple[int | None, int | None, int, int], kills: int, expected: dict[str, int]
) -> None:
    request, limit, usual, peak = amounts
    given = with_use(
        "memory", request and request * MI, limit and limit * MI, usual * MI, peak * MI
    )
    found = values(advice(given, replace(STEADY, oom_kills=kills), autoscaled=False))

    memory = {name: value / MI for name, value in found.items() if name.startswith("memory")}
    assert memory == expected


def test_a_memory_request_that_a_target_is_based_on_is_left_alone() -> None:
    given = with_use("memory", 2048 * MI, 2048 * MI, 100 * MI, 200 * MI)

    assert "memory_request" in values(advice(given, STEADY))
    assert "memory_request" not in values(
        advice(replace(given, targets={"cpu": 70.0, "memory": 80.0}), STEADY)
    )


def test_a_cpu_limit_that_holds_pods_back_is_raised() -> None:
    assert values(advice(with_use("cpu", 0.2, 0.4, 0.15, 0.39), STEADY))["cpu_limit"] == 0.6
    assert "cpu_limit" not in values(advice(with_use("cpu", 0.2, 0.4, 0.15, 0.3), STEADY))


def test_the_target_leaves_room_for_what_comes_before_new_pods_help() -> None:
    """The load grows by a half within 105 s: 100 % ÷ 1.5 is 65 %."""

    def waves(at: float) -> float:
        return 1.0 if at % 2400 < 1200 else 1.5

    found = advice(setup(targets={"cpu": 85.0}, max_replicas=20), Observed(record(waves)))

    assert values(found)["target_cpu"] == 65
    assert "up to 50 %" in next(
        each.evidence for each in found.recommendations if each.setting == "target_cpu"
    )


def test_a_load_that_never_grows_allows_a_high_target() -> None:
    found = advice(setup(targets={"cpu": 40.0}, max_replicas=9), Observed(record(lambda at: 0.6)))

    assert values(found)["target_cpu"] == 85
    assert found.after is not None
    assert found.before is not None
    assert found.after.core_hours < found.before.core_hours


def test_a_maximum_that_the_load_exceeds_is_raised() -> None:
    held = Observed(record(spiky), limited=1200.0)
    found = advice(setup(max_replicas=3), held)
    maximum = next(each for each in found.recommendations if each.setting == "maximum")

    assert maximum.value >= math.ceil(1.2 / 0.14)
    assert "for 20 min" in maximum.evidence


def test_a_maximum_with_room_is_left_alone() -> None:
    assert "maximum" not in values(advice(setup(max_replicas=40), STEADY))


def test_nothing_that_is_worse_on_the_recorded_load_is_recommended() -> None:

    def wave(at: float) -> float:
        return 0.5 + 0.4 * math.sin(at / 900)

    for load in (spiky, wave):
        for most in (3, 12):
            found = advice(setup(max_replicas=most), Observed(record(load)))
            if found.after is not None and found.before is not None:
                assert not worse(found.before, found.after)


@pytest.mark.parametrize(
    ("over", "cost", "expected"),
    [
        (100, 10, False),
        (100, 11, True),
        (101, 10, True),
        (101, 9, False),
        (99, 11, False),
        (150, 1, True),
    ],
)
def test_what_counts_as_worse(over: float, cost: float, expected: bool) -> None:
    before = Figures(4000, over=100, core_hours=10)

    assert worse(before, replace(before, over=over, core_hours=cost)) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"targets": {"cpu": 70.0, "memory": 80.0}},
        {"others": True},
        {"max_replicas": 101},
        {"targets": {}},
    ],
)
def test_what_cannot_be_simulated_is_not_recommended(changes: dict[str, object]) -> None:
    found = advice(setup(**changes), Observed(record(spiky)))

    assert not {"target_cpu", "minimum", "maximum", "cpu_request"} & set(values(found))


def test_growth_is_what_the_load_does_within_the_time() -> None:
    ramp = record(lambda at: 1.0 + at / 600, hours=0.5)

    assert growth(ramp, 60) == pytest.approx(1.1)
    assert growth((), 60) == 1.0
    assert growth(record(lambda at: 0.0), 60) == 1.0


# Plans with the observed load.

PLAN = Plan(1, 10, 50.0, 0.2, start_up=60.0)


def of(load: tuple[Load, ...], plan: Plan) -> Figures:
    return outcome(Observed(load), plan, 0.1)


def test_an_autoscaler_follows_the_load() -> None:
    found = of(record(lambda at: 0.45, hours=1), PLAN)

    assert found.most == 5
    assert found.core_hours == pytest.approx(1.0, rel=0.1)
    assert found.seconds == pytest.approx(HOUR, abs=30)
    assert 0 < found.over < 300


def test_a_slower_start_is_longer_over_the_target() -> None:
    load = record(spiky)

    assert of(load, replace(PLAN, start_up=240.0)).over > of(load, PLAN).over


def test_a_shorter_window_saves_pods() -> None:
    load = record(spiky)

    assert of(load, replace(PLAN, window=30.0)).core_hours < of(load, PLAN).core_hours


def test_the_bounds_hold() -> None:
    assert of(record(lambda at: 9.0, 0.5), replace(PLAN, max_replicas=3)).most == 3
    low = of(record(lambda at: 0.0, 0.5), replace(PLAN, min_replicas=2))
    assert low.core_hours == pytest.approx(2 * 0.2 * 0.5, rel=0.05)


BROKEN = Capacity(rate=12.0, p95=180.0, at=0.0, cores=0.1)


def test_a_target_that_pods_break_below_is_lowered() -> None:
    """They use half of their request when they break: at 70 % none is ever added."""
    for hours, confidence in ((6, Confidence.HIGH), (0.2, Confidence.NONE)):
        record_of = Observed(record(spiky, hours))
        found = recommend(setup(), setup(), record_of, BROKEN)
        assert found.confidence is confidence
        (target,) = (each for each in found.recommendations if each.setting == "target_cpu")
        assert (target.now, target.value) == (70.0, 40.0)
        assert "a pod broke above 12.0 requests/s while it used 100m, 50 %" in target.evidence
        assert not {"minimum", "maximum"} & values(found).keys()


@pytest.mark.parametrize(
    "capacity",
    [
        None,
        replace(BROKEN, cores=None),
        replace(BROKEN, cores=0.16),
        replace(BROKEN, at_least=True),
        replace(BROKEN, changed=True),
    ],
    ids=("none", "use-not-known", "above-the-target", "did-not-break", "changed-since"),
)
def test_any_other_load_test_leaves_the_target_to_the_record(capacity: Capacity | None) -> None:
    given = Observed(record(spiky))
    assert recommend(setup(), setup(), given, capacity) == recommend(setup(), setup(), given)


@pytest.mark.parametrize(
    ("changes", "confidence"),
    [
        ({}, Confidence.MEDIUM),
        ({"agree": 2}, Confidence.HIGH),
        ({"agree": 2, "at_least": True}, Confidence.LOW),
        ({"changed": True}, Confidence.LOW),
    ],
)
def test_the_confidence_in_a_measured_throughput(
    changes: dict[str, object], confidence: Confidence
) -> None:
    assert replace(BROKEN, **changes).confidence is confidence
