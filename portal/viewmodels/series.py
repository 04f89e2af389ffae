"""The columns of the live chart, and the sparkline of each pod."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from portal.history.summary import Summary
from portal.state.history import MAX_METRICS, MINUTE, History, PodHistory, Sample
from portal.viewmodels.hpa_metrics import SampledMetric, sampled_metric
from portal.viewmodels.model import LongSeriesView, SeriesView

SPARK_MINUTES = 30
MIB = 2**20


def series_view(history: History) -> SeriesView:
    """A history as columns with one entry for each sample, oldest first.

    The parts of one history have the same metrics, so that they can be joined.
    """
    samples = tuple(history)
    known = {name: sampled_metric(name) for name in sorted(history.metrics)}
    return SeriesView(
        times=tuple(int(each.at.timestamp()) for each in samples),
        desired=tuple(each.desired for each in samples),
        current=tuple(each.current for each in samples),
        ready=tuple(each.ready for each in samples),
        min_replicas=tuple(each.min_replicas for each in samples),
        max_replicas=tuple(each.max_replicas for each in samples),
        metrics=tuple(
            (
                found.name,
                tuple(_current(each, name, found) for each in samples),
                _targets(samples, name, found),
            )
            for name, found in known.items()
        ),
        units=_units(known.values()),
        cpu=tuple(_rounded(each.cpu, 4) for each in samples),
        memory=tuple(_mib(each.memory) for each in samples),
    )


def _units(metrics: Iterable[SampledMetric]) -> dict[str, str]:
    return {each.name: each.unit for each in metrics if each.unit}


def _current(sample: Sample, name: str, metric: SampledMetric) -> float | None:
    found = sample.metrics.get(name)
    return None if found is None or found[0] is None else _precise(found[0], metric)


def _precise(value: float, metric: SampledMetric) -> float:
    """Return a reading in its unit with a decimal; a small one that is no percentage with four."""
    value *= metric.factor
    return round(value, 4 if metric.unit and abs(value) < 10 else 1)


def _targets(
    samples: Sequence[Sample], name: str, metric: SampledMetric
) -> tuple[float | None, ...]:
    """The target at each sample; where there was none, the one before it, or the first."""
    known = [sample.metrics[name][1] for sample in samples if name in sample.metrics]
    latest = known[0] if known else None
    column: list[float | None] = []
    for sample in samples:
        found = sample.metrics.get(name)
        latest = found[1] if found else latest
        column.append(None if latest is None else _precise(latest, metric))
    return tuple(column)


def long_series_view(summaries: Sequence[Summary], step: int) -> LongSeriesView:
    """Summaries of ``step`` seconds as columns, oldest first."""
    names = sorted({name for each in summaries for name in each.metrics})[:MAX_METRICS]
    known = {name: sampled_metric(name) for name in names}
    readings = {name: [each.metrics.get(name) for each in summaries] for name in names}
    return LongSeriesView(
        times=tuple(each.at for each in summaries),
        desired=tuple(each.desired for each in summaries),
        current=tuple(each.current for each in summaries),
        ready=tuple(each.ready for each in summaries),
        min_replicas=tuple(each.min_replicas for each in summaries),
        max_replicas=tuple(each.max_replicas for each in summaries),
        metrics=tuple(
            (
                known[name].name,
                tuple(each and _scaled(each[0].mean, known[name]) for each in found),
                tuple(each and _scaled(each[1], known[name]) for each in found),
            )
            for name, found in readings.items()
        ),
        units=_units(known.values()),
        cpu=tuple(_rounded(each.cpu.mean, 4) for each in summaries),
        memory=tuple(_mib(each.memory.mean) for each in summaries),
        step=step,
        metrics_highest=tuple(
            tuple(each and _scaled(each[0].highest, known[name]) for each in found)
            for name, found in readings.items()
        ),
        cpu_highest=tuple(_rounded(each.cpu.highest, 4) for each in summaries),
        memory_highest=tuple(_mib(each.memory.highest) for each in summaries),
    )


def _scaled(number: float | None, metric: SampledMetric) -> float | None:
    return None if number is None else _precise(number, metric)


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)


def _mib(number: float | None) -> float | None:
    return None if number is None else round(number / MIB, 1)


def spark(history: PodHistory | None, request: float | None) -> tuple[int | None, ...]:
    """A pod's CPU in the half hour before its newest reading, minute by minute.

    In percent of the request, or of the highest reading where that is more, so that what is
    idle looks idle; None where there is no reading. Empty with fewer than two readings.
    """
    if history is None:
        return ()
    last = history.last_at() // MINUTE
    first = last - SPARK_MINUTES + 1
    readings = [(at // MINUTE - first, cpu) for at, cpu, _ in history.since(first * MINUTE)]
    known = [(place, cpu) for place, cpu in readings if cpu >= 0]
    top = max([request or 0, *(cpu for _, cpu in known)])
    if len(known) < 2:
        return ()
    heights: list[int | None] = [None] * SPARK_MINUTES
    for place, cpu in known:
        heights[place] = round(100 * cpu / top) if top > 0 else 0
    return tuple(heights)
