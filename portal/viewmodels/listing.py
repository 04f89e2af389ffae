"""A list as a query asks for it: searched, filtered, sorted and cut into pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from portal.viewmodels.model import ReleaseRow, Tone
from portal.viewmodels.query import DEFAULT_SORT, Bucket, ListQuery

PAGE_SIZE = 50
"""Rows on a page."""

_BUCKETS = {
    Tone.GOOD: Bucket.READY,
    Tone.BUSY: Bucket.CHANGING,
    Tone.QUIET: Bucket.IDLE,
    Tone.WARN: Bucket.ATTENTION,
    Tone.BAD: Bucket.ATTENTION,
}


def bucket(row: ReleaseRow) -> Bucket:
    """Where a row belongs: whatever has a problem needs attention."""
    return Bucket.ATTENTION if row.problem else _BUCKETS[row.status.tone]


def _pods(row: ReleaseRow) -> tuple[int, int]:
    """ "2/2" before "10/10": by the pods that are ready, then by those asked for."""
    ready, _, desired = row.pods.partition("/")
    return (int(ready), int(desired)) if desired else (-1, -1)


_SEVERITY = {Tone.BAD: 0, Tone.WARN: 1, Tone.BUSY: 2, Tone.GOOD: 3, Tone.QUIET: 4}

SORTS: Mapping[str, Callable[[ReleaseRow], Any]] = {
    "name": lambda row: row.key.name,
    "namespace": lambda row: row.key.namespace,
    "status": lambda row: (_SEVERITY[row.status.tone], row.status.text),
    "pods": _pods,
    "autoscaler": lambda row: (not row.hpa, row.hpa),
    "chart": lambda row: (not row.chart, row.chart),
    "version": lambda row: (not row.app_version, row.app_version),
    "helm": lambda row: row.helm_status,
    "revision": lambda row: row.revision,
    "updated": lambda row: row.updated_at.timestamp() if row.updated_at else 0.0,
    "owner": lambda row: (not row.launched_by, row.launched_by.casefold()),
}
"""What the rows are compared by. What is equal is in order of name and namespace."""


class Entry(Struct, frozen=True):
    """A row, and what it is found by."""

    row: ReleaseRow
    bucket: Bucket
    text: str

    @staticmethod
    def of(row: ReleaseRow) -> Entry:
        """What a search looks through is what the row shows."""
        words = (
            row.key.name,
            row.key.namespace,
            row.status.text,
            row.problem,
            row.chart,
            row.app_version,
            row.helm_status,
            row.launched_by,
            row.url,
            row.hpa,
        )
        return Entry(row, bucket(row), "\n".join(words).casefold())


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


def look(entries: Iterable[Entry], query: ListQuery) -> Found:
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
        rows.sort(key=SORTS[query.column], reverse=query.downwards)
    pages = max(1, -(-len(rows) // PAGE_SIZE))
    page = min(query.page, pages)
    shown = tuple(rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE])
    return Found(shown, page, pages, len(rows), dict(buckets))


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """By name, then by namespace."""
    return sorted(entries, key=lambda entry: (entry.row.key.name, entry.row.key.namespace))
