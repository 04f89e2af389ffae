"""Lists of what can be ended, such as links: their rows, and the callbacks of such a list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from dash import ALL, Input, Output, State, no_update
from msgspec import Struct

from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.ui import html, ids
from portal.ui.accepts import AppKey
from portal.ui.callbacks import Callbacks, pressed
from portal.ui.components.basics import Node, icon, wildcards
from portal.ui.context import UiContext
from portal.ui.refusals import refusal


def rows(lines: Sequence[Node], none: str) -> Node:
    """A list of rows; ``none`` are the words where there is no row."""
    if not lines:
        return html.P(none, className="words quiet-text")
    return html.Ul(list(lines), className="links")


def row(words: Node, end: Node, testid: str) -> html.Li:
    """A row: its words, and the button that ends it; None where it cannot be ended here."""
    return html.Li([html.Span(words), end], **wildcards({"data-testid": testid}))


def end_button(id: dict[str, Any], word: str, label: str) -> html.Button:
    """The button that ends what a row shows; ``label`` is its name for screen readers."""
    return html.Button(
        [icon("close"), html.Span(word)],
        id=id,
        type="button",
        className="btn btn-sm btn-outline-secondary",
        **wildcards({"aria-label": label}),
    )


async def answer(read: Awaitable[Node]) -> Node:
    """Return what is read for a page, or the refusal in its place."""
    try:
        return await read
    except Exception as error:
        return refusal(error)


class AppRows(Struct, frozen=True):
    """A list on an app's page that is read on demand.

    ``place`` is the id of the list, ``show`` that of the button that reads it. ``end`` and ``part``
    are the type and the part of the ids of the buttons in the rows. ``read`` returns the list, and
    ``ended`` ends what the row of that name shows.
    """

    place: str
    show: str
    end: str
    part: str
    read: Callable[[Identity, Key], Awaitable[Node]]
    ended: Callable[[Identity, Key, str], Awaitable[None]]

    def register(self, app: Callbacks, context: UiContext) -> None:
        """Add the callbacks that show the list, and that end what a row shows."""

        @app.callback(
            Output(self.place, "children"),
            Input(self.show, "n_clicks"),
            State(ids.APP_KEY, "data"),
            prevent_initial_call=True,
        )
        async def show(clicks: int | None, key: AppKey) -> Node:
            if not clicks:
                return no_update
            return await answer(self.read(context.identity(), Key(*key)))

        @app.callback(
            Output(self.place, "children", allow_duplicate=True),
            Input({"type": self.end, self.part: ALL}, "n_clicks"),
            State(ids.APP_KEY, "data"),
            prevent_initial_call=True,
        )
        async def end(clicks: list[int | None], key: AppKey) -> Node:
            name = pressed(self.part, clicks)
            if name is None:
                return no_update
            identity, app_key = context.identity(), Key(*key)

            async def rest() -> Node:
                await self.ended(identity, app_key, name)
                return await self.read(identity, app_key)

            return await answer(rest())
