"""The panel of made-up loads: what an autoscaler would do with them, on two pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any, cast

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Input, Output, State, dcc, no_update

from portal.autoscalers.shaped import (
    CORES,
    FILE,
    REQUESTS,
    ShapedView,
    Variant,
    asked_of,
    form_variant,
    shaped_view,
    variants_of,
)
from portal.autoscaling.shapes import Course, Shape, UnreadableLoad, read_course
from portal.domain.keys import Key
from portal.live.topics import autoscaling_topic
from portal.threads import in_thread
from portal.ui import html, ids
from portal.ui.accepts import AppKey, MadeUpLoad, OwnText
from portal.ui.autoscaling.figures import figures_table
from portal.ui.callbacks import Callbacks
from portal.ui.components.basics import Node, icon
from portal.ui.components.files import MAX_FILE
from portal.ui.components.markup import live_chart, markup
from portal.ui.components.preview import disclosure
from portal.ui.components.sliders import field, message
from portal.ui.context import UiContext
from portal.ui.encoding import flat, plain
from portal.viewmodels.words import number, span

FORM, PAGE = "launch", "what-if"
"""The places of the panel: the launch form, and the page of an autoscaler."""

_NAMES = {
    "": "Choose how the load goes",
    Shape.STEADY.value: "Steady: always at the peak",
    Shape.DAILY.value: "Daily: at rest at midnight, at the peak at noon",
    Shape.SPIKE.value: "Spike: ten minutes at the peak",
    Shape.LAUNCH_DAY.value: "Launch day: a rush, then half as much every two hours",
    FILE: "From a file (CSV)",
}

_UNITS = {CORES: "CPU cores of all pods together", REQUESTS: "Requests a second"}

_AMOUNTS = {
    "rest": ("Load at rest", "0.1", "Of all pods together, at the quietest time."),
    "peak": ("Load at the peak", "1", "Of all pods together, at the busiest time."),
    "work": (
        "CPU time of a request, ms",
        "20",
        "An assumption: the load in cores is requests a second × this.",
    ),
    "start_up": ("Seconds until a new pod is ready", "30", "An assumption: 30 is usual."),
}

_HINTS = {
    "shape": "Nothing is replayed until one is chosen.",
    "unit": "Requests a second become cores by the CPU time of one.",
}

_NOTED = ("file", *_AMOUNTS)
"""The fields beside which a mistake is told."""


def panel(place: str, linked: str = "") -> list[Node]:
    """The fields of a made-up load, and the place of its chart and figures.

    ``linked`` fills them in, as an address has them: "spike_cores_0.1_1_20_30".
    """
    given = dict(zip(("shape", "unit", *_AMOUNTS), linked[:200].split("_"), strict=False))
    return [
        dcc.Store(id=ids.shape(place, "asked")),
        dcc.Store(id=ids.shape(place, "course")),
        dcc.Store(id=ids.shape(place, "series")),
        html.P(
            "Say how busy the app might get, and these settings are replayed on that load. "
            "Nothing is launched or changed.",
            className="words",
        ),
        html.Div(
            [
                _select(place, "shape", "How the load goes over time", _NAMES, given),
                *(
                    html.Div(content, id=ids.shape(place, f"{name}-part"), className="d-none")
                    for name, content in (
                        ("unit", _select(place, "unit", "It is counted in", _UNITS, given)),
                        ("file", _upload(place)),
                        *((name, _amount(place, name, given)) for name in _AMOUNTS),
                    )
                ),
            ],
            className="shape-fields",
        ),
        html.Div(
            live_chart(ids.shape(place, "chart"), still=True),
            id=ids.shape(place, "drawn"),
            className="d-none",
        ),
        markup(
            ids.shape(place, "figures"),
            None,
            **{"aria-live": "polite", "data-testid": f"{place}-shape-figures"},
        ),
    ]


def _select(
    place: str, name: str, label: str, names: Mapping[str, str], given: Mapping[str, str]
) -> Node:
    id = ids.shape(place, name)
    first = next(iter(names))
    value = given.get(name, first)
    hint = _HINTS[name]
    options: list[Any] = [{"value": each, "label": said} for each, said in names.items()]
    return html.Div(
        [
            html.Label(label, htmlFor=id, className="form-label"),
            dbc.Select(id=id, value=value if value in names else first, options=options, size="sm"),
            html.Div(hint, id=f"{id}-hint", className="form-text"),
        ],
        className="field",
    )


def _amount(place: str, name: str, given: Mapping[str, str]) -> Node:
    label, value, hint = _AMOUNTS[name]
    value = given.get(name, value)
    id = ids.shape(place, name)
    control = dbc.Input(id=id, value=value, size="sm", autoComplete="off", maxLength=40)
    return field(id, label, control, note_id=ids.shape_note(place, name), hint=hint)


def _upload(place: str) -> Node:
    id = ids.shape(place, "file")
    words = "Choose a file with times and loads"
    return field(
        id,
        "A file of times and loads",
        dcc.Upload(
            html.Button(
                [icon("folder"), html.Span("Choose or drop a CSV file")],
                type="button",
                className="btn btn-sm btn-outline-secondary",
                title=words,
            ),
            id=id,
            accept=".csv,.tsv,.txt",
            max_size=MAX_FILE,
            className="shape-drop",
        ),
        note_id=ids.shape_note(place, "file"),
        hint=[
            html.Span(id=ids.shape(place, "file-said")),
            f"Lines of a time and a load: “08:30, 0.5”. {MAX_FILE // 1024} KiB and a day at most.",
        ],
        group=True,
    )


def shape_figures(view: ShapedView) -> Node:
    """The figures of each replay side by side."""
    if view.problem:
        return html.P([icon("info"), html.Span(view.problem)], className="words quiet-text")
    return [
        figures_table("Figures of this load", view.columns, view.rows),
        disclosure(
            "What is assumed, and what is not known",
            html.Ul([html.Li(each) for each in view.notes]),
        ),
    ]


def register(app: Callbacks, context: UiContext) -> None:
    """Add the callbacks of both panels."""
    for place in (FORM, PAGE):
        _register_file(app, place)
        app.clientside_callback(
            ClientsideFunction("portal", "shapeChart"),
            Output(ids.shape(place, "chart"), "drawn"),
            Output(ids.shape(place, "drawn"), "className"),
            Input(ids.shape(place, "series"), "data"),
            Input(ids.THEME, "data"),
        )
    app.clientside_callback(
        ClientsideFunction("portal", "shapeOfForm"),
        *_parts(FORM),
        *_fields(FORM),
        Input(ids.launch("autoscaling"), "value"),
        Input(ids.launch_on("target_cpu"), "value"),
        *(
            Input(ids.launch(name), property)
            for name in ("bounds", "target_cpu")
            for property in ("value", "drag_value")
        ),
        *(
            Input(ids.launch(name), "value")
            for name in ("cpu_request", "cpu_limit", "scale_down_window")
        ),
    )
    app.clientside_callback(
        ClientsideFunction("portal", "shapeOfPage"),
        *_parts(PAGE),
        *_fields(PAGE),
        Input(ids.WHAT_IF_ASKED, "data"),
    )

    @app.callback(
        *_outputs(FORM), Input(ids.shape(FORM, "asked"), "data"), prevent_initial_call=True
    )
    async def of_form(asked: MadeUpLoad) -> tuple[Any, ...]:
        raw = _mapping(asked)
        form = _mapping(raw.get("form"))

        def variants(start_up: float) -> tuple[Variant, ...] | str:
            found = form_variant(form, start_up)
            return found if isinstance(found, str) else (found,)

        return await in_thread(lambda: _answer(context, raw, variants))

    @app.callback(
        *_outputs(PAGE),
        Input(ids.shape(PAGE, "asked"), "data"),
        State(ids.APP_KEY, "data"),
        State(ids.AUTOSCALING_NAME, "data"),
        prevent_initial_call=True,
    )
    async def of_page(asked: MadeUpLoad, key: AppKey, name: OwnText) -> tuple[Any, ...]:
        scope = context.scope(autoscaling_topic(Key(*key), name or ""), context.identity())
        given = context.what_if(scope, Key(*key), name or "")
        raw = _mapping(asked)
        texts = raw.get("texts")
        listed = cast("list[object]", texts) if isinstance(texts, list) else []
        kept = [each for each in listed if isinstance(each, str)]

        def variants(start_up: float) -> tuple[Variant, ...] | str:
            if given is None:
                return "The autoscaler cannot be followed at the moment."
            return variants_of(given, kept, start_up)

        return await in_thread(lambda: _answer(context, raw, variants))


_PARTS = ("unit", "file", *_AMOUNTS)


def _parts(place: str) -> list[Output]:
    """The parts that the browser shows or hides."""
    return [Output(ids.shape(place, f"{name}-part"), "className") for name in _PARTS]


def _fields(place: str) -> list[Input]:
    """The fields, in the order in which shapes.js takes them."""
    return [
        *(Input(ids.shape(place, name), "value") for name in ("shape", "unit", *_AMOUNTS)),
        Input(ids.shape(place, "course"), "data"),
    ]


def _outputs(place: str) -> list[Output]:
    return [
        Output(ids.shape(place, "series"), "data"),
        Output(ids.shape(place, "figures"), "content"),
        *(Output(ids.shape_note(place, name), "children") for name in _NOTED),
    ]


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def _answer(
    context: UiContext,
    raw: Mapping[str, object],
    variants: Callable[[float], tuple[Variant, ...] | str],
) -> tuple[Any, ...]:
    """Return what ``_outputs`` takes: the curves, the figures, and the fields' messages."""
    asked = asked_of(_mapping(raw.get("load")))
    notes = [message(asked.errors, {}, name) for name in _NOTED]
    if asked.load is None:
        return None, None, *notes
    found = variants(asked.load.start_up)
    view = (
        ShapedView(problem=found)
        if isinstance(found, str)
        else shaped_view(asked.load, found, context.prices)
    )
    drawn = None
    if view.series is not None:
        drawn = {"series": flat(view.series), "curves": [flat(each) for each in view.curves]}
    return drawn, plain(shape_figures(view)), *notes


