"""Queries on a list: search, filter, sort, and cut into pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import Struct

from portal.domain.keys import Key
from portal.domain.objects import PodUsage
from portal.viewmodels.columns import COLUMNS, MEASURED, search_text
from portal.viewmodels.model import ReleaseRow, Severity
from portal.viewmodels.query import DEFAULT_SORT, EVERYTHING, Bucket, ListQuery

PAGE_SIZE = 50
"""Rows on a page."""

Usage: TypeAlias = Callable[[Key], Mapping[Key, PodUsage]]
"""Returns the present use of a release's pods."""

_BUCKETS = {
    Severity.GOOD: Bucket.READY,
    Severity.BUSY: Bucket.CHANGING,
    Severity.QUIET: Bucket.IDLE,
    Severity.WARN: Bucket.ATTENTION,
    Severity.BAD: Bucket.ATTENTION,
}


def bucket(row: ReleaseRow) -> Bucket:
    """The status filter that a row belongs to: a row with a problem needs attention."""
    return Bucket.ATTENTION if row.problem else _BUCKETS[row.status.severity]


class Entry(Struct, frozen=True):
    """A row with what queries match: its status filter, and its text in lower case."""

    row: ReleaseRow
    bucket: Bucket
    text: str

    @staticmethod
    def of(row: ReleaseRow) -> Entry:
        """The entry of a row."""
        return Entry(row, bucket(row), search_text(row))


class QueryResult(Struct, frozen=True):
    """The result of a query: the rows of its page, and counts of all.

    ``buckets`` counts the matches of each status, with all other filters applied.
    """

    rows: tuple[ReleaseRow, ...]
    page: int
    pages: int
    total: int
    buckets: Mapping[Bucket, int]

    @property
    def first(self) -> int:
        """The number of the first row on the page, from 1; 0 where there is none."""
        return (self.page - 1) * PAGE_SIZE + 1 if self.rows else 0


def unmeasured(_: Key) -> Mapping[Key, PodUsage]:
    """No measurements."""
    return {}


def run_query(entries: Iterable[Entry], query: ListQuery, usage: Usage = unmeasured) -> QueryResult:
    """Search, filter, sort, and cut out the page; a page beyond the end gives the last.

    The sort is stable, so equal rows keep the order of ``entries``: see ``sorted_by_name``.
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
        asked = [entry for entry in asked if entry.bucket == query.status]
    rows = [entry.row for entry in asked]
    if query.sort != DEFAULT_SORT:
        rows.sort(key=_order(query.column, usage), reverse=query.downwards)
    pages = max(1, -(-len(rows) // PAGE_SIZE))
    page = min(query.page, pages)
    shown = tuple(rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE])
    return QueryResult(shown, page, pages, len(rows), dict(buckets))


def _order(name: str, usage: Usage) -> Callable[[ReleaseRow], Any]:
    """The sort key of a column; rows without a measurement come below all others."""
    column = COLUMNS[name]
    measure = column.measure
    if measure is None:
        return column.order or (lambda row: row.key.name)

    def measured(row: ReleaseRow) -> float:
        total = measure.total(usage(row.key))
        return -1.0 if total is None else total

    return measured


def measurements(rows: Sequence[ReleaseRow], usage: Usage) -> tuple[Mapping[str, str], ...]:
    """The texts of the measured columns, by name, for each row."""
    columns = [(name, measure) for name in MEASURED if (measure := COLUMNS[name].measure)]
    if not columns:
        return ()
    used = (usage(row.key) for row in rows)
    return tuple({name: measure.text(each) for name, measure in columns} for each in used)


def sorted_by_name(entries: Iterable[Entry]) -> list[Entry]:
    """The entries sorted by name, then by namespace."""
    return sorted(entries, key=lambda entry: (entry.row.key.name, entry.row.key.namespace))


class ListView(Struct, frozen=True):
    """The Apps or Admin page: one page of rows, and totals.

    ``first`` is the number of the first row shown (from 1; 0 where there is none) among the
    ``found``; ``total`` counts all without the query. ``counts`` are the matches of each
    status. ``namespaces`` and ``owners`` are the options of the filters. ``measured`` are the
    measured columns of each row, as text. ``unanswered`` explains why
    the viewer's rights are not known; "" if they are. ``nowhere``: there is no namespace in which
    they may see apps.
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
    unanswered: str = ""
    nowhere: bool = False
