"""The columns of the live chart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from portal.state.model import Sample
from portal.viewmodels.autoscaler import metric_name
from portal.viewmodels.model import SeriesView


def series_view(history: Sequence[Sample]) -> SeriesView:
    """One entry a sample in each column, oldest first; empty without a history."""
    names = sorted({name for sample in history for name in sample.metrics})
    return SeriesView(
        times=tuple(sample.at.astimezone(UTC).isoformat() for sample in history),
        desired=tuple(sample.desired for sample in history),
        current=tuple(sample.current for sample in history),
        ready=tuple(sample.ready for sample in history),
        min_replicas=tuple(sample.min_replicas for sample in history),
        max_replicas=tuple(sample.max_replicas for sample in history),
        metrics=tuple(
            (
                metric_name(name),
                tuple(_current(sample, name) for sample in history),
                _targets(history, name),
            )
            for name in names
        ),
    )


def _current(sample: Sample, name: str) -> float | None:
    found = sample.metrics.get(name)
    return found[0] if found else None


def _targets(history: Sequence[Sample], name: str) -> tuple[float, ...]:
    """The target at each sample; where there was none, the one before it, or the first."""
    known = [sample.metrics[name][1] for sample in history if name in sample.metrics]
    latest = known[0] if known else 0.0
    column: list[float] = []
    for sample in history:
        found = sample.metrics.get(name)
        latest = found[1] if found else latest
        column.append(latest)
    return tuple(column)
