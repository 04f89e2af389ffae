"""The shell around every page: header, banner, page, footer."""

from __future__ import annotations

from dash import dcc

from portal.domain.identity import Identity
from portal.ui import html, ids
from portal.ui.components.basics import Node, icon, internal_link, page, wildcards
from portal.ui.routes import Page

_NAV = (
    (Page.APPS, "Apps", "/", "apps"),
    (Page.LAUNCH, "Launch", "/launch", "launch"),
    (Page.CATALOG, "Catalogue", "/catalog", "boxes"),
    (Page.ADMIN, "Admin", "/admin", "admin"),
)
_ACTIVE = {
    Page.APP: Page.APPS,
    Page.LOGS: Page.APPS,
    Page.OBJECTS: Page.APPS,
    Page.AUTOSCALING: Page.APPS,
    Page.PROCESSES: Page.APPS,
    Page.SHELL: Page.APPS,
    Page.CHART: Page.CATALOG,
    Page.OVERVIEW: Page.ADMIN,
    Page.AUDIT: Page.ADMIN,
    Page.SESSIONS: Page.ADMIN,
    Page.TRAIL: Page.APPS,
    Page.PROJECTS: Page.ADMIN,
    Page.PROJECT: Page.ADMIN,
    Page.NEW_PROJECT: Page.ADMIN,
    Page.OWN_PROJECTS: Page.APPS,
}


def shell(*, open_mode: bool, version: str, sign_out: bool = False) -> html.Div:
    """The shell, the same for everybody; the router fills in the page and the user."""
    return html.Div(
        [
            dcc.Location(id=ids.LOCATION, refresh="callback-nav"),
            dcc.Store(id=ids.THEME, data="light"),
            html.A("Skip to content", href="#page", className="skip-link"),
            html.Header(
                html.Div(
                    [
                        internal_link(
                            [html.Span(className="brand-mark"), html.Span("Dash Portal")],
                            "/",
                            "brand",
                        ),
                        html.Nav(nav(None), id=ids.NAV, **wildcards({"aria-label": "Main"})),
                        html.Div(
                            [
                                html.Span(
                                    id=ids.LIVE_STATE,
                                    role="status",
                                    **wildcards({"data-state": "connecting"}),
                                ),
                                html.Span(id=ids.WHO, className="who"),
                                _sign_out() if sign_out else None,
                                html.Button(
                                    icon("bell"),
                                    id=ids.NOTIFY_TOGGLE,
                                    type="button",
                                    className="btn btn-quiet notify-toggle",
                                    title="Notify me of my apps",
                                    **wildcards(
                                        {"aria-label": "Notify me", "aria-pressed": "false"}
                                    ),
                                ),
                                html.Button(
                                    [icon("sun"), icon("moon"), icon("auto")],
                                    id=ids.THEME_TOGGLE,
                                    type="button",
                                    className="btn btn-quiet theme-toggle",
                                    **wildcards({"aria-label": "Change the theme"}),
                                ),
                            ],
                            className="topbar-end",
                        ),
                    ],
                    className="topbar-inner",
                ),
                className="topbar",
            ),
            _open_mode() if open_mode else None,
            html.Main(html.Div(_waiting(), id=ids.PAGE), tabIndex=-1),
            html.Footer(
                [html.Span(f"Dash Portal {version}".strip()), html.Span("Helm on Kubernetes")],
                className="foot",
            ),
        ]
    )


def nav(current: Page | None) -> list[Node]:
    """The main links, with the current one marked."""
    active = _ACTIVE.get(current, current) if current else None
    return [
        internal_link(
            [icon(icon_name), html.Span(text)],
            href,
            "nav-item active" if name is active else "nav-item",
        )
        for name, text, href, icon_name in _NAV
    ]


def who(identity: Identity) -> list[Node]:
    """The signed-in user."""
    name = "anyone" if identity.anonymous else identity.user
    title = "All users share one account" if identity.anonymous else ", ".join(identity.groups)
    return [icon("person"), html.Span(name, title=title)]


def not_found() -> html.Div:
    """The page for an unknown address."""
    return page(
        html.Div(
            [
                icon("help"),
                html.H1("Page not found", tabIndex=-1),
                html.P("The address may be wrong, or the page no longer exists."),
                internal_link([icon("apps"), "All apps"], "/", "btn btn-primary"),
            ],
            className="empty",
        ),
        topic="",
        title="Not found",
        testid="not-found-page",
    )


def _sign_out() -> html.Button:
    return html.Button(
        [icon("sign-out"), html.Span("Sign out")],
        id=ids.SIGN_OUT,
        type="button",
        className="btn btn-quiet sign-out",
        title="Sign out",
    )


def _open_mode() -> html.Aside:
    return html.Aside(
        [
            icon("warn"),
            html.Span(
                [
                    html.Strong("Open mode. "),
                    "Anyone who reaches this page can change and remove every app, and read its "
                    "values.",
                ]
            ),
        ],
        id=ids.OPEN_MODE,
        className="open-mode",
        **wildcards({"aria-label": "Open mode"}),
    )


def _waiting() -> html.Div:
    return html.Div(
        html.Span(className="spinner-border", **wildcards({"aria-label": "Loading"})),
        className="empty",
    )
