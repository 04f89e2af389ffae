"""Components that the browser draws without a Dash component for each element."""

from __future__ import annotations

from typing import Any

from portal.ui.components.basics import Node


def markup(id: str, content: Node, **properties: Any) -> Node:
    """A box of static ``content`` (see markup.js): nothing in it is a callback's input."""
    return {
        "type": "Markup",
        "namespace": "portal_components",
        "props": {"id": id, "content": content, **properties},
    }


def live_chart(id: str, *, linked: bool = False, still: bool = False) -> Node:
    """The chart of an app's history (see chart.js); a callback in the browser sets ``drawn``.

    With ``linked`` the page's address holds its range and zoom. ``still``: it is of a made-up
    load, all of which is shown.
    """
    props = {"id": id, "linked": linked, "still": still}
    return {"type": "LiveChart", "namespace": "portal_components", "props": props}


def checkbox(value: str, *, checked: bool) -> Node:
    """A checkbox within ``markup``, for style sheets and scripts: Dash has no such element."""
    return {
        "type": "Input",
        "namespace": "dash_html_components",
        "props": {"type": "checkbox", "value": value, "defaultChecked": checked},
    }
