"""The callbacks of projects: checking and saving the form, deleting, asking and answering."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Input, Output, State, no_update

from portal.domain.errors import InvalidInput, NotFound, PortalError
from portal.projects.form import FIELDS, CheckedProject
from portal.projects.manifests import Found, manifest_text
from portal.projects.requests import ProjectRequests
from portal.projects.service import Projects, ProjectUnfinished
from portal.threads import in_thread
from portal.ui import html, ids
from portal.ui.accepts import FieldValue
from portal.ui.callbacks import Callbacks
from portal.ui.components.basics import Node, notice, wildcards
from portal.ui.components.sliders import message
from portal.ui.context import UiContext
from portal.ui.dialogs import close_on_cancel
from portal.ui.projects.layout import asking
from portal.ui.refusals import refusal
from portal.ui.routes import project_path
from portal.viewmodels.model import Notice, Severity

OFF = "There are no projects in this portal."


def register(app: Callbacks, context: UiContext) -> None:
    """Add the callbacks of these pages."""
    _register_form(app, context)
    _register_removal(app, context)
    _register_asking(app, context)


def _parts(context: UiContext) -> tuple[Projects, ProjectRequests]:
    if context.projects is None or context.project_requests is None:
        raise NotFound(OFF)
    return context.projects, context.project_requests


def _register_form(app: Callbacks, context: UiContext) -> None:
    fields: Any = {name: Input(ids.project(name), "value") for name in FIELDS}
    states: Any = {name: State(ids.project(name), "value") for name in FIELDS}

    async def look(raw: dict[str, FieldValue], opened: str) -> tuple[CheckedProject, Found | None]:
        """Check the form of a new project, or of the one that is ``opened``."""
        projects, _ = _parts(context)
        if not opened:
            return await in_thread(projects.check, raw), None
        now = (await projects.open(context.identity(), opened)).found
        return await in_thread(projects.check, raw, now.project), now

    @app.callback(
        *[Output(ids.project_note(name), "children") for name in FIELDS],
        Output(ids.PROJECT_MANIFESTS, "children"),
        Output(ids.PROJECT_SAVE, "disabled"),
        fields,
        State(ids.PROJECT_OPENED, "data"),
    )
    async def check(raw: dict[str, FieldValue], opened: str) -> tuple[Any, ...]:
        nothing = [no_update] * len(FIELDS)
        try:
            projects, _ = _parts(context)
            if not await projects.administers(context.identity()):
                return (*nothing, no_update, True)
            checked, now = await look(raw, opened)
        except PortalError:
            return (*nothing, no_update, no_update)  # saving says why
        errors = dict(checked.errors)
        if not opened and not str(raw.get("name") or "").strip():
            errors.pop("name", None)  # nobody has typed it yet
        notes = [message(errors, checked.warnings, name) for name in FIELDS]
        if checked.project is None:
            return (*notes, no_update, True)
        text = await in_thread(manifest_text, projects.manifests(checked.project, now))
        return (*notes, text, False)

    @app.callback(
        *[Output(ids.project_note(name), "children", allow_duplicate=True) for name in FIELDS],
        Output(ids.PROJECT_FAILURE, "children"),
        Output(ids.PROJECT_SAVE, "children"),
        Input(ids.PROJECT_SAVE, "n_clicks"),
        states,
        State(ids.PROJECT_OPENED, "data"),
        State(ids.PROJECT_REQUEST, "data"),
        running=[(Output(ids.PROJECT_SAVE, "className"), "sending", "")],
        prevent_initial_call=True,
    )
    async def save(
        clicks: int | None, raw: dict[str, FieldValue], opened: str, request: int | None
    ) -> tuple[Any, ...]:
        nothing = [no_update] * len(FIELDS)
        if not clicks:
            return (*nothing, no_update, no_update)
        identity = context.identity()
        try:
            projects, requests = _parts(context)
            if opened:
                before = (await projects.open(identity, opened)).found
                await projects.change(identity, opened, raw)
                said = _then(SAVED, "/admin/projects") if before.incomplete else notice(SAVED)
                return (*nothing, said, no_update)
            if request is not None:
                made = await requests.grant(identity, request, raw)
            else:
                made = await projects.create(identity, raw)
        except InvalidInput as error:
            notes = [message(error.fields, {}, name) for name in FIELDS]
            return (*notes, refusal(error), no_update)
        except ProjectUnfinished as error:
            notes = [message(error.fields, {}, name) for name in FIELDS]
            return (*notes, refusal(error), html.Span("Try again"))
        except Exception as error:
            return (*nothing, refusal(error), no_update)
        there = Notice(Severity.GOOD, f"The project {made.name} is there.", "Opening its page …")
        return (*nothing, _then(there, project_path(made.name)), no_update)

    app.clientside_callback(
        ClientsideFunction("portal", "saveText"),
        Output(ids.PROJECT_DOWNLOADED, "data"),
        Input(ids.PROJECT_DOWNLOAD, "n_clicks"),
        State(ids.PROJECT_MANIFESTS, "children"),
        State(ids.PROJECT_OPENED, "data"),
        State(ids.project("name"), "value"),
        prevent_initial_call=True,
    )


SAVED = Notice(Severity.GOOD, "The project is saved.", "Roles count within half a minute.")


def _register_removal(app: Callbacks, context: UiContext) -> None:
    @app.callback(
        Output(ids.PROJECT_DELETE_MODAL, "is_open"),
        Input(ids.PROJECT_DELETE, "n_clicks"),
        prevent_initial_call=True,
    )
    async def open_dialog(clicks: int | None) -> bool:
        return bool(clicks)

    @app.callback(
        Output(ids.project_note("confirmed"), "children"),
        Output(ids.PROJECT_DELETE_FAILURE, "children"),
        Output(ids.LOCATION, "href", allow_duplicate=True),
        Input(ids.PROJECT_DELETE_CONFIRM, "n_clicks"),
        State(ids.project("confirmed"), "value"),
        State(ids.PROJECT_OPENED, "data"),
        prevent_initial_call=True,
    )
    async def delete(clicks: int | None, confirmed: FieldValue, opened: str) -> tuple[Any, ...]:
        if not clicks:
            return no_update, no_update, no_update
        try:
            projects, _ = _parts(context)
            await projects.delete(context.identity(), opened, str(confirmed or ""))
        except InvalidInput as error:
            return message(error.fields, {}, "confirmed"), None, no_update
        except Exception as error:
            return None, refusal(error), no_update
        return None, None, "/admin/projects"

    @app.callback(
        Output(ids.PROJECT_FAILURE, "children", allow_duplicate=True),
        Output(ids.LOCATION, "href", allow_duplicate=True),
        Input(ids.PROJECT_HIDE, "n_clicks"),
        State(ids.PROJECT_OPENED, "data"),
        prevent_initial_call=True,
    )
    async def hide(clicks: int | None, opened: str) -> tuple[Any, Any]:
        if not clicks:
            return no_update, no_update
        try:
            projects, _ = _parts(context)
            await projects.hide(context.identity(), opened)
        except Exception as error:
            return refusal(error), no_update
        return None, "/admin/projects"

    close_on_cancel(app, ids.PROJECT_DELETE_MODAL, ids.PROJECT_DELETE_CANCEL)


def _register_asking(app: Callbacks, context: UiContext) -> None:
    @app.callback(
        Output(ids.project_note("ask_name"), "children"),
        Output(ids.project_note("ask_purpose"), "children"),
        Output(ids.PROJECT_ASK_MESSAGE, "children"),
        Output(ids.PROJECT_ASKING, "children"),
        Input(ids.PROJECT_ASK, "n_clicks"),
        State(ids.project("ask_name"), "value"),
        State(ids.project("ask_purpose"), "value"),
        running=[(Output(ids.PROJECT_ASK, "disabled"), True, False)],
        prevent_initial_call=True,
    )
    async def ask(clicks: int | None, name: FieldValue, purpose: FieldValue) -> tuple[Any, ...]:
        if not clicks:
            return (no_update,) * 4
        identity = context.identity()
        try:
            _, requests = _parts(context)
            await requests.ask(identity, str(name or ""), str(purpose or ""))
        except InvalidInput as error:
            names = ("ask_name", "ask_purpose")
            return (*(message(error.fields, {}, each) for each in names), None, no_update)
        except Exception as error:
            return None, None, refusal(error), no_update
        return no_update, no_update, no_update, await asking(requests, identity)

    @app.callback(
        Output(ids.PROJECT_ASK_MESSAGE, "children", allow_duplicate=True),
        Output(ids.PROJECT_ASKING, "children", allow_duplicate=True),
        Input(ids.PROJECT_WITHDRAW, "n_clicks"),
        prevent_initial_call=True,
    )
    async def withdraw(clicks: int | None) -> tuple[Node, Node]:
        if not clicks:
            return no_update, no_update
        identity = context.identity()
        try:
            _, requests = _parts(context)
            await requests.withdraw(identity)
        except Exception as error:
            return refusal(error), no_update
        return no_update, await asking(requests, identity)

    @app.callback(
        Output(ids.PROJECT_DECLINE_MESSAGE, "children"),
        Input(ids.PROJECT_DECLINE, "n_clicks"),
        State(ids.project("decline_reason"), "value"),
        State(ids.PROJECT_REQUEST, "data"),
        prevent_initial_call=True,
    )
    async def decline(clicks: int | None, reason: FieldValue, request: int | None) -> Node:
        if not clicks or request is None:
            return no_update
        try:
            _, requests = _parts(context)
            await requests.decline(context.identity(), request, str(reason or ""))
        except InvalidInput as error:
            return message(error.fields, {}, "decline_reason")
        except Exception as error:
            return refusal(error)
        return _then(Notice(Severity.GOOD, "The request is declined."), "/admin/projects")


def _then(words: Notice, path: str) -> Node:
    """A notice after which the browser opens another page."""
    return html.Div(notice(words), role="status", **wildcards({"data-next": path}))
