"""The callbacks of the page of an autoscaler."""

from __future__ import annotations

from dash import ClientsideFunction, Input, Output

from portal.ui import ids
from portal.ui.autoscaling import shapes, what_if
from portal.ui.callbacks import Callbacks
from portal.ui.context import UiContext


def register(app: Callbacks, context: UiContext) -> None:
    """Add the callbacks of the chart and of the replay."""
    what_if.register(app, context)
    shapes.register(app, context)
    app.clientside_callback(
        ClientsideFunction("portal", "autoscalingChart"),
        Output(ids.AUTOSCALING_CHART, "drawn"),
        Input(ids.AUTOSCALING_SERIES, "data"),
        Input(ids.AUTOSCALING_SERIES_TAIL, "data"),
        Input(ids.THEME, "data"),
        Input(ids.AUTOSCALING_MARKS, "data"),
        Input(ids.WHAT_IF_CURVES, "data"),
    )
