"""HTML as plain data, for what there is much of.

A component of Dash takes 20 µs to make and as much again to be written as JSON; this, which the
browser cannot tell from it, takes one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from portal.ui.components.basics import Node
from portal.viewmodels.model import Tone


def element(tag: str, children: Node = None, **properties: Any) -> Node:
    """An element of ``dash.html``: ``element("Td", "text", className="num")``."""
    return {
        "type": tag,
        "namespace": "dash_html_components",
        "props": {"children": children, **properties},
    }


def decoration(name: str) -> Node:
    """An icon that says nothing that the text beside it does not."""
    return element("I", className=f"icon icon-{name}", **{"aria-hidden": "true"})


def word(text: str, tone: Tone) -> Node:
    """A word with its tone, as ``basics.badge`` has it."""
    return element(
        "Span",
        [decoration(tone.value), element("Span", text)],
        className=f"badge-tone tone-{tone.value}",
    )


def ago(at: datetime | None) -> Node:
    """How long ago; the browser keeps counting."""
    if at is None:
        return element("Span", "–", className="quiet-text")
    stamp = at.isoformat()
    return element("Time", dateTime=stamp, className="age", **{"data-time": stamp})


def way(children: Node, path: str, **properties: Any) -> Node:
    """A link to another page of the portal, followed without loading anew."""
    return element("A", children, href=path, **{"data-inside": "", **properties})
