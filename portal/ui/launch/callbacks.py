"""Callbacks of the launch form: checks while typing, preview, launch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from dash import ALL, ClientsideFunction, Input, Output, State, ctx, no_update
from msgspec import Struct

from portal.catalog.images import image_problem
from portal.catalog.launch_fields import FIELDS, LABELS, PRESET_FIELDS, SWITCHED
from portal.domain.errors import InvalidInput
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.launch import LaunchSpec
from portal.domain.proposals import Proposal
from portal.domain.quantities import parse
from portal.images.report import ImageReport
from portal.releases.actions import Existing
from portal.releases.forms import Preview
from portal.releases.links import link_of
from portal.threads import in_thread
from portal.ui import html, ids, name_left
from portal.ui.accepts import FieldValue
from portal.ui.callbacks import Callbacks
from portal.ui.components.basics import Node, accepted, failure, icon, notice, wildcards
from portal.ui.components.sliders import message
from portal.ui.context import UiContext
from portal.ui.dialogs import close_on_cancel, preview_on_open
from portal.ui.launch import files, image, integrations, sizes
from portal.ui.launch.fields import FOLDED, section_mark
from portal.ui.proposals import PreviewContent, preview_content
from portal.ui.refusals import refusal
from portal.ui.routes import app_path, launch_path
from portal.viewmodels.cost import daily_words, usual_pods
from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.words import count

NOTHING_YET = "Shown when the form has no errors."
Fields = dict[str, FieldValue]
Switches = dict[str, bool | None]

STAND_IN = "my-app"
"""The name in the preview while the field is empty."""


def raw_form(values: Mapping[str, Any], on: Mapping[str, Any]) -> dict[str, object]:
    """The form as ``ReleaseForms.check`` takes it: targets that are switched off are None."""
    return {field: None if field in on and not on[field] else values.get(field) for field in FIELDS}


class _CheckResult(Struct, frozen=True):
    """The outputs of a check of the form."""

    notes: dict[str, Node]
    marks: dict[str, str]
    values: str
    command: str
    cost: str
    existing: Node
    told: str
    link: str
    problems: Node
    offer: Node
    label: str
    disabled: bool


def register(app: Callbacks, context: UiContext) -> None:
    """Add this page's callbacks."""
    integrations.register(app, context)
    files.register(app, context)
    sizes.register(app)
    image.register(app, context)
    name_left.register(app, ids.launch("name"), ids.LAUNCH_NAME_LEFT)
    _register_controls(app)
    _register_check(app, context)
    _register_submit(app, context)
    _register_preview(app, context)


_CONTROLS = {field: (ids.launch(field), "value") for field in FIELDS}
_SWITCHES = {field: (ids.launch_on(field), "value") for field in SWITCHED}
_FORM = (
    {field: State(*where) for field, where in _CONTROLS.items()},
    {field: State(*where) for field, where in _SWITCHES.items()},
)
"""The states of the form's fields, and of their switches."""


def _register_controls(app: Callbacks) -> None:
    """Add the callbacks that run in the browser."""
    app.clientside_callback(
        ClientsideFunction("portal", "launchShow"),
        Output(ids.LAUNCH_FIXED, "className"),
        Output(ids.LAUNCH_SCALED, "className"),
        Output(ids.LAUNCH_HOST, "className"),
        Output(ids.launch("target_cpu"), "disabled"),
        Output(ids.launch("target_memory"), "disabled"),
        Input(*_CONTROLS["autoscaling"]),
        Input(*_CONTROLS["exposure"]),
        Input(*_SWITCHES["target_cpu"]),
        Input(*_SWITCHES["target_memory"]),
    )
    app.clientside_callback(
        ClientsideFunction("portal", "unfold"),
        Output(ids.LAUNCH_UNFOLDED, "data"),
        [Input(ids.launch_mark(each.name), "children") for each in FOLDED],
        State(ids.LAUNCH_UNFOLDED, "data"),
    )
    app.clientside_callback(
        ClientsideFunction("portal", "presetMark"),
        Output({"type": ids.PRESET, "name": ALL}, "className"),
        Input(*_CONTROLS["repository"]),
        Input(*_CONTROLS["tag"]),
        State({"type": ids.PRESET, "name": ALL}, "id"),
    )

    # In the browser, so that nothing typed while waiting for the server is lost.
    app.clientside_callback(
        ClientsideFunction("portal", "fillIn"),
        [Output(*_CONTROLS[field]) for field in PRESET_FIELDS],
        Input({"type": ids.PRESET, "name": ALL}, "n_clicks"),
        State(ids.LAUNCH_PRESETS, "data"),
        prevent_initial_call=True,
    )


