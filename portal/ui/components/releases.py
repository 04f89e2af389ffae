"""The table of releases that Apps and Admin share: a page of rows, and what leads to others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dash import html

from portal.ui.components.basics import Node, icon, link, safe_href, wildcards
from portal.ui.components.markup import ago, decoration, element, way, word
from portal.ui.routes import app_path, list_path
from portal.viewmodels.listing import PAGE_SIZE
from portal.viewmodels.model import ListView, ReleaseRow
from portal.viewmodels.query import Bucket, ListQuery

BLOCK = 10
"""Rows that are sent together: a change in one of them sends no more than these again."""

BLOCKS = PAGE_SIZE // BLOCK

_STATUS = {
    None: "All",
    Bucket.ATTENTION: "Needs attention",
    Bucket.CHANGING: "Changing",
    Bucket.READY: "Ready",
    Bucket.IDLE: "Idle",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column; ``name`` is what the list is sorted by, and its class."""

    name: str
    title: str
    cell: Callable[[ReleaseRow], Node]
    sortable: bool = True


def _two(main: Node, sub: str, unless: str = "") -> Node:
    """A cell of two lines; the second is not shown where the column ``unless`` has it."""
    below = element("Span", sub, className=f"cell-sub un-{unless}" if unless else "cell-sub")
    return element("Div", [main, below if sub else None], className="cell-two")


def _text(text: str) -> Node:
    """The whole text is the title: the column may be too narrow for it."""
    return element("Span", text or "–", className="cell-main", title=text or None)


def _name(row: ReleaseRow) -> Node:
    name = row.key.name
    main = way(name, app_path(row.key), className="cell-name", title=name)
    return _two(main, row.key.namespace, "namespace")


def _status(row: ReleaseRow) -> Node:
    below = element("Span", row.problem, className="cell-sub") if row.problem else None
    return element(
        "Div",
        [word(row.status.text, row.status.tone), below],
        className="cell-two",
        title=row.problem or row.status.detail or None,
    )


def _address(row: ReleaseRow) -> Node:
    href = safe_href(row.url)
    if not href:
        return element("Span", "–", className="quiet-text")
    text = href.partition("://")[2].removesuffix("/")
    shown = [element("Span", text, className="cell-main"), decoration("open")]
    new_tab = {"target": "_blank", "rel": "noopener noreferrer"}
    return element("A", shown, href=href, className="cell-url", title=href, **new_tab)


def _chart(row: ReleaseRow) -> Node:
    return _two(_text(row.chart), row.app_version and f"app {row.app_version}", "version")


def _helm(row: ReleaseRow) -> Node:
    revision = f"revision {row.revision}" if row.revision else ""
    return _two(_text(row.helm_status), revision, "revision")


def _updated(row: ReleaseRow) -> Node:
    return _two(ago(row.updated_at), row.launched_by and f"by {row.launched_by}", "owner")


_COLUMNS = (
    Column("name", "App", _name),
    Column("status", "Status", _status),
    Column("pods", "Pods", lambda row: row.pods or "–"),
    Column("autoscaler", "Autoscaler", lambda row: _text(row.hpa)),
    Column("address", "Address", _address, sortable=False),
    Column("namespace", "Namespace", lambda row: _text(row.key.namespace)),
    Column("chart", "Chart", _chart),
    Column("version", "Version", lambda row: _text(row.app_version)),
    Column("helm", "Helm", _helm),
    Column("revision", "Revision", lambda row: str(row.revision or "–")),
    Column("updated", "Updated", _updated),
    Column("owner", "Launched by", lambda row: _text(row.launched_by)),
)
_UNFOLDED = {"namespace", "version", "revision", "owner"}

COLUMNS: dict[bool, tuple[Column, ...]] = {
    True: _COLUMNS,
    False: tuple(column for column in _COLUMNS if column.name not in _UNFOLDED),
}
"""The columns of Admin (True) and of Apps, where the others are second lines of these.

Screens that are not wide show fewer of them: see portal.css.
"""


def head(query: ListQuery, *, everyone: bool) -> list[Node]:
    """The headings. Each leads to the list sorted by it."""
    return [_heading(column, query, everyone=everyone) for column in COLUMNS[everyone]]


def _heading(column: Column, query: ListQuery, *, everyone: bool) -> Node:
    attributes = {"scope": "col", "className": f"col-{column.name}"}
    if not column.sortable:
        return element("Th", column.title, **attributes)
    if column.name == query.column:
        attributes["aria-sort"] = "descending" if query.downwards else "ascending"
    to = way(column.title, list_path(everyone, query.by(column.name)))
    return element("Th", to, **attributes)


