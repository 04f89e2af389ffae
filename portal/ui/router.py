"""Routing: renders the page of an address."""

from __future__ import annotations

from dash import Input, Output, ctx
from dash.exceptions import PreventUpdate

from portal.domain.errors import PortalError
from portal.domain.identity import Identity
from portal.releases.forms import FormFields, ReleaseForms
from portal.releases.links import adjusted_form, linked_form
from portal.threads import in_thread
from portal.ui import ids
from portal.ui.app import layout as app_page
from portal.ui.apps import layout as releases_page
from portal.ui.audit import layout as audit_page
from portal.ui.autoscaling import layout as autoscaling_page
from portal.ui.callbacks import Callbacks
from portal.ui.catalog import layout as catalog_page
from portal.ui.chart import layout as chart_page
from portal.ui.components.basics import LAUNCH_NOWHERE, Node, failure, launch_failed, notice
from portal.ui.context import UiContext
from portal.ui.encoding import plain
from portal.ui.launch import layout as launch_page
from portal.ui.logs import layout as logs_page
from portal.ui.objects import layout as objects_page
from portal.ui.overview import layout as overview_page
from portal.ui.pod import layout as pod_page
from portal.ui.projects import layout as projects_page
from portal.ui.refusals import refusal
from portal.ui.routes import CONNECT, Page, Route, parse
from portal.ui.sessions import page as sessions_page
from portal.ui.shell import nav, not_found, who
from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.quotas import left_words


async def missing(context: UiContext, route: Route, identity: Identity) -> bool:
    """Return True if what the page of a route is about is not there for ``identity``.

    The document is then answered with status 404. An app's page is live and waits for the app, so
    it is always there; a page that cannot be looked up says why itself.
    """
    try:
        match route.page:
            case Page.NOT_FOUND:
                return True
            case Page.PROJECTS | Page.PROJECT | Page.NEW_PROJECT | Page.OWN_PROJECTS:
                return await projects_page.missing(context, identity, route)
            case Page.PROCESSES | Page.SHELL if route.key is not None:
                return pod_page.missing(route.key, dict(route.given))
            case Page.CHART if route.chart is not None:
                return context.catalog.lacks(route.chart.source, route.chart.chart)
            case _:
                return False
    except PortalError:
        return False


async def page_for(context: UiContext, route: Route, identity: Identity) -> Node:
    """The layout of a route, with its current data."""
    match route.page:
        case Page.APPS | Page.ADMIN:
            return releases_page.layout(context, identity, route)
        case Page.OVERVIEW:
            return overview_page.layout(context, identity, route)
        case Page.APP if route.key is not None:
            return app_page.layout(context, identity, route.key)
        case Page.OBJECTS if route.key is not None:
            return await objects_page.layout(context, identity, route.key, dict(route.given))
        case Page.AUTOSCALING if route.key is not None:
            return autoscaling_page.layout(context, identity, route.key, dict(route.given))
        case Page.PROCESSES if route.key is not None:
            return await pod_page.processes(context, identity, route.key, dict(route.given))
        case Page.SHELL if route.key is not None:
            return await pod_page.shell(context, identity, route.key, dict(route.given))
        case Page.LOGS if route.key is not None:
            return logs_page.layout(context, identity, route.key)
        case Page.LAUNCH:
            return await _launch(context, route, identity)
        case Page.AUDIT | Page.TRAIL:
            return await audit_page.layout(context, identity, route)
        case Page.PROJECTS | Page.PROJECT | Page.NEW_PROJECT | Page.OWN_PROJECTS:
            return await projects_page.layout(context, identity, route)
        case Page.SESSIONS:
            return sessions_page.layout(context, identity)
        case Page.CATALOG:
            return catalog_page.layout(context)
        case Page.CHART if route.chart is not None:
            return await chart_page.page_of(context, identity, route.chart, route.key)
        case _:
            return not_found()


