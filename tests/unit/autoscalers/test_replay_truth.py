"""Replays of apps whose truth is known: what comes is held against what these apps really do."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from portal.autoscalers.variants import WhatIf, encoded, variants_view
from portal.autoscalers.what_if import settings_of, spec_with
from portal.autoscaling.memory import Confidence
from portal.autoscaling.spec import Metric, MetricSource, ScalingBehavior, Spec, TargetType
from portal.viewmodels.recorded_load import recorded_load
from tests.unit.autoscalers.world import App, Run, ran

CPU = Metric(MetricSource.RESOURCE, "cpu", TargetType.UTILIZATION, 60)
MEMORY = Metric(MetricSource.RESOURCE, "memory", TargetType.UTILIZATION, 90)
DOWN = replace(ScalingBehavior().down, window=70)
QUICK = Spec(1, 10, (CPU,), ScalingBehavior(down=DOWN))
HOURS = 2.0


def waves(second: int) -> float:
    """A load that goes up and down every twenty minutes, with bursts."""
    burst = 0.12 if second % 1700 < 240 else 0.0
    return 0.18 + 0.15 * math.sin(second / 190) + burst


NEAR = 0.05
"""The part of the pod-hours by which a replay may be off: it is the same load, sync by sync."""


def error(app: App, record: Run, spec: Spec, **changed: int | None) -> float:
    """Return how far a replay with changed settings is from what the app does with them."""
    base = settings_of(spec, app.request, app.memory_request)
    settings = replace(base, **changed)  # pyright: ignore[reportArgumentType]
    given = WhatIf(record.samples, spec, base, float(app.start_up))
    view = variants_view(given, [encoded(settings)])
    replayed = float(view.rows[0].cells[2][0])
    other = replace(app, request=settings.cpu_request / 1000)
    return replayed / ran(other, spec_with(spec, base, settings), HOURS).pod_hours - 1


@pytest.mark.parametrize("start_up", [20, 60])
@pytest.mark.parametrize("burn", [0.0, 0.15, 0.4])
@pytest.mark.parametrize(
    "changed", [{}, {"cpu": 40}, {"cpu": 90}, {"down_window": 300}, {"cpu_request": 200}]
)
def test_the_work_of_starting_is_no_load(
    start_up: int, burn: float, changed: dict[str, int]
) -> None:
    app = App(waves, start_up=start_up, burn=burn)
    assert abs(error(app, ran(app, QUICK, HOURS), QUICK, **changed)) < NEAR


def test_without_knowing_starts_from_load_there_would_be_too_many_pods() -> None:
    """The record of an earlier version of the portal; that it is one is on the page."""
    app = App(waves, burn=0.15)
    record = ran(app, QUICK, HOURS, tells=False)
    assert error(app, record, QUICK) > 3 * NEAR
    assert not recorded_load(tuple(record.samples)).apart


def test_the_cost_of_a_start_is_told() -> None:
    app = App(waves, start_up=60, burn=0.4)
    found = recorded_load(tuple(ran(app, QUICK, HOURS).samples)).start_cost
    assert found == pytest.approx(60 * 0.4, rel=0.2)
    few = App(lambda second: 0.05, burn=0.4)
    assert recorded_load(tuple(ran(few, QUICK, HOURS).samples)).start_cost is None


@pytest.mark.parametrize(
    ("base", "a_core"), [(60e6, 0.0), (40e6, 1.5e8), (10e6, 8e8), (0.0, 1.2e9)]
)
@pytest.mark.parametrize("changed", [{}, {"memory": 90}, {"memory": 60}])
def test_the_memory_of_a_pod_divides_only_as_far_as_load_brings_it(
    base: float, a_core: float, changed: dict[str, int]
) -> None:
    app = App(waves, burn=0.15, base=base, a_core=a_core)
    record = ran(app, QUICK, HOURS)
    found = recorded_load(tuple(record.samples)).memory
    assert found.base == pytest.approx(base, rel=0.1, abs=2e6)
    assert found.a_core == pytest.approx(a_core, rel=0.1, abs=5e6)
    assert found.confidence is Confidence.HIGH
    assert abs(error(app, record, QUICK, **changed)) < NEAR


def test_a_memory_target_that_the_base_alone_exceeds_keeps_all_pods() -> None:
    app = App(waves, burn=0.15, base=60e6)
    record = ran(app, QUICK, HOURS)
    changed = {"cpu": None, "memory": 120}  # never exceeded: one pod is enough
    assert abs(error(app, record, QUICK, **changed)) < NEAR
    assert abs(error(app, record, QUICK, memory=70)) < NEAR