def block(rows: Sequence[ReleaseRow], number: int, *, everyone: bool) -> list[Node]:
    """The rows of one block of the page."""
    columns = COLUMNS[everyone]
    return [_row(row, columns) for row in rows[number * BLOCK : (number + 1) * BLOCK]]


def _row(row: ReleaseRow, columns: tuple[Column, ...]) -> Node:
    cells = [element("Td", column.cell(row), className=f"col-{column.name}") for column in columns]
    about = {"data-testid": "release", "data-name": str(row.key)}
    return element("Tr", cells, key=str(row.key), **about)


def statuses(view: ListView, *, everyone: bool) -> list[Node]:
    """Links that narrow the list to one kind of state, with how many there are of each."""
    counts = dict(view.counts)
    amounts = [(None, sum(counts.values())), *counts.items()]
    return [
        _choice(status, amount, view.query, everyone=everyone)
        for status, amount in amounts
        if amount or status in {None, Bucket.ATTENTION, view.query.status}
    ]


def _choice(status: Bucket | None, amount: int, query: ListQuery, *, everyone: bool) -> Node:
    chosen = {"aria-current": "true"} if status is query.status else {}
    return way(
        [_STATUS[status], element("Span", f"{amount:,}", className="amount")],
        list_path(everyone, replace(query, status=status, page=1)),
        className=f"choice choice-{status}" if status and amount else "choice",
        **{"data-status": status or "all", **chosen},
    )


def options(names: Sequence[str], every: str) -> list[dict[str, str]]:
    """What a filter offers: all, or one of ``names``."""
    return [{"label": every, "value": ""}, *({"label": name, "value": name} for name in names)]


def pages(view: ListView, *, everyone: bool) -> list[Node]:
    """Where in the list this is, and the ways to the pages around it."""
    if not view.rows:
        return []
    query, last = view.query, view.first + len(view.rows) - 1
    of = f"{view.first:,}–{last:,} of {view.found:,}"
    where = f"{of} ({view.total:,} in all)" if view.found < view.total else of
    said = element("Span", where, role="status", className="range")
    if view.pages == 1:
        return [said]
    page = element("Span", f"Page {query.page:,} of {view.pages:,}")

    def to(text: str, number: int, name: str) -> Node:
        if not 1 <= number <= view.pages or number == query.page:
            return element("Span", text, className="page-way", **{"aria-hidden": "true"})
        href = list_path(everyone, query.at(number))
        return way(text, href, className="page-way", **{"aria-label": name, "data-page": name})

    ways = [
        to("«", 1, "First page"),
        to("‹", query.page - 1, "Previous page"),
        page,
        to("›", query.page + 1, "Next page"),
        to("»", view.pages, "Last page"),
    ]
    return [said, element("Nav", ways, className="page-ways", **{"aria-label": "Pages"})]


def panel_class(view: ListView) -> str:
    """What of the panel is to be seen."""
    if not view.total:
        return "releases none"
    return "releases" if view.rows else "releases unmatched"


def empty(view: ListView, *, everyone: bool) -> Node:
    """What to say while there is nothing to list."""
    if view.rows:
        return None
    if view.total:
        return html.Div(
            [
                icon("search"),
                html.H2("Nothing matches"),
                html.P(f"None of {view.total:,} releases is what you are looking for."),
                way("Show all of them", list_path(everyone, ListQuery()), className="btn btn-link"),
            ],
            className="empty",
            **wildcards({"data-testid": "unmatched"}),
        )
    if view.loading:
        return html.Div(
            [
                html.Span(className="spinner-border", **wildcards({"aria-hidden": "true"})),
                html.H2("Reading the cluster"),
                html.P("The first list of releases is on its way."),
            ],
            className="empty",
            role="status",
        )
    if everyone:
        return html.Div(
            [
                icon("boxes"),
                html.H2("No releases anywhere"),
                html.P("Whatever Helm installs in this cluster shows up here by itself."),
            ],
            className="empty",
        )
    return html.Div(
        [
            icon("launch"),
            html.H2("Nothing launched yet"),
            html.P("Pick an image, say how many pods it may have, and watch it come up."),
            link([icon("launch"), "Launch an app"], "/launch", "btn btn-primary"),
        ],
        className="empty",
        **wildcards({"data-testid": "empty-launch"}),
    )
