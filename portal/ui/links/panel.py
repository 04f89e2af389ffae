"""The panel of read-only links on an app's page: making them, and those that there are."""

from __future__ import annotations

from datetime import UTC, datetime

import dash_bootstrap_components as dbc
from dash import Input, Output, State, no_update

from portal.domain.errors import InvalidInput, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.links.links import LASTS, Links
from portal.links.token import PATH, Link
from portal.ui import html, ids
from portal.ui.accepts import AppKey
from portal.ui.callbacks import Callbacks
from portal.ui.components.basics import Node, button, icon, local_times, wildcards
from portal.ui.components.sliders import field, message
from portal.ui.context import UiContext
from portal.ui.refusals import refusal
from portal.ui.rows import AppRows, end_button, row, rows

NONE = "There are no links."


def links_panel() -> html.Div:
    """The form for a link, and the list of those that there are."""
    return html.Div(
        [
            html.H3("Read-only links", className="sub-title"),
            html.P(
                "Whoever has a link sees the app's state, without a sign-in, until it expires or "
                "is revoked: no values, logs, objects or history.",
                className="words quiet-text",
            ),
            field(
                ids.LINK_LASTS,
                "Valid for",
                dbc.Select(
                    id=ids.LINK_LASTS,
                    options=[{"label": each, "value": each} for each in LASTS],
                    value=next(iter(LASTS)),
                ),
                note_id=ids.LINK_NOTE,
            ),
            html.Div(
                [
                    button(
                        "Make a link",
                        ids.LINK_MAKE,
                        color="secondary",
                        outline=True,
                        icon_name="link",
                    ),
                    button("Show the links", ids.LINKS_SHOW, color="secondary", outline=True),
                ],
                className="button-row",
            ),
            html.Div(id=ids.LINK_MADE, role="status"),
            html.Div(id=ids.LINKS_LIST),
        ]
    )


def made(token: str) -> list[Node]:
    """A link that was just made; it is not shown again."""
    path = f"{PATH}#{token}"
    return [
        html.P("The link is shown this once. Whoever has it can open it.", className="words"),
        html.Div(
            [
                html.Button(
                    [icon("link"), html.Span("Copy link", className="copy-word")],
                    type="button",
                    className="btn btn-sm btn-primary",
                    **wildcards({"data-copy-link": path, "data-testid": "made-link"}),
                ),
                html.A(
                    "Open it",
                    href=path,
                    target="_blank",
                    rel="noopener noreferrer",
                    className="btn btn-sm btn-outline-secondary",
                ),
            ],
            className="button-row",
        ),
    ]


def listed(links: list[Link]) -> Node:
    """The links that have not expired, each with a button that ends it."""
    return rows([_line(each) for each in links], NONE)


def _line(link: Link) -> html.Li:
    expires = datetime.fromtimestamp(link.expires, UTC)
    until = f"{expires:%H:%M} UTC on {expires.day} {expires:%B}"  # as the browser makes it local
    return row(
        local_times(f"{link.id[:6]}, by {link.issuer.user}, until {until}"),
        end_button(ids.link_revoke(link.id), "Revoke", f"Revoke the link {link.id[:6]}"),
        "link",
    )


def register(app: Callbacks, context: UiContext) -> None:
    """Add the panel's callbacks."""

    async def read(identity: Identity, key: Key) -> Node:
        return listed(await _links(context).listed(identity, key))

    async def revoke(identity: Identity, key: Key, link: str) -> None:
        await _links(context).revoke(identity, key, link)

    AppRows(ids.LINKS_LIST, ids.LINKS_SHOW, ids.LINK_REVOKE, "link", read, revoke).register(
        app, context
    )

    @app.callback(
        Output(ids.LINK_MADE, "children"),
        Output(ids.LINK_NOTE, "children"),
        Output(ids.LINKS_LIST, "children", allow_duplicate=True),
        Input(ids.LINK_MAKE, "n_clicks"),
        State(ids.LINK_LASTS, "value"),
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def make(clicks: int | None, lasts: str | None, key: AppKey) -> tuple[Node, Node, Node]:
        if not clicks:
            return no_update, no_update, no_update
        try:
            identity, release = context.identity(), Key(*key)
            token = await _links(context).make(identity, release, lasts or "")
            return made(token), None, await read(identity, release)
        except InvalidInput as error:
            return None, message(error.fields, {}, "lasts"), no_update
        except Exception as error:
            return refusal(error), None, no_update


def _links(context: UiContext) -> Links:
    if context.links is None:
        raise NotFound("Links are switched off in this portal.")
    return context.links
