"""The quick search works in the browser."""

from __future__ import annotations

from dash import ClientsideFunction, Dash, Input

from portal.ui import ids


def register(app: Dash) -> None:
    """Add this page's callbacks."""
    app.clientside_callback(
        ClientsideFunction("portal", "search"), Input(ids.RELEASES_SEARCH, "value")
    )
