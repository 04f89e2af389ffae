"""Load tests on an app's page: the button with its dialog, and the panel of what was measured."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import Input, Output, State, no_update

from portal.domain.errors import InvalidInput
from portal.domain.keys import Key
from portal.domain.load_tests import LONGEST_PATH, Shape
from portal.releases.load_test import LoadTestForecast, LoadTestOffer, LoadTestRequest
from portal.ui import html, ids
from portal.ui.accepts import AppKey, FieldValue
from portal.ui.callbacks import Callbacks
from portal.ui.components.basics import (
    Node,
    age,
    badge,
    button,
    card,
    internal_link,
    table,
    wildcards,
)
from portal.ui.components.markup import markup
from portal.ui.components.preview import change_dialog, disclosure
from portal.ui.components.sliders import field, message
from portal.ui.context import UiContext
from portal.ui.dialogs import close_on_cancel
from portal.ui.encoding import Part, Props
from portal.ui.refusals import refusal
from portal.ui.routes import edit_path
from portal.viewmodels.load_test import EXPLAINED, SHAPES, expected_words, throughput_words
from portal.viewmodels.model import AppView, LoadTestLine, LoadTestRun
from portal.viewmodels.words import count

RATE, SECONDS = 10, 30
"""The rate and the length that the dialog begins with, if the limits admit them."""

_FIELDS = {
    "target": ids.LOAD_TEST_TARGET,
    "shape": ids.LOAD_TEST_SHAPE,
    "rate": ids.LOAD_TEST_RATE,
    "seconds": ids.LOAD_TEST_SECONDS,
    "path": ids.LOAD_TEST_PATH,
}


def note_id(name: str) -> str:
    """The id of the place of a field's message."""
    return f"{_FIELDS[name]}-note"


def load_test_button(live: Props) -> Node:
    """The button that opens the dialog, in a live part that hides it."""
    return html.Div(
        button(
            "Test under load",
            ids.LOAD_TEST_OPEN,
            color="secondary",
            outline=True,
            icon_name="chart",
        ),
        id=ids.LOAD_TEST_OFFER,
        **live[ids.LOAD_TEST_OFFER],
    )


def load_test_panel(live: Props) -> Node:
    """The panel of the load tests of the last day, in a live part that hides it."""
    stop = [
        html.Div(
            button("Stop", ids.LOAD_TEST_STOP, color="secondary", outline=True),
            id=ids.LOAD_TEST_STOPPING,
            **live[ids.LOAD_TEST_STOPPING],
        ),
        html.Div(id=ids.LOAD_TEST_STOP_MESSAGE, role="status"),
    ]
    body = [markup(ids.LOAD_TEST_RUNS, **live[ids.LOAD_TEST_RUNS]), *stop]
    return html.Div(
        card("Load test", body, icon_name="chart"),
        id=ids.LOAD_TEST_PANEL,
        **live[ids.LOAD_TEST_PANEL],
    )


LOAD_TEST_PARTS: dict[str, Part[AppView]] = {
    ids.LOAD_TEST_OFFER: lambda view: {"className": "" if view.load_test.offered else "gone"},
    ids.LOAD_TEST_PANEL: lambda view: {"className": "" if view.load_test.runs else "gone"},
    ids.LOAD_TEST_RUNS: lambda view: {"content": _runs(view.load_test.runs)},
    ids.LOAD_TEST_STOPPING: lambda view: {
        "className": "button-row" if any(run.running for run in view.load_test.runs) else "gone"
    },
}
"""The live parts of load tests on an app's page."""


# The panel.


def _runs(runs: tuple[LoadTestRun, ...]) -> Node:
    if not runs:
        return None
    newest, *earlier = runs
    shown: list[Node] = [_run(newest, "Load test")]
    if earlier:
        runs_before: list[Node] = [
            _run(each, f"Load test, {number} before")
            for number, each in enumerate(earlier, start=1)
        ]
        shown.append(disclosure(f"Earlier: {len(earlier)}", runs_before))
    return shown


def _run(run: LoadTestRun, label: str) -> html.Div:
    """A load test; ``label`` names its table among the others."""
    head = html.Div(
        [
            html.Strong(run.title),
            badge(run.state),
            html.Span([f"{run.actor}, ", age(run.began)], className="quiet-text"),
        ],
        className="operation-head",
    )
    return html.Div(
        [
            head,
            html.P(["At ", html.Span(run.target, className="mono")], className="words quiet-text"),
            html.P(" ".join(run.words), className="words") if run.words else None,
            _facts(run),
            _curves(run),
            html.P(f"An error: {run.error}", className="words quiet-text") if run.error else None,
            disclosure("Measured values", _table(run.lines, label)) if run.lines else None,
        ],
        className="load-test-run",
        key=run.id,
        **wildcards({"data-testid": "load-test", "data-running": str(run.running).lower()}),
    )


