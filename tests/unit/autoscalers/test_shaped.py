"""Replays of a made-up load."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from portal.autoscalers.shaped import (
    DRAWN,
    FILE,
    MadeUp,
    ShapedView,
    Variant,
    asked_of,
    form_variant,
    shaped_view,
    variants_of,
)
from portal.autoscalers.variants import WhatIf, encoded
from portal.autoscalers.what_if import settings_of
from portal.autoscaling.cost import Prices
from portal.autoscaling.shapes import Shape, course_of
from portal.autoscaling.spec import Metric, MetricSource, ScalingBehavior, Spec, TargetType
from portal.state.history import History

FIELDS = {"shape": "spike", "unit": "cores", "rest": "0.1", "peak": 0.7, "start_up": "30"}
FORM = {"bounds": [1, 10], "cpu": 70, "request": "100m", "limit": "", "window": None}


def of_form(**more: object) -> Variant:
    found = form_variant({**FORM, **more}, 30)
    assert isinstance(found, Variant)
    return found


def spiking(*variants: Variant, prices: Prices | None = None) -> ShapedView:
    load = MadeUp(course_of(Shape.SPIKE, 0.1, 0.7), 1.0, 30)
    return shaped_view(load, variants or (of_form(),), prices or Prices())


def test_the_fields_become_a_load() -> None:
    found = asked_of(FIELDS).load
    assert found is not None
    assert (max(found.course.amounts), found.cores, found.start_up) == (0.7, 1, 30)
    asked = asked_of({**FIELDS, "unit": "requests", "work": "20", "rest": "1,5", "peak": "35"})
    assert asked.load is not None
    assert asked.load.cores == pytest.approx(0.02)


@pytest.mark.parametrize("shape", [None, "", "sawtooth", [], {}, 3])
def test_without_a_shape_nothing_is_asked_for(shape: object) -> None:
    assert (asked_of({"shape": shape}).load, asked_of({"shape": shape}).errors) == (None, {})


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"rest": "", "peak": None}, {"rest": "Enter a number", "peak": "Enter a number"}),
        ({"rest": "-1"}, {"rest": "of 0 or more"}),
        ({"peak": "nan"}, {"peak": "Enter a number"}),
        ({"peak": 10**400}, {"peak": "Enter a number"}),
        ({"peak": "1e300"}, {"peak": "1,000,000,000 at most"}),
        ({"peak": True}, {"peak": "Enter a number"}),
        ({"peak": ["1"]}, {"peak": "Enter a number"}),
        ({"rest": 5}, {"rest": "above the one at the peak"}),
        ({"peak": 20_000}, {"peak": "more than 10,000 cores"}),
        ({"start_up": "9999"}, {"start_up": "1,800 at most"}),
        ({"unit": "requests"}, {"work": "from 0.01"}),
        ({"shape": FILE}, {"file": "Choose a file"}),
        ({"shape": FILE, "course": {"step": 7, "amounts": [1, 2]}}, {"file": "Choose a file"}),
        ({"shape": FILE, "course": {"step": 15.0, "amounts": [1, 2]}}, {"file": "Choose a file"}),
        ({"shape": FILE, "course": {"step": 15, "amounts": [1, "x"]}}, {"file": "Choose a file"}),
        ({"shape": FILE, "course": {"step": 15, "amounts": [1e8, 0]}}, {"file": "another unit"}),
    ],
)
def test_a_mistake_is_told_beside_its_field(fields: Any, errors: dict[str, str]) -> None:
    found = asked_of({**FIELDS, **fields})
    assert found.load is None
    assert found.errors.keys() == errors.keys()
    assert all(errors[name] in text for name, text in found.errors.items())


def test_a_file_of_the_page_becomes_a_load() -> None:
    course = {"step": 15, "amounts": [0.1, 0.5, 0.1]}
    found = asked_of({**FIELDS, "rest": "", "shape": FILE, "course": course}).load
    assert found is not None
    assert found.course.amounts == (0.1, 0.5, 0.1)


def test_the_form_is_replayed_on_a_load() -> None:
    found = spiking()
    assert found.series is not None
    assert found.series.desired[0] == 2, "it begins with what its first load needs"
    assert max(found.series.desired) == 10
    assert set(found.series.max_replicas) == {10}
    assert found.columns == (("This form", ""),)
    assert [each.title for each in found.rows][:3] == [
        "Pod-hours",
        "Core-hours kept free",
        "Time over target",
    ]
    assert found.rows[2].cells[0][0].endswith("%")
    assert any("cannot know" in each for each in found.notes)


def test_fewer_pods_are_cheaper_and_longer_over_the_target() -> None:
    prices = Prices(core_hour=0.5, currency="EUR")
    small, large = of_form(bounds=[1, 3]), of_form()
    found = spiking(small, replace(large, name="A"), prices=prices)
    rows = {each.title: [float(cell[0].split()[0]) for cell in each.cells] for each in found.rows}
    assert rows["Cost"][0] < rows["Cost"][1]
    assert rows["Time over target"][0] > rows["Time over target"][1]
    assert [each.name for each in found.curves] == ["A"]
    assert found.rows[-1].cells[0][0].endswith("EUR")


def test_the_window_of_the_form_counts() -> None:
    def hours(window: object) -> float:
        return float(spiking(of_form(window=window)).rows[0].cells[0][0])

    assert hours(0) < hours(None) == hours("") == hours(300) < hours("900")


def test_of_a_long_curve_only_some_points_are_drawn() -> None:
    load = MadeUp(course_of(Shape.DAILY, 0.1, 0.7), 1.0, 30)
    series = shaped_view(load, (of_form(),), Prices()).series
    assert series is not None
    assert DRAWN / 2 < len(series.times) <= DRAWN


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"bounds": None}, "minimum and a maximum"),
        ({"bounds": [4, 1]}, "minimum and a maximum"),
        ({"bounds": ["1", 2]}, "minimum and a maximum"),
        ({"cpu": None}, "CPU target"),
        ({"cpu": 0}, "CPU target"),
        ({"request": ""}, "Set a CPU request"),
        ({"request": "lots"}, "cannot be read"),
        ({"request": "100Mi"}, "cannot be read"),
    ],
)
def test_a_form_that_lacks_something_says_what(fields: dict[str, object], why: str) -> None:
    found = form_variant({**FORM, **fields}, 30)
    assert isinstance(found, str)
    assert why in found


def test_the_limit_is_the_request_where_there_is_none() -> None:
    assert of_form(request=None, limit="200m").pods.cpu == pytest.approx(0.2)


def test_an_apps_variants_are_replayed_side_by_side() -> None:
    cpu = Metric(MetricSource.RESOURCE, "cpu", TargetType.UTILIZATION, 50)
    memory = Metric(MetricSource.RESOURCE, "memory", TargetType.UTILIZATION, 80)
    spec = Spec(1, 10, (cpu, memory), ScalingBehavior())
    base = settings_of(spec, 0.1, 2**27)
    given = WhatIf(History(), spec, base, 15.0)
    texts = [
        encoded(replace(base, cpu=70)),
        *(encoded(replace(base, maximum=n)) for n in (2, 3, 4)),
    ]
    variants = variants_of(given, [*texts, "more"], 15.0)
    assert [each.name for each in variants] == ["What if", "A", "B", "C", "As it is"]
    found = spiking(*variants)
    assert found.columns[1] == ("A", "maximum 2")
    assert len(found.curves) == 4
    assert any("memory target is left out" in each for each in found.notes)
    without = spiking(replace(variants[0], spec=Spec(1, 2, (memory,))))
    assert "set a CPU target" in without.problem
    unasked = spiking(replace(variants[0], pods=replace(variants[0].pods, cpu=0.0)))
    assert "a CPU request" in unasked.problem
