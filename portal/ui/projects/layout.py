"""The layouts of the pages of projects."""

from __future__ import annotations

from collections.abc import Sequence

import dash_bootstrap_components as dbc
from dash import dcc

from portal.domain.errors import NotFound, PortalError
from portal.domain.identity import Identity
from portal.projects.form import LONGEST_PURPOSE, filled
from portal.projects.manifests import manifest_text
from portal.projects.requests import (
    ASK_DIRECTLY,
    LONGEST_REASON,
    NO_DATABASE,
    Answer,
    ProjectRequest,
    ProjectRequests,
)
from portal.projects.service import OpenProject, ProjectRow, Projects
from portal.threads import in_thread
from portal.ui import html, ids
from portal.ui.components.basics import (
    Node,
    age,
    badge,
    breadcrumb,
    button,
    card,
    failure,
    icon,
    internal_link,
    notice,
    page,
    table,
    wildcards,
)
from portal.ui.components.preview import change_dialog
from portal.ui.components.sliders import field
from portal.ui.context import UiContext
from portal.ui.projects.form import form
from portal.ui.routes import Page, Route, launch_path, list_path, new_project_path, project_path
from portal.ui.shell import not_found
from portal.viewmodels.model import Badge, Notice, Severity
from portal.viewmodels.query import ListQuery
from portal.viewmodels.quotas import QuotaUse, quota_uses
from portal.viewmodels.words import count


async def layout(context: UiContext, identity: Identity, route: Route) -> Node:
    """The page of a route; "not found" for whoever may not see it."""
    try:
        projects, requests, subject = await _found(context, identity, route)
    except NotFound:
        return not_found()
    match subject:
        case OpenProject():
            return await _one(projects, subject)
        case ProjectRequest():
            return _new(projects, requests, subject)
        case None if route.page is Page.OWN_PROJECTS:
            return await _own(projects, requests, identity)
        case None if route.page is Page.NEW_PROJECT:
            return _new(projects, None)
        case None:
            return await _every(projects, requests, identity)


async def missing(context: UiContext, identity: Identity, route: Route) -> bool:
    """Return True if the page of a route is "not found" for ``identity``."""
    try:
        await _found(context, identity, route)
    except NotFound:
        return True
    return False


async def _found(
    context: UiContext, identity: Identity, route: Route
) -> tuple[Projects, ProjectRequests, OpenProject | ProjectRequest | None]:
    """Return what a page is made of, with the project or the request that it is about.

    Raises:
        NotFound: there is no such page for ``identity``.
    """
    projects, requests = context.projects, context.project_requests
    if projects is None or requests is None:
        raise _NO_PAGE
    if route.page is Page.OWN_PROJECTS:
        return projects, requests, None
    if not await projects.administers(identity):
        raise _NO_PAGE
    given = dict(route.given)
    if route.page is Page.PROJECT:
        return projects, requests, await projects.open(identity, given["name"])
    if route.page is Page.NEW_PROJECT and (asked := given.get("request", "")):
        number = int(asked) if asked.isdecimal() and len(asked) < 10 else -1
        return projects, requests, await requests.get(identity, number)
    return projects, requests, None


_NO_PAGE = NotFound("There is no such page.")


def _head(title: Node, lead: Node, buttons: Sequence[Node] = ()) -> Node:
    return html.Header(
        [
            html.Div([html.H1(title, tabIndex=-1), html.P(lead, className="lead-sentence")]),
            html.Div(list(buttons), className="head-buttons") if buttons else None,
        ],
        className="page-head",
    )


# All projects.


async def _every(projects: Projects, requests: ProjectRequests, identity: Identity) -> Node:
    try:
        rows = await projects.every(identity)
        shown: Node = (
            _table(rows, link=True)
            if rows
            else _nothing(
                "No project yet", "A project is a namespace with people, a quota and limits."
            )
        )
    except PortalError as error:
        shown = failure(error.message, error.advice)
    try:
        waiting = _waiting(await requests.open_ones(identity))
    except PortalError as error:
        waiting = failure(error.message, error.advice)
    return page(
        [
            breadcrumb(internal_link("Admin", "/admin"), html.Span("Projects")),
            _head(
                "Projects",
                "Namespaces with people, quota, limits and network policies.",
                [
                    internal_link(
                        [icon("plus"), "New project"], new_project_path(), "btn btn-primary"
                    )
                ],
            ),
            waiting,
            shown,
        ],
        topic="",
        title="Projects",
        testid="projects-page",
    )


def _nothing(title: str, words: str) -> Node:
    return html.Div(
        [icon("folder"), html.H2(title), html.P(words)],
        className="empty",
        **wildcards({"data-testid": "no-projects"}),
    )


