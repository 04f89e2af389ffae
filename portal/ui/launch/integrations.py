"""The launch form's fields for volumes, connections and environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Input, Output, State

from portal.catalog.launch_field import Section
from portal.domain.proposals import VolumeClaim
from portal.releases.checks import Check
from portal.ui import html, ids
from portal.ui.callbacks import Callbacks
from portal.ui.components.basics import Node, card
from portal.ui.components.sliders import field
from portal.ui.context import UiContext
from portal.ui.launch.fields import drawn, fields
from portal.viewmodels.connections import Connection


def storage(raw: Mapping[str, object]) -> html.Section:
    """The fields for an existing volume claim and its mount path."""
    own = {"claim": drawn("claim", raw, list=ids.LAUNCH_CLAIMS)}
    return card(
        Section.STORAGE.value,
        [
            html.Div(fields(Section.STORAGE, raw, own), className="fields"),
            html.Datalist(id=ids.LAUNCH_CLAIMS),
        ],
        icon_name="storage",
    )


def environment(raw: Mapping[str, object]) -> html.Section:
    """The fields for environment variables and connections."""
    return card(
        Section.ENVIRONMENT.value,
        [
            html.Div(
                field(
                    ids.LAUNCH_CONNECT,
                    "Connect to",
                    dbc.Select(
                        id=ids.LAUNCH_CONNECT,
                        options=[],
                        value="",
                        placeholder="Choose an app or service in this namespace",
                    ),
                    note_id=f"{ids.LAUNCH_CONNECT}-note",
                    hint="Adds a variable with its address below. Rename it if your app expects "
                    "another.",
                ),
                id=ids.LAUNCH_CONNECTING,
                className="d-none",
            ),
            *fields(Section.ENVIRONMENT, raw),
        ],
        icon_name="terminal",
    )


def claim_options(claims: tuple[VolumeClaim, ...] | None) -> list[html.Option]:
    """The suggestions for the volume claim."""
    return [
        html.Option(value=each.key.name, label=" · ".join([each.size, *each.modes]).strip(" ·"))
        for each in claims or ()
    ]


def connect_options(found: tuple[Connection, ...]) -> list[dict[str, str]]:
    """The options of “Connect to”; their values are lines of environment variables."""
    return [{"label": f"{each.release.name}: {each.address}", "value": each.line} for each in found]


def register(app: Callbacks, context: UiContext) -> None:
    """Add the callbacks of these parts."""

    @app.callback(
        Output(ids.LAUNCH_CLAIMS, "children"),
        Output(ids.LAUNCH_CONNECT, "options"),
        Output(ids.LAUNCH_CONNECTING, "className"),
        Input(ids.launch("namespace"), "value"),
        State(ids.launch("name"), "value"),
    )
    async def offer_choices(namespace: str | None, name: str | None) -> tuple[Node, Any, str]:
        check = Check({"namespace": namespace})
        place = check.namespace(context.forms.rules)
        if check.errors or await context.actions.namespace_problem(context.identity(), place):
            return [], [], "d-none"
        others = tuple(
            each
            for each in context.connections(context.identity(), place)
            if each.release.name != name
        )
        claims = await context.actions.volumes.claims(context.identity(), place)
        return claim_options(claims), connect_options(others), "" if others else "d-none"

    app.clientside_callback(
        ClientsideFunction("portal", "connect"),
        Output(ids.launch("env"), "value", allow_duplicate=True),
        Output(ids.LAUNCH_CONNECT, "value"),
        Input(ids.LAUNCH_CONNECT, "value"),
        State(ids.launch("env"), "value"),
        prevent_initial_call=True,
    )
