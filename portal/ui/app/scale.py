"""The scale card. It holds all controls; the browser shows those that apply.

The controls are not pushed: the live view goes to a store, and the browser updates the controls
only while the user has not changed them, so that an edit in progress is not overwritten.
"""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc

from portal.ui import html, ids
from portal.ui.components.basics import Node, button, icon, wildcards
from portal.ui.components.help import launch_help
from portal.ui.components.sliders import bounds_slider, replica_slider, target
from portal.viewmodels.model import ScaleMode

DEFAULT_CPU, DEFAULT_MEMORY = 70, 80


def scale_card(scale: dict[str, Any], top: int) -> list[Node]:
    """The controls, starting from a ``ScaleView`` as a dictionary."""
    mode = scale["mode"]
    auto = mode == ScaleMode.AUTOSCALED
    top = max(top, scale["replicas"], scale["max_replicas"])
    bounds = [max(1, scale["min_replicas"]), max(1, scale["max_replicas"])]
    if not auto:
        bounds = [max(1, scale["replicas"]), max(min(4, top), scale["replicas"])]
    cpu, memory = scale["target_cpu"], scale["target_memory"]
    if not auto and cpu is None and memory is None:
        cpu = DEFAULT_CPU
    hidden = "d-none"
    read_only = mode == ScaleMode.READ_ONLY
    return [
        html.P(
            [icon("info"), html.Span(scale["why"])],
            id=ids.SCALE_READ_ONLY,
            className="words quiet-text" if read_only else hidden,
        ),
        html.Div(
            [
                html.Div(
                    [
                        dbc.Switch(id=ids.SCALE_AUTO, value=auto, label="Autoscaling"),
                        launch_help("autoscaling", ids.SCALE_AUTO),
                    ],
                    className="with-help",
                ),
                html.Div(
                    [
                        _label("Replicas", launch_help("replicas", ids.SCALE_REPLICAS)),
                        replica_slider(
                            ids.SCALE_REPLICAS, max(1, scale["replicas"]), top, eager=True
                        ),
                    ],
                    id=ids.SCALE_FIXED_PART,
                    className=hidden if auto else "",
                    role="group",
                    **wildcards({"aria-label": "Replicas"}),
                ),
                html.Div(
                    [
                        _label(
                            "Minimum and maximum replicas",
                            launch_help("bounds", ids.SCALE_BOUNDS),
                        ),
                        bounds_slider(ids.SCALE_BOUNDS, bounds, top, eager=True),
                        target(
                            "CPU target, % of the request",
                            ids.scale_target_on("cpu"),
                            ids.scale_target("cpu"),
                            cpu,
                            DEFAULT_CPU,
                            eager=True,
                            help=launch_help("target_cpu", ids.scale_target("cpu")),
                        ),
                        target(
                            "Memory target, % of the request",
                            ids.scale_target_on("memory"),
                            ids.scale_target("memory"),
                            memory,
                            DEFAULT_MEMORY,
                            eager=True,
                            help=launch_help("target_memory", ids.scale_target("memory")),
                        ),
                    ],
                    id=ids.SCALE_AUTO_PART,
                    className="" if auto else hidden,
                    role="group",
                    **wildcards({"aria-label": "Autoscaling"}),
                ),
                html.Div(id=ids.SCALE_NOW, className="form-text", role="status"),
                html.Div(id=ids.SCALE_COST, className="form-text"),
                html.Div(id=ids.SCALE_MESSAGE, **wildcards({"aria-live": "polite"})),
                html.Div(
                    [
                        button("Apply", ids.SCALE_APPLY, icon_name="check", disabled=True),
                        button("Undo", ids.SCALE_RESET, color="link", className="d-none"),
                    ],
                    className="button-row",
                ),
            ],
            id=ids.SCALE_CONTROLS,
            className=hidden if read_only else "",
        ),
    ]


def _label(text: str, help: Node) -> html.Div:
    return html.Div([html.Div(text, className="form-label"), help], className="with-help")