def _register_check(app: Callbacks, context: UiContext) -> None:
    @app.callback(
        output={
            "notes": {field: Output(ids.launch_note(field), "children") for field in FIELDS},
            "marks": {each.name: Output(ids.launch_mark(each.name), "children") for each in FOLDED},
            "values": Output(ids.LAUNCH_VALUES, "children"),
            "command": Output(ids.LAUNCH_COMMAND, "children"),
            "cost": Output(ids.LAUNCH_COST, "children"),
            "existing": Output(ids.LAUNCH_EXISTING, "children"),
            "told": Output(ids.LAUNCH_EXISTING_KEY, "data"),
            "link": Output(ids.LAUNCH_LINK, "data-copy-link"),
            "unsaved": Output(ids.LAUNCH_SAVE, "disabled"),
            "problems": Output(ids.LAUNCH_PROBLEMS, "children"),
            "offer": Output(ids.LAUNCH_IMAGE_OFFER, "children"),
            "submit": Output(ids.LAUNCH_SUBMIT, "children"),
            "disabled": Output(ids.LAUNCH_SUBMIT, "disabled"),
        },
        inputs={
            "values": {field: Input(*where) for field, where in _CONTROLS.items()},
            "on": {field: Input(*where) for field, where in _SWITCHES.items()},
            "left": Input(ids.LAUNCH_NAME_LEFT, "data"),
            "found": Input(ids.LAUNCH_IMAGE_FOUND, "data"),
            "made_with": Input(ids.LAUNCH_MADE_WITH, "value"),
        },
    )
    async def check(
        values: Fields,
        on: Switches,
        left: bool | None,
        found: image.Answered,
        made_with: str | None,
    ) -> dict[str, Any]:
        raw = raw_form(values, on)
        report = image.report_for(found, raw)
        answer = await _check(context, raw, name_left=left, report=report, made_with=made_with)
        return {
            "notes": answer.notes,
            "marks": answer.marks,
            "values": answer.values or NOTHING_YET,
            "command": answer.command or NOTHING_YET,
            "unsaved": not answer.values,
            "cost": answer.cost,
            "existing": answer.existing,
            "told": answer.told,
            "link": answer.link,
            "problems": answer.problems,
            "offer": answer.offer,
            "submit": [icon("launch"), html.Span(answer.label)],
            "disabled": answer.disabled,
        }


def _register_submit(app: Callbacks, context: UiContext) -> None:
    @app.callback(
        Output(ids.LAUNCH_FAILURE, "children"),
        Output(ids.UPGRADE_MODAL, "is_open"),
        Output(ids.UPGRADE_WORDS, "children"),
        Input(ids.LAUNCH_SUBMIT, "n_clicks"),
        Input(ids.UPGRADE_CONFIRM, "n_clicks"),
        *_FORM,
        State(ids.LAUNCH_EXISTING_KEY, "data"),
        State(ids.LAUNCH_EDITED_REVISION, "data"),
        State(ids.UPGRADE_PREVIEWED, "data"),
        running=[(Output(ids.LAUNCH_SUBMIT, "className"), "w-100 sending", "w-100")],
        prevent_initial_call=True,
    )
    async def submit(
        clicks: int | None,
        confirmed: int | None,
        values: Fields,
        on: Switches,
        told: str | None,
        edited: int | None,
        previewed: int | None,
    ) -> tuple[Any, Any, Any]:
        if not (clicks or confirmed):
            return no_update, no_update, no_update
        confirming = cast("object", ctx.triggered_id) == ids.UPGRADE_CONFIRM
        closed = False if confirming else no_update
        checked = context.forms.check(raw_form(values, on))
        if checked.spec is None:
            return failure(" ".join(checked.errors.values())), closed, no_update
        key = checked.spec.key
        if told == str(key) and not confirming:
            return None, True, _upgrade_words(context, key)
        since = edited if edited is not None else previewed
        try:
            operation = await context.actions.launch(
                context.identity(),
                checked.spec,
                create_only=told != str(key),
                expected_revision=since,
            )
        except InvalidInput as error:
            return [failure(text) for text in error.fields.values()], closed, no_update
        except Exception as error:
            return refusal(error), closed, no_update
        return accepted(operation, app_path(key)), closed, no_update


def _register_preview(app: Callbacks, context: UiContext) -> None:
    @app.callback(
        *preview_on_open(
            ids.UPGRADE_MODAL, ids.UPGRADE_PREVIEW, ids.UPGRADE_CONFIRM, ids.UPGRADE_PREVIEWED
        ),
        *_FORM,
        State(ids.LAUNCH_EDITED_REVISION, "data"),
        prevent_initial_call=True,
    )
    async def preview(
        opened: bool | None,
        values: Fields,
        on: Switches,
        edited: int | None,
    ) -> PreviewContent:
        raw = raw_form(values, on)
        return await preview_content(_proposal(context, raw, edited) if opened else None)

    close_on_cancel(app, ids.UPGRADE_MODAL, ids.UPGRADE_CANCEL)


def _upgrade_words(context: UiContext, key: Key) -> Node:
    """The present state of the app that will be upgraded."""
    now = context.app(context.identity(), key)
    return html.P([html.Strong(str(key)), f", revision {now.revision}. {now.sentence}"])


