"""The history of apps and pods over six hours, as values packed into blocks of bytes.

A history is immutable: adding a sample returns a new one that shares the old blocks. So an
``AppState`` contains the whole history of its app without a copy, and may be kept indefinitely.

Of equal consecutive samples only the first and the last are kept, which draw the same line. So an
app at rest takes almost no memory.

An app's history has three parts. The *open* part holds the samples since the last full five
minutes. It is then appended to the *fine* part, of fifteen minutes, whose oldest five are moved to
the *thinned* part: the last sample of each minute, and those with the fewest ready and the most
desired replicas if they differ, so that no dip and no peak is lost. All but the open part
therefore stays the same for five minutes, which makes it cheap to send.

Memory, with a poll every 10 s and an autoscaler with two metrics: at most 465 samples of 44 bytes,
23 KB an app with its blocks; an app whose replicas change several times a minute without pause
takes 64 KB (``MAX_SAMPLES``). A pod has one reading a minute of 12 bytes: 5 KB. A thousand apps and
three thousand pods take 36 MB with six hours each; they begin with a few hundred bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from struct import Struct as Layout
from typing import overload

from msgspec import Struct, field

from portal.state.blocks import (
    Blocks,
    joined,
    last_time,
    put,
    repeats,
    size,
    split,
    time_of,
    without_last,
)

SPAN = 6 * 3600
"""Seconds that a history covers, plus up to one ``SETTLE_STEP``."""
FINE_SPAN = 15 * 60
SETTLE_STEP = 5 * 60
MINUTE = 60
MAX_OPEN = 60
"""Samples kept in five minutes, for polls and changes; beyond that the newest replaces the last."""
A_POD, IN_ALL = ", a pod", ", in all"
"""Endings of a sample's metrics whose numbers are no percentages: the mean of the pods, or a value
for all of them."""

MAX_METRICS = 4
"""Maximum number of metrics of an autoscaler that are kept."""
KEPT_OF_A_MINUTE = 3
MAX_SAMPLES = (
    MAX_OPEN * (1 + FINE_SPAN // SETTLE_STEP) + KEPT_OF_A_MINUTE * (SPAN - FINE_SPAN) // MINUTE
)
"""Cap on one app's samples, however often its counts change."""

_ROWS = tuple(Layout(f"<I5H{2 * metrics}f3fH") for metrics in range(MAX_METRICS + 1))
"""Unix seconds; desired, current, ready, min, max; (current, target) of each metric, in
percent; cores and bytes; cores of ready pods, pods measured. By the number of metrics."""
_COUNTS = Layout("<I5H")
_METRIC = Layout("<2f")
_UNKNOWN = _METRIC.pack(math.nan, math.nan)
_USAGE = Layout("<3fH")
_READING = slice(Layout("<I").size, -_USAGE.size)
"""The part of a row with replicas and metrics, without time and usage."""
_LARGEST = 1e38
_MOST = 0xFFFE
_NONE = 0xFFFF
_ADDED = Layout("<fH").pack(math.nan, _NONE)
"""The end of a row that rows of earlier versions lack: cores of ready pods, pods measured."""


class Sample(Struct, frozen=True):
    """One point of an app's history. ``metrics`` maps a metric to (current, target).

    Both are percent, or in the metric's own unit where its name ends with ``A_POD`` or ``IN_ALL``.
    ``cpu`` and ``memory`` are the sums over all pods that were ``measured``, in cores and bytes;
    ``ready_cpu`` is the part of the cores that the load took, without the work of starting.
    """

    at: datetime
    desired: int
    current: int
    ready: int
    min_replicas: int | None = None
    max_replicas: int | None = None
    metrics: Mapping[str, tuple[float | None, float]] = field(
        default_factory=dict[str, tuple[float | None, float]]
    )
    cpu: float | None = None
    memory: float | None = None
    ready_cpu: float | None = None
    measured: int | None = None


