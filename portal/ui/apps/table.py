"""The table of releases in Apps and Admin: rows, headings, filters, paging."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from portal.ui import html
from portal.ui.components.basics import Node, icon, internal_link, safe_href, wildcards
from portal.ui.routes import app_path, list_path
from portal.viewmodels.columns import Cell, Column, shown
from portal.viewmodels.listing import ListView
from portal.viewmodels.model import ReleaseRow
from portal.viewmodels.overview import OverviewView
from portal.viewmodels.query import Bucket, ListQuery
from portal.viewmodels.words import MOMENT, count

ANY = "*"
"""The value of a filter's "all" option: an empty value would be shown as no choice."""

_STATUS = {
    None: "All",
    Bucket.ATTENTION: "Needs attention",
    Bucket.CHANGING: "Changing",
    Bucket.READY: "Ready",
    Bucket.IDLE: "Idle",
}


def rows(
    views: Sequence[ReleaseRow],
    measured: Sequence[Mapping[str, str]] = (),
    *,
    everyone: bool,
) -> list[dict[str, object]]:
    """The rows as table.js takes them: a cell for each column, in order."""
    columns = shown(everyone)
    return [
        {
            "key": str(view.key),
            "path": app_path(view.key),
            "cells": [
                amounts.get(column.name, "") if column.measure else drawn(column.cell(view))
                for column in columns
            ],
        }
        for view, amounts in zip(views, measured or [dict[str, str]()] * len(views), strict=True)
    ]


def drawn(cell: Cell | str) -> object:
    """A cell as JSON, without empty parts; "" if its link is not safe.

    A second line with times in it is a list of texts, every second of which is a time.
    """
    if isinstance(cell, str):
        return cell
    if cell.href and not safe_href(cell.href):
        return ""
    found: dict[str, object] = to_builtins(cell)
    if MOMENT.search(cell.below):
        found["below"] = re.split(f"({MOMENT.pattern})", cell.below)
    return found


Paged = ListView | OverviewView
"""A page of a list, with its totals."""

Path = Callable[[ListQuery], str]
"""Returns the address of a list with a query."""


def path_of(everyone: bool) -> Path:
    """The addresses of Apps, or of Admin."""
    return lambda query: list_path(everyone, query)


def head(columns: Sequence[Column[Any]], query: ListQuery, path: Path) -> list[dict[str, object]]:
    """The headings. Each links to the list sorted by its column."""
    return [
        {
            "name": column.name,
            "title": column.title,
            "href": path(query.by(column.name, first_down=column.largest_first))
            if column.sortable
            else "",
            "sort": _DIRECTION[query.downwards] if column.name == query.column else "",
            "from": column.from_width,
            "width": column.width,
            "below_in": column.below_in,
            "opens_app": column.opens_app,
        }
        for column in columns
    ]


_DIRECTION = {False: "ascending", True: "descending"}


def table(id: str, title: str, props: dict[str, Any], *, everyone: bool) -> Node:
    """The table, a component of the portal: rows as data take a tenth of the bytes and the time of
    Dash components."""
    return {
        "type": "Releases",
        "namespace": "portal_components",
        "props": {"id": id, "title": title, "everyone": everyone, **props},
    }


def statuses(view: ListView, *, everyone: bool) -> list[Node]:
    """Links that filter the list by status, with the number of matches of each."""
    kept = {Bucket.ATTENTION, view.query.status}
    return choices(view.counts, _STATUS, view.query, path_of(everyone), kept)


def choices(
    counts: Sequence[tuple[str, int]],
    names: Mapping[Any, str],
    query: ListQuery,
    path: Path,
    kept: Collection[str | None],
) -> list[Node]:
    """Links that filter a list, for all and for what has matches or is among ``kept``."""
    amounts = [(None, sum(amount for _, amount in counts)), *counts]
    return [
        _choice(names[status], status, amount, query, path)
        for status, amount in amounts
        if amount or status is None or status in kept
    ]


