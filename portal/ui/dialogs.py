"""The common parts of dialogs that ask before a change, and of folds that are read on demand."""

from __future__ import annotations

from dash import ClientsideFunction, Input, Output, State
from dash.dependencies import DashDependency

from portal.ui import ids
from portal.ui.callbacks import Callbacks


def close_on_cancel(app: Callbacks, modal: str, cancel: str) -> None:
    """Have a button close a dialog, without asking the server."""
    app.clientside_callback(
        ClientsideFunction("portal", "closed"),
        Output(modal, "is_open", allow_duplicate=True),
        Input(cancel, "n_clicks"),
        prevent_initial_call=True,
    )


def preview_on_open(
    modal: str, preview: str, confirm: str, revision: str
) -> tuple[DashDependency, ...]:
    """Return the outputs and the first input of the callback that fills in a dialog's preview.

    It returns a ``portal.ui.proposals.PreviewContent``.
    """
    return (
        Output(preview, "children"),
        Output(confirm, "disabled"),
        Output(revision, "data"),
        Input(modal, "is_open"),
    )


def want_while_open(app: Callbacks, fold: str, wanted: str) -> None:
    """Have ``wanted`` change when a fold opens and with each revision while it is open."""
    app.clientside_callback(
        ClientsideFunction("portal", "wantedWhileOpen"),
        Output(wanted, "data"),
        Input(fold, "n_clicks"),
        Input(ids.APP_REVISION, "data"),
        State(wanted, "data"),
    )
