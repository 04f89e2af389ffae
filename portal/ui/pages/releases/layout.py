"""Apps and Admin: a heading, a search, and the grid."""

from __future__ import annotations

import dash_bootstrap_components as dbc
from dash import html

from portal.domain.identity import Identity
from portal.live.topics import ADMIN, APPS
from portal.ui import ids
from portal.ui.components import releases
from portal.ui.components.basics import icon, link, page
from portal.ui.context import UiContext
from portal.ui.live_views import list_patches


def layout(context: UiContext, identity: Identity, *, everyone: bool) -> html.Div:
    """The page with its current rows."""
    view = context.list_view(identity, everyone)
    patches = list_patches(view, everyone=everyone)
    title = "Admin" if everyone else "Apps"
    lead = "Every Helm release, whoever made it." if everyone else "What you have launched."
    return page(
        [
            html.Header(
                [
                    html.Div(
                        [
                            html.H1(title, tabIndex=-1),
                            html.P(
                                [
                                    f"{lead} ",
                                    html.Span(id=ids.RELEASES_SUMMARY, children=view.summary),
                                ],
                                className="lead-sentence",
                            ),
                        ]
                    ),
                    link([icon("plus"), "Launch an app"], "/launch", "btn btn-primary"),
                ],
                className="page-head",
            ),
            html.Div(id=ids.RELEASES_STALE, **patches[ids.RELEASES_STALE]),
            html.Div(
                [
                    html.Div(
                        [
                            icon("search"),
                            dbc.Input(
                                id=ids.RELEASES_SEARCH,
                                type="search",
                                placeholder="Search name, status, chart …",
                                autocomplete="off",
                            ),
                            html.Label(
                                "Search releases",
                                htmlFor=ids.RELEASES_SEARCH,
                                className="visually-hidden",
                            ),
                        ],
                        className="search",
                    ),
                    releases.grid(view, everyone=everyone),
                    html.Div(id=ids.RELEASES_EMPTY, **patches[ids.RELEASES_EMPTY]),
                ],
                id=ids.RELEASES_PANEL,
                **patches[ids.RELEASES_PANEL],
            ),
        ],
        topic=ADMIN if everyone else APPS,
        title=title,
        testid="admin-page" if everyone else "apps-page",
    )
