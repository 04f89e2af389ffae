"""A list as a query asks for it: searched, filtered, sorted and cut into pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import Struct

from portal.domain.keys import Key
from portal.domain.objects import PodUsage
from portal.viewmodels.columns import COLUMNS, MEASURED, searched
from portal.viewmodels.model import ReleaseRow, Severity
from portal.viewmodels.query import DEFAULT_SORT, EVERYTHING, Bucket, ListQuery

PAGE_SIZE = 50
"""Rows on a page."""

Usage: TypeAlias = Callable[[Key], Mapping[Key, PodUsage]]
"""What the pods of a release use now."""

_BUCKETS = {
    Severity.GOOD: Bucket.READY,
    Severity.BUSY: Bucket.CHANGING,
    Severity.QUIET: Bucket.IDLE,
    Severity.WARN: Bucket.ATTENTION,
    Severity.BAD: Bucket.ATTENTION,
}


def bucket(row: ReleaseRow) -> Bucket:
    """Where a row belongs: whatever has a problem needs attention."""
    return Bucket.ATTENTION if row.problem else _BUCKETS[row.status.severity]


class Entry(Struct, frozen=True):
    """A row, and what it is found by: its kind of state, and its text in lower case."""

    row: ReleaseRow
    bucket: Bucket
    text: str

    @staticmethod
    def of(row: ReleaseRow) -> Entry:
        """The entry of a row."""
        return Entry(row, bucket(row), searched(row))


class Found(Struct, frozen=True):
    """What a query finds: the rows of its page alone, and counts of all.

    ``buckets`` counts what each status would show with everything else as asked.
    """

    rows: tuple[ReleaseRow, ...]
    page: int
    pages: int
    total: int
    buckets: Mapping[Bucket, int]

    @property
    def first(self) -> int:
        """Which of all rows comes first on the page; 0 where there is none."""
        return (self.page - 1) * PAGE_SIZE + 1 if self.rows else 0


def unmeasured(_: Key) -> Mapping[Key, PodUsage]:
    """Nothing: the metrics of no pod are known."""
    return {}


def look(entries: Iterable[Entry], query: ListQuery, usage: Usage = unmeasured) -> Found:
    """Search, filter, sort, and cut out the page; one beyond the end is the last.

    ``entries`` come in the order that what is equal is to have: see ``in_order``.
    """
    asked = [
        entry
        for entry in entries
        if (not query.namespace or entry.row.key.namespace == query.namespace)
        and (not query.owner or entry.row.launched_by == query.owner)
    ]
    for word in query.q.casefold().split():
        asked = [entry for entry in asked if word in entry.text]
    buckets = Counter(entry.bucket for entry in asked)
    if query.status is not None:
        asked = [entry for entry in asked if entry.bucket is query.status]
    rows = [entry.row for entry in asked]
    if query.sort != DEFAULT_SORT:
        rows.sort(key=_order(query.column, usage), reverse=query.downwards)
    pages = max(1, -(-len(rows) // PAGE_SIZE))
    page = min(query.page, pages)
    shown = tuple(rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE])
    return Found(shown, page, pages, len(rows), dict(buckets))


def _order(name: str, usage: Usage) -> Callable[[ReleaseRow], Any]:
    """What rows are compared by; what was not measured is less than all that was."""
    column = COLUMNS[name]
    measure = column.measure
    if measure is None:
        return column.order or (lambda row: row.key.name)

    def measured(row: ReleaseRow) -> float:
        total = measure.total(usage(row.key))
        return -1.0 if total is None else total

    return measured


def measurements(rows: Sequence[ReleaseRow], usage: Usage) -> tuple[Mapping[str, str], ...]:
    """The measured columns of rows, as text."""
    columns = [(name, measure) for name in MEASURED if (measure := COLUMNS[name].measure)]
    if not columns:
        return ()
    used = (usage(row.key) for row in rows)
    return tuple({name: measure.text(each) for name, measure in columns} for each in used)


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """By name, then by namespace."""
    return sorted(entries, key=lambda entry: (entry.row.key.name, entry.row.key.namespace))


class ListView(Struct, frozen=True):
    """The Apps or Admin page: one page of rows, and what is to be said of all.

    ``first`` is the number of the first row shown (from 1; 0 where there is none) among the
    ``found``; ``total`` counts those that no query leaves out. ``counts`` is what each status
    would show. ``namespaces`` and ``owners`` are what can be chosen from. ``measured`` are the
    measured columns of each row, as text.
    """

    rows: tuple[ReleaseRow, ...]
    summary: str
    loading: bool
    stale: tuple[str, ...]
    query: ListQuery = EVERYTHING
    total: int = 0
    found: int = 0
    first: int = 0
    pages: int = 1
    counts: tuple[tuple[Bucket, int], ...] = ()
    namespaces: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    measured: tuple[Mapping[str, str], ...] = ()
