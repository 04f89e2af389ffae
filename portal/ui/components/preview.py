"""What a change would do, as dialogs show it before it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import dash_bootstrap_components as dbc

from portal.ui import html
from portal.ui.components.basics import Node, badge, button, icon, wildcards
from portal.viewmodels.model import Notice
from portal.viewmodels.preview import ObjectDiff, PreviewView
from portal.viewmodels.words import count

ADDING_UP = "Looking at what would change …"

SHORT = 16
"""Lines of a difference that are shown without being asked for."""

_MARKS = {"+": "diff-added", "-": "diff-removed"}


def waiting(text: str) -> html.Div:
    """While something is being read."""
    return html.Div(
        [html.Span(className="spinner-border spinner-border-sm"), html.Span(text)],
        className="waiting",
        role="status",
    )


def change_dialog(
    id: str, title: Node, title_id: str, body: list[Node], cancel: str, confirm: dbc.Button
) -> dbc.Modal:
    """Asks before a change is made, with what it would do."""
    return dbc.Modal(
        [
            dbc.ModalHeader(dbc.ModalTitle(title, id=title_id, tag="h2")),
            dbc.ModalBody(body),
            dbc.ModalFooter([button("Not now", cancel, color="secondary", outline=True), confirm]),
        ],
        id=id,
        is_open=False,
        centered=True,
        scrollable=True,
        size="lg",
        labelledby=title_id,
    )


def preview(view: PreviewView) -> Node:
    """First what it means, then what differs."""
    return html.Div(
        [
            html.Ul([_word(each) for each in view.words], className="preview-words"),
            _values(view.values),
            _objects(view.objects),
        ],
        className="preview",
        **wildcards({"data-testid": "preview", "data-possible": str(view.possible).lower()}),
    )


def _word(view: Notice) -> html.Li:
    return html.Li(
        [
            icon(view.severity.value),
            html.Div(
                [
                    html.Div(view.title, className="preview-word"),
                    html.Div(view.body, className="quiet-text") if view.body else None,
                    html.Div(view.advice, className="quiet-text") if view.advice else None,
                ]
            ),
        ],
        className=f"severity-{view.severity.value}",
    )


def _values(lines: Sequence[str]) -> Node:
    if not lines:
        return html.P("Its values stay as they are.", className="quiet-text")
    return disclosure("What changes in its values", diff(lines), open=len(lines) <= SHORT)


def _objects(views: Sequence[ObjectDiff]) -> Node:
    if not views:
        return None
    return disclosure(
        f"What changes in the cluster: {count(len(views), 'object')}",
        [disclosure([each.title, badge(each.change)], diff(each.diff)) for each in views],
    )


def disclosure(title: Node, body: Node, *, open: bool = False) -> html.Details:
    """A line that opens."""
    return html.Details(
        [html.Summary([icon("chevron"), html.Span(title)]), html.Div(body)],
        className="disclosure",
        open=open,
    )


def diff(lines: Sequence[str]) -> html.Pre:
    """Lines that begin with "+", "-" or a blank, coloured; screen readers get the signs."""
    return html.Pre(
        [
            html.Span(
                "".join(f"{line[:1]} {line[1:]}\n" for line in block),
                className=_MARKS.get(sign, "diff-same"),
            )
            for sign, block in groupby(lines, key=lambda line: line[:1])
        ],
        className="code diff",
        tabIndex=0,
    )
