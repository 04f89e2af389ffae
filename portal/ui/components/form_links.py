"""Links to fields of the form that an app is edited with."""

from __future__ import annotations

from collections.abc import Iterable

from portal.catalog.launch_fields import LABELS
from portal.domain.keys import Key
from portal.ui import html, ids
from portal.ui.components.basics import Node, icon, internal_link
from portal.ui.routes import edit_path


def field_links(names: Iterable[str], key: Key) -> Node:
    """A row of links to those of the fields that the form has; None without any."""
    known = [name for name in names if name in LABELS]
    if not known:
        return None
    return html.Div(
        [
            internal_link(
                [icon("edit"), LABELS[name]],
                f"{edit_path(key)}#{ids.launch(name)}",
                "btn btn-sm btn-outline-secondary",
            )
            for name in known
        ],
        className="button-row",
    )