def _table(rows: Sequence[ProjectRow], *, link: bool) -> Node:
    head = ("Name", "Purpose", "Quota used", "State")
    lines = [
        html.Tr(
            [
                html.Th(
                    internal_link(each.name, project_path(each.name))
                    if link
                    else [
                        each.name,
                        internal_link(
                            "Launch here", launch_path({"namespace": each.name}), "aside-link"
                        ),
                    ],
                    scope="row",
                ),
                html.Td(each.purpose or "–"),
                html.Td(_uses(quota_uses(each.quotas))),
                html.Td(
                    badge(Badge(each.state.capitalize(), Severity.WARN)) if each.state else "–"
                ),
            ],
            **wildcards({"data-testid": "project", "data-name": each.name}),
        )
        for each in rows
    ]
    return html.Div(
        table("Projects", head, lines, class_name="table", around="project-table"),
        className="panel",
    )


def _uses(uses: Sequence[QuotaUse]) -> Node:
    if not uses:
        return "–"
    return html.Ul(
        [
            html.Li(
                f"{each.what[:1].upper()}{each.what[1:]}: {each.used} of {each.hard}",
                className="severity-bad" if each.full else "",
            )
            for each in uses
        ],
        className="project-uses",
    )


def _waiting(asked: Sequence[ProjectRequest]) -> Node:
    if not asked:
        return None
    lines = [
        html.Li(
            [
                html.Div(
                    [
                        html.Strong(each.asker),
                        " asks for ",
                        html.Span(each.name, className="mono"),
                        ", ",
                        age(each.asked),
                        html.Div(each.purpose, className="quiet-text"),
                    ]
                ),
                internal_link(
                    "Review", new_project_path(each.id), "btn btn-sm btn-outline-secondary"
                ),
            ],
            **wildcards({"data-testid": "project-request"}),
        )
        for each in asked
    ]
    return card(
        f"{count(len(asked), 'person asks', 'people ask')} for a project",
        html.Ul(lines, className="project-requests"),
        icon_name="person",
    )


# A new one.


def _new(
    projects: Projects, requests: ProjectRequests | None, asked: ProjectRequest | None = None
) -> Node:
    raw = dict(projects.defaults)
    title = "New project"
    head: Node = None
    more: Node = None
    if requests is not None and asked is not None:
        raw, title = requests.form(asked), f"Project {asked.name}"
        words = f"{asked.asker} asks for this project: {asked.purpose}"
        about = "Create grants the request; it can be declined below the form."
        head, more = notice(Notice(Severity.BUSY, words, about)), _decline()
    return page(
        [
            breadcrumb(
                internal_link("Admin", "/admin"),
                internal_link("Projects", "/admin/projects"),
                html.Span(title),
            ),
            _head(title, "Everything below can be changed later, except the name."),
            dcc.Store(id=ids.PROJECT_REQUEST, data=asked.id if asked is not None else None),
            head,
            *form(raw, sizes=projects.site.sizes, by_role=projects.site.by_role),
            more,
        ],
        topic="",
        title=title,
        testid="new-project-page",
    )


def _decline() -> Node:
    return card(
        "Decline it",
        html.Div(
            [
                field(
                    ids.project("decline_reason"),
                    "Reason",
                    dbc.Input(
                        id=ids.project("decline_reason"),
                        type="text",
                        autocomplete="off",
                        maxlength=LONGEST_REASON,
                    ),
                    note_id=ids.PROJECT_DECLINE_MESSAGE,
                    hint="Whoever has asked reads it.",
                ),
                html.Div(
                    button("Decline", ids.PROJECT_DECLINE, color="secondary", outline=True),
                    className="button-row",
                ),
            ]
        ),
        icon_name="close",
    )


# One.


async def _one(projects: Projects, opened: OpenProject) -> Node:
    now = opened.found
    name = now.project.name
    manifests = await in_thread(manifest_text, projects.manifests(now.project, now))
    return page(
        [
            breadcrumb(
                internal_link("Admin", "/admin"),
                internal_link("Projects", "/admin/projects"),
                html.Span(name),
            ),
            _head(
                name,
                now.project.purpose or "A project without a purpose.",
                [
                    internal_link(
                        [icon("apps"), "Its apps"],
                        list_path(True, ListQuery(namespace=name)),
                        "btn btn-outline-secondary",
                    ),
                    button(
                        "Remove from projects",
                        ids.PROJECT_HIDE,
                        color="secondary",
                        outline=True,
                        title="It is no longer listed as a project; all that is in it stays.",
                    ),
                    button("Delete", ids.PROJECT_DELETE, color="danger", outline=True),
                ],
            ),
            *_notices(opened),
            _used(opened),
            dcc.Store(id=ids.PROJECT_REQUEST, data=None),
            *form(
                filled(now.project),
                sizes=projects.site.sizes,
                by_role=projects.site.by_role,
                now=now,
                manifests=manifests,
                save="Finish" if now.incomplete else "Save",
            ),
            _dialog(opened),
        ],
        topic="",
        title=name,
        testid="project-page",
    )


