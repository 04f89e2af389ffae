"""Keeps a chart's form and its values as text in step: an edit of either updates both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from dash import ALL, Input, Output, State, ctx, no_update
from msgspec import Struct, field

from portal.catalog.draft import Draft, DraftEditor, field_titles, path_id, path_of
from portal.catalog.validate import Path
from portal.catalog.values import Values
from portal.domain.errors import PortalError
from portal.domain.keys import Key
from portal.threads import in_thread
from portal.ui import html, ids
from portal.ui.accepts import FieldValue, PartId, Place
from portal.ui.callbacks import Callbacks
from portal.ui.chart.form import field_note
from portal.ui.chart.layout import form_of
from portal.ui.components.basics import Node, wildcards
from portal.ui.components.sliders import message
from portal.ui.context import UiContext
from portal.ui.encoding import plain
from portal.ui.refusals import refusal
from portal.ui.routes import chart_path
from portal.viewmodels.words import count

MAX_SHOWN = 12
"""The most problems that are listed above the button."""


class Edit(Struct, frozen=True):
    """The page's form and text as the browser sends them.

    ``touched`` holds the path of the part that was edited, by its kind.
    ``basis`` is the text that the form on the page was made of.
    """

    text: str
    basis: str
    contents: Mapping[Path, object] = field(default_factory=dict[Path, object])
    choices: Mapping[Path, object] = field(default_factory=dict[Path, object])
    touched: Mapping[str, Path] = field(default_factory=dict[str, Path])
    clicked: bool = False


def register(app: Callbacks, context: UiContext) -> None:
    """Add the callback of the form and its text."""

    @app.callback(
        output={
            "form": Output(ids.CHART_FORM, "children"),
            "disabled": Output(ids.CHART_FORM, "disabled"),
            "notes": Output({"type": "chart-note", "path": ALL}, "children"),
            "text": Output(ids.CHART_YAML, "value"),
            "basis": Output(ids.CHART_BASIS, "data"),
            "said": Output(ids.CHART_YAML_NOTE, "children"),
            "problems": Output(ids.CHART_PROBLEMS, "children"),
            "link": Output(ids.CHART_LINK, "data-copy-link"),
        },
        inputs={
            "contents": Input({"type": "chart-field", "path": ALL}, "value"),
            "fields": State({"type": "chart-field", "path": ALL}, "id"),
            "choices": Input({"type": "chart-choose", "path": ALL}, "value"),
            "choosers": State({"type": "chart-choose", "path": ALL}, "id"),
            "added": Input({"type": "chart-add", "path": ALL}, "n_clicks"),
            "removed": Input({"type": "chart-remove", "path": ALL}, "n_clicks"),
            "notes": State({"type": "chart-note", "path": ALL}, "id"),
            "text": Input(ids.CHART_YAML, "value"),
            "basis": State(ids.CHART_BASIS, "data"),
            "place": State(ids.CHART_PLACE, "data"),
        },
    )
    async def edit(
        contents: list[FieldValue],
        fields: list[PartId],
        choices: list[FieldValue],
        choosers: list[PartId],
        added: list[int | None],
        removed: list[int | None],
        notes: list[PartId],
        text: str | None,
        basis: str | None,
        place: Place,
    ) -> dict[str, Any]:
        triggered = list(cast("dict[str, Any]", ctx.triggered_prop_ids).values())
        made = Edit(
            text=text or "",
            basis=basis or "",
            contents=by_path(fields, contents),
            choices=by_path(choosers, choices),
            touched={each["type"]: path_of(each["path"]) for each in triggered if "type" in each},
            clicked=any(added) or any(removed),
        )
        paths = [path_of(each["path"]) for each in notes]
        try:
            editor = await draft_editor_of(context, place)
        except PortalError as error:  # its source has changed since the page was made
            return _nothing_new(paths) | {"said": refusal(error)}
        return await in_thread(answer, editor, made, paths)


async def draft_editor_of(context: UiContext, place: Mapping[str, Any]) -> DraftEditor:
    """The chart that the page was made for. What the browser says of it is looked up again."""
    chart = await context.catalog.chart(
        str(place.get("source")), str(place.get("chart")), str(place.get("version"))
    )
    release = place.get("release")
    existing: Values | None = None
    if release:
        # Placeholders stand for its secrets.
        existing = dict(await context.actions.own_values(context.identity(), Key(*release)))
    return await in_thread(DraftEditor, chart, existing)


def by_path(parts: list[PartId], values: list[Any]) -> dict[Path, object]:
    """The values of the parts of a form, by path."""
    return {path_of(id["path"]): value for id, value in zip(parts, values, strict=True)}


def edited(editor: DraftEditor, made: Edit) -> Draft:
    """The draft after an edit, wherever it was made."""
    if made.text == made.basis:
        draft = editor.fill(made.text, made.contents.items())
    elif "chart-field" in made.touched:
        # The text was edited as well: of the form take only the field that was just edited.
        path = made.touched["chart-field"]
        draft = editor.fill(made.text, [(path, made.contents.get(path))])
    else:
        draft = editor.read(made.text)
    match made.touched:
        case {"chart-add": path} if made.clicked:
            return editor.add(draft.text, path)
        case {"chart-remove": path} if made.clicked:
            return editor.remove(draft.text, path)
        case {"chart-choose": path}:
            wanted = str(made.choices.get(path, ""))
            chosen = int(wanted[:4]) if wanted.isdecimal() else -1
            return editor.choose(draft.text, path, chosen)
        case _:
            return draft


def answer(editor: DraftEditor, made: Edit, noted: list[Path]) -> dict[str, Any]:
    """Return the page's parts after an edit; the form only if its structure has changed."""
    draft = edited(editor, made)
    before = editor.read(made.basis)
    notes = draft.notes()
    same = made.text == made.basis and before.structure == draft.structure
    chart = editor.chart
    values = editor.link(draft)
    return {
        "form": no_update if same else plain(form_of(draft, notes)),
        "disabled": draft.error is not None,
        "notes": [field_note(notes, path) if same else no_update for path in noted],
        "text": no_update if draft.text == made.text else draft.text,
        "basis": draft.text,
        "said": message({"": str(draft.error)} if draft.error else {}, {}, ""),
        "problems": _problems(draft, notes),
        "link": chart_path(chart.source, chart.name, chart.version.version, values),
    }


def _nothing_new(noted: list[Path]) -> dict[str, Any]:
    outputs = ("form", "disabled", "text", "basis", "said", "problems", "link")
    return {**dict.fromkeys(outputs, no_update), "notes": [no_update for _ in noted]}


def _problems(draft: Draft, notes: Mapping[Path, str]) -> Node:
    if draft.form is None or not notes:
        return None
    titles = field_titles(draft.form)
    links: list[Node] = []
    for path in [each for each in notes if each][:MAX_SHOWN]:
        id = ids.text_of(ids.chart_part("chart-field", path_id(path)))
        links.append(html.A(titles.get(path, "value"), href="#", **wildcards({"data-focus": id})))
    return [
        html.Span(f"{count(len(notes), 'problem')}: "),
        *links,
        html.Div(notes[()]) if () in notes else None,
    ]
