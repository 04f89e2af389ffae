"""Parts of an app's page that are read on demand: history, manifest, what an uninstall leaves."""

from __future__ import annotations

from typing import Any, cast

from dash import ALL, Input, Output, State, ctx, dcc, no_update

from portal.domain.keys import Key
from portal.domain.permissions import Permission
from portal.threads import in_thread
from portal.ui import html, ids
from portal.ui.accepts import AppKey
from portal.ui.app.revisions import history
from portal.ui.callbacks import Callbacks
from portal.ui.components.basics import Node, button, code_block, fold, internal_link, notice
from portal.ui.components.preview import CHECKING, change_dialog, waiting
from portal.ui.context import UiContext
from portal.ui.dialogs import close_on_cancel, preview_on_open, want_while_open
from portal.ui.encoding import plain
from portal.ui.proposals import PreviewContent, preview_content
from portal.ui.refusals import refusal
from portal.ui.routes import app_trail_path
from portal.viewmodels.history import history_view
from portal.viewmodels.manifest import manifest_yaml
from portal.viewmodels.removal import removal_words

READING = "Reading Helm's record …"
CHECKING_REMAINS = "Checking what would be kept …"


def history_fold(key: Key, *, trail: bool) -> html.Details:
    """The revisions; read when it is opened. ``trail``: with a link to the audit trail."""
    linked = internal_link("Who did what, and when", app_trail_path(key), "aside-link")
    return fold(
        "History",
        [
            dcc.Store(id=ids.HISTORY_WANTED),
            html.Div(waiting(READING), id=ids.HISTORY),
            html.P(linked) if trail else None,
        ],
        icon_name="clock",
        class_name="last",
        id=ids.HISTORY_FOLD,
    )


def manifest_fold() -> html.Details:
    """The rendered manifest; read when it is opened."""
    return fold(
        "Manifest",
        [dcc.Store(id=ids.MANIFEST_WANTED), html.Div(waiting(READING), id=ids.MANIFEST)],
        icon_name="file",
        class_name="last",
        id=ids.MANIFEST_FOLD,
    )


def rollback_dialog(key: Key) -> html.Div:
    """The dialog that previews a rollback and asks for confirmation."""
    return html.Div(
        [
            dcc.Store(id=ids.ROLLBACK_TO),
            dcc.Store(id=ids.ROLLBACK_PREVIEWED),
            change_dialog(
                ids.ROLLBACK_MODAL,
                [f"Roll {key.name} back to revision ", html.Span(id=ids.ROLLBACK_NAME)],
                "rollback-title",
                [
                    html.Div(waiting(CHECKING), id=ids.ROLLBACK_PREVIEW),
                    html.Div(id=ids.ROLLBACK_FAILURE),
                ],
                ids.ROLLBACK_CANCEL,
                button("Roll back", ids.ROLLBACK_CONFIRM, icon_name="back", disabled=True),
            ),
        ]
    )


def register(app: Callbacks, context: UiContext) -> None:
    """Add the callbacks of what is read on demand."""
    want_while_open(app, ids.HISTORY_FOLD, ids.HISTORY_WANTED)
    want_while_open(app, ids.MANIFEST_FOLD, ids.MANIFEST_WANTED)
    _register_reading(app, context)
    _register_rollback(app, context)


def _register_reading(app: Callbacks, context: UiContext) -> None:
    @app.callback(
        Output(ids.HISTORY, "children"),
        Input(ids.HISTORY_WANTED, "data"),
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def read_history(wanted: str | None, key: AppKey) -> Node:
        if not wanted:
            return no_update
        try:
            identity, release = context.identity(), Key(*key)
            revisions = await context.actions.previews.history(identity, release)
            back = Permission.ROLLBACK in context.app(identity, release).permissions
            return await in_thread(lambda: plain(history(history_view(revisions), back=back)))
        except Exception as error:
            return refusal(error)

    @app.callback(
        Output(ids.MANIFEST, "children"),
        Input(ids.MANIFEST_WANTED, "data"),
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def read_manifest(wanted: str | None, key: AppKey) -> Node:
        if not wanted:
            return no_update
        release = Key(*key)
        try:
            revision = await context.actions.previews.newest(context.identity(), release)
            text = await in_thread(
                manifest_yaml, revision.manifest, release.namespace, revision.values
            )
        except Exception as error:
            return refusal(error)
        return code_block(ids.MANIFEST_TEXT, text, "the manifest", title="Rendered manifest")

    @app.callback(
        Output(ids.UNINSTALL_LEFT, "children"),
        Input(ids.UNINSTALL_MODAL, "is_open"),
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def read_removal(opened: bool | None, key: AppKey) -> Node:
        if not opened:
            return waiting(CHECKING_REMAINS)
        try:
            removal = await context.actions.previews.removal(context.identity(), Key(*key))
            words = await in_thread(removal_words, removal)
        except Exception as error:
            return refusal(error)
        if not words:
            return html.P("None of its objects will be kept.")
        return [notice(each) for each in words]


def _register_rollback(app: Callbacks, context: UiContext) -> None:
    @app.callback(
        Output(ids.ROLLBACK_TO, "data"),
        Output(ids.ROLLBACK_NAME, "children"),
        Output(ids.ROLLBACK_MODAL, "is_open", allow_duplicate=True),
        Output(ids.ROLLBACK_FAILURE, "children", allow_duplicate=True),
        Input({"type": ids.ROLL_BACK, "revision": ALL}, "n_clicks"),
        Input(ids.APP_BACK, "n_clicks"),
        State(ids.APP_BACK_TO, "data"),
        prevent_initial_call=True,
    )
    async def choose(
        clicks: list[int | None], back: int | None, back_to: int | None
    ) -> tuple[Any, ...]:
        chosen = cast("dict[str, int] | str | None", ctx.triggered_id)
        revision = back_to if chosen == ids.APP_BACK else None
        if isinstance(chosen, dict) and any(clicks):
            revision = chosen["revision"]
        if not revision or not (any(clicks) or back):
            return (no_update,) * 4
        return revision, f"{revision}?", True, None

    @app.callback(
        *preview_on_open(
            ids.ROLLBACK_MODAL, ids.ROLLBACK_PREVIEW, ids.ROLLBACK_CONFIRM, ids.ROLLBACK_PREVIEWED
        ),
        State(ids.ROLLBACK_TO, "data"),
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def show(opened: bool | None, revision: int | None, key: AppKey) -> PreviewContent:
        if not opened or revision is None:
            return await preview_content(None)
        previews = context.actions.previews
        return await preview_content(previews.rollback(context.identity(), Key(*key), revision))

    @app.callback(
        Output(ids.ROLLBACK_MODAL, "is_open"),
        Output(ids.ROLLBACK_FAILURE, "children"),
        Input(ids.ROLLBACK_CONFIRM, "n_clicks"),
        State(ids.ROLLBACK_TO, "data"),
        State(ids.ROLLBACK_PREVIEWED, "data"),
        State(ids.APP_KEY, "data"),
        running=[(Output(ids.ROLLBACK_CONFIRM, "className"), "sending", "")],
        prevent_initial_call=True,
    )
    async def roll_back(
        clicks: int | None, revision: int | None, since: int | None, key: AppKey
    ) -> tuple[Any, Any]:
        if not clicks or revision is None:
            return no_update, no_update
        try:
            await context.actions.rollback(
                context.identity(), Key(*key), revision, expected_revision=since
            )
        except Exception as error:
            return True, refusal(error)
        return False, None

    close_on_cancel(app, ids.ROLLBACK_MODAL, ids.ROLLBACK_CANCEL)
