"""A chart's form and its values as text, kept in step; and the launch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, cast
from urllib.parse import parse_qs, urlsplit

from dash import ALL, ClientsideFunction, Input, Output, State, ctx, no_update
from msgspec import Struct, field

from portal.actions.actions import Existing
from portal.actions.charts import ChartOrder
from portal.actions.checks import Check
from portal.aside import aside
from portal.catalog.draft import Draft, Drafting, field_titles, path_id, path_of
from portal.catalog.validate import Path
from portal.catalog.values import Values
from portal.domain.errors import InvalidInput, PortalError
from portal.domain.keys import Key
from portal.domain.revisions import Proposal
from portal.ui import html, ids, unfinished
from portal.ui.accepts import FieldValue, OwnText, PartId, Place
from portal.ui.callbacks import Callbacks
from portal.ui.chart.form import field_note
from portal.ui.chart.layout import form_of, version_path
from portal.ui.components.basics import Node, accepted, failure, icon, notice, wildcards
from portal.ui.components.preview import ADDING_UP, waiting
from portal.ui.components.sliders import message
from portal.ui.context import UiContext
from portal.ui.encoding import plain
from portal.ui.proposals import Shown, shown
from portal.ui.refusals import refusal
from portal.ui.routes import app_path, chart_path
from portal.viewmodels.model import Notice, Tone

MAX_SHOWN = 12
"""Problems that are listed above the button."""


class Edit(Struct, frozen=True):
    """What the browser says of the page. ``touched``: which part of the form it was, by kind.

    ``basis`` is the text that the form on the page was made of.
    """

    text: str
    basis: str
    contents: Mapping[Path, object] = field(default_factory=dict[Path, object])
    choices: Mapping[Path, object] = field(default_factory=dict[Path, object])
    touched: Mapping[str, Path] = field(default_factory=dict[str, Path])
    clicked: bool = False


class Asked(TypedDict):
    """What the page asks for, as it looks now."""

    name: str | None
    namespace: str | None
    text: str | None
    basis: str | None
    contents: list[FieldValue]
    fields: list[PartId]
    place: Place


def register(app: Callbacks, context: UiContext) -> None:
    """Add this page's callbacks."""
    unfinished.register(app, ids.CHART_NAME, ids.CHART_LEFT)
    _register_edit(app, context)
    _register_name(app, context)
    _register_submit(app, context)
    _register_preview(app, context)
    _register_version(app)
    _register_controls(app)


def _register_edit(app: Callbacks, context: UiContext) -> None:
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
            contents=_by_path(fields, contents),
            choices=_by_path(choosers, choices),
            touched={each["type"]: path_of(each["path"]) for each in triggered if "type" in each},
            clicked=any(added) or any(removed),
        )
        paths = [path_of(each["path"]) for each in notes]
        try:
            drafting = await _drafting(context, place)
        except PortalError as error:  # its source has changed since the page was made
            return _nothing_new(paths) | {"said": refusal(error)}
        return await aside(_answer, drafting, made, paths)


def _register_name(app: Callbacks, context: UiContext) -> None:
    @app.callback(
        Output(f"{ids.CHART_NAME}-note", "children"),
        Output(f"{ids.CHART_NAMESPACE}-note", "children"),
        Output(ids.CHART_EXISTING, "children"),
        Output(ids.CHART_TOLD, "data"),
        Output(ids.CHART_NEEDED, "children"),
        Output(ids.CHART_SUBMIT, "children"),
        Input(ids.CHART_NAME, "value"),
        Input(ids.CHART_NAMESPACE, "value"),
        Input(ids.CHART_LEFT, "data"),
        State(ids.CHART_PLACE, "data"),
    )
    async def name(
        name: str | None, namespace: str | None, left: bool | None, place: Place
    ) -> tuple[Any, ...]:
        check = _checked(context, name, namespace)
        problem = (
            ""
            if "namespace" in check.errors
            else await context.actions.namespace_problem((namespace or "").strip())
        )
        errors = dict(check.errors) | ({"namespace": problem} if problem else {})
        if not errors and (
            taken := context.actions.taken(context.identity(), _key(name, namespace))
        ):
            errors["name"] = taken
        needed = _needed(errors)
        if not name and not left:
            errors.pop("name", None)  # not yet filled in is not wrong yet
        existing = (
            None
            if errors or not name
            else context.actions.existing(context.identity(), _key(name, namespace))
        )
        return (
            message(errors, {}, "name"),
            message(errors, {}, "namespace"),
            _existing(existing, place),
            str(existing.key) if existing else "",
            needed,
            [icon("launch"), html.Span("Upgrade" if existing else "Launch")],
        )


