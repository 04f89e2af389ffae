"""Autoscaling: a heading, a search with filters, and a page of the overview."""

from __future__ import annotations

from portal.domain.identity import Identity
from portal.live.topics import OVERVIEW
from portal.ui import html, ids
from portal.ui.apps import table
from portal.ui.apps.layout import filter_box, search_box
from portal.ui.components.basics import page, wildcards
from portal.ui.components.markup import markup
from portal.ui.context import UiContext
from portal.ui.overview.live import OVERVIEW_PARTS
from portal.ui.routes import Route
from portal.viewmodels.overview import SORTABLE


def layout(context: UiContext, identity: Identity, route: Route) -> html.Div:
    """The page with its current rows."""
    view = context.overview(context.scope(OVERVIEW, identity), route.query)
    live = {id: part(view) for id, part in OVERVIEW_PARTS.items()}
    summary = html.Span(id=ids.RELEASES_SUMMARY, **live[ids.RELEASES_SUMMARY])
    return page(
        [
            html.Header(
                html.Div(
                    [
                        html.H1("Autoscaling", tabIndex=-1),
                        html.P(summary, className="lead-sentence"),
                    ]
                ),
                className="page-head",
            ),
            markup(ids.RELEASES_STALE, **live[ids.RELEASES_STALE]),
            html.Div(
                [
                    html.Div(
                        [
                            search_box(route.query.q, "Search name, state, trouble …"),
                            filter_box(ids.RELEASES_NAMESPACE, "Namespace", live),
                        ],
                        className="list-bar",
                        role="search",
                    ),
                    markup(
                        ids.RELEASES_STATUSES,
                        className="choices-bar",
                        role="navigation",
                        **live[ids.RELEASES_STATUSES],
                        **wildcards({"aria-label": "State"}),
                    ),
                    table.table(ids.RELEASES, "Autoscaling", live[ids.RELEASES], everyone=True),
                    markup(ids.RELEASES_EMPTY, **live[ids.RELEASES_EMPTY]),
                    markup(ids.RELEASES_PAGES, className="list-foot", **live[ids.RELEASES_PAGES]),
                ],
                id=ids.RELEASES_PANEL,
                **live[ids.RELEASES_PANEL],
            ),
        ],
        topic=route.topic,
        title="Autoscaling",
        testid="autoscaling-page",
        **wildcards({"data-sortable": " ".join(SORTABLE)}),
    )
