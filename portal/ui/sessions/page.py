"""The sessions of everybody, each with a button that ends it."""

from __future__ import annotations

from dash import ALL, Input, Output, no_update

from portal.auth.oidc.administration import PresentSession, SessionAdministration
from portal.domain.errors import NotFound
from portal.domain.identity import Identity
from portal.ui import html, ids
from portal.ui.callbacks import Callbacks, pressed
from portal.ui.components.basics import (
    Node,
    age,
    breadcrumb,
    internal_link,
    page,
)
from portal.ui.context import UiContext
from portal.ui.refusals import refusal
from portal.ui.rows import end_button, row, rows

MOST = 500

SWITCHED_OFF = NotFound(
    "This portal has no sessions.",
    "People sign in to the portal itself only with OpenID Connect (auth.mode: oidc).",
)


def layout(context: UiContext, identity: Identity) -> Node:
    """The page."""
    return page(
        [
            breadcrumb(internal_link("Admin", "/admin"), html.Span("Sessions")),
            html.Header(
                html.Div(
                    [
                        html.H1("Sessions", tabIndex=-1),
                        html.P(
                            "The people who are signed in, as far as this pod of the portal has "
                            "seen them. A session that you end here ends in the portal's other "
                            "pods within seconds if the portal has a database, else within "
                            "minutes, when it is next renewed. End it at the identity provider "
                            "as well, or the person can sign in again.",
                            className="lead-sentence",
                        ),
                    ]
                ),
                className="page-head",
            ),
            html.Div(_listed(context, identity), id=ids.SESSIONS),
        ],
        topic="",
        title="Sessions",
        testid="sessions-page",
    )


def _listed(context: UiContext, identity: Identity) -> list[Node]:
    try:
        return present(_sessions(context).listed(identity))
    except Exception as error:
        return [refusal(error)]


def present(sessions: list[PresentSession]) -> list[Node]:
    """The list of sessions, the newest first."""
    more = len(sessions) - MOST
    return [
        rows([_line(each) for each in sessions[:MOST]], "There are no sessions."),
        html.P(f"{more} older ones are left out.", className="words") if more > 0 else None,
    ]


def _line(session: PresentSession) -> html.Li:
    words = [
        html.Strong(session.user),
        f" ({', '.join(session.groups)})" if session.groups else "",
        ", signed in ",
        age(session.began),
        ", renewed ",
        age(session.checked),
    ]
    label = f"End the session {session.id} of {session.user}"
    return row(words, end_button(ids.session_end(session.id), "End", label), "session")


def register(app: Callbacks, context: UiContext) -> None:
    """Add the page's callback."""

    @app.callback(
        Output(ids.SESSIONS, "children"),
        Input({"type": ids.SESSION_END, "session": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    async def end(clicks: list[int | None]) -> Node:
        session = pressed("session", clicks)
        if session is None:
            return no_update
        identity = context.identity()
        try:
            await _sessions(context).end(identity, session)
        except Exception as error:
            return [refusal(error), *_listed(context, identity)]
        return _listed(context, identity)


def _sessions(context: UiContext) -> SessionAdministration:
    if context.sessions is None:
        raise SWITCHED_OFF
    return context.sessions
