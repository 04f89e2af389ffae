"""Sliders, and form fields with their messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

import dash_bootstrap_components as dbc
from dash import dcc

from portal.ui import html
from portal.ui.components.basics import Node, wildcards

TARGET_MIN, TARGET_MAX, TARGET_STEP = 5, 100, 5


def marks(low: int, high: int) -> dict[int, str]:
    """A few round marks, with both ends."""
    steps = (1, 2, 5, 10, 20, 50, 100, 200, 500)
    step = next((each for each in steps if (high - low) / each <= 6), high - low)
    inner = range((low // step + 1) * step, high, step)
    near = step / 2
    return {
        each: str(each)
        for each in (low, *[n for n in inner if high - n >= near and n - low >= near], high)
    }


def replica_slider(id: str, value: object, top: int, *, eager: bool = False) -> dcc.Slider:
    """A slider for replicas, from 1. ``eager``: its value is sent while it is dragged."""
    return dcc.Slider(
        id=id,
        min=1,
        max=top,
        step=1,
        value=_int(value, 1),
        marks=marks(1, top),
        updatemode=_mode(eager),
        className="slider",
    )


def bounds_slider(id: str, value: object, top: int, *, eager: bool = False) -> dcc.RangeSlider:
    """A range slider for minimum and maximum replicas."""
    low: object = 1
    high: object = min(4, top)
    if isinstance(value, (list, tuple)):
        low, high = cast("list[object]", value)
    return dcc.RangeSlider(
        id=id,
        min=1,
        max=top,
        step=1,
        value=[_int(low, 1), _int(high, top)],
        marks=marks(1, top),
        allowCross=False,
        updatemode=_mode(eager),
        className="slider",
    )


def target_slider(id: str, value: object, fallback: int, *, eager: bool = False) -> dcc.Slider:
    """A slider for a target in percent of the request."""
    number = _int(value, fallback)
    return dcc.Slider(
        id=id,
        min=min(TARGET_MIN, number),
        max=max(TARGET_MAX, number),
        step=1,
        value=number,
        marks={
            each: f"{each} %" for each in (min(TARGET_MIN, number), 50, max(TARGET_MAX, number))
        },
        updatemode=_mode(eager),
        className="slider",
    )


def amount_slider(
    id: str, value: int, low: int, high: int, step: int, unit: str = ""
) -> dcc.Slider:
    """A slider for an amount, whose value is sent while it is dragged."""
    top = max(high, value)
    return dcc.Slider(
        id=id,
        min=min(low, value),
        max=top,
        step=step,
        value=value,
        marks={each: f"{each}{unit}" for each in (min(low, value), top)},
        updatemode="drag",
        className="slider",
    )


def target(
    label: str,
    switch_id: str,
    slider_id: str,
    value: object,
    fallback: int,
    note: Node = None,
    *,
    eager: bool = False,
    help: Node = None,
) -> html.Div:
    """A target slider with a switch, and help beside it."""
    return html.Div(
        [
            html.Div(
                [dbc.Switch(id=switch_id, value=value is not None, label=label), help],
                className="with-help",
            ),
            target_slider(slider_id, value, fallback, eager=eager),
            note,
        ],
        className="target",
    )


def _mode(eager: bool) -> Literal["drag", "mouseup"]:
    return "drag" if eager else "mouseup"


def note(id: str) -> html.Div:
    """The place of a field's message; screen readers announce its changes."""
    return html.Div(id=id, className="field-note", **wildcards({"aria-live": "polite"}))


def message(errors: Mapping[str, str], warnings: Mapping[str, str], field: str) -> Node:
    """The message of a field: its error, else its warning, else None."""
    for kind, found in (("error", errors), ("warning", warnings)):
        if found.get(field):
            icon_name = "bad" if kind == "error" else "warn"
            return html.Span(
                [
                    html.I(
                        className=f"icon icon-{icon_name}", **wildcards({"aria-hidden": "true"})
                    ),
                    html.Span(found[field]),
                ],
                className=f"note-{kind}",
                **wildcards({"data-kind": kind}),
            )
    return None


def field(
    id: str,
    label: Node,
    control: Node,
    *,
    note_id: str,
    hint: Node = None,
    class_name: str = "",
    group: bool = False,
    label_hidden: bool = False,
) -> html.Div:
    """A labelled control with a hint and the place of its message.

    ``group``: there are several controls, and the label is that of the group.
    ``label_hidden``: only screen readers get the label, since the card's title is the same.
    """
    label_id = f"{id}-label"
    class_of_label = "visually-hidden" if label_hidden else "form-label"
    attributes: dict[str, Any] = {"role": "group", "aria-labelledby": label_id} if group else {}
    head: Node = (
        html.Div(label, id=label_id, className=class_of_label)
        if group
        else html.Label(label, htmlFor=id, className=class_of_label)
    )
    return html.Div(
        [
            head,
            control,
            html.Div(hint, id=f"{id}-hint", className="form-text") if hint else None,
            note(note_id),
        ],
        className=f"field {class_name}".strip(),
        **wildcards({"data-field": id, "data-note": note_id}),
        **attributes,
    )


def _int(value: object, fallback: int) -> int:
    return int(value) if isinstance(value, (int, float)) else fallback
