"""The columns of Apps and Admin. Each is declared here alone, with its title, cell, order and
search text; ``table.js`` draws the cells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from msgspec import Struct

from portal.domain.objects import PodUsage
from portal.viewmodels.model import ReleaseRow, Severity
from portal.viewmodels.words import cores, size

MEDIUM, WIDE, WIDEST = 721, 1200, 1700
"""Pixels of a screen's width from which a column is shown; portal.css has a rule for each."""


class Cell(Struct, frozen=True, omit_defaults=True):
    """The content of one cell: a main text, and a second line where there is one.

    ``href`` makes the text a link that leaves the portal, ``severity`` a badge. ``at`` is a time,
    which the browser shows as an age. ``title`` is a longer text. ``below`` is the second line, and
    ``newer`` a version to be pointed out there.
    """

    text: str = ""
    title: str = ""
    href: str = ""
    severity: str = ""
    at: str = ""
    below: str = ""
    newer: str = ""


class Measure(Struct, frozen=True):
    """A measurement of each pod, and the format of the sum."""

    of_pod: Callable[[PodUsage], float]
    written: Callable[[float], str]

    def total(self, usage: Mapping[Any, PodUsage]) -> float | None:
        """The sum over all pods; None if none was measured."""
        return sum(map(self.of_pod, usage.values())) if usage else None

    def text(self, usage: Mapping[Any, PodUsage]) -> str:
        """The sum as text, "" if none was measured."""
        total = self.total(usage)
        return "" if total is None else self.written(total)


R = TypeVar("R")


class Column(Struct, Generic[R], frozen=True):
    """A column, filled by ``cell`` from the row or by ``measure`` from what the pods use now.

    Rows are cached while nothing in them changes. Measurements always change, so they are not part
    of a row: they are read for the rows on the page, and for all rows only to sort by them.

    ``order`` is the sort key (None: not sortable). ``search`` is the text that searches match.
    The second line is left out where the column ``below_in`` is shown.
    ``opens_app`` makes the text a link to the app's page. An ``everyone`` column is in Admin only.
    ``from_width`` is the least width of a screen, in pixels, that has room for it; ``width`` is its
    own (CSS; "" takes what is left).
    """

    name: str
    title: str
    cell: Callable[[R], Cell | str] = lambda _: ""
    order: Callable[[R], Any] | None = None
    search: Callable[[R], str] | None = None
    measure: Measure | None = None
    largest_first: bool = False
    below_in: str = ""
    opens_app: bool = False
    everyone: bool = False
    from_width: int = 0
    width: str = ""

    @property
    def sortable(self) -> bool:
        """True if lists can be sorted by it."""
        return self.order is not None or self.measure is not None


_SEVERITY = {
    Severity.BAD: 0,
    Severity.WARN: 1,
    Severity.BUSY: 2,
    Severity.GOOD: 3,
    Severity.QUIET: 4,
}


def _ready_then_desired(row: ReleaseRow) -> tuple[int, int]:
    """ "2/2" before "10/10": by the pods that are ready, then by those asked for."""
    ready, _, desired = row.pods.partition("/")
    return (int(ready), int(desired)) if desired else (-1, -1)


def _empty_last(value: Callable[[ReleaseRow], str]) -> Callable[[ReleaseRow], tuple[bool, str]]:
    return lambda row: (not value(row), value(row))


def _status(row: ReleaseRow) -> Cell:
    status = row.status
    return Cell(
        status.text, row.problem or status.detail, severity=status.severity.value, below=row.problem
    )


def _chart(row: ReleaseRow) -> Cell:
    version = f"app {row.app_version}" if row.app_version else ""
    return Cell(row.chart, below=version, newer=row.newer)


def _helm(row: ReleaseRow) -> Cell:
    revision = f"revision {row.revision}" if row.revision else ""
    return Cell(row.helm_status, below=revision)


def _updated(row: ReleaseRow) -> Cell:
    at = row.updated_at.isoformat() if row.updated_at else ""
    owner = f"owner {row.launched_by}" if row.launched_by else ""
    return Cell(at=at, below=owner)