def _register_file(app: Callbacks, place: str) -> None:
    @app.callback(
        Output(ids.shape(place, "course"), "data"),
        Output(ids.shape(place, "file-said"), "children"),
        Input(ids.shape(place, "file"), "contents"),
        State(ids.shape(place, "file"), "filename"),
        prevent_initial_call=True,
    )
    async def read(contents: str | None, filename: str | None) -> tuple[Any, Any]:
        if not contents:
            return no_update, no_update
        named = PurePosixPath(filename or "the file").name[:80]
        course = await in_thread(read_upload, contents)
        if isinstance(course, str):
            return {"error": f"{named}: {course}"}, ""
        kept = {"step": course.step, "amounts": list(course.amounts)}
        top = number(max(course.amounts))
        return kept, f"{named}: {span(course.seconds)}, {top} at the peak. "


def read_upload(contents: str) -> Course | str:
    """Return the load of a file, or why there is none; ``contents`` is a data URL."""
    try:
        raw = base64.b64decode(contents.partition(",")[2][: 2 * MAX_FILE])
        if len(raw) > MAX_FILE:
            return f"It is larger than {MAX_FILE // 1024} KiB."
        return read_course(raw.decode())
    except (binascii.Error, UnicodeError):
        return "It is not a text file."
    except UnreadableLoad as error:
        return str(error)
