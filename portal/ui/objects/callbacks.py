"""The callbacks of the page of objects."""

from __future__ import annotations

from dash import Input, Output, State, no_update

from portal.domain.keys import Key
from portal.ui import ids
from portal.ui.accepts import AppKey
from portal.ui.callbacks import Callbacks
from portal.ui.components.basics import Node
from portal.ui.context import UiContext
from portal.ui.objects.layout import object_detail
from portal.ui.routes import Page, objects_path, parse


def register(app: Callbacks, context: UiContext) -> None:
    """Add the callback that opens an object."""

    @app.callback(
        Output(ids.OBJECT_DETAIL, "children"),
        Input(ids.OBJECT_ASKED, "data"),
        Input(ids.OBJECT_AGAIN, "n_clicks"),
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def read(search: str | None, clicks: int | None, key: AppKey) -> Node:
        release = Key(*key)
        route = parse(objects_path(release), search)
        if route.page is not Page.OBJECTS or (search is None and not clicks):
            return no_update
        return await object_detail(context, context.identity(), release, dict(route.given))