def _choice(name: str, status: str | None, amount: int, query: ListQuery, path: Path) -> Node:
    chosen = {"aria-current": "true"} if status is query.status else {}
    return internal_link(
        [name, html.Span(f"{amount:,}", className="amount")],
        path(replace(query, status=status, page=1)),
        f"choice choice-{status}" if status and amount else "choice",
        **wildcards({"data-status": status or "all", **chosen}),
    )


def options(names: Sequence[str], every: str) -> list[dict[str, str]]:
    """The options of a filter: all (``ANY``), or one of ``names``."""
    return [{"label": every, "value": ANY}, *({"label": name, "value": name} for name in names)]


def pages(view: Paged, path: Path) -> list[Node]:
    """The range of rows shown, and links to other pages of the list."""
    if not view.rows:
        return []
    query, last = view.query, view.first + len(view.rows) - 1
    of = f"{view.first:,}–{last:,} of {view.found:,}"
    where = f"{of} ({view.total:,} in all)" if view.found < view.total else of
    shown = html.Span(where, role="status", className="range")
    if view.pages == 1:
        return [shown]
    page = html.Span(f"Page {query.page:,} of {view.pages:,}")

    def to(text: str, number: int, name: str) -> Node:
        if not 1 <= number <= view.pages or number == query.page:
            return html.Span(text, className="page-way", **wildcards({"aria-hidden": "true"}))
        href = path(query.at(number))
        labels = wildcards({"aria-label": name, "data-page": name})
        return internal_link(text, href, "page-way", **labels)

    ways = [
        to("«", 1, "First page"),
        to("‹", query.page - 1, "Previous page"),
        page,
        to("›", query.page + 1, "Next page"),
        to("»", view.pages, "Last page"),
    ]
    return [shown, html.Nav(ways, className="page-ways", **wildcards({"aria-label": "Pages"}))]


def panel_class(view: Paged) -> str:
    """The CSS class of the panel: with rows, without any match, or without any release."""
    if not view.total:
        return "releases none"
    return "releases" if view.rows else "releases unmatched"


def empty(view: ListView, *, everyone: bool) -> Node:
    """The empty state of the list; None if it has rows."""
    if view.rows:
        return None
    if view.total:
        return html.Div(
            [
                icon("search"),
                html.H2("No matches"),
                html.P(f"None of {count(view.total, 'release')} matches the search and filters."),
                internal_link("Show all", list_path(everyone, ListQuery()), "btn btn-link"),
            ],
            className="empty",
            **wildcards({"data-testid": "unmatched"}),
        )
    if view.unanswered:
        return html.Div(
            [
                icon("warn"),
                html.H2("What you may see is not known"),
                html.P(view.unanswered),
            ],
            className="empty",
            role="status",
            **wildcards({"data-testid": "unanswered"}),
        )
    if view.loading:
        return html.Div(
            [
                html.Span(className="spinner-border", **wildcards({"aria-hidden": "true"})),
                html.H2("Loading"),
                html.P("The portal is reading the cluster's releases."),
            ],
            className="empty",
            role="status",
        )
    if view.nowhere:
        return html.Div(
            [
                icon("warn"),
                html.H2("You have no role yet"),
                html.P(
                    "There is no namespace in which you may see apps. Ask whoever administers the "
                    "portal, or a namespace, to give you a role."
                ),
            ],
            className="empty",
            role="status",
            **wildcards({"data-testid": "nowhere"}),
        )
    if everyone:
        return html.Div(
            [
                icon("boxes"),
                html.H2("No releases"),
                html.P("Releases that Helm installs where the portal works are listed here."),
            ],
            className="empty",
        )
    return html.Div(
        [
            icon("launch"),
            html.H2("Nothing launched yet"),
            html.P("Choose an image and the number of replicas, then launch it."),
            internal_link([icon("launch"), "Launch an app"], "/launch", "btn btn-primary"),
        ],
        className="empty",
        **wildcards({"data-testid": "empty-launch"}),
    )
