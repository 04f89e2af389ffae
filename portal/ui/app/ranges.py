"""Longer ranges of an app's chart, read when somebody chooses one."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import Input, Output, State, dcc
from msgspec.structs import fields

from portal.domain.errors import Forbidden
from portal.domain.keys import Key
from portal.domain.permissions import Permission
from portal.history.model import ChartRange
from portal.live.topics import app_topic
from portal.threads import in_thread
from portal.ui import html, ids
from portal.ui.accepts import AppKey
from portal.ui.callbacks import Callbacks
from portal.ui.components.basics import Node, local_times, notice, wildcards
from portal.ui.context import ReadHistory, UiContext
from portal.ui.refusals import refusal
from portal.viewmodels.series import long_series_view, record_notices, source_words

LIVE = "6h"
"""The choice of the live chart, which is in memory."""

_NAMES = {
    LIVE: "6 hours",
    ChartRange.DAY.value: "24 hours",
    ChartRange.WEEK.value: "7 days",
    ChartRange.MONTH.value: "30 days",
}


def range_choice(context: UiContext) -> Node:
    """The choice of a range; nothing where there is neither a database nor Prometheus."""
    if context.read_history is None:
        return None
    choice = dbc.Select(
        id=ids.APP_RANGE,
        value=LIVE,
        options=[{"value": value, "label": name} for value, name in _NAMES.items()],
        size="sm",
    )
    label = html.Label("Range of the chart", htmlFor=ids.APP_RANGE, className="visually-hidden")
    return html.Div([label, choice], className="range-choice")


def range_parts() -> list[Node]:
    """The store that a range is read into, and the place of its failure."""
    return [
        dcc.Store(id=ids.APP_LONG_SERIES),
        html.Div(id=ids.APP_RANGE_FAILURE, role="status"),
    ]


def register(app: Callbacks, context: UiContext) -> None:
    """Add the callback that reads a range."""
    read = context.read_history
    if read is None:
        return

    @app.callback(
        Output(ids.APP_LONG_SERIES, "data"),
        Output(ids.APP_RANGE_FAILURE, "children"),
        Input(ids.APP_RANGE, "value"),
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def read_range(chosen: str | None, key: AppKey) -> tuple[dict[str, Any] | None, Node]:
        wanted = next((each for each in ChartRange if each.value == chosen), None)
        if wanted is None:
            return None, None
        try:
            return await _series(context, read, Key(*key), wanted)
        except Exception as error:
            return None, refusal(error)


async def _series(
    context: UiContext, read: ReadHistory, key: Key, chosen: ChartRange
) -> tuple[dict[str, Any], Node]:
    """Return the columns of a range as data of the chart, and what is said of their source.

    Raises:
        Forbidden: the app may not be seen.
    """
    if not context.scope(app_topic(key), context.identity()).may(Permission.SEE):
        raise Forbidden(f"You may not see {key}.")
    found = await read(key, chosen)
    view = await in_thread(long_series_view, found.summaries, chosen.step)
    words = source_words(found)
    said = [
        html.P(
            local_times(words),
            className="words quiet-text",
            **wildcards({"data-testid": "range-source"}),
        )
        if words
        else None,
        *(notice(each) for each in record_notices(found)),
    ]
    data = {field.name: getattr(view, field.name) for field in fields(view)}
    return data, said if any(said) else None
