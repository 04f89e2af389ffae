"""One object in detail, as a page shows it."""

from __future__ import annotations

from collections.abc import Sequence

from portal.domain.keys import Key
from portal.objects.describe import ConditionRow, ObjectLink, ObjectView, Row
from portal.ui import html
from portal.ui.components.basics import (
    Node,
    age,
    badge,
    code_block,
    icon,
    internal_link,
    table,
    wildcards,
)
from portal.ui.components.events import event, events
from portal.ui.objects.live import kind_label
from portal.ui.routes import objects_path
from portal.viewmodels.model import TimelineLine

YAML = "object-yaml"


def nothing_chosen() -> html.P:
    """The words in the place of an object while none is chosen."""
    return html.P(
        "Choose an object of the tree to see its status, spec, links, events and YAML.",
        className="words quiet-text",
    )


def detail(view: ObjectView, key: Key, more: Node = None) -> Node:
    """An object: status first, then links, spec, labels and events; ``more`` stands at the top."""
    return [
        html.Div(
            [
                html.H3(
                    [kind_label(view.kind), html.Span(view.name, className="object-name")],
                    className="object-title",
                ),
                badge(view.state) if view.state.text else None,
                html.Span(view.words, className="object-words") if view.words else None,
            ],
            className="object-line",
            **wildcards({"aria-live": "polite", "data-testid": "object-title"}),
        ),
        html.P(
            ["Created ", age(view.created_at), ", read ", age(view.read_at)],
            className="words quiet-text",
        ),
        more,
        _section("Status", [_conditions(view.conditions), _table(view.status)])
        if view.conditions or view.status
        else None,
        _section("Linked objects", _links(view, key)) if view.links else None,
        _section("Fields", _table(view.rest)) if view.rest else None,
        _folded("Spec", _table(view.spec)) if view.spec else None,
        _section("Events", _events(view.events)),
        _folded("Labels", _table(view.labels)) if view.labels else None,
        _folded("Annotations", _table(view.annotations)) if view.annotations else None,
        _folded(
            "YAML",
            [
                html.P(
                    "Secret values are hidden; managedFields are left out.",
                    className="form-text",
                ),
                code_block(YAML, view.yaml, "the object", title=f"{view.kind} {view.name}"),
            ],
        ),
    ]


def _section(title: str, body: Node) -> html.Section:
    return html.Section([html.H4(title), html.Div(body)], className="object-section")


def _folded(title: str, body: Node) -> html.Details:
    return html.Details(
        [html.Summary([html.H4(title), icon("chevron")]), html.Div(body)],
        className="object-section object-fold",
        open=False,
    )


def _table(rows: Sequence[Row]) -> Node:
    if not rows:
        return None
    return html.Dl(
        [
            part
            for row in rows
            for part in (html.Dt(row.path, className="mono"), html.Dd(row.value))
        ],
        className="object-fields",
    )


def _conditions(rows: Sequence[ConditionRow]) -> Node:
    if not rows:
        return None
    head = ("Condition", "Status", "Reason", "Message", "Since")
    shown = [
        html.Tr(
            [
                html.Td(row.type),
                html.Td(row.status),
                html.Td(row.reason or "–"),
                html.Td(row.message or "–", className="object-message"),
                html.Td(age(row.since, ago=False)),
            ]
        )
        for row in rows
    ]
    return table("Conditions", head, shown, class_name="table", around="object-conditions")


def _links(view: ObjectView, key: Key) -> Node:
    relations = dict.fromkeys(each.relation for each in view.links)
    rows = [
        part
        for relation in relations
        for part in (
            html.Dt(relation),
            html.Dd(
                html.Ul(
                    [_link(each, key) for each in view.links if each.relation == relation],
                    className="object-links",
                )
            ),
        )
    ]
    more = f"And {view.more_links:,} more." if view.more_links else None
    return [
        html.Dl(rows, className="object-fields"),
        html.P(more, className="form-text") if more else None,
    ]


def _link(link: ObjectLink, key: Key) -> html.Li:
    name: Node = html.Span(link.name, className="object-name")
    if link.opens:
        name = internal_link(link.name, objects_path(key, link.kind, link.name), "object-name")
    return html.Li([kind_label(link.kind), " ", name])


def _events(lines: Sequence[TimelineLine]) -> Node:
    if not lines:
        return html.P(
            "No recent events. By default Kubernetes keeps them for an hour.",
            className="words quiet-text",
        )
    return events([event(line, age(line.at)) for line in lines], "Events")