async def _proposal(context: UiContext, raw: dict[str, object], edited: int | None) -> Proposal:
    """The proposal for the form's release. Errors name the fields they are about."""
    checked = context.forms.check(raw)
    try:
        if checked.spec is None:
            raise InvalidInput(checked.errors)
        return await context.actions.previews.upgrade(
            context.identity(), checked.spec, expected_revision=edited
        )
    except InvalidInput as error:
        raise InvalidInput(
            {field: f"{LABELS.get(field, field)}: {text}" for field, text in error.fields.items()}
        ) from error


async def _check(
    context: UiContext,
    raw: dict[str, object],
    *,
    name_left: bool | None,
    report: ImageReport | None = None,
    made_with: str | None = "",
) -> _CheckResult:
    identity, existing = context.identity(), None
    checked = context.forms.check(raw)
    errors = dict(checked.errors)
    if "namespace" not in errors:
        namespace = str(raw.get("namespace") or "")
        problem = await context.actions.namespace_problem(identity, namespace)
        errors |= {"namespace": problem} if problem else {}
    if "namespace" not in errors and "repository" not in errors and raw.get("repository"):
        allowed = (await context.app_limits(str(raw.get("namespace")))).images
        if problem := image_problem(str(raw.get("repository")).strip(), allowed):
            errors["repository"] = problem
    warnings = dict(checked.warnings)
    if checked.spec and not errors:
        volume = await context.actions.volumes.notes(identity, checked.spec)
        errors |= volume.errors | await context.actions.root.problems(checked.spec)
        warnings |= volume.warnings
    shown = dict(errors)
    if not raw.get("name") and not name_left:
        shown.pop("name", None)  # an empty name is no error before the field was left
    if checked.spec:
        existing = context.actions.existing(identity, checked.spec.key)
        problems = context.actions.placeholder_problems(identity, checked.spec)
        taken = context.actions.overwrite_problem(identity, checked.spec.key)
        if taken and "namespace" not in errors:
            problems["name"] = taken
        errors |= problems
        shown |= problems
    preview = Preview("", "")
    spec = checked.spec or _without_name(context, raw, errors)
    if spec:
        preview = await _preview(context, identity, spec, existing)
    if checked.spec:
        warnings = {**context.launch_findings(identity, checked.spec), **warnings}
        warnings |= context.actions.last_chart_errors(identity, checked.spec)
    advised = await image.advised(warnings, report, raw, made_with)
    warnings = advised.warnings
    return _CheckResult(
        notes={field: message(shown, warnings, field) for field in FIELDS},
        marks={each.name: section_mark(each, raw, {*shown, *warnings}) for each in FOLDED},
        values=preview.values_yaml,
        command=preview.command,
        cost=_cost(context, identity, spec, existing) if spec else "",
        existing=_existing(existing),
        told=str(existing.key) if existing else "",
        link=launch_path(link_of(raw)),
        problems=_problems(errors),
        offer=advised.offer,
        label="Upgrade" if existing else "Launch",
        disabled=bool(errors),
    )


def _cost(
    context: UiContext, identity: Identity, spec: LaunchSpec, existing: Existing | None
) -> str:
    """Return what the app would reserve a day, and reserves as it has been of late."""
    scaled = spec.autoscaling
    counts = (scaled.min_replicas, scaled.max_replicas) if scaled else (spec.replicas,)
    usual = None
    if existing and scaled:
        view = context.app(identity, spec.key)
        usual = usual_pods((*view.settled, *view.unsettled))
    # Kubernetes takes the limit where no request is given.
    cores, memory = spec.cpu_request or spec.cpu_limit, spec.memory_request or spec.memory_limit
    return daily_words(
        counts,
        float(parse(cores)) if cores else None,
        float(parse(memory)) if memory else None,
        context.prices,
        usual,
    )


def _without_name(
    context: UiContext, raw: dict[str, object], errors: Mapping[str, str]
) -> LaunchSpec | None:
    """The spec of a form that lacks only its name, with ``STAND_IN`` for it; else None."""
    if set(errors) != {"name"} or raw.get("name"):
        return None
    return context.forms.check({**raw, "name": STAND_IN}).spec


async def _preview(
    context: UiContext, identity: Identity, spec: LaunchSpec, existing: Existing | None
) -> Preview:
    values = None  # the preview then shows the form's own values
    if existing and existing.ours:
        values = context.actions.known_values(identity, spec.key)
    # An app keeps its owner.
    by = "" if existing else identity.user
    return await in_thread(context.forms.preview, spec, values, by)


def _existing(existing: Existing | None) -> Node:
    if existing is None:
        return None
    return notice(
        Notice(
            Severity.BUSY if existing.ours else Severity.WARN,
            "A release of this name exists: this will upgrade it."
            if existing.ours
            else "This name is used by a release of another chart.",
            existing.sentence,
        )
    )


def _problems(errors: Mapping[str, str]) -> Node:
    if not errors:
        return None
    fields = [field for field in FIELDS if field in errors]
    return [
        html.Span(f"{count(len(fields), 'problem')}: "),
        *[
            html.A(
                LABELS[field],
                href=f"#{ids.launch(field)}",
                **wildcards({"data-focus": ids.launch(field)}),
            )
            for field in fields
        ],
    ]
