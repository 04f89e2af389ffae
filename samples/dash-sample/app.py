"""A small Dash app to launch and scale: a picture that costs CPU, and the pod that drew it.

``/work?ms=200`` uses that many milliseconds of CPU (at most 1000), for generating load;
``/healthz`` answers at once.
"""

from __future__ import annotations

import base64
import socket
import time
from typing import Any

from attractor import MAX_HOPS, MAX_WORK_MS, SIZE, burn, density
from dash import Dash, Input, Output, dcc, html
from flask import Flask, Response, jsonify, request

POD = socket.gethostname()
"""In Kubernetes, a pod's host name is its own name."""

PRESETS = {
    "Ribbon": (-1.4, 1.6, 1.0, 0.7),
    "Moth": (1.7, 1.7, 0.6, 1.2),
    "Shell": (-1.7, 1.3, -0.1, -1.2),
    "Rings": (1.5, -1.8, 1.6, 0.9),
}
COLOURS = [
    [0.0, "rgba(99, 102, 241, 0)"],
    [0.25, "#6366f1"],
    [0.55, "#d946ef"],
    [0.8, "#fb7185"],
    [1.0, "#fbbf24"],
]


def figure(cells: bytes) -> dict[str, Any]:
    """Return a Plotly figure of SIZE × SIZE cells on a transparent background."""
    packed = base64.b64encode(cells).decode()
    axis = {"visible": False, "fixedrange": True}
    return {
        "data": [
            {
                "type": "heatmap",
                "z": {"dtype": "u1", "bdata": packed, "shape": f"{SIZE}, {SIZE}"},
                "colorscale": COLOURS,
                "showscale": False,
                "hoverinfo": "skip",
                "zsmooth": "best",
            }
        ],
        "layout": {
            "margin": {"t": 0, "r": 0, "b": 0, "l": 0},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "xaxis": axis,
            "yaxis": {**axis, "scaleanchor": "x"},
        },
    }


def _slider(name: str, label: str, low: float, high: float, step: float, value: float) -> html.Div:
    slider = dcc.Slider(
        low,
        high,
        step,
        value=value,
        id=name,
        marks=None,
        updatemode="mouseup",
        allow_direct_input=False,
        tooltip={"always_visible": False, "placement": "top"},
    )
    # Screen readers get the name from the group: the slider draws its own handle.
    return html.Div(
        [html.Span(label, className="label"), slider], className="control", role="group"
    )


def layout() -> html.Main:
    """Return the page."""
    a, b, c, d = PRESETS["Ribbon"]
    return html.Main(
        [
            html.Section(
                [
                    html.H1("Strange attractor"),
                    html.P(
                        "One point hops through the plane by a simple rule. "
                        "Move a slider and the picture is drawn anew, hop by hop.",
                        className="lead",
                    ),
                    dcc.RadioItems(list(PRESETS), "Ribbon", id="preset", className="presets"),
                    _slider("a", "a", -2, 2, 0.05, a),
                    _slider("b", "b", -2, 2, 0.05, b),
                    _slider("c", "c", -2, 2, 0.05, c),
                    _slider("d", "d", -2, 2, 0.05, d),
                    _slider(
                        "hops", "hops (this is what costs CPU)", 50_000, MAX_HOPS, 50_000, 200_000
                    ),
                    html.P(
                        ["Drawn by ", html.Code(POD, id="pod"), html.Span(id="cost")], role="status"
                    ),
                ],
                className="panel",
            ),
            dcc.Graph(id="picture", config={"displayModeBar": False}, responsive=True),
        ]
    )


def create_app() -> Dash:
    """Return the app with its callbacks and its two plain addresses."""
    app = Dash(__name__, title="Strange attractor", update_title="")
    app.layout = layout
    _add_callbacks(app)
    _add_routes(app.server)
    return app


def create_server() -> Flask:
    """Return the WSGI application that gunicorn serves."""
    return create_app().server


def _add_callbacks(app: Dash) -> None:
    @app.callback(
        [Output(name, "value") for name in "abcd"],
        Input("preset", "value"),
        prevent_initial_call=True,
    )
    def choose(preset: str) -> tuple[float, ...]:
        return PRESETS.get(preset, PRESETS["Ribbon"])

    @app.callback(
        Output("picture", "figure"),
        Output("pod", "children"),
        Output("cost", "children"),
        [Input(name, "value") for name in ("a", "b", "c", "d", "hops")],
    )
    def draw(a: float, b: float, c: float, d: float, hops: int) -> tuple[dict[str, Any], str, str]:
        begin = time.thread_time()
        cells = density(a, b, c, d, int(hops))
        used = (time.thread_time() - begin) * 1000
        return figure(cells), POD, f" with {used:.0f} ms of CPU"


def _add_routes(server: Flask) -> None:
    @server.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @server.get("/work")
    def work() -> Response | tuple[Response, int]:
        wanted = request.args.get("ms", default="100")
        milliseconds = int(wanted) if wanted.isdecimal() else 0
        if not 0 < milliseconds <= MAX_WORK_MS:
            return jsonify(error=f"ms is a whole number from 1 to {MAX_WORK_MS}"), 400
        return jsonify(pod=POD, cpu_ms=round(burn(milliseconds)))
