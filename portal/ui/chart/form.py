"""The form of a chart: one control for each field of ``catalog.form``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc
from msgspec.structs import replace

from portal.catalog.draft import path_id
from portal.catalog.edits import control_content
from portal.catalog.form import Alternatives, Control, Field, Form, Group, Item, Rows
from portal.catalog.validate import Path
from portal.ui import html, ids
from portal.ui.components.basics import Node, card, fold, icon, wildcards
from portal.ui.components.sliders import marks, message

FEW = 40
"""The most fields of a form whose groups are all open."""

_WIDE = {Control.LINES, Control.YAML}


def chart_form(form: Form, notes: Mapping[Path, str]) -> list[Node]:
    """The whole form, with the messages beside its fields."""
    fields = list(form.fields())
    loose = [each for each in form.items if not isinstance(each, Group)]
    groups = [each for each in form.items if isinstance(each, Group)]
    few = len(fields) <= FEW
    cards: list[Node] = []
    rest = [each for each in loose if _is_long(each)]
    loose = [each for each in loose if each not in rest]
    if loose:
        cards.append(card("Settings", _items(loose, notes), icon_name="sliders"))
    for group in groups:
        body = [_about(group.description), _items(group.items, notes)]
        if few:
            cards.append(card(group.title, body, icon_name="boxes"))
        else:
            wrong = any(path[: len(group.path)] == group.path for path in notes if path)
            touched = any(each.value != each.default for each in Form((group,)).fields())
            cards.append(fold(group.title, body, icon_name="boxes", open=bool(wrong or touched)))
    if rest:
        wrong = any(path[: len(each.path)] == each.path for each in rest for path in notes)
        body = _items(rest, notes)
        cards.append(
            card("More", body, icon_name="file")
            if few
            else fold("More", body, icon_name="file", open=wrong)
        )
    return cards


def _is_long(item: Item) -> bool:
    """Return True for an item that takes much room; those come last."""
    return not isinstance(item, Field) or item.control in _WIDE


def field_note(notes: Mapping[Path, str], path: Path) -> Node:
    """The message beside a field."""
    return message({"": notes.get(path, "")}, {}, "")


def _items(items: Sequence[Item], notes: Mapping[Path, str]) -> html.Div:
    return html.Div([_item(each, notes) for each in items], className="fields")


def _item(item: Item, notes: Mapping[Path, str]) -> Node:
    match item:
        case Field():
            return _field(item, notes)
        case Group():
            return _part(item.title, [_about(item.description), _items(item.items, notes)])
        case Rows():
            return _rows(item, notes)
        case Alternatives():
            return _forms(item, notes)


def _part(title: str, body: Node) -> html.Div:
    return html.Div([html.H3(title) if title else None, *body], className="field form-part")


def _about(words: str) -> Node:
    return html.P(words, className="form-text") if words else None


def _field(field: Field, notes: Mapping[Path, str]) -> html.Div:
    path = path_id(field.path)
    id = ids.text_of(ids.chart_part("chart-field", path))
    note_id = ids.chart_part("chart-note", path)
    title = field.title + (" *" if field.required else "")
    grouped = field.control is Control.SLIDER
    attributes: dict[str, Any] = (
        {"role": "group", "aria-labelledby": f"{id}-label"} if grouped else {}
    )
    label: Node = None
    if grouped:
        label = html.Div(title, id=f"{id}-label", className="form-label")
    elif field.control is not Control.SWITCH:
        label = html.Label(title, htmlFor=id, className="form-label")
    return html.Div(
        [
            label,
            _control(field, path, title),
            html.Div(field.description, id=f"{id}-hint", className="form-text")
            if field.description
            else None,
            html.Div(
                field_note(notes, field.path),
                id=note_id,
                className="field-note",
                **wildcards({"aria-live": "polite"}),
            ),
        ],
        className="field" if field.control in _WIDE else "field half",
        **wildcards({"data-field": id, "data-note": ids.text_of(note_id)}),
        **attributes,
    )


def _control(field: Field, path: str, title: str) -> Node:
    # Dash's type stubs know text ids only.
    id: Any = ids.chart_part("chart-field", path)
    value: Any = control_content(field)
    default = "" if field.default is None else str(field.default)[:80]
    match field.control:
        case Control.SWITCH:
            return dbc.Switch(id=id, value=value, label=title)
        case Control.SLIDER:
            return _slider(field, id, value)
        case Control.CHOICE:
            options: list[Any] = [
                {"label": each.label, "value": str(n)} for n, each in enumerate(field.choices)
            ]
            if value == "" or (field.default is None and not field.required):
                options = [{"label": "Not set", "value": ""}, *options]
            return dbc.Select(id=id, value=value, options=options)
        case Control.NUMBER:
            return dbc.Input(id=id, type="number", value=value, step="any", placeholder=default)
        case Control.TEXT:
            return dbc.Input(
                id=id,
                type="password" if field.secret else "text",
                value=value,
                placeholder=default,
                autocomplete="new-password" if field.secret else "off",
            )
        case Control.LINES:
            return dbc.Textarea(
                id=id,
                value=value,
                rows=max(2, min(8, value.count("\n") + 2)),
                placeholder="One on each line",
                className="mono",
                spellCheck=False,
            )
        case Control.YAML:
            return dbc.Textarea(
                id=id,
                value=value,
                rows=max(2, min(12, value.count("\n") + 1)),
                className="mono",
                spellCheck=False,
            )


def _slider(field: Field, id: Any, value: Any) -> dcc.Slider:
    low, high = field.minimum or 0, field.maximum or 0
    whole = all(isinstance(each, int) or each.is_integer() for each in (low, high, field.step or 1))
    return dcc.Slider(
        id=id,
        min=low,
        max=high,
        step=field.step,
        value=value,
        marks=marks(int(low), int(high)) if whole else {low: str(low), high: str(high)},
        className="slider",
    )


def _rows(rows: Rows, notes: Mapping[Path, str]) -> html.Div:
    body: list[Node] = [_about(rows.description)]
    for row in rows.rows:
        if row.description == rows.description:
            row = replace(row, description="")
        body.append(
            html.Div(
                [
                    _item(row, notes),
                    html.Button(
                        [icon("trash"), html.Span("Remove")],
                        id=ids.chart_part("chart-remove", path_id(row.path)),
                        type="button",
                        className="btn btn-sm btn-quiet",
                    ),
                ],
                className="form-row",
            )
        )
    body.append(
        html.Button(
            [icon("plus"), html.Span("Add")],
            id=ids.chart_part("chart-add", path_id(rows.path)),
            type="button",
            className="btn btn-sm btn-outline-secondary",
            **wildcards({"aria-label": f"Add to {rows.title}"}),
        )
    )
    return _part(rows.title, body)


def _forms(forms: Alternatives, notes: Mapping[Path, str]) -> html.Div:
    id: Any = ids.chart_part("chart-choose", path_id(forms.path))
    chosen = "" if forms.chosen is None else str(forms.chosen)
    options: list[Any] = [{"label": each, "value": str(n)} for n, each in enumerate(forms.titles)]
    if not chosen:
        options = [{"label": "Choose one", "value": ""}, *options]
    choice = html.Div(
        [
            html.Label("Alternative", htmlFor=ids.text_of(id), className="visually-hidden"),
            dbc.Select(id=id, value=chosen, options=options),
        ],
        className="field half",
    )
    return _part(
        forms.title,
        [
            _about(forms.description),
            html.Div([choice, *(_item(each, notes) for each in forms.items)], className="fields"),
        ],
    )
