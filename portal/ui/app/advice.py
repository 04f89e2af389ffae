"""Advice on an app's autoscaling, read when it is opened: it goes through the whole history."""

from __future__ import annotations

from dash import Input, Output, State, dcc, no_update

from portal.domain.errors import PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.permissions import Permission
from portal.threads import in_thread
from portal.ui import html, ids
from portal.ui.accepts import AppKey
from portal.ui.app.header import notices
from portal.ui.callbacks import Callbacks
from portal.ui.components.basics import (
    Node,
    button,
    fold,
    icon,
    internal_link,
    local_times,
    wildcards,
)
from portal.ui.components.preview import waiting
from portal.ui.context import UiContext
from portal.ui.dialogs import want_while_open
from portal.ui.encoding import plain
from portal.ui.refusals import refusal
from portal.ui.routes import edit_path
from portal.viewmodels.advice import AdviceView

READING = "Reading the history …"


def advice_fold() -> html.Details:
    """The advice; read when it is opened."""
    return fold(
        "Autoscaling advice",
        [
            dcc.Store(id=ids.ADVICE_WANTED),
            html.Div(waiting(READING), id=ids.ADVICE, role="status"),
            button("Look again", ids.ADVICE_AGAIN, color="secondary", outline=True, size="sm"),
        ],
        icon_name="auto",
        class_name="last",
        id=ids.ADVICE_FOLD,
    )


def content(view: AdviceView, *, edits: bool) -> list[Node]:
    """The advice, with links to fields of the form if the viewer ``edits`` the app."""
    return [
        html.H3("Checks"),
        *_findings(view, edits=edits),
        html.P(view.cost, className="words") if view.cost else None,
        *_recommendations(view, edits=edits),
    ]


def _recommendations(view: AdviceView, *, edits: bool) -> list[Node]:
    found = view.recommendations
    if found is None:
        return []
    rows = [
        html.Li(
            [
                html.Strong(each.setting),
                html.Span(f"{each.now} → {each.value}"),
                html.Span(each.why, className="words"),
            ],
            **wildcards({"data-testid": "recommendation"}),
        )
        for each in found.rows
    ]
    use = internal_link(
        [icon("check"), "Use these"],
        edit_path(view.key, found.use),
        "btn btn-sm btn-primary",
        **wildcards({"data-testid": "use-recommended"}),
    )
    return [
        html.H3("Recommended"),
        html.P(
            local_times(found.throughput),
            className="words",
            **wildcards({"data-testid": "throughput"}),
        )
        if found.throughput
        else None,
        html.P(found.about, className="words"),
        html.Ul(rows, className="workloads") if rows else None,
        html.P(found.replayed, className="words") if found.replayed else None,
        use if found.use and edits else None,
    ]


def _findings(view: AdviceView, *, edits: bool) -> list[Node]:
    if view.findings:
        return notices(view.findings, view.key, edits=edits)
    words = (
        "Nothing found that is wrong with the autoscaler."
        if view.autoscaled
        else "No autoscaler: the number of replicas is fixed."
    )
    return [html.P(words, className="words quiet-text")]


def register(app: Callbacks, context: UiContext) -> None:
    """Add the callbacks that read the advice."""
    want_while_open(app, ids.ADVICE_FOLD, ids.ADVICE_WANTED)

    @app.callback(
        Output(ids.ADVICE, "children"),
        Input(ids.ADVICE_WANTED, "data"),
        Input(ids.ADVICE_AGAIN, "n_clicks"),
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def read(wanted: str | None, again: int | None, key: AppKey) -> Node:
        if not wanted:
            return no_update
        identity, release = context.identity(), Key(*key)
        try:
            permissions = context.app(identity, release).permissions
            manifest = ""
            if Permission.READ_MANIFEST in permissions:
                manifest = await _manifest(context, identity, release)
            view = await context.advice(identity, release, manifest)
            edits = Permission.UPGRADE in permissions
            return await in_thread(lambda: plain(content(view, edits=edits)))
        except Exception as error:
            return refusal(error)


async def _manifest(context: UiContext, identity: Identity, key: Key) -> str:
    """Return the manifest of the newest revision; "" if it cannot be read."""
    try:
        return (await context.actions.previews.newest(identity, key)).manifest
    except PortalError:
        return ""