_ASKED = {
    "name": State(ids.CHART_NAME, "value"),
    "namespace": State(ids.CHART_NAMESPACE, "value"),
    "text": State(ids.CHART_YAML, "value"),
    "basis": State(ids.CHART_BASIS, "data"),
    "contents": State({"type": "chart-field", "path": ALL}, "value"),
    "fields": State({"type": "chart-field", "path": ALL}, "id"),
    "place": State(ids.CHART_PLACE, "data"),
}


def _register_submit(app: Callbacks, context: UiContext) -> None:
    @app.callback(
        Output(ids.CHART_FAILURE, "children"),
        Output(ids.CHART_MODAL, "is_open"),
        Input(ids.CHART_SUBMIT, "n_clicks"),
        Input(ids.CHART_CONFIRM, "n_clicks"),
        _ASKED,
        State(ids.CHART_TOLD, "data"),
        State(ids.CHART_SINCE, "data"),
        running=[(Output(ids.CHART_SUBMIT, "className"), "w-100 sending", "w-100")],
        prevent_initial_call=True,
    )
    async def submit(
        clicks: int | None,
        confirmed: int | None,
        asked: Asked,
        told: str | None,
        previewed: int | None,
    ) -> tuple[Any, Any]:
        if not (clicks or confirmed):
            return no_update, no_update
        confirming = cast("object", ctx.triggered_id) == ids.CHART_CONFIRM
        closed = False if confirming else no_update
        try:
            order = await order_of(context, asked)
            there = told == str(order.key)
            if there and not confirming:
                return None, True
            edited = asked["place"].get("revision")
            operation = await context.actions.launch_chart(
                context.identity(),
                order,
                only_new=not there,
                since=edited if edited is not None else previewed,
            )
        except InvalidInput as error:
            return [failure(text) for text in error.fields.values()], closed
        except Exception as error:
            return refusal(error), closed
        return accepted(operation, app_path(order.key)), closed


def _register_preview(app: Callbacks, context: UiContext) -> None:
    @app.callback(
        Output(ids.CHART_PREVIEW, "children"),
        Output(ids.CHART_CONFIRM, "disabled"),
        Output(ids.CHART_SINCE, "data"),
        Input(ids.CHART_MODAL, "is_open"),
        _ASKED,
        prevent_initial_call=True,
    )
    async def preview(opened: bool | None, asked: Asked) -> Shown:
        if not opened:
            return waiting(ADDING_UP), True, None

        async def proposal() -> Proposal:
            order = await order_of(context, asked)
            since = asked["place"].get("revision")
            return await context.actions.previews.order(context.identity(), order, since=since)

        return await shown(proposal())

    app.clientside_callback(
        ClientsideFunction("portal", "closed"),
        Output(ids.CHART_MODAL, "is_open", allow_duplicate=True),
        Input(ids.CHART_CANCEL, "n_clicks"),
        prevent_initial_call=True,
    )


def _register_version(app: Callbacks) -> None:
    @app.callback(
        Output(ids.LOCATION, "href", allow_duplicate=True),
        Input(ids.CHART_VERSION, "value"),
        State(ids.CHART_PLACE, "data"),
        State(ids.CHART_LINK, "data-copy-link"),
        State(ids.CHART_TOLD, "data"),
        State(ids.CHART_NAME, "value"),
        State(ids.CHART_NAMESPACE, "value"),
        prevent_initial_call=True,
    )
    def version(
        wanted: OwnText,
        place: Place,
        link: str | None,
        told: str | None,
        name: str | None,
        namespace: str | None,
    ) -> Any:
        if not wanted or wanted == place["version"]:
            return no_update
        values = parse_qs(urlsplit(link or "").query).get("values", [""])[0]
        new = None if told or not name else _key(name, namespace)
        return version_path(place, wanted, values=values, key=new)


