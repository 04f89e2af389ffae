"""Summaries of samples: the means and extremes of a span of time. Pure.

Means are weighted with the time that a sample held: until the next one, or the end of the span. Of
equal samples only the first and the last are kept, so a plain mean would be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from struct import Struct as Layout

from msgspec import Struct, field

from portal.history.packing import packed, unpacked
from portal.state.history import MAX_METRICS, MINUTE, SETTLE_STEP, Sample

GAP = SETTLE_STEP + MINUTE
"""Seconds without a sample that are a gap: an app at rest has two samples in five minutes."""


class Reading(Struct, frozen=True):
    """The mean and the highest value of a quantity; None where there was none."""

    mean: float | None = None
    highest: float | None = None


class Summary(Struct, frozen=True):
    """An app's samples of a span of time from ``at``, in Unix seconds.

    ``desired`` and ``current`` are the highest number of replicas, ``ready`` the lowest; None of
    another record that does not have it. The bounds and the targets of ``metrics`` (percent) are
    the last ones.
    """

    at: int
    desired: int | None
    current: int | None
    ready: int | None
    min_replicas: int | None = None
    max_replicas: int | None = None
    metrics: Mapping[str, tuple[Reading, float]] = field(
        default_factory=dict[str, tuple[Reading, float]]
    )
    cpu: Reading = Reading()
    memory: Reading = Reading()


def summarized(samples: Iterable[Sample], step: int) -> list[Summary]:
    """Return a summary of each span of ``step`` seconds that has samples, oldest first."""
    return [
        _of_samples(start, list(group), start + step)
        for start, group in groupby(samples, lambda each: int(each.at.timestamp()) // step * step)
    ]


def _of_samples(start: int, samples: Sequence[Sample], end: int) -> Summary:
    times = [int(each.at.timestamp()) for each in samples]
    held = [min(after - at, GAP) or 1 for at, after in zip(times, [*times[1:], end], strict=True)]

    def reading(value: Callable[[Sample], float | None]) -> Reading:
        return _reading([(value(each), weight) for each, weight in zip(samples, held, strict=True)])

    last = samples[-1]
    targets = {name: target for each in samples for name, (_, target) in each.metrics.items()}
    return Summary(
        at=start,
        desired=max(each.desired for each in samples),
        current=max(each.current for each in samples),
        ready=min(each.ready for each in samples),
        min_replicas=last.min_replicas,
        max_replicas=last.max_replicas,
        metrics={
            name: (reading(lambda each, name=name: each.metrics.get(name, (None,))[0]), target)
            for name, target in targets.items()
        },
        cpu=reading(lambda each: each.cpu),
        memory=reading(lambda each: each.memory),
    )


def _reading(values: Iterable[tuple[float | None, int]]) -> Reading:
    known = [(value, weight) for value, weight in values if value is not None]
    if not known:
        return Reading()
    total = sum(weight for _, weight in known)
    return Reading(
        sum(value * weight for value, weight in known) / total, max(value for value, _ in known)
    )


def coarser(summaries: Iterable[Summary], step: int) -> list[Summary]:
    """Return summaries of ``step`` seconds from those of equal, shorter spans."""
    return [
        _of_summaries(start, list(group))
        for start, group in groupby(summaries, lambda each: each.at // step * step)
    ]


def _of_summaries(start: int, parts: Sequence[Summary]) -> Summary:
    def reading(value: Callable[[Summary], Reading]) -> Reading:
        found = [value(each) for each in parts]
        highest = [each.highest for each in found if each.highest is not None]
        return Reading(_reading((each.mean, 1) for each in found).mean, max(highest, default=None))

    targets = {name: target for each in parts for name, (_, target) in each.metrics.items()}
    last = parts[-1]
    return Summary(
        at=start,
        desired=max(_known_of(each.desired for each in parts), default=None),
        current=max(_known_of(each.current for each in parts), default=None),
        ready=min(_known_of(each.ready for each in parts), default=None),
        min_replicas=last.min_replicas,
        max_replicas=last.max_replicas,
        metrics={
            name: (
                reading(lambda each, name=name: each.metrics.get(name, (Reading(),))[0]),
                target,
            )
            for name, target in targets.items()
        },
        cpu=reading(lambda each: each.cpu),
        memory=reading(lambda each: each.memory),
    )


# A row: the time; desired, current, ready, min, max; of each metric mean, highest and target; the
# mean and the highest of CPU and memory.
_ROWS = tuple(Layout(f"<I5H{3 * metrics}f4f") for metrics in range(MAX_METRICS + 1))
_MOST = 0xFFFE
_NONE = 0xFFFF


def pack(summaries: Sequence[Summary]) -> bytes:
    """Return summaries as one block; of more than ``MAX_METRICS`` metrics the first ones."""
    names = tuple(dict.fromkeys(name for each in summaries for name in each.metrics))[:MAX_METRICS]
    layout = _ROWS[len(names)]
    return packed(names, layout.size, b"".join(_row(layout, names, each) for each in summaries))


def unpack(block: bytes) -> list[Summary]:
    """Return the summaries of a block; raises ``ValueError`` if it is none."""
    names, _, rows = unpacked(block)
    if len(names) > MAX_METRICS or len(rows) % _ROWS[len(names)].size:
        raise ValueError("not a block of summaries")
    return list(_summaries(names, rows))


def _row(layout: Layout, names: Sequence[str], each: Summary) -> bytes:
    numbers: list[float] = []
    for name in names:
        reading, target = each.metrics.get(name, (Reading(), math.nan))
        numbers += (_amount(reading.mean), _amount(reading.highest), target)
    for reading in (each.cpu, each.memory):
        numbers += (_amount(reading.mean), _amount(reading.highest))
    counts = (each.desired, each.current, each.ready)
    bounds = (each.min_replicas, each.max_replicas)
    return layout.pack(
        each.at,
        *(_NONE if each is None else min(each, _MOST) for each in (*counts, *bounds)),
        *numbers,
    )


def _summaries(names: Sequence[str], rows: bytes) -> Iterator[Summary]:
    for at, desired, current, ready, least, most, *numbers in _ROWS[len(names)].iter_unpack(rows):
        readings = [
            Reading(_known(mean), _known(highest))
            for mean, highest in (
                *zip(numbers[0:-4:3], numbers[1:-4:3], strict=True),
                *zip(numbers[-4::2], numbers[-3::2], strict=True),
            )
        ]
        yield Summary(
            at,
            None if desired == _NONE else desired,
            None if current == _NONE else current,
            None if ready == _NONE else ready,
            None if least == _NONE else least,
            None if most == _NONE else most,
            {
                name: (reading, target)
                for name, reading, target in zip(names, readings[:-2], numbers[2:-4:3], strict=True)
                if not math.isnan(target)
            },
            *readings[-2:],
        )


def _known_of(counts: Iterable[int | None]) -> list[int]:
    return [each for each in counts if each is not None]


def _amount(number: float | None) -> float:
    return math.nan if number is None else number


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number