COLUMNS: Mapping[str, Column[ReleaseRow]] = {
    column.name: column
    for column in (
        Column[ReleaseRow](
            "name",
            "App",
            lambda row: Cell(row.key.name, below=row.key.namespace),
            order=lambda row: row.key.name,
            search=lambda row: row.key.name,
            below_in="namespace",
            opens_app=True,
        ),
        Column[ReleaseRow](
            "status",
            "Status",
            _status,
            order=lambda row: (_SEVERITY[row.status.severity], row.status.text),
            search=lambda row: f"{row.status.text}\n{row.problem}",
        ),
        Column[ReleaseRow](
            "pods",
            "Pods",
            lambda row: row.pods,
            order=_ready_then_desired,
            width="4.6rem",
        ),
        Column[ReleaseRow](
            "cpu",
            "CPU",
            measure=Measure(lambda pod: pod.cpu, cores),
            largest_first=True,
            from_width=WIDE,
            width="7.4rem",
        ),
        Column[ReleaseRow](
            "memory",
            "Memory",
            measure=Measure(lambda pod: pod.memory, size),
            largest_first=True,
            from_width=WIDE,
            width="5.8rem",
        ),
        Column[ReleaseRow](
            "autoscaler",
            "Autoscaler",
            lambda row: row.hpa,
            order=_empty_last(lambda row: row.hpa),
            search=lambda row: row.hpa,
            from_width=WIDE,
        ),
        Column[ReleaseRow](
            "address",
            "Address",
            lambda row: Cell(
                row.url.removeprefix("http://").removeprefix("https://").removesuffix("/"),
                href=row.url,
            ),
            search=lambda row: row.url,
            from_width=MEDIUM,
        ),
        Column[ReleaseRow](
            "namespace",
            "Namespace",
            lambda row: row.key.namespace,
            order=lambda row: row.key.namespace,
            search=lambda row: row.key.namespace,
            everyone=True,
            from_width=WIDE,
        ),
        Column[ReleaseRow](
            "chart",
            "Chart",
            _chart,
            order=_empty_last(lambda row: row.chart),
            search=lambda row: row.chart,
            below_in="version",
            from_width=MEDIUM,
        ),
        Column[ReleaseRow](
            "version",
            "Version",
            lambda row: row.app_version,
            order=_empty_last(lambda row: row.app_version),
            search=lambda row: row.app_version,
            everyone=True,
            from_width=WIDEST,
            width="5.2rem",
        ),
        Column[ReleaseRow](
            "helm",
            "Helm",
            _helm,
            order=lambda row: row.helm_status,
            search=lambda row: row.helm_status,
            below_in="revision",
            from_width=MEDIUM,
            width="6.4rem",
        ),
        Column[ReleaseRow](
            "revision",
            "Revision",
            lambda row: str(row.revision or ""),
            order=lambda row: row.revision,
            largest_first=True,
            everyone=True,
            from_width=WIDEST,
            width="5.8rem",
        ),
        Column[ReleaseRow](
            "updated",
            "Updated",
            _updated,
            order=lambda row: row.updated_at.timestamp() if row.updated_at else 0.0,
            below_in="owner",
            largest_first=True,
            from_width=MEDIUM,
            width="6.8rem",
        ),
        Column[ReleaseRow](
            "owner",
            "Owner",
            lambda row: row.launched_by,
            order=_empty_last(lambda row: row.launched_by.casefold()),
            search=lambda row: row.launched_by,
            everyone=True,
            from_width=WIDEST,
        ),
    )
}
"""All columns by name, from left to right."""

SORTABLE = tuple(column.name for column in COLUMNS.values() if column.sortable)
"""The names of the columns that a list can be sorted by."""

MEASURED = tuple(column.name for column in COLUMNS.values() if column.measure)


def shown(everyone: bool) -> tuple[Column[ReleaseRow], ...]:
    """The columns of Admin (``everyone``), or of Apps, where some become second lines."""
    return tuple(column for column in COLUMNS.values() if everyone or not column.everyone)


def search_text(row: ReleaseRow) -> str:
    """The text of a row that searches match, in lower case."""
    words = (column.search(row) for column in COLUMNS.values() if column.search)
    return "\n".join(words).casefold()
