"""Basic components: icons, badges, times, links, notices, cards, buttons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlparse

import dash_bootstrap_components as dbc

from portal.domain.keys import Key
from portal.domain.operations import Operation
from portal.ui import html
from portal.ui.routes import app_path
from portal.viewmodels.model import Badge, Notice, Severity
from portal.viewmodels.words import MOMENT

Node = Any
"""A Dash component, a string, a number, None, or a list of these (Dash has no type for it)."""


REQUESTED = Notice(Severity.BUSY, "Requested. Progress is shown at the top of the page.")
"""The answer of a form whose change has begun."""

ORDINARY_RELEASE = "The result is an ordinary Helm release: helm list and helm upgrade work on it."


def wildcards(attributes: Mapping[str, object]) -> dict[str, Any]:
    """``data-*`` and ``aria-*`` attributes, whose names cannot be keyword arguments."""
    return dict(attributes)


def icon(name: str, label: str = "") -> html.I:
    """An icon of the vendored set; without a label it is decoration."""
    spoken: dict[str, Any] = {"role": "img", "aria-label": label} if label else {}
    if not label:
        spoken = {"aria-hidden": "true"}
    return html.I(className=f"icon icon-{name}", **spoken)


def badge(view: Badge, **attributes: Any) -> html.Span:
    """A badge; its detail is the tooltip."""
    return html.Span(
        [icon(view.severity.value), html.Span(view.text)],
        className=f"badge-severity severity-{view.severity.value}",
        title=view.detail or None,
        **attributes,
    )


def age(at: datetime | None, empty: str = "–", *, ago: bool = True) -> Node:
    """The time since ``at``: "3 min ago", or "3 min" without ``ago``; the browser updates it."""
    if at is None:
        return empty
    stamp = at.isoformat()
    name = "data-time" if ago else "data-for"
    return html.Time(dateTime=stamp, className="age", **wildcards({name: stamp}))


def until(at: datetime) -> html.Time:
    """The time until ``at``: "3:40 min"; the browser counts down."""
    stamp = at.isoformat()
    return html.Time(dateTime=stamp, className="until", **wildcards({"data-until": stamp}))


def next_change(words: str, at: datetime | None) -> Node:
    """The next change of an autoscaler, and the time until then; nothing without one."""
    if at is None:
        return None
    change, _, unless = words.partition(", unless ")
    return html.P(
        [
            change,
            " in ",
            until(at),
            ", give or take one sync",
            f", unless {unless}." if unless else ".",
        ],
        className="next-change",
        **wildcards({"data-testid": "next-change"}),
    )


def clock(at: datetime) -> html.Time:
    """A time of the day to the second, in the browser's time zone."""
    stamp = at.isoformat()
    return html.Time(dateTime=stamp, **wildcards({"data-clock": stamp}))


def local_times(text: str) -> Node:
    """``text``, with the times in it as elements that the browser shows in its time zone."""
    parts: list[Node] = []
    end = 0
    for match in MOMENT.finditer(text):
        shown = html.Time(match[0], **wildcards({"data-moment": match[0]}))
        parts += [text[end : match.start()], shown]
        end = match.end()
    return [*parts, text[end:]] if parts else text


def safe_href(href: str) -> str:
    """``href`` if it is safe to follow (http or https), else ""."""
    try:
        parts = urlparse(href)
    except ValueError:
        return ""
    return href if parts.scheme in {"http", "https"} and parts.netloc else ""


def outside_link(href: str, text: Node = None, **attributes: Any) -> Node:
    """A link that leaves the portal; plain text if its address is not http or https."""
    target = safe_href(href)
    shown = text if text is not None else href
    if not target:
        return html.Span(shown, **attributes)
    return html.A(
        [shown, " ", icon("open", "opens in a new tab")],
        href=target,
        target="_blank",
        rel="noopener noreferrer",
        **attributes,
    )


def notice(view: Notice, more: Node = None) -> html.Div:
    """A notice with its advice, and ``more`` below it."""
    return html.Div(
        [
            icon(view.severity.value),
            html.Div(
                [
                    html.Div(local_times(view.title), className="notice-title"),
                    html.Div(local_times(view.body), className="notice-body")
                    if view.body
                    else None,
                    html.Div(local_times(view.advice), className="notice-advice")
                    if view.advice
                    else None,
                    _last_lines(view.log) if view.log else None,
                    more,
                ]
            ),
        ],
        className=f"notice severity-{view.severity.value}",
        **wildcards({"data-testid": "notice"}),
    )


def _last_lines(text: str) -> html.Pre:
    label = wildcards({"aria-label": "The last lines of its log", "data-testid": "last-lines"})
    return html.Pre(text, className="code wrap last-lines", tabIndex=0, role="group", **label)


def failure(message: str, advice: str = "") -> html.Div:
    """The notice of an action that was refused."""
    return html.Div(notice(Notice(Severity.BAD, message, advice=advice)), role="alert")


LAUNCH_NOWHERE = Notice(
    Severity.WARN,
    "You may not launch apps in any namespace.",
    advice="Ask whoever administers the portal, or a namespace, to give you a role there.",
)
"""The notice on a form of somebody who cannot send it."""


def launch_failed(key: Key) -> Notice:
    """The notice on a form that holds the values of a failed launch."""
    return Notice(
        Severity.WARN,
        f"{key.name} was not launched. The form holds the values that were sent.",
        "Correct them, then launch again.",
    )