def _facts(run: LoadTestRun) -> Node:
    codes = ", ".join(f"{code}: {amount:,}" for code, amount in run.codes)
    facts = [*run.facts, *([("By status", codes)] if codes else [])]
    if not facts:
        return None
    return html.Dl(
        [html.Div([html.Dt(name), html.Dd(value)]) for name, value in facts], className="facts"
    )


def _curves(run: LoadTestRun) -> Node:
    curves = (
        ("Throughput", run.throughput_curve, run.peak_throughput),
        ("p95 latency", run.latency_curve, run.peak_latency),
    )
    return [
        html.Div(
            [
                html.Span(f"{name}, up to {peak}", className="quiet-text"),
                html.Div(
                    html.Span(style={"clipPath": _polygon(heights)}),
                    className="load-test-curve",
                    **wildcards({"aria-hidden": "true"}),
                ),
            ]
        )
        for name, heights, peak in curves
        if len(heights) > 1
    ]


def _polygon(heights: tuple[int, ...]) -> str:
    """A curve as an area that is cut out of a coloured box."""
    last = len(heights) - 1
    edge = ", ".join(
        f"{round(100 * at / last, 1)}% {min(98, 100 - height)}%"
        for at, height in enumerate(heights)
    )
    return f"polygon(0% 100%, {edge}, 100% 100%)"


def _table(lines: tuple[LoadTestLine, ...], label: str) -> Node:
    head = ("Until", "Requests", "Requests/s", "p50", "p95", "p99", "Failed", "Pods ready")
    rows = [
        html.Tr(
            [
                html.Td(value, **wildcards({"data-label": name}))
                for name, value in zip(
                    head,
                    (
                        f"{line.until} s",
                        f"{line.requests:,}",
                        line.throughput,
                        line.p50,
                        line.p95,
                        line.p99,
                        f"{line.failed:,}",
                        line.ready,
                    ),
                    strict=True,
                )
            ]
        )
        for line in lines
    ]
    return [
        html.P("Latencies are those of the worst second of each line.", className="form-text"),
        table(label, head, rows, class_name="table", around="load-test-table"),
    ]


# The dialog.


def load_test_dialog(key: Key) -> Node:
    """The dialog in which a load test is asked for."""
    numbers: Any = {"type": "number", "min": 1, "step": 1, "debounce": 400}
    return change_dialog(
        ids.LOAD_TEST_MODAL,
        f"Test {key.name} under load",
        "load-test-title",
        [
            html.P(
                "A Job in the app's namespace sends GET requests to the app's own Service. The app "
                "gets this load beside that of its users, and its autoscaler reacts to it.",
            ),
            html.Div(
                [
                    _field("target", "Service", dbc.Select(id=ids.LOAD_TEST_TARGET, options=[])),
                    _field(
                        "path",
                        "Path",
                        dbc.Input(
                            id=ids.LOAD_TEST_PATH,
                            type="text",
                            value="/",
                            autocomplete="off",
                            maxlength=LONGEST_PATH,
                            debounce=400,
                        ),
                    ),
                    _field(
                        "shape",
                        "Shape",
                        dbc.Select(
                            id=ids.LOAD_TEST_SHAPE,
                            options=[
                                {"label": words, "value": shape.value}
                                for shape, words in SHAPES.items()
                            ],
                            value=Shape.STEADY.value,
                        ),
                    ),
                    _field(
                        "rate",
                        "Requests a second, at most",
                        dbc.Input(id=ids.LOAD_TEST_RATE, value=RATE, **numbers),
                    ),
                    _field(
                        "seconds",
                        "Seconds",
                        dbc.Input(id=ids.LOAD_TEST_SECONDS, value=SECONDS, **numbers),
                    ),
                ],
                className="load-test-fields",
            ),
            html.Div(id=ids.LOAD_TEST_WORDS, role="status"),
            html.Div(id=ids.LOAD_TEST_LEFT, className="form-text"),
            html.Div(id=ids.LOAD_TEST_FAILURE),
        ],
        ids.LOAD_TEST_CANCEL,
        button("Start", ids.LOAD_TEST_CONFIRM, icon_name="launch", disabled=True),
    )


def _field(name: str, label: str, control: Node) -> Node:
    return field(_FIELDS[name], label, control, note_id=note_id(name))


def usual_path(view: AppView) -> str:
    """The path that a load test begins with: that of the app's address."""
    href = next((each.href for each in view.urls if each.href), "")
    path = "/" + href.partition("://")[2].partition("/")[2]
    return path.partition("#")[0]


def left_words(offer: LoadTestOffer) -> str:
    """The limits, and what is left of the day, in a sentence."""
    limits = offer.limits
    return (
        f"At most {limits.rate:,} requests/s and {limits.seconds:,} s. You have "
        f"{count(offer.minutes_left, 'minute')} of {limits.minutes} left for today."
    )