def _register_controls(app: Callbacks) -> None:
    """What the browser does by itself."""
    app.clientside_callback(
        ClientsideFunction("portal", "fillIn"),
        [Output(ids.CHART_YAML, "value", allow_duplicate=True)],
        Input({"type": ids.CHART_PRESET, "name": ALL}, "n_clicks"),
        State(ids.CHART_PRESETS, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("portal", "chartReady"),
        Output(ids.CHART_SUBMIT, "disabled"),
        Input(ids.CHART_NEEDED, "children"),
        Input(ids.CHART_PROBLEMS, "children"),
        Input(ids.CHART_YAML_NOTE, "children"),
    )
    app.clientside_callback(
        ClientsideFunction("portal", "saveText"),
        Output(ids.CHART_SAVED, "data"),
        Input(ids.CHART_SAVE, "n_clicks"),
        State(ids.CHART_YAML, "value"),
        State(ids.CHART_PLACE, "data"),
        State(ids.CHART_NAME, "value"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("portal", "openText"),
        Output(ids.CHART_YAML, "value", allow_duplicate=True),
        Input(ids.CHART_OPEN, "contents"),
        prevent_initial_call=True,
    )


async def _drafting(context: UiContext, place: Mapping[str, Any]) -> Drafting:
    """The chart that the page was made for. What the browser says of it is looked up again."""
    chart = await context.catalog.chart(
        str(place.get("source")), str(place.get("chart")), str(place.get("version"))
    )
    release = place.get("release")
    existing: Values | None = None
    if release:
        # Placeholders stand for its secrets.
        existing = dict(await context.actions.own_values(context.identity(), Key(*release)))
    return await aside(Drafting, chart, existing)


async def order_of(context: UiContext, asked: Asked) -> ChartOrder:
    """What the page asks for, as it looks: the answer to the last edit may be on its way yet.

    Raises ``InvalidInput`` while its text or a field cannot be read.
    """
    drafting = await _drafting(context, asked["place"])
    contents = _by_path(asked["fields"], asked["contents"])
    made = Edit(asked["text"] or "", asked["basis"] or "", contents)
    draft = await aside(edited, drafting, made)
    if draft.error is not None:
        raise InvalidInput({"values": str(draft.error)})
    if draft.unread:
        raise InvalidInput({path_id(path): words for path, words in draft.unread.items()})
    key = _key(asked["name"], asked["namespace"])
    return ChartOrder(key, drafting.chart, await aside(drafting.sent, draft))


def _by_path(parts: list[PartId], values: list[Any]) -> dict[Path, object]:
    return {path_of(id["path"]): value for id, value in zip(parts, values, strict=True)}


def edited(drafting: Drafting, made: Edit) -> Draft:
    """The draft after an edit, wherever it was made."""
    if made.text == made.basis:
        draft = drafting.fill(made.text, made.contents.items())
    elif "chart-field" in made.touched:
        # Somebody wrote in the text as well: of the form only what was just touched counts.
        path = made.touched["chart-field"]
        draft = drafting.fill(made.text, [(path, made.contents.get(path))])
    else:
        draft = drafting.read(made.text)
    match made.touched:
        case {"chart-add": path} if made.clicked:
            return drafting.add(draft.text, path)
        case {"chart-remove": path} if made.clicked:
            return drafting.remove(draft.text, path)
        case {"chart-choose": path}:
            wanted = str(made.choices.get(path, ""))
            chosen = int(wanted[:4]) if wanted.isdecimal() else -1
            return drafting.choose(draft.text, path, chosen)
        case _:
            return draft


def _answer(drafting: Drafting, made: Edit, noted: list[Path]) -> dict[str, Any]:
    """What the page shows after an edit. The form is made anew only if it looks different."""
    draft = edited(drafting, made)
    before = drafting.read(made.basis)
    notes = draft.notes()
    same = made.text == made.basis and before.structure == draft.structure
    chart = drafting.chart
    values = drafting.link(draft)
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
    count = len(notes)
    return [
        html.Span("One thing to fix: " if count == 1 else f"{count} things to fix: "),
        *links,
        html.Div(notes[()]) if () in notes else None,
    ]


def _needed(errors: Mapping[str, str]) -> Node:
    """What is missing beside the values."""
    links = [
        html.A(title, href="#", **wildcards({"data-focus": id}))
        for field, title, id in (
            ("name", "Name", ids.CHART_NAME),
            ("namespace", "Namespace", ids.CHART_NAMESPACE),
        )
        if field in errors
    ]
    return [html.Span("Still needed: "), *links] if links else None


def _checked(context: UiContext, name: str | None, namespace: str | None) -> Check:
    check = Check({"name": name, "namespace": namespace})
    check.name()
    check.namespace(context.forms.rules)
    return check


def _key(name: str | None, namespace: str | None) -> Key:
    return Key((namespace or "").strip(), (name or "").strip())


def _existing(existing: Existing | None, place: Mapping[str, Any]) -> Node:
    if existing is None or place.get("revision") is not None:
        return None
    ours = existing.chart in {str(place.get("chart")).rpartition("/")[2], ""}  # "": not read yet
    return notice(
        Notice(
            Tone.BUSY if ours else Tone.WARN,
            "An app of this name is there: its values will be replaced by these."
            if ours
            else "This name is taken by something else.",
            f"{existing.key.name} is at revision {existing.revision} in {existing.key.namespace}.",
        )
    )