async def _launch(context: UiContext, route: Route, identity: Identity) -> Node:
    forms = context.forms_for(identity)
    if route.key is None:
        raw, said = _linked(context, forms, dict(route.given), identity)
        raw = await _with_default_size(context, forms, raw, identity)
        rooms = await _rooms(context, identity) if forms.rules.listed else {}
        problem = notice(LAUNCH_NOWHERE) if forms.nowhere and said is None else said
        return launch_page.layout(forms, raw, editing=None, problem=problem, rooms=rooms)
    try:
        asked = await context.actions.failed_form(identity, route.key)
        if asked is not None:
            failed = notice(launch_failed(route.key))
            return launch_page.layout(forms, asked, editing=None, problem=failed)
        place = await chart_page.failed_place(context, identity, route.key)
        if place is not None:
            return await chart_page.page_of(context, identity, place, route.key)
        filled = await context.actions.edit_form(identity, route.key)
    except PortalError as error:
        place = await chart_page.place_of(context, identity, route.key)
        if place is not None:
            return await chart_page.page_of(context, identity, place, route.key)
        problem = failure(error.message, error.advice)
        return launch_page.layout(forms, forms.defaults(), editing=None, problem=problem)
    given = dict(route.given)
    return launch_page.layout(
        forms,
        adjusted_form(forms, filled.raw, given),
        editing=route.key,
        revision=filled.revision,
        problem=notice(ADJUSTED) if given else None,
    )


async def _with_default_size(
    context: UiContext, forms: ReleaseForms, raw: FormFields, identity: Identity
) -> FormFields:
    """Return the form of a new app with the size that its project begins with."""
    namespace = str(raw.get("namespace") or "")
    if raw.get("size") or await context.actions.namespace_problem(identity, namespace):
        return raw
    size = (await context.app_limits(namespace)).size
    return {**raw, "size": size} if size in {each.name for each in forms.sizes} else raw


async def _rooms(context: UiContext, identity: Identity) -> dict[str, str]:
    """Return the labels of the projects of ``identity``: name, purpose, and what is left."""
    if context.projects is None:
        return {}
    try:
        rows = await context.projects.own(identity)
    except PortalError:
        return {}  # the form works with names alone
    return {
        each.name: " – ".join(filter(None, (each.name, each.purpose, left_words(each.quotas))))
        for each in rows
    }


ADJUSTED = Notice(
    Severity.BUSY,
    "Other values than the app has are filled in.",
    "Nothing is changed before you have seen the preview and pressed Upgrade.",
)


def _linked(
    context: UiContext, forms: ReleaseForms, given: dict[str, str], identity: Identity
) -> tuple[FormFields, Node]:
    """The form that a link fills in, and a notice of its connection."""
    wanted = given.pop(CONNECT, "")
    raw = linked_form(forms, given)
    if not wanted:
        return raw, None
    namespace = str(raw["namespace"])
    found = context.connections(identity, namespace)
    chosen = next((each for each in found if each.id == wanted), None)
    if chosen is None:
        gone = f"The service {wanted[:80]} no longer exists in {namespace}."
        return raw, notice(Notice(Severity.WARN, gone, "Choose another one under “Connect to”."))
    said = Notice(
        Severity.GOOD,
        f"The app will be connected to {chosen.release.name}.",
        f"The environment variable {chosen.variable} holds its address, {chosen.address}.",
    )
    return {**raw, "env": chosen.line}, notice(said)


def register(app: Callbacks, context: UiContext) -> None:
    """Add the routing callback."""

    @app.callback(
        Output(ids.PAGE, "children"),
        Output(ids.NAV, "children"),
        Output(ids.WHO, "children"),
        Input(ids.LOCATION, "pathname"),
        Input(ids.LOCATION, "search"),
    )
    async def route(pathname: str | None, search: str | None) -> tuple[Node, Node, Node]:
        identity = context.identity()
        where = parse(pathname, search)
        searched = where.lists or where.page is Page.OBJECTS
        if searched and set(ctx.triggered_prop_ids) == {f"{ids.LOCATION}.search"}:
            raise PreventUpdate  # another part of the same list, or object of the same tree
        try:
            shown = await in_thread(plain, await page_for(context, where, identity))
        except Exception as error:
            shown = refusal(error)
        return shown, nav(where.page), who(identity)
