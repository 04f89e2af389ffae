"""A name that is empty is unfinished, and wrong from when it has been left so."""

from __future__ import annotations

from dash import ClientsideFunction, Input, Output, State

from portal.ui.callbacks import Callbacks


def register(app: Callbacks, field: str, left: str) -> None:
    """Note in the store ``left`` that the input ``field`` has been left empty.

    Not by the server: who leaves the name for the button would wait for its answer.
    """
    app.clientside_callback(
        ClientsideFunction("portal", "leftEmpty"),
        Output(left, "data"),
        Input(field, "n_blur"),
        State(field, "value"),
        State(left, "data"),
        prevent_initial_call=True,
    )
