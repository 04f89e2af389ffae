"""Draws the fields of the launch form from their entries in the table."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import dash_bootstrap_components as dbc

from portal.catalog.launch_field import Control, Section
from portal.catalog.launch_fields import BY_NAME, fields_in
from portal.ui import html, ids
from portal.ui.components.basics import Node, fold
from portal.ui.components.sliders import field, note


def fields(
    section: Section, raw: Mapping[str, object], own: Mapping[str, Node] | None = None
) -> list[Node]:
    """All fields of a section in their order; ``own`` are those drawn elsewhere, by name."""
    own = own or {}
    return [own[name] if name in own else drawn(name, raw) for name in fields_in(section)]


_ICONS = {
    Section.KEYS: "terminal",
    Section.FILES: "file",
    Section.PROCESS: "boxes",
    Section.HEALTH: "pods",
    Section.REGISTRY: "pin",
}
FOLDED = tuple(_ICONS)
"""The sections that most people never open, in their order."""


def folded(section: Section, raw: Mapping[str, object]) -> Node:
    """A section that is closed until one of its fields is filled in, or has a message."""
    mark = section_mark(section, raw, ())
    return fold(
        section.value,
        html.Div(fields(section, raw), className="fields"),
        icon_name=_ICONS[section],
        open=bool(mark),
        mark=html.Span(mark, id=ids.launch_mark(section.name), className="fold-mark"),
        class_name="section",
    )


def section_mark(section: Section, raw: Mapping[str, object], noted: Collection[str]) -> str:
    """Return the mark beside the title of a section, "" for one with its defaults.

    ``noted`` are the fields with a message.
    """
    names = fields_in(section)
    if any(name in noted for name in names):
        return "Look here"
    usual = all(_text(raw.get(name)) == _text(BY_NAME[name].default) for name in names)
    return "" if usual else "Filled in"


def _text(content: object) -> str:
    return "" if content in (None, False) else str(content).strip()


def drawn(name: str, raw: Mapping[str, object], **attributes: object) -> Node:
    """A field with its label, hint and the place of its message, filled in from ``raw``.

    Further ``attributes`` are those of the control.
    """
    entry, content = BY_NAME[name], raw.get(name)
    shown = "" if content is None else str(content)
    if entry.control is Control.SWITCH:
        return html.Div(
            [
                dbc.Switch(id=ids.launch(name), value=bool(content), label=caption(name)),
                html.Div(entry.hint, id=f"{ids.launch(name)}-hint", className="form-text"),
                note(ids.launch_note(name)),
            ],
            className=f"field {entry.width}".strip(),
        )
    if entry.control is Control.CHOICE:
        options: list[Any] = [
            {"label": choice(each.label, each.about), "value": each.value} for each in entry.choices
        ]
        control: Node = dbc.RadioItems(
            id=ids.launch(name), options=options, value=shown, className="choices"
        )
        return labelled(name, control, group=True)
    if entry.control is Control.LINES:
        control = dbc.Textarea(
            id=ids.launch(name),
            value=shown,
            rows=4,
            placeholder=entry.placeholder,
            className="mono",
            spellcheck=False,
        )
        return labelled(name, control)
    if entry.control is Control.NUMBER:
        attributes["inputmode"] = "numeric"
    suggested: Node = None
    if entry.choices:
        attributes["list"] = f"{ids.launch(name)}-choices"
        suggested = html.Datalist(
            [html.Option(value=each.value, label=each.label) for each in entry.choices],
            id=f"{ids.launch(name)}-choices",
        )
    control = dbc.Input(
        id=ids.launch(name),
        type="text",
        value=shown,
        placeholder=entry.placeholder or None,
        autocomplete="off",
        **attributes,  # pyright: ignore[reportArgumentType]
    )
    return labelled(name, html.Div([control, suggested]) if suggested else control)


def choice(label: str, about: str) -> html.Span:
    """The words of one choice."""
    return html.Span([html.Span(label, className="choice-name"), html.Span(about)])


def caption(name: str) -> str:
    """The words on a field's control."""
    return BY_NAME[name].caption or BY_NAME[name].label


def labelled(name: str, control: Node, *, group: bool = False) -> Node:
    """A control of one's own with the label, hint and place of the message of a field."""
    entry = BY_NAME[name]
    return field(
        ids.launch(name),
        caption(name),
        control,
        note_id=ids.launch_note(name),
        hint=entry.hint,
        class_name=entry.width,
        group=group,
        # Beside another field it would be the one without a label.
        label_hidden=entry.section.startswith(entry.label) and entry.width != "half",
    )
