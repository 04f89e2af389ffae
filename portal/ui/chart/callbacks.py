"""Callbacks of a chart's page: name, preview, version and launch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, cast
from urllib.parse import parse_qs, urlsplit

from dash import ALL, ClientsideFunction, Input, Output, State, ctx, no_update

from portal.catalog.draft import path_id
from portal.domain.errors import InvalidInput, PortalError
from portal.domain.keys import Key
from portal.domain.proposals import Proposal
from portal.releases.actions import Existing
from portal.releases.checks import Check
from portal.releases.request import ReleaseRequest
from portal.threads import in_thread
from portal.ui import html, ids, name_left
from portal.ui.accepts import FieldValue, OwnText, PartId, Place
from portal.ui.callbacks import Callbacks
from portal.ui.chart import edit
from portal.ui.chart.edit import Edit, by_path, draft_editor_of, edited
from portal.ui.chart.layout import version_path
from portal.ui.components.basics import Node, accepted, failure, icon, notice, wildcards
from portal.ui.components.sliders import message
from portal.ui.context import UiContext
from portal.ui.dialogs import close_on_cancel, preview_on_open
from portal.ui.proposals import PreviewContent, preview_content
from portal.ui.refusals import refusal
from portal.ui.routes import app_path
from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.words import count


class ChartInputs(TypedDict):
    """The inputs of a chart's page."""

    name: str | None
    namespace: str | None
    text: str | None
    basis: str | None
    contents: list[FieldValue]
    fields: list[PartId]
    place: Place


def register(app: Callbacks, context: UiContext) -> None:
    """Add this page's callbacks."""
    name_left.register(app, ids.CHART_NAME, ids.CHART_NAME_LEFT)
    edit.register(app, context)
    _register_name(app, context)
    _register_submit(app, context)
    _register_preview(app, context)
    _register_version(app)
    _register_controls(app)


def _register_name(app: Callbacks, context: UiContext) -> None:
    @app.callback(
        Output(f"{ids.CHART_NAME}-note", "children"),
        Output(f"{ids.CHART_NAMESPACE}-note", "children"),
        Output(ids.CHART_EXISTING, "children"),
        Output(ids.CHART_EXISTING_KEY, "data"),
        Output(ids.CHART_NEEDED, "children"),
        Output(ids.CHART_SUBMIT, "children"),
        Input(ids.CHART_NAME, "value"),
        Input(ids.CHART_NAMESPACE, "value"),
        Input(ids.CHART_NAME_LEFT, "data"),
        State(ids.CHART_PLACE, "data"),
    )
    async def name(
        name: str | None, namespace: str | None, left: bool | None, place: Place
    ) -> tuple[Any, ...]:
        check = _checked(context, name, namespace)
        problem = (
            ""
            if "namespace" in check.errors
            else await context.actions.namespace_problem(
                context.identity(), (namespace or "").strip()
            )
        )
        errors = dict(check.errors) | ({"namespace": problem} if problem else {})
        if not errors and (
            taken := context.actions.overwrite_problem(context.identity(), _key(name, namespace))
        ):
            errors["name"] = taken
        unfit = await _unfit(context, place)
        needed = [failure(unfit), _needed(errors)] if unfit else _needed(errors)
        if not name and not left:
            errors.pop("name", None)  # an empty name is no error before the field was left
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


_INPUTS = {
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
        _INPUTS,
        State(ids.CHART_EXISTING_KEY, "data"),
        State(ids.CHART_PREVIEWED, "data"),
        running=[(Output(ids.CHART_SUBMIT, "className"), "w-100 sending", "w-100")],
        prevent_initial_call=True,
    )
    async def submit(
        clicks: int | None,
        confirmed: int | None,
        inputs: ChartInputs,
        told: str | None,
        previewed: int | None,
    ) -> tuple[Any, Any]:
        if not (clicks or confirmed):
            return no_update, no_update
        confirming = cast("object", ctx.triggered_id) == ids.CHART_CONFIRM
        closed = False if confirming else no_update
        try:
            request = await request_of(context, inputs)
            there = told == str(request.key)
            if there and not confirming:
                return None, True
            edited = inputs["place"].get("revision")
            operation = await context.actions.launch(
                context.identity(),
                request,
                create_only=not there,
                expected_revision=edited if edited is not None else previewed,
            )
        except InvalidInput as error:
            return [failure(text) for text in error.fields.values()], closed
        except Exception as error:
            return refusal(error), closed
        return accepted(operation, app_path(request.key)), closed


def _register_preview(app: Callbacks, context: UiContext) -> None:
    @app.callback(
        *preview_on_open(
            ids.CHART_MODAL, ids.CHART_PREVIEW, ids.CHART_CONFIRM, ids.CHART_PREVIEWED
        ),
        _INPUTS,
        prevent_initial_call=True,
    )
    async def preview(opened: bool | None, inputs: ChartInputs) -> PreviewContent:
        async def proposal() -> Proposal:
            request = await request_of(context, inputs)
            since = inputs["place"].get("revision")
            return await context.actions.previews.upgrade(
                context.identity(), request, expected_revision=since
            )

        return await preview_content(proposal() if opened else None)

    close_on_cancel(app, ids.CHART_MODAL, ids.CHART_CANCEL)


def _register_version(app: Callbacks) -> None:
    @app.callback(
        Output(ids.LOCATION, "href", allow_duplicate=True),
        Input(ids.CHART_VERSION, "value"),
        State(ids.CHART_PLACE, "data"),
        State(ids.CHART_LINK, "data-copy-link"),
        State(ids.CHART_EXISTING_KEY, "data"),
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
    """Add the callbacks that run in the browser."""
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


async def request_of(context: UiContext, inputs: ChartInputs) -> ReleaseRequest:
    """The release request of the page's inputs, which may be newer than the last edit's answer.

    Raises:
        InvalidInput: the text or a field cannot be read.
    """
    editor = await draft_editor_of(context, inputs["place"])
    contents = by_path(inputs["fields"], inputs["contents"])
    made = Edit(inputs["text"] or "", inputs["basis"] or "", contents)
    draft = await in_thread(edited, editor, made)
    if draft.error is not None:
        raise InvalidInput({"values": str(draft.error)})
    if draft.field_errors:
        raise InvalidInput({path_id(path): words for path, words in draft.field_errors.items()})
    key = _key(inputs["name"], inputs["namespace"])
    return ReleaseRequest(key, editor.chart, await in_thread(editor.values_for_helm, draft))


async def _unfit(context: UiContext, place: Place) -> str:
    """Return the reason why the chart cannot be installed in this cluster, "" if it can."""
    try:
        editor = await draft_editor_of(context, place)
    except PortalError:  # its source has changed since the page was made: said beside the text
        return ""
    return await context.actions.kubernetes_problem(editor.chart.content.kube_version)


def _needed(errors: Mapping[str, str]) -> Node:
    """Links to the fields beside the values that are missing or wrong."""
    links = [
        html.A(title, href="#", **wildcards({"data-focus": id}))
        for field, title, id in (
            ("name", "Name", ids.CHART_NAME),
            ("namespace", "Namespace", ids.CHART_NAMESPACE),
        )
        if field in errors
    ]
    return [html.Span(f"{count(len(links), 'problem')}: "), *links] if links else None


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
            Severity.BUSY if ours else Severity.WARN,
            "A release of this name exists: its values will be replaced."
            if ours
            else "This name is used by a release of another chart.",
            f"{existing.key.name} is at revision {existing.revision} in {existing.key.namespace}.",
        )
    )
