"""Buttons that open values from a file, save them as a file, and copy a link to the form."""

from __future__ import annotations

from dash import dcc

from portal.ui import html
from portal.ui.components.basics import Node, icon, wildcards

MAX_FILE = 256 * 1024


def file_buttons(open_id: str, save_id: str, link_id: str, *, left_out: str) -> list[Node]:
    """The buttons Open, Save and Link. ``left_out`` names what the link does not carry."""
    return [
        dcc.Upload(
            html.Button(
                [icon("folder"), html.Span("Open")],
                type="button",
                className="btn btn-sm btn-quiet",
                title="Fill in values from a file",
            ),
            id=open_id,
            accept=".yaml,.yml,.json",
            max_size=MAX_FILE,
        ),
        html.Button(
            [icon("save"), html.Span("Save")],
            id=save_id,
            type="button",
            className="btn btn-sm btn-quiet",
            title="Save these values as a file",
        ),
        html.Button(
            [icon("link"), html.Span("Link")],
            id=link_id,
            type="button",
            className="btn btn-sm btn-quiet",
            title=f"Copy a link to this form with its values, without {left_out}",
            **wildcards({"data-copy-link": ""}),
        ),
    ]
