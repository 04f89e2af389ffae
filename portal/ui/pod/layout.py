"""The layouts of the pages of one pod: its processes, and a shell in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dash import dcc

from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.shell.place import Place, place_of
from portal.shell.processes import ProcessRow, totals
from portal.shell.settings import minutes
from portal.shell.top import Top
from portal.ui import html, ids
from portal.ui.components.basics import (
    Node,
    app_crumbs,
    card,
    icon,
    internal_link,
    notice,
    page,
    table,
    wildcards,
)
from portal.ui.components.markup import markup
from portal.ui.context import UiContext
from portal.ui.refusals import refusal
from portal.ui.routes import Page, objects_path, pod_path
from portal.ui.shell import not_found
from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.words import coarse, cores, count, size

EVERY = 3000
"""Milliseconds between two readings of the processes."""
MOST_ROWS = 200


def missing(key: Key, asked: Mapping[str, str]) -> bool:
    """Return True if the address of a page names no pod: it is "not found"."""
    return _place(key, asked) is None


async def processes(
    context: UiContext, identity: Identity, key: Key, asked: Mapping[str, str]
) -> Node:
    """The page of a pod's processes."""
    place = _place(key, asked)
    if place is None:
        return not_found()
    body = await top(context, identity, place)
    return _page(
        context,
        place,
        Page.PROCESSES,
        "Processes",
        [
            dcc.Store(id=ids.TOP_PLACE, data=[key.namespace, key.name, place.pod, place.container]),
            dcc.Interval(id=ids.TOP_EVERY, interval=EVERY),
            card("Processes", markup(ids.TOP, body), icon_name="chart"),
        ],
    )


async def top(context: UiContext, identity: Identity, place: Place) -> Node:
    """The processes of a container, read now."""
    try:
        found = await context.read_top(identity, place)
    except Exception as error:
        return refusal(error)
    return _top(found)


def _top(found: Top) -> Node:
    place = found.place
    others = [each for each in found.containers if each != place.container]
    links: list[Node] = [html.Strong(place.container)]
    for each in others:
        href = pod_path(Page.PROCESSES, place.release, place.pod, each)
        links += [" · ", internal_link(each, href)]
    head = html.P(["Container ", *links], className="words")
    if not found.known:
        problem = Notice(
            Severity.WARN, "Its processes cannot be shown.", found.problem, _instead(found)
        )
        return [head, notice(problem), _usage(found)]
    cpu, memory = totals(found.rows)
    words = (
        f"{count(len(found.rows), 'process', 'processes')}: "
        f"{cores(cpu) if cpu is not None else 'CPU is being measured'}, {size(memory)} resident "
        "(what processes share counts in each)."
    )
    return [head, html.P(words, className="words quiet-text"), _table(found.rows)]


def _instead(found: Top) -> str:
    if found.usage:
        return "The metrics API tells what each container uses:"
    return "A shell in a debug container can, where the portal offers one."


def _usage(found: Top) -> Node:
    if not found.usage:
        return None
    return html.Ul(
        [html.Li(f"{each.name}: {cores(each.cpu)}, {size(each.memory)}") for each in found.usage]
    )


def _table(rows: Sequence[ProcessRow]) -> Node:
    head = ("PID", "CPU", "Memory", "Command", "State", "Threads", "Age")
    more = len(rows) - MOST_ROWS
    return [
        table(
            "Processes",
            head,
            [_row(each) for each in rows[:MOST_ROWS]],
            class_name="table processes",
            around="object-conditions",
        ),
        html.P(f"And {more:,} more.", className="form-text") if more > 0 else None,
    ]


_STATES = {
    "R": "running",
    "S": "sleeping",
    "D": "waiting for a disk",
    "Z": "zombie",
    "T": "stopped",
}


