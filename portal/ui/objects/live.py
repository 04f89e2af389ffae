"""The live parts of the page of objects."""

from __future__ import annotations

from collections.abc import Mapping

from portal.domain.keys import Key
from portal.objects.tree import ObjectNode, ObjectsView
from portal.ui import html, ids
from portal.ui.components.basics import Node, badge, internal_link, stale_notice, wildcards
from portal.ui.encoding import Part, Props
from portal.ui.routes import objects_path

_SHORT = {
    "HorizontalPodAutoscaler": "HPA",
    "PersistentVolumeClaim": "PVC",
    "PodDisruptionBudget": "PDB",
}
"""The names that kubectl has for kinds with long ones."""


def kind_label(kind: str) -> html.Span:
    """The name of a kind, short where it has a common abbreviation."""
    short = _SHORT.get(kind, kind)
    return html.Span(short, className="object-kind", title=kind)


def _head(view: ObjectsView) -> Node:
    return [
        badge(view.state, **wildcards({"data-testid": "headline"})),
        html.P(view.sentence, className="sentence"),
    ]


def _tree(view: ObjectsView) -> Node:
    shown: list[Node] = []
    for group in view.groups:
        shown.append(html.H3(group.title))
        shown.append(_nodes(group.nodes, view.key, group.title))
    if not view.groups:
        shown.append(html.P("No objects are known.", className="words quiet-text"))
    if view.note:
        shown.append(html.P(view.note, className="words quiet-text"))
    return shown


def _nodes(nodes: tuple[ObjectNode, ...], key: Key, title: str = "") -> html.Ul:
    named = wildcards({"aria-label": title} if title else {})
    return html.Ul([_node(each, key) for each in nodes], className="object-list", **named)


def _node(node: ObjectNode, key: Key) -> html.Li:
    name: Node = html.Span(node.name, className="object-name")
    if node.opens:
        # An id, so that a link keeps the focus when the tree is drawn anew.
        name = internal_link(
            node.name,
            objects_path(key, node.kind, node.name),
            "object-name",
            id=f"object-{node.kind}-{node.name}",
        )
    line = html.Div(
        [
            kind_label(node.kind),
            name,
            badge(node.state) if node.state.text else None,
            html.Span(node.words, className="object-words") if node.words else None,
        ],
        className="object-line",
    )
    below = [
        line,
        _nodes(node.children, key) if node.children else None,
        html.Div(node.more, className="object-more") if node.more else None,
    ]
    return html.Li(
        below,
        **wildcards({"data-testid": "object", "data-kind": node.kind, "data-name": node.name}),
    )


OBJECT_PARTS: Mapping[str, Part[ObjectsView]] = {
    ids.OBJECTS_HEAD: lambda view: {"content": _head(view)},
    ids.OBJECTS_STALE: lambda view: {"content": stale_notice(view.stale)},
    ids.OBJECTS_TREE: lambda view: {"content": _tree(view)},
}
"""The live parts of the page."""


def object_patches(view: ObjectsView) -> Props:
    """The properties of the live parts, for the first rendering."""
    return {id: part(view) for id, part in OBJECT_PARTS.items()}
