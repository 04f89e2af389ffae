"""The rates of load tests, what may be asked for, and what is read of what they measured."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from portal.domain.load_tests import (
    LoadTestLimits,
    LoadTestPlan,
    Measured,
    Phase,
    PodThroughput,
    Second,
    Shape,
    phases,
    pod_throughput,
    problems,
    read_second,
    replicas_for,
)

LIMITS = LoadTestLimits(rate=100, seconds=60, minutes=10)
PLAN = LoadTestPlan("web", 80, "/", rate=40, seconds=20, shape=Shape.CLIMB, ready=2)


def second(at: float, **changes: Any) -> Second:
    usual: dict[str, Any] = {
        "seconds": at,
        "requests": 10,
        "throughput": 10.0,
        "success": 1.0,
        "p50": 5.0,
        "p95": 20.0,
        "p99": 30.0,
        "codes": {"200": 10},
    }
    return Second(**(usual | changes))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (Shape.STEADY, (Phase(20, 10),)),
        (Shape.STEPS, (Phase(5, 3), Phase(10, 3), Phase(15, 2), Phase(20, 2))),
        (Shape.SPIKE, (Phase(4, 4), Phase(20, 3), Phase(4, 3))),
        (Shape.CLIMB, (Phase(10, 5), Phase(20, 5))),
    ],
)
def test_shapes(shape: Shape, expected: tuple[Phase, ...]) -> None:
    assert phases(shape, 20, 10) == expected


@given(st.sampled_from(Shape), st.integers(1, 5000), st.integers(1, 3600))
def test_every_shape_lasts_as_long_as_asked_and_reaches_its_rate(
    shape: Shape, rate: int, seconds: int
) -> None:
    made = phases(shape, rate, seconds)
    assert sum(each.seconds for each in made) == seconds
    assert all(each.seconds >= 1 and 1 <= each.rate <= rate for each in made)
    assert len(made) <= 10
    if seconds >= 3:
        assert max(each.rate for each in made) == rate


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        ((1, 1, "/"), set[str]()),
        ((100, 60, "/a/b?c=%20&d=1"), set[str]()),
        ((101, 61, "web"), {"rate", "seconds", "path"}),
        ((0, 0, ""), {"rate", "seconds", "path"}),
        ((None, "5", None), {"rate", "seconds", "path"}),
        ((True, 1.5, "http://elsewhere/"), {"rate", "seconds", "path"}),
        ((1, 1, "/ä"), {"path"}),
        ((1, 1, "/a b"), {"path"}),
        ((1, 1, "/a\r\nHost: b"), {"path"}),
        ((1, 1, "/a\n"), {"path"}),
        ((1, 1, "/#a"), {"path"}),
        ((1, 1, "/" + "a" * 500), {"path"}),
    ],
)
def test_what_is_refused_is_told_by_field(asked: tuple[Any, Any, Any], wrong: set[str]) -> None:
    assert set(problems(*asked, LIMITS)) == wrong


def test_the_limits_are_in_the_sentence() -> None:
    assert "from 1 to 100" in problems(500, 1, "/", LIMITS)["rate"]


LINE: dict[str, Any] = {
    **{"end": False, "seconds": 1.0, "requests": 10, "throughput": 9.9, "success": 0.9},
    **{"p50": 1.5, "p95": 2.5, "p99": 3.5, "codes": {"200": 9, "0": 1}, "error": "refused"},
}


def test_a_line_of_the_program_is_read() -> None:
    read = read_second(json.dumps(LINE).encode())
    assert read == Second(1.0, 10, 9.9, 0.9, 1.5, 2.5, 3.5, {"200": 9, "0": 1}, "refused")


@pytest.mark.parametrize(
    "changes",
    [
        {"requests": -1},
        {"success": 2},
        {"p95": "fast"},
        {"p95": None},
        {"codes": {str(code): 1 for code in range(100)}},
        {"codes": {"200": -1}},
        {"error": "x" * 1000},
    ],
)
def test_a_line_that_is_none_is_left_out(changes: dict[str, Any]) -> None:
    assert read_second(json.dumps(LINE | changes).encode()) is None
    for odd in (b"", b"null", b"[]", b"{}", b"\xff", b'{"seconds": NaN}'):
        assert read_second(odd) is None


def test_one_pods_throughput_is_the_best_second_before_it_broke() -> None:
    seconds = (
        second(1, throughput=20.0),
        second(2, throughput=40.0, ready=4),  # ten each
        second(3, throughput=30.0, p95=2500.0),
        second(4, throughput=30.0, success=0.5),
    )
    end = second(5, end=True, stopped="latency")
    assert pod_throughput(PLAN, Measured(seconds, end)) == PodThroughput(10.0, False, p95=20.0)
    whole = replace(end, stopped="")
    assert pod_throughput(PLAN, Measured(seconds, whole)) == PodThroughput(10.0, True, p95=20.0)
    asked = replace(end, stopped="asked")
    for plan, measured in (
        (PLAN, Measured(seconds)),
        (PLAN, Measured(seconds, asked)),
        (PLAN, Measured((), end)),
        (PLAN, Measured((second(1, throughput=0.0),), end)),
        (replace(PLAN, shape=Shape.STEADY), Measured(seconds, end)),
        (replace(PLAN, ready=0), Measured((second(1),), end)),
    ):
        assert pod_throughput(plan, measured) is None


@pytest.mark.parametrize(("rate", "pod", "needed"), [(1, 10, 1), (20, 10, 2), (21, 10, 3)])
def test_replicas_for_a_rate(rate: float, pod: float, needed: int) -> None:
    assert replicas_for(rate, PodThroughput(pod, at_least=False)) == needed


def test_a_rounding_error_needs_no_further_pod() -> None:
    assert replicas_for(30, PodThroughput(9.9999, at_least=False)) == 3
