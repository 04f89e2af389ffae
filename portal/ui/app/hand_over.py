"""Handing an app over: the form in the card of its owner, and the dialog that asks before."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import Input, Output, State, no_update

from portal.domain.errors import InvalidInput
from portal.domain.keys import Key
from portal.domain.owners import Role
from portal.domain.role_bindings import ROLES
from portal.releases.new_owner import NOTHING, ROLES_KEPT, HandOverPreview, HandOverRequest
from portal.ui import html, ids
from portal.ui.accepts import AppKey
from portal.ui.callbacks import Callbacks
from portal.ui.components.basics import REQUESTED, Node, button, notice
from portal.ui.components.preview import CHECKING, change_dialog, waiting
from portal.ui.components.sliders import field, message
from portal.ui.context import UiContext
from portal.ui.dialogs import close_on_cancel
from portal.ui.refusals import refusal
from portal.viewmodels.model import Notice, Severity

LONGEST = 300

_KEPT = {
    True: {
        "Nothing": NOTHING,
        "May view it": Role.VIEW,
        "May operate it": Role.OPERATE,
        "May own it": Role.OWN,
    },
    False: {"Your roles there": ROLES_KEPT, "Nothing: your role is taken back": NOTHING},
}
"""Choices of what is kept, where owners decide (True) and where Kubernetes does (False)."""

NO_ROLE = "none"
"""The choice of giving no role; an empty one would have no words in its place."""

_FIELDS = ("to", "role", "keep")
_NOTES = (ids.HAND_OVER_TO_NOTE, ids.HAND_OVER_ROLE_NOTE, ids.HAND_OVER_KEEP_NOTE)


def hand_over_panel(namespace: str, *, by_owner: bool, roles: bool) -> html.Div:
    """The form of a hand-over; ``roles`` is True if roles in the namespace can be given."""
    kept = _KEPT[by_owner]
    return html.Div(
        [
            html.H3("Hand over", className="sub-title"),
            html.P(
                "Make somebody else the owner of this app. You are asked again before anything "
                "changes.",
                className="words quiet-text",
            ),
            field(
                ids.HAND_OVER_TO,
                "New owner",
                dbc.Input(
                    id=ids.HAND_OVER_TO,
                    type="text",
                    placeholder="user:ann",
                    autocomplete="off",
                    maxlength=LONGEST,
                ),
                note_id=ids.HAND_OVER_TO_NOTE,
            ),
            field(
                ids.HAND_OVER_ROLE,
                f"Role in the namespace {namespace}",
                dbc.Select(
                    id=ids.HAND_OVER_ROLE,
                    options=[
                        {"label": "none, or the one that they have", "value": NO_ROLE},
                        *({"label": each, "value": each} for each in ROLES),
                    ],
                    value=NO_ROLE,
                ),
                note_id=ids.HAND_OVER_ROLE_NOTE,
                hint="It holds for every app of the namespace.",
                class_name="" if roles else "gone",
            ),
            field(
                ids.HAND_OVER_KEEP,
                "The owner until now keeps" if by_owner else "You keep",
                dbc.Select(
                    id=ids.HAND_OVER_KEEP,
                    options=[{"label": label, "value": value} for label, value in kept.items()],
                    value=Role.OPERATE if by_owner else ROLES_KEPT,
                ),
                note_id=ids.HAND_OVER_KEEP_NOTE,
                class_name="" if by_owner or roles else "gone",
            ),
            html.Div(
                button("Hand over", ids.HAND_OVER_ASK, color="secondary", outline=True),
                className="button-row",
            ),
            html.Div(id=ids.HAND_OVER_MESSAGE, role="status"),
        ]
    )


def hand_over_dialog(key: Key) -> html.Div:
    """The dialog that says what a hand-over changes, and asks for confirmation."""
    return html.Div(
        change_dialog(
            ids.HAND_OVER_MODAL,
            f"Hand over {key.name}?",
            "hand-over-title",
            [
                html.Div(waiting(CHECKING), id=ids.HAND_OVER_TERMS),
                html.Div(id=ids.HAND_OVER_FAILURE),
            ],
            ids.HAND_OVER_CANCEL,
            button("Hand over", ids.HAND_OVER_CONFIRM),
        )
    )


def register(app: Callbacks, context: UiContext) -> None:
    """Add the callbacks of the form and the dialog."""
    asked_for = (
        State(ids.HAND_OVER_TO, "value"),
        State(ids.HAND_OVER_ROLE, "value"),
        State(ids.HAND_OVER_KEEP, "value"),
        State(ids.APP_KEY, "data"),
    )

    @app.callback(
        Output(ids.HAND_OVER_MODAL, "is_open"),
        Output(ids.HAND_OVER_TERMS, "children"),
        Output(ids.HAND_OVER_FAILURE, "children"),
        Output(ids.HAND_OVER_MESSAGE, "children"),
        *[Output(each, "children") for each in _NOTES],
        Input(ids.HAND_OVER_ASK, "n_clicks"),
        *asked_for,
        prevent_initial_call=True,
    )
    async def ask(
        clicks: int | None, to: str | None, role: str | None, keep: str | None, key: AppKey
    ) -> tuple[Any, ...]:
        if not clicks:
            return (no_update,) * 7
        try:
            found = await context.actions.preview_hand_over(
                context.identity(),
                Key(*key),
                _request(to, role, keep),
                links=context.links is not None,
            )
        except InvalidInput as error:
            return False, no_update, None, None, *_notes(error)
        except Exception as error:
            return False, no_update, None, refusal(error), None, None, None
        return True, _terms(found), None, None, None, None, None

    @app.callback(
        Output(ids.HAND_OVER_MODAL, "is_open", allow_duplicate=True),
        Output(ids.HAND_OVER_FAILURE, "children", allow_duplicate=True),
        Output(ids.HAND_OVER_MESSAGE, "children", allow_duplicate=True),
        *[Output(each, "children", allow_duplicate=True) for each in _NOTES],
        Input(ids.HAND_OVER_CONFIRM, "n_clicks"),
        *asked_for,
        prevent_initial_call=True,
    )
    async def confirm(
        clicks: int | None, to: str | None, role: str | None, keep: str | None, key: AppKey
    ) -> tuple[Any, ...]:
        if not clicks:
            return (no_update,) * 6
        try:
            await context.actions.hand_over(context.identity(), Key(*key), _request(to, role, keep))
        except InvalidInput as error:
            return False, None, None, *_notes(error)
        except Exception as error:
            return True, refusal(error), None, None, None, None
        return False, None, notice(REQUESTED), None, None, None

    close_on_cancel(app, ids.HAND_OVER_MODAL, ids.HAND_OVER_CANCEL)


def _terms(found: HandOverPreview) -> list[Node]:
    """The changes, below what is doubtful."""
    doubt = notice(Notice(Severity.WARN, found.doubt)) if found.doubt else None
    return [doubt, *(html.P(each) for each in found.words)]


def _request(to: str | None, role: str | None, keep: str | None) -> HandOverRequest:
    return HandOverRequest(to or "", keep or "", "" if role in {None, NO_ROLE} else role or "")


def _notes(error: InvalidInput) -> tuple[Node, ...]:
    return tuple(message(error.fields, {}, each) for each in _FIELDS)
