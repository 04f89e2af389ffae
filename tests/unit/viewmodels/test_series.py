"""The columns of the chart: metrics in their own units."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from portal.domain.objects import HpaMetric
from portal.history.summary import summarized
from portal.state.assemble import sample
from portal.state.history import History
from portal.viewmodels.hpa_metrics import sampled_metric
from portal.viewmodels.series import long_series_view, series_view
from tests.unit.viewmodels.make import NOW, deployment, hpa, state

METRICS = (
    HpaMetric("cpu", "Utilization", 70, 35.04),
    HpaMetric("queue", "Value", 30, 12.34567),
    HpaMetric("hits", "AverageValue", 0.5, 0.00123),
    HpaMetric("memory", "AverageValue", 2.0**27, 2.0**26),
)


def test_every_metric_is_a_column_with_its_unit() -> None:
    app = state(hpas=(hpa(metrics=METRICS),), workloads=(deployment(2, 2),))
    found = sample(app, {}, NOW)
    assert found is not None
    view = series_view(History().added(found))
    assert view.metrics == (
        ("CPU", (35.0,), (70.0,)),
        ("hits, a pod", (0.0012,), (0.5,)),
        ("Memory, a pod", (64.0,), (128.0,)),
        ("queue, in all", (12.3,), (30.0,)),
    )
    assert view.units == {
        "hits, a pod": "hits, a pod",
        "Memory, a pod": "MiB, a pod",
        "queue, in all": "queue, in all",
    }
    longer = long_series_view(
        summarized([found, replace(found, at=NOW + timedelta(seconds=60))], 3600), 3600
    )
    assert (longer.metrics, longer.units) == (view.metrics, view.units)


def test_a_target_that_cannot_be_read_is_no_column() -> None:
    app = state(
        hpas=(hpa(metrics=(HpaMetric("queue", "Value", 0, None),)),),
        workloads=(deployment(1, 1),),
    )
    found = sample(app, {}, NOW)
    assert found is not None
    assert not found.metrics


@pytest.mark.parametrize(
    ("name", "shown", "unit"),
    [
        ("cpu", "CPU", ""),
        ("app/cpu, a pod", "CPU of app, a pod", "cores, a pod"),
        ("queue, in all", "queue, in all", "queue, in all"),
    ],
)
def test_names_in_samples(name: str, shown: str, unit: str) -> None:
    found = sampled_metric(name)
    assert (found.name, found.unit) == (shown, unit)
