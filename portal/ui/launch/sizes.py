"""The administrator's sizes in the launch form: their words, and the fields that they fill in."""

from __future__ import annotations

from collections.abc import Sequence

from dash import ClientsideFunction, Input, Output, State

from portal.domain.sizes import Size
from portal.ui import ids
from portal.ui.callbacks import Callbacks

SIZED = ("cpu_request", "cpu_limit", "memory_request", "memory_limit")
"""The fields that a size fills in and locks."""


def size_words(size: Size) -> str:
    """Return the label of a size in the choice."""
    amounts = [f"{name} {amount}" for name, amount in {**size.requests, **size.limits}.items()]
    nodes = [f"{label}={value}" for label, value in size.node_selector.items()]
    on = f" on nodes with {', '.join(nodes)}" if nodes else ""
    return f"{size.description} ({', '.join(amounts)}{on})".strip()


def size_amounts(sizes: Sequence[Size]) -> dict[str, list[str]]:
    """Return the fields that each size fills in, in the order of ``SIZED``."""
    return {
        each.name: [
            each.requests.get("cpu", ""),
            each.limits.get("cpu", ""),
            each.requests.get("memory", ""),
            each.limits.get("memory", ""),
        ]
        for each in sizes
    }


def register(app: Callbacks) -> None:
    """Add the callback of the choice. It runs in the browser."""
    app.clientside_callback(
        ClientsideFunction("portal", "launchSize"),
        [
            *(Output(ids.launch(name), "value", allow_duplicate=True) for name in SIZED),
            *(Output(ids.launch(name), "disabled") for name in SIZED),
        ],
        Input(ids.launch("size"), "value"),
        State(ids.LAUNCH_SIZES, "data"),
        prevent_initial_call=True,
    )
