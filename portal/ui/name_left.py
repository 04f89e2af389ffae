"""Validation of an empty name, which counts as an error once its field was left."""

from __future__ import annotations

from dash import ClientsideFunction, Input, Output, State

from portal.ui.callbacks import Callbacks


def register(app: Callbacks, field: str, left: str) -> None:
    """Note in the store ``left`` that the input ``field`` has been left empty.

    In the browser, since a click on the button would otherwise wait for the server's answer.
    """
    app.clientside_callback(
        ClientsideFunction("portal", "leftEmpty"),
        Output(left, "data"),
        Input(field, "n_blur"),
        State(field, "value"),
        State(left, "data"),
        prevent_initial_call=True,
    )
