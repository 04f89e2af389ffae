"""The head of an app's page: name, state, addresses, operation, notices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from portal.domain.keys import Key
from portal.domain.owners import Role
from portal.ui import html
from portal.ui.components.basics import (
    Node,
    age,
    badge,
    icon,
    internal_link,
    local_times,
    notice,
    outside_link,
    wildcards,
)
from portal.ui.components.form_links import field_links
from portal.ui.routes import connect_path
from portal.viewmodels.model import (
    AppView,
    Notice,
    OperationView,
    Severity,
    StepView,
    UrlView,
    VersionView,
)
from portal.viewmodels.withheld import may_not_see

MOST_LINKS = 200
"""The most addresses in notes that become links."""

_URL = re.compile(r"https?://[^\s<>\"'`]+[^\s<>\"'`.,;:!?)\]}]")


def header(view: AppView) -> list[Node]:
    """Name, headline and facts of the release."""
    return [
        html.Div(
            [
                html.H1(view.key.name, tabIndex=-1),
                badge(view.headline, **wildcards({"data-testid": "headline"})),
                html.Span(["for ", age(view.since, ago=False)], className="quiet-text")
                if view.since
                else None,
            ],
            className="title-line",
        ),
        html.P(local_times(view.sentence), className="lead-sentence", role="status"),
        html.Dl(
            [_fact(name, value) for name, value in _facts(view) if value not in ("", None)],
            className="facts",
        ),
    ]


def version_words(view: VersionView | None) -> list[Node]:
    """The sentence about the version of the release's chart."""
    if view is None:
        return []
    since = [" Unreadable for ", age(view.since, ago=False), "."] if view.since else []
    named = "warn" if view.severity is Severity.WARN else "info"
    return [icon(named), html.Span([view.sentence, *since])]


def version_button(view: VersionView | None) -> str:
    """The label of the button that opens the version dialog."""
    return "Upgrade …" if view and view.newer else "Other versions …"


def version_class(view: VersionView | None, *, changes: bool = True) -> str:
    """The CSS class of the version line; "gone" where there is nothing to say or to choose.

    ``changes`` is True if the viewer may change the version.
    """
    if view is None or (
        view.severity is Severity.QUIET and not view.choices and view.since is None
    ):
        return "gone"
    severity = f"version-line severity-{view.severity.value}"
    return severity if view.choices and changes else f"{severity} fixed"


def _facts(view: AppView) -> list[tuple[str, Node]]:
    return [
        ("Namespace", view.key.namespace),
        ("Helm", badge(view.helm_status) if view.helm_status.text else ""),
        ("Revision", str(view.revision) if view.revision else ""),
        ("Chart", view.chart),
        ("Version", view.app_version),
        ("Owner", view.launched_by),
        ("Updated", age(view.updated_at) if view.updated_at else ""),
    ]


def _fact(name: str, value: Node) -> html.Div:
    return html.Div([html.Dt(name), html.Dd(value)])


def gone(key: Key) -> html.Div:
    """The page of an app that does not exist, with links to other pages."""
    return html.Div(
        [
            icon("boxes"),
            html.P(
                f"There is no release named {key.name} in {key.namespace} that you may see: it was "
                "uninstalled, never launched, or is where you have no rights. This page is updated "
                "if it appears."
            ),
            html.Div(
                [
                    internal_link([icon("apps"), "All apps"], "/", "btn btn-primary"),
                    internal_link(
                        [icon("launch"), "Launch an app"], "/launch", "btn btn-outline-secondary"
                    ),
                ],
                className="button-row",
            ),
        ],
        className="panel empty",
        **wildcards({"data-testid": "app-gone"}),
    )


def urls(views: Sequence[UrlView], key: Key) -> Node:
    """The app's addresses: the first one large, the others below it."""
    if not views:
        return None
    first, *others = views
    return html.Div(
        [_url(first, key, "url-main"), *[_url(each, key, "url-other") for each in others]],
        className="url-box",
    )


def _url(view: UrlView, key: Key, class_name: str) -> html.Div:
    shown = (
        outside_link(
            view.href,
            view.text or view.href,
            className="url-link",
            **wildcards({"data-testid": "app-url"}),
        )
        if view.href
        else html.Span(view.text, className="url-none")
    )
    copy = (
        html.Button(
            icon("copy"),
            type="button",
            className="btn btn-sm btn-quiet",
            title="Copy the address",
            **wildcards({"data-copy-text": view.href, "aria-label": "Copy the address"}),
        )
        if view.href
        else None
    )
    connect = (
        html.A(
            [icon("plus"), "Connect an app"],
            href=connect_path(key.namespace, view.connect),
            className="btn btn-sm btn-outline-secondary",
            **wildcards({"data-testid": "app-connect", "data-inside": ""}),
        )
        if view.connect
        else None
    )
    state = badge(view.state, **wildcards({"data-testid": "url-state"}))
    return html.Div([icon("link"), shown, copy, connect, state], className=class_name)


