"""The time of a replay with other settings, as the page of an autoscaler asks for it."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime

from msgspec.structs import replace

from benchmarks.table import Row, percentile
from portal.autoscalers.shaped import MadeUp, Variant, form_variant, shaped_view
from portal.autoscalers.variants import WhatIf, encoded, variants_view
from portal.autoscalers.what_if import settings_of
from portal.autoscaling.cost import Prices
from portal.autoscaling.shapes import Shape, course_of
from portal.autoscaling.spec import Metric, MetricSource, ScalingBehavior, Spec, TargetType
from portal.state.history import History, Sample

MINUTES = 6 * 60
SPEC = Spec(
    2,
    30,
    (
        Metric(MetricSource.RESOURCE, "cpu", TargetType.UTILIZATION, 70),
        Metric(MetricSource.RESOURCE, "memory", TargetType.UTILIZATION, 80),
    ),
    ScalingBehavior(),
)


def measure() -> list[Row]:
    """Return the row of replays, each with settings that were not asked for before."""
    given = WhatIf(_history(), SPEC, settings_of(SPEC, 0.2, 2**28), 30.0)
    variants_view(given, [])  # what was is replayed once for all
    times = [_timed(given, target) for target in range(40, 60)]
    median = percentile(times, 50) * 1000
    made_up = percentile([_made_up(target) for target in range(40, 60)], 50) * 1000
    return [
        Row(
            "what if: six hours of some 20 pods replayed with other settings, with curve and "
            "figures, median of 20",
            f"{median:.0f} ms",
            bar="≤ 100 ms",
            met=median <= 100,
        ),
        Row(
            "what if before a launch: a day of a made-up load, of some 10 pods at its peak, "
            "replayed with the form's settings, with curve and figures, median of 20",
            f"{made_up:.0f} ms",
            bar="≤ 100 ms",
            met=made_up <= 100,
        ),
    ]


def _made_up(target: int) -> float:
    variant = form_variant({"bounds": [1, 20], "cpu": target, "request": "100m"}, 30.0)
    assert isinstance(variant, Variant)
    load = MadeUp(course_of(Shape.DAILY, 0.05, 0.5), 1.0, 30.0)
    started = time.thread_time()
    shaped_view(load, (variant,), Prices())
    return time.thread_time() - started


def _timed(given: WhatIf, target: int) -> float:
    started = time.thread_time()
    variants_view(given, [encoded(replace(given.base, cpu=target))])
    return time.thread_time() - started


def _history() -> History:
    """A load of which 20 pods have enough."""
    found = History()
    for minute in range(MINUTES):
        at = datetime.fromtimestamp(1_800_000_000 + 60 * minute, UTC)
        load = 2.4 + 1.0 * math.sin(minute / 20) + (0.6 if minute % 50 < 10 else 0.0)
        found = found.added(Sample(at, 20, 20, 20, 2, 30, {"cpu": (60, 70)}, load, 3e9, load, 20))
    return found