def _row(row: ProcessRow) -> html.Tr:
    cpu = "–" if row.cpu is None else f"{100 * row.cpu:.1f} %"
    return html.Tr(
        [
            html.Td(str(row.pid)),
            html.Td(cpu),
            html.Td(size(row.memory)),
            html.Td(row.command or f"[{row.name}]", className="mono"),
            html.Td(_STATES.get(row.state, row.state)),
            html.Td(str(row.threads)),
            html.Td(coarse(row.age)),
        ],
        key=str(row.pid),
        **wildcards({"data-testid": "process", "data-pid": str(row.pid)}),
    )


async def shell(context: UiContext, identity: Identity, key: Key, asked: Mapping[str, str]) -> Node:
    """The page of a shell in a pod; it is opened by its button."""
    place = _place(key, asked)
    if place is None:
        return not_found()
    if not context.shell.on:
        off = Notice(
            Severity.QUIET,
            "The shell is switched off in this portal.",
            advice="An administrator can switch it on: see the settings.",
        )
        return _page(context, place, Page.SHELL, "Shell", [notice(off)])
    try:
        place = await context.find_place(identity, place)
    except Exception as error:
        return _page(context, place, Page.SHELL, "Shell", [refusal(error)])
    return _page(context, place, Page.SHELL, "Shell", [_terminal(context, place)])


def _terminal(context: UiContext, place: Place) -> Node:
    debug = html.Button(
        "Open in a debug container",
        id=ids.SHELL_DEBUG,
        type="button",
        className="btn btn-sm btn-outline-secondary",
        title=f"A container of the image {context.shell.image} beside it, which sees its processes",
    )
    buttons = [
        html.Button(
            "Open a shell",
            id=ids.SHELL_OPEN,
            type="button",
            className="btn btn-sm btn-primary",
        ),
        debug if context.shell.image else None,
    ]
    hint = (
        f"It is closed after {minutes(context.shell.idle)} without a key, and after "
        f"{minutes(context.shell.longest)} in any case. Start and end are logged, and not what is "
        "typed and shown. Ctrl+Shift+C and Ctrl+Shift+V copy and paste; Ctrl+Shift+L leaves the "
        "terminal with the keyboard."
    )
    return card(
        f"Shell in {place.container}",
        [
            html.P("Not open.", id=ids.SHELL_WORDS, className="words", role="status"),
            html.Div(
                id=ids.TERMINAL,
                className="shell-box",
                role="group",
                **wildcards(
                    {
                        "aria-label": f"Terminal in {place.container} of {place.pod}",
                        "data-namespace": place.release.namespace,
                        "data-name": place.release.name,
                        "data-pod": place.pod,
                        "data-container": place.container,
                        "data-state": "closed",
                    }
                ),
            ),
            html.P(hint, className="form-text"),
        ],
        icon_name="terminal",
        aside=buttons,
    )


def _place(key: Key, asked: Mapping[str, str]) -> Place | None:
    return place_of({**asked, "namespace": key.namespace, "name": key.name})


def pod_links(
    context: UiContext, key: Key, pod: str, container: str = "", *, here: Page | None = None
) -> list[Node]:
    """The links to a pod's processes, and to a shell if that is on; not to the page ``here``."""
    pages = [(Page.PROCESSES, "chart", "Processes"), (Page.SHELL, "terminal", "Shell")]
    return [
        internal_link(
            [icon(icon_name), title],
            pod_path(page, key, pod, container),
            "btn btn-sm btn-outline-secondary",
        )
        for page, icon_name, title in pages
        if page is not here and (page is not Page.SHELL or context.shell.on)
    ]


def _page(context: UiContext, place: Place, which: Page, title: str, body: list[Node]) -> html.Div:
    key = place.release
    return page(
        [
            app_crumbs(
                key,
                internal_link("Objects", objects_path(key, "Pod", place.pod)),
                html.Span(title),
            ),
            html.Div(
                [
                    html.H1([f"{title} of ", html.Span(place.pod)], tabIndex=-1),
                    html.Div(
                        pod_links(context, key, place.pod, place.container, here=which),
                        className="head-buttons",
                    ),
                ],
                className="page-head",
            ),
            *body,
        ],
        topic="",
        title=f"{title} of {place.pod}",
        testid=f"{which.value}-page",
    )
