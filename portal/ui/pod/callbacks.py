"""The callback that reads a pod's processes anew."""

from __future__ import annotations

from dash import Input, Output, State

from portal.shell.place import place_of
from portal.threads import in_thread
from portal.ui import ids
from portal.ui.callbacks import Callbacks
from portal.ui.components.basics import Node
from portal.ui.context import UiContext
from portal.ui.encoding import plain
from portal.ui.pod.layout import top

NAMES = ("namespace", "name", "pod", "container")


def register(app: Callbacks, context: UiContext) -> None:
    """Add the callback. Each call asks for permission again, as every request does."""

    @app.callback(
        Output(ids.TOP, "content"),
        Input(ids.TOP_EVERY, "n_intervals"),
        State(ids.TOP_PLACE, "data"),
        prevent_initial_call=True,
    )
    async def read(ticks: int | None, asked: list[str]) -> Node:
        place = place_of(dict(zip(NAMES, asked, strict=False)))
        if place is None:
            return None
        return await in_thread(plain, await top(context, context.identity(), place))
