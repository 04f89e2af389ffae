"""The layout of the audit trail: filters, entries newest first, and what can be taken away."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc

from portal.audit.query import MOST_TEXT, AuditQuery
from portal.domain.audit import Outcome
from portal.domain.errors import DatabaseUnavailable
from portal.domain.identity import Identity
from portal.threads import in_thread
from portal.ui import html, ids
from portal.ui.audit.sight import sight
from portal.ui.components.basics import (
    Node,
    age,
    app_crumbs,
    badge,
    breadcrumb,
    button,
    icon,
    internal_link,
    notice,
    page,
    table,
    wildcards,
)
from portal.ui.context import UiContext
from portal.ui.routes import Page, Route, app_path, trail_export_path, trail_path
from portal.viewmodels.audit import EntryRow, entry_rows
from portal.viewmodels.model import Notice, Severity

ANY = "any"

NO_DATABASE = Notice(
    Severity.QUIET,
    "The audit trail is in the portal's log alone.",
    "This portal has no database, so nothing can be shown here.",
    "An administrator can set one (database or persistence in the values of the portal's chart).",
)


async def layout(context: UiContext, identity: Identity, route: Route) -> Node:
    """The page, with the entries that are asked for."""
    everyone, key = route.page is Page.AUDIT, route.key
    seen = sight(context, identity, route.trail, everyone=everyone, key=key)
    full = everyone and not seen.why
    title = "Audit trail" if everyone or key else "My audit trail"
    about = key.name if key else "everybody" if full else "you"
    if full and not context.by_owner and seen.query.namespaces is not None:
        # Whose trail it is in other namespaces is not for this viewer.
        about = f"everybody in {', '.join(sorted(seen.query.namespaces))}"
    return page(
        [
            _crumbs(route),
            html.Header(
                html.Div(
                    [
                        html.H1(title, tabIndex=-1),
                        html.P(
                            f"Changes, refused attempts, shells and downloads of logs, of {about}.",
                            className="lead-sentence",
                        ),
                    ]
                ),
                className="page-head",
            ),
            notice(Notice(Severity.QUIET, seen.why)) if seen.why else None,
            *await _entries(context, route, seen.query, full=full),
        ],
        topic="",
        title=title,
        testid="audit-page" if everyone else "trail-page",
    )


def _crumbs(route: Route) -> Node:
    key = route.key
    if key is not None:
        return app_crumbs(key, html.Span("Audit trail"))
    if route.page is Page.AUDIT:
        return breadcrumb(internal_link("Admin", "/admin"), html.Span("Audit trail"))
    return breadcrumb(internal_link("Apps", "/"), html.Span("My audit trail"))


async def _entries(
    context: UiContext, route: Route, query: AuditQuery, *, full: bool
) -> list[Node]:
    if context.trail.database is None:
        return [notice(NO_DATABASE)]
    try:
        part = await context.trail.find(query)
    except DatabaseUnavailable as error:
        problem = Notice(Severity.BAD, error.message, advice=error.advice)
        return [html.Div(notice(problem), role="alert")]
    rows = await in_thread(entry_rows, part.entries)
    asked = route.trail
    older = trail_path(route, asked.encode(before=part.entries[-1].position)) if part.more else ""
    newest = trail_path(route, asked.encode()) if asked.before else ""
    links = [
        internal_link([icon("back"), "Newest"], newest, "btn btn-sm btn-outline-secondary")
        if newest
        else None,
        internal_link("Older", older, "btn btn-sm btn-outline-secondary") if older else None,
    ]
    return [
        html.Div(
            [
                _filters(route, everyone=full),
                html.Ol([html.Li(_row(each)) for each in rows], className="audit-entries"),
                None
                if rows
                else html.P(
                    "No entry is like that." if asked.filtered else "There is no entry yet.",
                    className="audit-empty quiet-text",
                ),
                html.Div(
                    [html.Div(links, className="button-row"), _take_away(route, full=full)],
                    className="list-foot",
                ),
            ],
            className="panel audit",
        ),
    ]


def _take_away(route: Route, *, full: bool) -> Node:
    return html.Div(
        [
            html.Div(id=ids.AUDIT_VERDICT, role="status") if full else None,
            button(
                "Check the chain",
                ids.AUDIT_VERIFY,
                color="secondary",
                outline=True,
                size="sm",
            )
            if full
            else None,
            *(
                html.A(
                    [icon("save"), words],
                    href=trail_export_path(route, form),
                    download="",
                    className="btn btn-sm btn-outline-secondary",
                )
                for form, words in (("csv", "CSV"), ("jsonl", "JSON lines"))
            ),
        ],
        className="button-row",
    )


def _filters(route: Route, *, everyone: bool) -> Node:
    """The filters, a form that the browser sends by itself: the address holds them."""
    asked, of_app = route.trail, route.key is not None
    texts = [
        ("actor", "Who", everyone or of_app),
        ("namespace", "Namespace", not of_app),
        ("release", "App", not of_app),
        ("action", "Action", True),
    ]
    outcomes: list[Any] = [{"label": each, "value": each} for each in (ANY, *map(str, Outcome))]
    return html.Form(
        [
            *(
                _field(
                    name,
                    label,
                    dbc.Input(
                        id=f"audit-{name}",
                        name=name,
                        value=getattr(asked, name),
                        maxlength=MOST_TEXT,
                        autocomplete="off",
                    ),
                )
                for name, label, shown in texts
                if shown
            ),
            _field(
                "outcome",
                "Outcome",
                dbc.Select(
                    id="audit-outcome", name="outcome", value=asked.outcome or ANY, options=outcomes
                ),
            ),
            *(
                _field(
                    name,
                    label,
                    dbc.Input(
                        id=f"audit-{name}",
                        name=name,
                        value=getattr(asked, name),
                        placeholder="2026-11-29",
                        pattern=r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
                        maxlength=10,
                        autocomplete="off",
                    ),
                )
                for name, label in (("first_day", "From (UTC)"), ("last_day", "To (UTC)"))
            ),
            html.Div(
                [
                    html.Button(
                        [icon("search"), html.Span("Filter")],
                        type="submit",
                        className="btn btn-primary",
                    ),
                    internal_link("Clear", trail_path(route, ""), "btn btn-outline-secondary")
                    if asked.filtered
                    else None,
                ],
                className="button-row",
            ),
        ],
        action=trail_path(route, ""),
        method="get",
        className="audit-filters",
        role="search",
    )


def _field(name: str, label: str, control: Node) -> Node:
    return html.Div([html.Label(label, htmlFor=f"audit-{name}"), control])


def _row(row: EntryRow) -> Node:
    place = f"{row.key.namespace}/{row.key.name}" if row.key else ""
    return html.Details(
        [
            html.Summary(
                [
                    html.Span(age(row.at), className="audit-when quiet-text"),
                    html.Span(row.actor, className="audit-who"),
                    html.Span([row.action, " ", html.Span(place, className="mono")]),
                    badge(row.outcome),
                ]
            ),
            html.Dl(
                [
                    part
                    for name, text in (("Entry", str(row.position)), *row.facts, ("Hash", row.hash))
                    for part in (html.Dt(name), html.Dd(text))
                ],
                className="audit-facts",
            ),
            _changes(row) if row.changes else None,
            internal_link("Open the app", app_path(row.key), "aside-link") if row.key else None,
        ],
        **wildcards({"data-testid": "audit-entry", "data-position": str(row.position)}),
    )


def _changes(row: EntryRow) -> Node:
    rows = [
        html.Tr([html.Th(each.path, scope="row"), html.Td(each.before), html.Td(each.after)])
        for each in row.changes
    ]
    more = f"… and {row.more_changes:,} more." if row.more_changes else ""
    return html.Div(
        [
            table(
                f"Values of entry {row.position}",
                ("Value", "Before", "After"),
                rows,
                class_name="table table-sm audit-changes",
                around="audit-table",
            ),
            html.P(more, className="quiet-text") if more else None,
        ]
    )
