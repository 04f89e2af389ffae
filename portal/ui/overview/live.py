"""The live parts of the overview of autoscaling: properties of components, by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from portal.ui import html, ids
from portal.ui.apps import table
from portal.ui.components.basics import Node, icon, internal_link, stale_notice, wildcards
from portal.ui.encoding import Part
from portal.ui.routes import app_path, overview_path
from portal.viewmodels.overview import COLUMNS, OverviewRow, OverviewState, OverviewView
from portal.viewmodels.query import ListQuery
from portal.viewmodels.words import count

NAMES = {
    None: "All",
    OverviewState.TROUBLE: "In trouble",
    OverviewState.LIMITED: "At their maximum",
    OverviewState.FLAPPING: "Flap",
    OverviewState.UNUSED: "Over-requested",
    OverviewState.PAUSED: "Paused",
    OverviewState.ASLEEP: "Asleep",
    OverviewState.STILL: "Never scale",
    OverviewState.STEADY: "Scale",
    OverviewState.FIXED: "No autoscaler",
}
"""The names of the filters."""

KEPT = (OverviewState.TROUBLE, OverviewState.LIMITED)
"""The filters that are there without a match, too."""


def rows(views: Sequence[OverviewRow]) -> list[dict[str, object]]:
    """The rows as table.js takes them."""
    return [
        {
            "key": str(view.key),
            "path": app_path(view.key),
            "cells": [table.drawn(column.cell(view)) for column in COLUMNS.values()],
        }
        for view in views
    ]


def empty(view: OverviewView) -> Node:
    """The empty state of the list; None if it has rows."""
    if view.rows:
        return None
    if view.total:
        return html.Div(
            [
                icon("search"),
                html.H2("No matches"),
                html.P(f"None of {count(view.total, 'app')} matches the search and filters."),
                internal_link("Show all", overview_path(ListQuery()), "btn btn-link"),
            ],
            className="empty",
            **wildcards({"data-testid": "unmatched"}),
        )
    if view.unanswered:
        return html.Div(
            [icon("warn"), html.H2("What you may see is not known"), html.P(view.unanswered)],
            className="empty",
            role="status",
            **wildcards({"data-testid": "unanswered"}),
        )
    words = "The portal is reading the cluster's releases." if view.loading else "No apps yet."
    return html.Div(
        [
            html.Span(className="spinner-border", **wildcards({"aria-hidden": "true"}))
            if view.loading
            else icon("auto"),
            html.H2("Loading" if view.loading else "No apps"),
            html.P(words),
        ],
        className="empty",
        role="status",
    )


OVERVIEW_PARTS: Mapping[str, Part[OverviewView]] = {
    ids.RELEASES_PANEL: lambda view: {"className": table.panel_class(view)},
    ids.RELEASES_SUMMARY: lambda view: {"children": view.summary},
    ids.RELEASES_STALE: lambda view: {"content": stale_notice(view.stale)},
    ids.RELEASES_NAMESPACE: lambda view: {
        "options": table.options(view.namespaces, "All namespaces"),
        "value": view.query.namespace or table.ANY,
    },
    ids.RELEASES_STATUSES: lambda view: {
        "content": table.choices(
            view.counts, NAMES, view.query, overview_path, {*KEPT, view.query.status}
        )
    },
    ids.RELEASES: lambda view: {
        "columns": table.head(tuple(COLUMNS.values()), view.query, overview_path),
        "rows": rows(view.rows),
    },
    ids.RELEASES_EMPTY: lambda view: {"content": empty(view)},
    ids.RELEASES_PAGES: lambda view: {"content": table.pages(view, overview_path)},
}
"""The live parts of the page."""