def _notices(opened: OpenProject) -> list[Node]:
    now, found = opened.found, list[Notice]()
    if now.terminating:
        found.append(
            Notice(
                Severity.WARN,
                "This project is being deleted.",
                "Its namespace is gone once everything in it is.",
                "If that takes long, a finalizer holds one of its objects.",
            )
        )
    elif now.incomplete or now.missing:
        missing = ", ".join(map(str, now.missing)) or "none of its objects"
        found.append(
            Notice(
                Severity.WARN,
                "This project is not finished.",
                f"Missing: {missing}.",
                "Check the form below, which has what is there, and save it.",
            )
        )
    if now.others:
        managers = sorted(set(now.others.values()))
        found.append(
            Notice(
                Severity.QUIET,
                f"{', '.join(managers)} manages some of its objects.",
                "They are shown here, and never overwritten.",
            )
        )
    return [notice(each) for each in found]


def _used(opened: OpenProject) -> Node:
    uses = quota_uses(opened.quotas)
    apps = ", ".join(opened.releases)
    return card(
        "In use",
        html.Div(
            [
                html.P(
                    f"{count(len(opened.releases), 'release')}: {apps}"
                    if apps
                    else "No releases yet."
                ),
                _uses(uses) if uses else None,
            ]
        ),
        icon_name="chart",
    )


def _dialog(opened: OpenProject) -> Node:
    name = opened.found.project.name
    releases = [html.Li(each) for each in opened.releases]
    return change_dialog(
        ids.PROJECT_DELETE_MODAL,
        f"Delete {name}?",
        "project-delete-title",
        [
            html.P(
                "This deletes the namespace with everything in it: apps, their Secrets, and "
                "volumes with their data. It cannot be undone."
            ),
            html.P("These releases go with it:" if releases else "There are no releases in it."),
            html.Ul(releases) if releases else None,
            field(
                ids.project("confirmed"),
                f"Type {name} to confirm",
                dbc.Input(id=ids.project("confirmed"), type="text", autocomplete="off"),
                note_id=ids.project_note("confirmed"),
            ),
            html.Div(id=ids.PROJECT_DELETE_FAILURE),
        ],
        ids.PROJECT_DELETE_CANCEL,
        button("Delete", ids.PROJECT_DELETE_CONFIRM, color="danger"),
    )


# One's own.


async def _own(projects: Projects, requests: ProjectRequests, identity: Identity) -> Node:
    try:
        rows = await projects.own(identity)
        shown: Node = (
            _table(rows, link=False)
            if rows
            else _nothing(
                "You are in no project", "Ask for one below, or ask an administrator to add you."
            )
        )
    except PortalError as error:
        shown = failure(error.message, error.advice)
    return page(
        [
            breadcrumb(internal_link("Apps", "/"), html.Span("My projects")),
            _head("My projects", "Namespaces in which you may see apps, and what is left there."),
            shown,
            html.Div(await asking(requests, identity), id=ids.PROJECT_ASKING),
        ],
        topic="",
        title="My projects",
        testid="own-projects-page",
    )


async def asking(requests: ProjectRequests, identity: Identity) -> Node:
    """The part of the page in which somebody asks for a project, and reads the answer."""
    if not requests.possible:
        return notice(Notice(Severity.QUIET, NO_DATABASE, ASK_DIRECTLY))
    try:
        mine = await requests.own(identity)
    except PortalError as error:
        return failure(error.message, error.advice)
    waiting = next((each for each in mine if each.state is Answer.OPEN), None)
    body: list[Node] = [_answer(each) for each in mine]
    if waiting is not None:
        body.append(
            html.Div(
                button("Withdraw", ids.PROJECT_WITHDRAW, color="secondary", outline=True),
                className="button-row",
            )
        )
    else:
        body.append(_ask())
    body.append(html.Div(id=ids.PROJECT_ASK_MESSAGE, role="status"))
    return card("Ask for a project", body, icon_name="plus")


def _answer(asked: ProjectRequest) -> Node:
    words = {
        Answer.OPEN: ("An administrator has yet to answer.", Severity.BUSY),
        Answer.GRANTED: (f"{asked.answerer} has granted it.", Severity.GOOD),
        Answer.DECLINED: (f"{asked.answerer} has declined it.", Severity.WARN),
        Answer.WITHDRAWN: ("You have withdrawn it.", Severity.QUIET),
    }
    said, severity = words[asked.state]
    return html.Div(
        notice(Notice(severity, f"{asked.name}: {said}", asked.reason)),
        **wildcards({"data-testid": "own-request", "data-state": asked.state.value}),
    )


def _ask() -> Node:
    controls = {
        "ask_name": ("Name", "Such as forecast-team: letters, digits and “-”.", 63),
        "ask_purpose": ("Purpose", "What it is for, in a sentence.", LONGEST_PURPOSE),
    }
    return html.Div(
        [
            html.Div(
                [
                    field(
                        ids.project(name),
                        label,
                        dbc.Input(
                            id=ids.project(name), type="text", autocomplete="off", maxlength=most
                        ),
                        note_id=ids.project_note(name),
                        hint=hint,
                        class_name="half",
                    )
                    for name, (label, hint, most) in controls.items()
                ],
                className="fields",
            ),
            html.Div(button("Ask", ids.PROJECT_ASK), className="button-row"),
        ]
    )
