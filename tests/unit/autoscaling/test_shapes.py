"""Shapes of load, and loads from files."""

from __future__ import annotations

import itertools
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.autoscaling.shapes import (
    LONGEST,
    MOST_ROWS,
    Course,
    Shape,
    UnreadableLoad,
    course_of,
    read_course,
)
from portal.autoscaling.simulation import PodModel, simulate
from portal.autoscaling.spec import Metric, MetricSource, Spec, TargetType

SPEC = Spec(1, 10, (Metric(MetricSource.RESOURCE, "cpu", TargetType.UTILIZATION, 50),))
PODS = PodModel(0.1, start_up=15)


@pytest.mark.parametrize("shape", Shape)
def test_a_shape_stays_between_rest_and_peak_and_reaches_the_peak(shape: Shape) -> None:
    found = course_of(shape, 1, 5)
    assert max(found.amounts) == pytest.approx(5)
    assert min(found.amounts) >= 1
    assert found.seconds <= LONGEST


def test_what_each_shape_does() -> None:
    assert set(course_of(Shape.STEADY, 1, 5).amounts) == {5}
    daily = course_of(Shape.DAILY, 1, 5)
    assert daily.amounts[0] == 1
    assert daily.amounts[12 * 60] == pytest.approx(5)
    spike = course_of(Shape.SPIKE, 0, 1)
    first = next(at for at, each in enumerate(spike.amounts) if each == 1)
    assert (first * spike.step, spike.amounts.count(1) * spike.step) == (21 * 60, 9 * 60 + 15)
    assert spike.amounts[-1] == 0
    day = course_of(Shape.LAUNCH_DAY, 0, 1)
    top = day.amounts.index(max(day.amounts))
    assert top == 70
    assert day.amounts[top + 120] == pytest.approx(0.5)
    falling = itertools.pairwise(day.amounts[top:])
    assert all(before > after for before, after in falling)


def test_a_course_is_a_load_to_simulate() -> None:
    loads = course_of(Shape.STEADY, 0, 20).loads(0.01)
    assert (loads[0].cpu, loads[-1].at) == (0.2, 3600)
    curve = simulate(loads, SPEC, PODS, 1)
    assert len(curve) * 15 == 3600, "all of it is simulated"
    assert curve[-1].replicas == 4
    assert Course(60, ()).loads(1) == ()


@pytest.mark.parametrize(
    ("text", "step", "amounts"),
    [
        ("0,1\n60,2\n", 15, [1, 1, 1, 1, 2]),
        ("time,load\n0,1\n15,2\n30,3\n60,1", 15, [1, 2, 3, 3, 1]),
        ("\ufefftime;load\r\n08:00;0,5\r\n08:01;1,5\r\n", 15, [0.5, 0.5, 0.5, 0.5, 1.5]),
        ("2026-01-31T08:00:00Z\t1\n2026-01-31T08:00:30+00:00\t2\n2026-01-31 08:01\t3", 15, None),
        ("0,1\n5,3\n\n60,2\n", 15, [2, 3, 3, 3, 2]),
        ('"0","1"\n"60","2","more"\n', 15, [1, 1, 1, 1, 2]),
        ("1700000000,0\n1700086400,1e2", 60, [*[0] * 1440, 100]),
    ],
)
def test_a_file_is_read(text: str, step: int, amounts: list[float] | None) -> None:
    found = read_course(text)
    assert found.step == step
    if amounts is not None:
        assert list(found.amounts) == amounts


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "fewer than two lines"),
        ("time,load\n", "fewer than two lines"),
        ("0,1", "fewer than two lines"),
        ("0,1\n30,2", "less than a minute"),
        ("0,1\n90000,2", "25 hours"),
        ("0,1\n60\n", "Line 2 has one column"),
        ("0,1\nsoon,2", "Line 2: “soon” is no time"),
        ("0,1\n25:00,2", "is no time"),
        ("0,1\n60,-2", "Line 2: “-2” is no number of 0 or more"),
        ("0,1\n60,nan", "“nan” is no number"),
        ("0,1\n60,1e400", "is no number"),
        ("0,1\n60,1e12", "is no number"),
        ("0,1\n60,٣", "is no number"),
        ("0,1\n60,=HYPERLINK(1)", "is no number"),
        ("0,1\n60,2\n60,3", "Line 3: its time is not later"),
        ("0,1\n9999-12-31T23:59:59-24:00,2", "is no time"),
        ("0,1\n" * (MOST_ROWS + 2), f"{MOST_ROWS} at most"),
        ('0,1\n"' + "x" * 200_000, "no table"),
        ("0,1\n" + "y" * 100 + ",2", "y…”"),
    ],
)
def test_a_file_that_holds_no_load_says_where_and_why(text: str, why: str) -> None:
    with pytest.raises(UnreadableLoad) as found:
        read_course(text)
    assert why in str(found.value)
    assert len(str(found.value)) < 200


LINES = st.lists(st.text("0123456789:,;.-+eT\n\t\"' ", max_size=20)).map("\n".join)


@given(st.text(max_size=200) | LINES)
def test_any_text_is_a_load_or_is_refused(text: str) -> None:
    found = None
    with suppress(UnreadableLoad):
        found = read_course(text)
    assert found is None or 2 <= len(found.amounts) <= LONGEST / 15
    assert found is None or all(0 <= each <= 1e9 for each in found.amounts)
