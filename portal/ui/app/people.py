"""The panel of roles on an app's page, where Kubernetes decides: who has which, and giving them."""

from __future__ import annotations

import dash_bootstrap_components as dbc
from dash import Input, Output, State, no_update

from portal.domain.errors import InvalidInput, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.role_bindings import ROLES
from portal.releases.people import HeldRole, People
from portal.ui import html, ids
from portal.ui.accepts import AppKey
from portal.ui.callbacks import Callbacks
from portal.ui.components.basics import Node, button
from portal.ui.components.sliders import field, message
from portal.ui.context import UiContext
from portal.ui.refusals import refusal
from portal.ui.rows import AppRows, end_button, row, rows

LONGEST = 300


def people_panel(namespace: str) -> html.Div:
    """The list of roles, read on demand, and the form for giving one."""
    return html.Div(
        [
            html.H3("People", className="sub-title"),
            html.P(
                f"Kubernetes decides, by RoleBindings in the namespace {namespace}. A role holds "
                "for every app of the namespace: RBAC cannot be limited to one app, since its "
                "pods have names of their own. You give no more than you have.",
                className="words quiet-text",
            ),
            html.Div(
                button("Who may do what", ids.PEOPLE_SHOW, color="secondary", outline=True),
                className="button-row",
            ),
            html.Div(id=ids.PEOPLE_LIST),
            field(
                ids.PEOPLE_WHO,
                "Give a role to",
                dbc.Input(
                    id=ids.PEOPLE_WHO,
                    type="text",
                    placeholder="user:ann or group:team-a",
                    autocomplete="off",
                    maxlength=LONGEST,
                ),
                note_id=ids.PEOPLE_WHO_NOTE,
            ),
            field(
                ids.PEOPLE_ROLE,
                "Role",
                dbc.Select(
                    id=ids.PEOPLE_ROLE,
                    options=[{"label": each, "value": each} for each in ROLES],
                    value=ROLES[0],
                ),
                note_id=ids.PEOPLE_ROLE_NOTE,
            ),
            html.Div(
                button("Give the role", ids.PEOPLE_GRANT, color="secondary", outline=True),
                className="button-row",
            ),
            html.Div(id=ids.PEOPLE_MESSAGE, role="status"),
        ]
    )


def held(roles: list[HeldRole]) -> Node:
    """The roles that people have, and the RoleBindings that give them."""
    return rows([_line(each) for each in roles], "There are no RoleBindings.")


def _line(role: HeldRole) -> html.Li:
    label = f"Take the role {role.role} back from {role.subject}"
    taken = end_button(ids.people_revoke(role.binding), "Take back", label)
    words = [f"{role.subject}: {role.role}, by ", html.Span(role.binding, className="mono")]
    return row(words, taken if role.made else None, "held-role")


def register(app: Callbacks, context: UiContext) -> None:
    """Add the panel's callbacks."""

    async def read(identity: Identity, key: Key) -> Node:
        return held(await _people(context).listed(identity, key))

    async def revoke(identity: Identity, key: Key, binding: str) -> None:
        await _people(context).revoke(identity, key, binding)

    AppRows(ids.PEOPLE_LIST, ids.PEOPLE_SHOW, ids.PEOPLE_REVOKE, "binding", read, revoke).register(
        app, context
    )

    @app.callback(
        Output(ids.PEOPLE_LIST, "children", allow_duplicate=True),
        Output(ids.PEOPLE_MESSAGE, "children"),
        Output(ids.PEOPLE_WHO_NOTE, "children"),
        Output(ids.PEOPLE_ROLE_NOTE, "children"),
        Input(ids.PEOPLE_GRANT, "n_clicks"),
        State(ids.PEOPLE_WHO, "value"),
        State(ids.PEOPLE_ROLE, "value"),
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def grant(
        clicks: int | None, who: str | None, role: str | None, key: AppKey
    ) -> tuple[Node, Node, Node, Node]:
        if not clicks:
            return no_update, no_update, no_update, no_update
        try:
            identity, release = context.identity(), Key(*key)
            await _people(context).grant(identity, release, role or "", who or "")
            return await read(identity, release), None, None, None
        except InvalidInput as error:
            fields = error.fields
            return no_update, None, message(fields, {}, "who"), message(fields, {}, "role")
        except Exception as error:
            return no_update, refusal(error), None, None


def _people(context: UiContext) -> People:
    if context.people is None:
        raise NotFound("Giving roles is switched off in this portal.")
    return context.people