def forecast_words(forecast: LoadTestForecast, key: Key) -> Node:
    """The plan of a load test and what it is going to need, in sentences."""
    plan = forecast.plan
    if plan is None:
        return None
    words: list[Node] = [
        html.P(f"{EXPLAINED[plan.shape]} That is {count(plan.requests, 'request')} at most.")
    ]
    one_pod, replayed = forecast.throughput, forecast.replayed
    if plan.shape is Shape.CLIMB:
        return words
    if one_pod is not None and forecast.needed is not None:
        at_most = "at most " if one_pod.at_least else ""
        words.append(
            html.P(
                f"{throughput_words(one_pod)} This rate needs {at_most}"
                f"{count(forecast.needed, 'replica')}.",
                **wildcards({"data-testid": "load-test-needed"}),
            )
        )
    if plan.expected is not None:
        said = expected_words(plan.expected, plan.ready, replayed)
        short: Node = None
        if forecast.needed is not None and plan.expected < forecast.needed:
            short = [
                " The app will not have as many as it needs: ",
                internal_link("change its replicas", edit_path(key)),
                ".",
            ]
        words.append(html.P([said, short], **wildcards({"data-testid": "load-test-forecast"})))
    if one_pod is None:
        words.append(
            html.P(
                "How many replicas this needs is not known: find the throughput of one pod first, "
                "by the shape of that name.",
                className="quiet-text",
            )
        )
    return words


def register(app: Callbacks, context: UiContext) -> None:
    """Add the callbacks of the dialog and of the Stop button."""

    @app.callback(
        Output(ids.LOAD_TEST_MODAL, "is_open", allow_duplicate=True),
        Output(ids.LOAD_TEST_TARGET, "options"),
        Output(ids.LOAD_TEST_TARGET, "value"),
        Output(ids.LOAD_TEST_PATH, "value"),
        Output(ids.LOAD_TEST_LEFT, "children"),
        Output(ids.LOAD_TEST_FAILURE, "children", allow_duplicate=True),
        Input(ids.LOAD_TEST_OPEN, "n_clicks"),
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def open_dialog(clicks: int | None, key: AppKey) -> tuple[Any, ...]:
        if not clicks:
            return (no_update,) * 6
        identity, release = context.identity(), Key(*key)
        try:
            offer = await context.actions.load_test_offer(identity, release)
        except Exception as error:
            return True, [], None, no_update, None, refusal(error)
        options = [{"label": each.id, "value": each.id} for each in offer.targets]
        first = offer.targets[0].id if offer.targets else None
        path = usual_path(context.app(identity, release))
        return True, options, first, path, left_words(offer), None

    @app.callback(
        *[Output(note_id(name), "children") for name in _FIELDS],
        Output(ids.LOAD_TEST_WORDS, "children"),
        Output(ids.LOAD_TEST_CONFIRM, "disabled"),
        Input(ids.LOAD_TEST_MODAL, "is_open"),
        {name: Input(id, "value") for name, id in _FIELDS.items()},
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def forecast(
        opened: bool | None, asked: dict[str, FieldValue], key: AppKey
    ) -> tuple[Any, ...]:
        nothing = [None] * len(_FIELDS)
        if not opened:
            return (*nothing, None, True)
        release = Key(*key)
        try:
            found = await context.actions.load_test_forecast(
                context.identity(), release, LoadTestRequest(**asked)
            )
        except Exception as error:
            return (*nothing, refusal(error), True)
        notes = [message(found.problems, {}, name) for name in _FIELDS]
        return (*notes, forecast_words(found, release), found.plan is None)

    @app.callback(
        Output(ids.LOAD_TEST_MODAL, "is_open"),
        Output(ids.LOAD_TEST_FAILURE, "children"),
        Input(ids.LOAD_TEST_CONFIRM, "n_clicks"),
        {name: State(id, "value") for name, id in _FIELDS.items()},
        State(ids.APP_KEY, "data"),
        running=[(Output(ids.LOAD_TEST_CONFIRM, "className"), "sending", "")],
        prevent_initial_call=True,
    )
    async def start(
        clicks: int | None, asked: dict[str, FieldValue], key: AppKey
    ) -> tuple[Any, Any]:
        if not clicks:
            return no_update, no_update
        try:
            await context.actions.load_test(context.identity(), Key(*key), LoadTestRequest(**asked))
        except InvalidInput:
            return True, no_update  # said beside the fields
        except Exception as error:
            return True, refusal(error)
        return False, None

    @app.callback(
        Output(ids.LOAD_TEST_STOP_MESSAGE, "children"),
        Input(ids.LOAD_TEST_STOP, "n_clicks"),
        State(ids.APP_KEY, "data"),
        running=[(Output(ids.LOAD_TEST_STOP, "disabled"), True, False)],
        prevent_initial_call=True,
    )
    async def stop(clicks: int | None, key: AppKey) -> Node:
        if not clicks:
            return no_update
        try:
            await context.actions.stop_load_test(context.identity(), Key(*key))
        except Exception as error:
            return refusal(error)
        return None

    close_on_cancel(app, ids.LOAD_TEST_MODAL, ids.LOAD_TEST_CANCEL)