def failed(view: OperationView | None) -> bool:
    """Return True if the newest operation has ended with an error."""
    return view is not None and not view.running and bool(view.error)


def operation(view: OperationView | None) -> Node:
    """The steps of the newest operation: all while it runs or if it failed, else one line."""
    if view is None:
        return None
    state = "running" if view.running else "failed" if view.error else "succeeded"
    heading = html.Div(
        [
            html.Span(
                className="spinner-border spinner-border-sm", **wildcards({"aria-hidden": "true"})
            )
            if view.running
            else icon(view.state.severity.value),
            html.Strong(view.title),
            badge(view.state),
            html.Span(
                [f"{view.actor}, " if view.actor else "", age(view.started_at)],
                className="quiet-text",
            ),
        ],
        className="operation-head",
    )
    steps = html.Ol([_step(step) for step in view.steps], className="steps")
    attributes = wildcards(
        {"data-testid": "operation", "data-state": state, "data-operation": view.id}
    )
    if state == "succeeded":
        # Open while its URL does not answer yet: nobody who waits for it has to look for it.
        going = any(step.state.severity is Severity.BUSY for step in view.steps)
        return html.Details(
            [
                html.Summary(heading),
                html.P(view.advice, className="operation-outcome") if view.advice else None,
                steps,
            ],
            className="operation done",
            open=going or view.recent,
            **attributes,
        )
    problem = notice(Notice(Severity.BAD, view.error, advice=view.advice)) if view.error else None
    obstacle = html.Div(notice(view.obstacle), className="obstacle") if view.obstacle else None
    return html.Div(
        [heading, steps, obstacle, problem],
        className=f"operation severity-{view.state.severity.value}",
        **attributes,
    )


def _step(view: StepView) -> html.Li:
    return html.Li(
        [
            icon(view.state.severity.value, view.state.text),
            html.Span(view.title, className="step-title"),
            html.Span(_step_time(view), className="step-time"),
            html.Span(view.detail, className="step-detail") if view.detail else None,
            html.Pre(view.error, className="step-error") if view.error else None,
        ],
        className=f"step severity-{view.state.severity.value}",
        **wildcards({"data-testid": "step", "data-step": view.title}),
    )


def _step_time(view: StepView) -> Node:
    """The time at which it was done and its length; a running clock while it is under way."""
    done = view.ended_at
    took = f"{view.seconds:.1f} s" if view.seconds is not None else None
    if done is not None:
        at = html.Time(dateTime=done.isoformat(), **wildcards({"data-clock": done.isoformat()}))
        return [took, " · " if took else None, at]
    if took or view.started_at is None or view.state.severity is Severity.GOOD:
        return took
    return html.Time(**wildcards({"data-timer": view.started_at.isoformat()}))


def notices(views: Sequence[Notice], key: Key, *, edits: bool = True) -> list[Node]:
    """The app's notices, with links to the fields that mend it if the viewer ``edits`` the app."""
    return [notice(view, field_links(view.fields, key) if edits else None) for view in views]


def sharing(view: AppView) -> list[Node]:
    """The owner of the app, and whom it is shared with."""
    owner = view.launched_by or "unknown"
    shared = [
        f"{_ROLES[role]}: {', '.join(names)}." for role, names in view.shared.items() if names
    ]
    return [html.P(" ".join((f"Owner: {owner}.", *shared)), className="words quiet-text")]


_ROLES = {Role.OWN: "Owned with", Role.OPERATE: "Operated by", Role.VIEW: "Viewed by"}


def notes(text: str, *, withheld: bool = False) -> Node:
    """The release's notes: plain text, its http and https addresses as links."""
    if withheld:
        return html.P(may_not_see("its notes"), className="words quiet-text")
    if not text.strip():
        return html.P("This release has no notes.", className="words quiet-text")
    parts: list[Node] = []
    end = 0
    for match in islice(_URL.finditer(text), MOST_LINKS):
        parts.append(text[end : match.start()])
        parts.append(outside_link(match[0]))
        end = match.end()
    parts.append(text[end:])
    if _URL.search(text, end):
        parts.append(f"\n… Only the first {MOST_LINKS} addresses are links.")
    return html.Pre(parts, className="code wrap notes", tabIndex=0)
