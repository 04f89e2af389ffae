"""Buttons for actions that need only a confirmation, and their dialog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import ALL, Input, Output, State, dcc, no_update

from portal.domain.keys import Key
from portal.domain.permissions import Permission
from portal.releases.plain import PlainAction
from portal.ui import html, ids
from portal.ui.accepts import AppKey
from portal.ui.callbacks import Callbacks, pressed
from portal.ui.components.basics import Node, button
from portal.ui.components.preview import CHECKING, change_dialog, waiting
from portal.ui.context import UiContext
from portal.ui.dialogs import close_on_cancel
from portal.ui.encoding import Part, Props
from portal.ui.refusals import refusal
from portal.viewmodels.model import AppView


def plain_buttons(context: UiContext, live: Props, *, remedies: bool = False) -> list[Node]:
    """A button for each action, in a live part that hides it; ``remedies`` or the others."""
    return [
        html.Div(
            button(
                each.label,
                ids.plain_action(name),
                color="primary" if remedies else "secondary",
                outline=not remedies,
                icon_name=each.icon,
            ),
            id=ids.plain_offer(name),
            **live[ids.plain_offer(name)],
        )
        for name, each in context.actions.plain.items()
        if each.remedy == remedies
    ]


def plain_parts(actions: Mapping[str, PlainAction]) -> dict[str, Part[AppView]]:
    """The live part of each action's button: shown if it is offered, and the viewer may do it."""

    def shown(name: str, needed: Permission) -> Part[AppView]:
        def part(view: AppView) -> dict[str, Any]:
            offered = name in view.offered and needed in view.permissions
            return {"className": "" if offered else "gone"}

        return part

    return {ids.plain_offer(name): shown(name, each.permission) for name, each in actions.items()}


def plain_dialog() -> html.Div:
    """The dialog that previews an action and asks for confirmation."""
    return html.Div(
        [
            dcc.Store(id=ids.PLAIN_NAME),
            change_dialog(
                ids.PLAIN_MODAL,
                html.Span(id=ids.PLAIN_TITLE),
                "plain-title-line",
                [
                    html.Div(waiting(CHECKING), id=ids.PLAIN_PREVIEW),
                    html.Div(id=ids.PLAIN_FAILURE),
                ],
                ids.PLAIN_CANCEL,
                button("Confirm", ids.PLAIN_CONFIRM, disabled=True),
            ),
        ]
    )


def register(app: Callbacks, context: UiContext) -> None:
    """Add the dialog's callbacks."""

    @app.callback(
        Output(ids.PLAIN_MODAL, "is_open"),
        Output(ids.PLAIN_NAME, "data"),
        Output(ids.PLAIN_TITLE, "children"),
        Output(ids.PLAIN_PREVIEW, "children"),
        Output(ids.PLAIN_CONFIRM, "disabled"),
        Output(ids.PLAIN_FAILURE, "children", allow_duplicate=True),
        Input({"type": ids.PLAIN_ACTION, "name": ALL}, "n_clicks"),
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def ask(clicks: list[int | None], key: AppKey) -> tuple[Any, ...]:
        name, release = pressed("name", clicks), Key(*key)
        if name is None:
            return (no_update,) * 6
        try:
            words = await context.actions.preview_plain(context.identity(), name, release)
        except Exception as error:
            return True, None, release.name, refusal(error), True, None
        title = f"{context.actions.plain[name].label} {release.name}?"
        return True, name, title, [html.P(each) for each in words], False, None

    @app.callback(
        Output(ids.PLAIN_MODAL, "is_open", allow_duplicate=True),
        Output(ids.PLAIN_FAILURE, "children"),
        Input(ids.PLAIN_CONFIRM, "n_clicks"),
        State(ids.PLAIN_NAME, "data"),
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def confirm(clicks: int | None, name: str | None, key: AppKey) -> tuple[Any, Any]:
        if not clicks or not name:
            return no_update, no_update
        try:
            await context.actions.begin_plain(context.identity(), name, Key(*key))
        except Exception as error:
            return True, refusal(error)
        return False, None

    close_on_cancel(app, ids.PLAIN_MODAL, ids.PLAIN_CANCEL)