def accepted(operation: Operation, path: str) -> html.Div:
    """The notice of an operation that has begun.

    The browser shows it, then opens the app's page at ``path``.
    """
    launching = operation.verb.creates
    words = f"{operation.key.name} is being {'launched' if launching else 'changed'}."
    return html.Div(
        notice(Notice(Severity.BUSY, words, "Opening its page …")),
        role="status",
        **wildcards({"data-testid": "accepted", "data-next": path}),
    )


def stale_notice(stale: tuple[str, ...]) -> Node:
    """A notice of data that may be out of date; None if there is none."""
    if not stale:
        return None
    return notice(
        Notice(
            Severity.WARN,
            "Some data may be missing or out of date.",
            f"{' '.join(stale)} The portal keeps trying.",
        )
    )


def card(
    title: Node, body: Node, *, icon_name: str = "", aside: Node = None, class_name: str = ""
) -> html.Section:
    """A titled panel."""
    return html.Section(
        [
            html.Div(
                [
                    html.H2([icon(icon_name) if icon_name else None, title]),
                    html.Div(aside, className="panel-aside") if aside is not None else None,
                ],
                className="panel-head",
            ),
            html.Div(body, className="panel-body"),
        ],
        className=f"panel {class_name}".strip(),
    )


def copy_button(target: str, what: str) -> html.Button:
    """A button that copies the text of the element with id ``target``."""
    return html.Button(
        [icon("copy"), html.Span("Copy", className="copy-word")],
        type="button",
        className="btn btn-sm btn-quiet",
        title=f"Copy {what}",
        **wildcards({"data-copy": target, "aria-label": f"Copy {what}"}),
    )


def save_button(target: str, what: str, name: str) -> html.Button:
    """A button that saves the text of the element with id ``target`` as YAML.

    The file is named after ``name`` and the time.
    """
    return html.Button(
        [icon("save"), html.Span("Save")],
        type="button",
        className="btn btn-sm btn-quiet",
        title=f"Save {what} as a file",
        **wildcards(
            {"data-save": target, "data-save-as": name, "aria-label": f"Save {what} as a file"}
        ),
    )


def code_block(
    id: str, text: str, what: str, *, title: str = "", wrap: bool = False, file: str = ""
) -> html.Div:
    """Preformatted text with a copy button, and one that saves it if ``file`` names a file."""
    save = save_button(id, what, file) if file else None
    return html.Div(
        [
            html.Div([html.H3(title), copy_button(id, what), save], className="code-head"),
            html.Pre(text, id=id, className="code wrap" if wrap else "code", tabIndex=0),
        ],
        className="code-box",
    )


def table(
    label: str, head: Sequence[str], rows: Sequence[html.Tr], *, class_name: str, around: str
) -> html.Div:
    """A table with a heading row, in a region of the class ``around`` that scrolls sideways."""
    return html.Div(
        html.Table(
            [
                html.Thead(html.Tr([html.Th(each, scope="col") for each in head])),
                html.Tbody(list(rows)),
            ],
            className=class_name,
        ),
        className=around,
        tabIndex=0,
        role="region",
        **wildcards({"aria-label": label}),
    )


def fold(
    title: Node,
    body: Node,
    *,
    icon_name: str,
    open: bool = False,
    class_name: str = "",
    id: str = "",
    mark: Node = None,
) -> html.Details:
    """A panel that opens and closes; ``id`` is that of its summary line, ``mark`` stands in it."""
    named: dict[str, Any] = {"id": id} if id else {}
    return html.Details(
        [
            html.Summary([icon(icon_name), html.H2(title), mark, icon("chevron")], **named),
            html.Div(body, className="panel-body"),
        ],
        className=f"panel fold {class_name}".strip(),
        open=open,
    )


def page(
    children: Node,
    *,
    topic: str,
    title: str,
    class_name: str = "",
    testid: str = "",
    **attributes: Any,
) -> html.Div:
    """The root of a page, with its live topic and its title."""
    return html.Div(
        children,
        className=f"page {class_name}".strip(),
        **wildcards({"data-live-view": topic, "data-title": title, "data-testid": testid}),
        **attributes,
    )


def internal_link(children: Node, href: str, class_name: str = "", **attributes: Any) -> html.A:
    """A link to another page of the portal, followed without a reload (see page.js)."""
    inside = wildcards({"data-inside": ""})
    return html.A(children, href=href, className=class_name, **inside, **attributes)


def breadcrumb(*places: Node) -> html.Nav:
    """The path to a page: the pages above it, then its own name."""
    parts = [part for place in places for part in (html.Span("/"), place)]
    return html.Nav(parts[1:], className="crumbs", **wildcards({"aria-label": "Breadcrumb"}))


def app_crumbs(key: Key, *places: Node) -> html.Nav:
    """The path to a page below that of an app."""
    return breadcrumb(internal_link("Apps", "/"), internal_link(key.name, app_path(key)), *places)


def button(
    text: Node,
    id: str | dict[str, str],
    *,
    color: str = "primary",
    icon_name: str = "",
    **attributes: Any,
) -> dbc.Button:
    """A button with an icon."""
    return dbc.Button(
        [icon(icon_name) if icon_name else None, html.Span(text)],
        id=id,
        color=color,
        **attributes,
    )