@dataclass(frozen=True, slots=True)
class History(Sequence[Sample]):
    """An app's samples, oldest first; times to the second, amounts to seven digits."""

    metrics: tuple[str, ...] = ()
    """The metrics of the autoscaler that have ever had a reading."""
    thinned: Blocks = ()
    fine: Blocks = ()
    open: Blocks = ()

    # Adding.

    def added(self, sample: Sample) -> History:
        """Return this history with ``sample`` added and samples that are too old removed.

        ``sample`` replaces the newest one if it and the two last ones are equal.
        """
        wider = self._with_metrics(sample)
        row = wider._packed(sample)
        at, width = time_of(row), len(row)
        if wider.open and at // SETTLE_STEP > time_of(wider.open[0]) // SETTLE_STEP:
            return wider._settled_at(at // SETTLE_STEP * SETTLE_STEP, row)
        full = size(wider.open) >= MAX_OPEN * width
        last_goes = full or repeats(wider.open, row, width)
        kept = without_last(wider.open, width) if last_goes else wider.open
        return History(wider.metrics, wider.thinned, wider.fine, put(kept, row, width))

    def differs(self, sample: Sample) -> bool:
        """Return True if ``sample`` differs from the last one in replicas, bounds or metrics."""
        newest = self.open or self.fine or self.thinned
        if not newest or self._with_metrics(sample) is not self:
            return True
        row = self._packed(sample)
        return newest[-1][-len(row) :][_READING] != row[_READING]

    def after(self, older: History) -> History:
        """Return this history with the samples of ``older`` before its own first one."""
        new = [name for name in older.metrics if name not in self.metrics]
        columns = (*self.metrics, *new)[:MAX_METRICS]
        mine, other = self._arranged(columns), older._arranged(columns)
        first = next(iter((*mine.thinned, *mine.fine, *mine.open)), None)
        if first is not None:
            other = other._before(time_of(first))
        if mine.thinned:
            return History(
                columns,
                other.thinned + other.fine + other.open + mine.thinned,
                mine.fine,
                mine.open,
            )
        return History(columns, other.thinned, other.fine + other.open + mine.fine, mine.open)

    def _before(self, until: int) -> History:
        parts = (split(each, self.width, until)[0] for each in (self.thinned, self.fine, self.open))
        return History(self.metrics, *parts)

    def _settled_at(self, now: int, row: bytes) -> History:
        """Return the history with its open part closed at ``now``, and ``row`` as the next one."""
        width = len(row)
        older, fine = split(self.fine + self.open, width, now - FINE_SPAN)
        thinned = put(self.thinned, b"".join(self._thin(joined(older))), width)
        _, thinned = split(thinned, width, now - SPAN)
        return History(self.metrics, thinned, fine, (row,))

    def _thin(self, rows: bytes) -> Iterator[bytes]:
        for _, group in groupby(self._read(rows), lambda each: int(each.at.timestamp()) // MINUTE):
            minute = list(group)
            kept = [minute[-1]]
            for extreme in (min(minute, key=_ready), max(minute, key=_desired)):
                if not any(extreme is each or _same_counts(extreme, each) for each in kept):
                    kept.append(extreme)
            yield from map(self._packed, sorted(kept, key=minute.index))

    def _with_metrics(self, sample: Sample) -> History:
        new = [name for name in sample.metrics if name not in self.metrics]
        new = new[: MAX_METRICS - len(self.metrics)]
        return self._arranged((*self.metrics, *new))

    def _arranged(self, columns: tuple[str, ...]) -> History:
        """Return the same samples with these metrics as columns; unknown where they had none."""
        if columns == self.metrics:
            return self
        width, begin, cell, usage = self.width, _COUNTS.size, _METRIC.size, _USAGE.size
        places = {name: begin + cell * place for place, name in enumerate(self.metrics)}
        found = [places.get(name) for name in columns]

        def moved(row: bytes) -> bytes:
            cells = (_UNKNOWN if at is None else row[at : at + cell] for at in found)
            return b"".join((row[:begin], *cells, row[-usage:]))

        def arranged(blocks: Blocks) -> Blocks:
            rows = joined(blocks)
            each = (rows[start : start + width] for start in range(0, len(rows), width))
            return put((), b"".join(map(moved, each)), _ROWS[len(columns)].size)

        return History(columns, arranged(self.thinned), arranged(self.fine), arranged(self.open))

    @property
    def width(self) -> int:
        """The bytes of a row."""
        return _ROWS[len(self.metrics)].size

    def _packed(self, sample: Sample) -> bytes:
        percents: list[float] = []
        for name in self.metrics:
            current, target = sample.metrics.get(name, (None, None))
            percents += (_amount(current), _amount(target))
        return _ROWS[len(self.metrics)].pack(
            _seconds(sample.at),
            _whole(sample.desired),
            _whole(sample.current),
            _whole(sample.ready),
            _whole_or_none(sample.min_replicas),
            _whole_or_none(sample.max_replicas),
            *percents,
            _amount(sample.cpu),
            _amount(sample.memory),
            _amount(sample.ready_cpu),
            _whole_or_none(sample.measured),
        )

    # Reading.

    @property
    def settled(self) -> History:
        """All but the open part: unchanged until the next full five minutes."""
        return History(self.metrics, self.thinned, self.fine)

    @property
    def unsettled(self) -> History:
        """The open part: the samples since the last full five minutes."""
        return History(self.metrics, open=self.open)

    def last_at(self) -> int:
        """Return the time of the newest sample in Unix seconds, 0 without one."""
        newest = self.open or self.fine or self.thinned
        return last_time(newest[-1], self.width) if newest else 0

    @property
    def rows(self) -> bytes:
        """All samples, packed; ``of_rows`` reads them."""
        return joined(self.thinned, self.fine, self.open)

    @classmethod
    def of_rows(
        cls, metrics: tuple[str, ...], rows: bytes, now: int, width: int | None = None
    ) -> History:
        """Return the history of packed samples as it is at ``now``: thinned but the newest part.

        ``width`` are the bytes of a row; None for rows as they are packed today.

        Raises:
            ValueError: they are not the rows of these metrics.
        """
        if len(metrics) > MAX_METRICS:
            raise ValueError("not the rows of a history")
        own = _ROWS[len(metrics)].size
        given = own if width is None else width
        if given == own - len(_ADDED):
            parts = (rows[at : at + given] for at in range(0, len(rows), given))
            rows = b"".join(part for each in parts for part in (each, _ADDED))
        elif given != own or len(rows) % own:
            raise ValueError("not the rows of a history")
        width = own
        found = cls(metrics, fine=put((), rows, width))
        older, fine = split(found.fine, width, now // SETTLE_STEP * SETTLE_STEP - FINE_SPAN)
        # Only what was the newest when they were packed is not thinned yet.
        thinned, dense = split(older, width, found.last_at() - 3 * FINE_SPAN)
        return cls(metrics, put(thinned, b"".join(found._thin(joined(dense))), width), fine)

    def between(self, since: int, until: int) -> History:
        """Return the samples from ``since`` to before ``until``, in Unix seconds."""
        _, later = split((*self.thinned, *self.fine, *self.open), self.width, since)
        return History(self.metrics, fine=later)._before(until)

    def __len__(self) -> int:
        return size(self.thinned, self.fine, self.open) // self.width

    def __iter__(self) -> Iterator[Sample]:
        return self._read(joined(self.thinned, self.fine, self.open))

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Sample, ...]: ...
    def __getitem__(self, index: int | slice) -> Sample | tuple[Sample, ...]:
        return tuple(self)[index]

    def _read(self, rows: bytes) -> Iterator[Sample]:
        count = 2 * len(self.metrics)
        for row in _ROWS[len(self.metrics)].iter_unpack(rows):
            at, desired, current, ready, least, most = row[:6]
            percents = row[6 : 6 + count]
            yield Sample(
                at=datetime.fromtimestamp(at, UTC),
                desired=desired,
                current=current,
                ready=ready,
                min_replicas=None if least == _NONE else least,
                max_replicas=None if most == _NONE else most,
                metrics={
                    name: (_known(reading), target)
                    for name, reading, target in zip(
                        self.metrics, percents[::2], percents[1::2], strict=True
                    )
                    if not math.isnan(target)
                },
                cpu=_known(row[-4]),
                memory=_known(row[-3]),
                ready_cpu=_known(row[-2]),
                measured=None if row[-1] == _NONE else row[-1],
            )


_ready = attrgetter("ready")
_desired = attrgetter("desired")
_counts = attrgetter("desired", "current", "ready", "min_replicas", "max_replicas")


def _same_counts(a: Sample, b: Sample) -> bool:
    return _counts(a) == _counts(b)


# Any number from the cluster is accepted: these limit it to the range of a row.


def _seconds(at: datetime) -> int:
    return min(max(int(at.timestamp()), 0), 2**32 - 1)


def _whole(count: int) -> int:
    return min(max(count, 0), _MOST)


def _whole_or_none(count: int | None) -> int:
    return _NONE if count is None else _whole(count)


def _amount(number: float | None) -> float:
    return number if number is not None and abs(number) < _LARGEST else math.nan


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number


_POD_ROW = Layout("<I2f")


class PodHistory(Struct, frozen=True):
    """The usage of a pod: the last reading of each minute over six hours, oldest first."""

    rows: Blocks = ()

    def added(self, at: datetime, cpu: float, memory: float) -> PodHistory:
        """Return this history with a reading (cores, bytes); it replaces one of the same minute."""
        row, width = _POD_ROW.pack(_seconds(at), _amount(cpu), _amount(memory)), _POD_ROW.size
        kept = self.rows
        if kept and last_time(kept[-1], width) // MINUTE >= time_of(row) // MINUTE:
            kept = without_last(kept, width)
        _, kept = split(kept, width, time_of(row) - SPAN)
        return PodHistory(put(kept, row, width))

    def last_at(self) -> int:
        """Return the time of the newest reading in Unix seconds, 0 without one."""
        return last_time(self.rows[-1], _POD_ROW.size) if self.rows else 0

    def since(self, at: int) -> list[tuple[int, float, float]]:
        """Return the readings not older than ``at``: Unix seconds, cores, bytes."""
        _, found = split(self.rows, _POD_ROW.size, at)
        return list(_POD_ROW.iter_unpack(joined(found)))

    def __len__(self) -> int:
        return size(self.rows) // _POD_ROW.size
