"""Apps and Admin: a heading, a search with filters, and a page of the list."""

from __future__ import annotations

import dash_bootstrap_components as dbc

from portal.domain.identity import Identity
from portal.live.topics import ADMIN, APPS
from portal.ui import html, ids
from portal.ui.apps import table
from portal.ui.apps.live import list_patches
from portal.ui.components.basics import Node, icon, internal_link, page, wildcards
from portal.ui.components.help import help_on
from portal.ui.components.markup import markup
from portal.ui.context import UiContext
from portal.ui.encoding import Props
from portal.ui.routes import Page, Route
from portal.viewmodels.columns import SORTABLE
from portal.viewmodels.query import LONGEST


def layout(context: UiContext, identity: Identity, route: Route) -> html.Div:
    """The page with its current rows."""
    everyone = route.page is Page.ADMIN
    scope = context.scope(ADMIN if everyone else APPS, identity)
    view = context.list_view(scope, route.query)
    live = list_patches(view, everyone=everyone)
    title = "Admin" if everyone else "Apps"
    lead = "All Helm releases." if everyone else "Releases that you own."
    summary = html.Span(id=ids.RELEASES_SUMMARY, **live[ids.RELEASES_SUMMARY])
    return page(
        [
            html.Header(
                [
                    html.Div(
                        [
                            html.H1(title, tabIndex=-1),
                            html.P([f"{lead} ", summary], className="lead-sentence"),
                        ]
                    ),
                    html.Div(
                        [
                            internal_link(
                                [icon("auto"), "Autoscaling"],
                                "/autoscaling",
                                "btn btn-outline-secondary",
                            ),
                            internal_link(
                                [icon("folder"), "Projects" if everyone else "My projects"],
                                "/admin/projects" if everyone else "/projects",
                                "btn btn-outline-secondary",
                            )
                            if context.projects is not None
                            else None,
                            internal_link(
                                [icon("clock"), "Audit trail" if everyone else "My audit trail"],
                                "/admin/audit" if everyone else "/trail",
                                "btn btn-outline-secondary",
                            )
                            if everyone or context.trail.database is not None
                            else None,
                            internal_link(
                                [icon("person"), "Sessions"],
                                "/admin/sessions",
                                "btn btn-outline-secondary",
                            )
                            if everyone and context.sessions is not None
                            else None,
                            internal_link(
                                [icon("plus"), "Launch an app"], "/launch", "btn btn-primary"
                            ),
                        ],
                        className="head-buttons",
                    ),
                ],
                className="page-head",
            ),
            markup(ids.RELEASES_STALE, **live[ids.RELEASES_STALE]),
            html.Div(
                [
                    html.Div(
                        [
                            search_box(route.query.q),
                            filter_box(ids.RELEASES_NAMESPACE, "Namespace", live),
                            filter_box(ids.RELEASES_OWNER, "Owner", live) if everyone else None,
                            help_on(
                                ids.RELEASES_SEARCH,
                                "search and filters",
                                "All words of the search have to be in a row. The namespace is the "
                                "part of the cluster that a release is in"
                                + (", the owner the person whose app it is" if everyone else "")
                                + "; the links below choose by its state.",
                            ),
                        ],
                        className="list-bar",
                        role="search",
                    ),
                    markup(
                        ids.RELEASES_STATUSES,
                        className="choices-bar",
                        role="navigation",
                        **live[ids.RELEASES_STATUSES],
                        **wildcards({"aria-label": "Status"}),
                    ),
                    table.table(ids.RELEASES, title, live[ids.RELEASES], everyone=everyone),
                    markup(ids.RELEASES_EMPTY, **live[ids.RELEASES_EMPTY]),
                    markup(ids.RELEASES_PAGES, className="list-foot", **live[ids.RELEASES_PAGES]),
                ],
                id=ids.RELEASES_PANEL,
                **live[ids.RELEASES_PANEL],
            ),
        ],
        topic=route.topic,
        title=title,
        testid="admin-page" if everyone else "apps-page",
        **wildcards({"data-sortable": " ".join(SORTABLE)}),
    )


def search_box(text: str, hint: str = "Search name, status, chart …") -> Node:
    """The box for a search in a list."""
    return html.Div(
        [
            icon("search"),
            dbc.Input(
                id=ids.RELEASES_SEARCH,
                type="search",
                value=text,
                placeholder=hint,
                autocomplete="off",
                maxlength=LONGEST["q"],
            ),
            html.Label("Search releases", htmlFor=ids.RELEASES_SEARCH, className="visually-hidden"),
        ],
        className="search",
    )


def filter_box(id: str, title: str, live: Props) -> Node:
    """A filter of a list."""
    return html.Div(
        [
            html.Label(title, htmlFor=id, className="visually-hidden"),
            dbc.Select(id=id, **live[id]),
        ],
        className="list-filter",
    )
