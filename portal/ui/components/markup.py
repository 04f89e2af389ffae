"""HTML as plain data, for what there is much of.

A component of Dash takes 20 µs to make and as much again to be written as JSON; this, which the
browser cannot tell from it, takes one.
"""

from __future__ import annotations

from typing import Any

from portal.ui.components.basics import Node


def element(tag: str, children: Node = None, **properties: Any) -> Node:
    """An element of ``dash.html``: ``element("Td", "text", className="num")``."""
    return {
        "type": tag,
        "namespace": "dash_html_components",
        "props": {"children": children, **properties},
    }


def way(children: Node, path: str, **properties: Any) -> Node:
    """A link to another page of the portal, followed without loading anew."""
    return element("A", children, href=path, **{"data-inside": "", **properties})


def markup(id: str, content: Node, **properties: Any) -> Node:
    """A box whose ``content`` only shows: drawn by the browser without a component of Dash for
    each element (see markup.js). Nothing in it can be the input of a callback."""
    return {
        "type": "Markup",
        "namespace": "portal_components",
        "props": {"id": id, "content": content, **properties},
    }


def live_chart(id: str) -> Node:
    """The chart of an app's history (see chart.js); a callback in the browser sets ``drawn``."""
    return {"type": "LiveChart", "namespace": "portal_components", "props": {"id": id}}
