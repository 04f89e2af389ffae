"""The panel of roles on an app's page, where Kubernetes decides: who has which, and giving them."""

from __future__ import annotations

import dash_bootstrap_components as dbc
from dash import ALL, Input, Output, State, no_update

from portal.domain.errors import InvalidInput, NotFound
from portal.domain.keys import Key
from portal.domain.role_bindings import ROLES
from portal.releases.people import HeldRole, People
from portal.ui import html, ids
from portal.ui.accepts import AppKey
from portal.ui.callbacks import Callbacks, pressed
from portal.ui.components.basics import Node, button, icon, wildcards
from portal.ui.components.sliders import field, message
from portal.ui.context import UiContext
from portal.ui.refusals import refusal

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
            button("Who may do what", ids.PEOPLE_SHOW, color="secondary", outline=True),
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
            button("Give the role", ids.PEOPLE_GRANT, color="secondary", outline=True),
            html.Div(id=ids.PEOPLE_MESSAGE, role="status"),
        ]
    )


def held(roles: list[HeldRole]) -> Node:
    """The roles that people have, and the RoleBindings that give them."""
    if not roles:
        return html.P("There are no RoleBindings.", className="words quiet-text")
    return html.Ul([_line(each) for each in roles], className="links")


def _line(role: HeldRole) -> html.Li:
    taken = html.Button(
        [icon("close"), html.Span("Take back")],
        id=ids.people_revoke(role.binding),
        type="button",
        className="btn btn-sm btn-outline-secondary",
        **wildcards({"aria-label": f"Take the role {role.role} back from {role.subject}"}),
    )
    return html.Li(
        [
            html.Span(
                [
                    f"{role.subject}: {role.role}, by ",
                    html.Span(role.binding, className="mono"),
                ]
            ),
            taken if role.made else None,
        ],
        **wildcards({"data-testid": "held-role"}),
    )


def register(app: Callbacks, context: UiContext) -> None:
    """Add the panel's callbacks."""

    @app.callback(
        Output(ids.PEOPLE_LIST, "children"),
        Input(ids.PEOPLE_SHOW, "n_clicks"),
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def show(clicks: int | None, key: AppKey) -> Node:
        if not clicks:
            return no_update
        try:
            return held(await _people(context).listed(context.identity(), Key(*key)))
        except Exception as error:
            return refusal(error)

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
            return held(await _people(context).listed(identity, release)), None, None, None
        except InvalidInput as error:
            fields = error.fields
            return no_update, None, message(fields, {}, "who"), message(fields, {}, "role")
        except Exception as error:
            return no_update, refusal(error), None, None

    @app.callback(
        Output(ids.PEOPLE_LIST, "children", allow_duplicate=True),
        Input({"type": ids.PEOPLE_REVOKE, "binding": ALL}, "n_clicks"),
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def revoke(clicks: list[int | None], key: AppKey) -> Node:
        name = pressed("binding", clicks)
        if name is None:
            return no_update
        try:
            identity, release = context.identity(), Key(*key)
            await _people(context).revoke(identity, release, name)
            return held(await _people(context).listed(identity, release))
        except Exception as error:
            return refusal(error)


def _people(context: UiContext) -> People:
    if context.people is None:
        raise NotFound("Giving roles is switched off in this portal.")
    return context.people
