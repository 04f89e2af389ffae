"""Previews of changes, and the dialogs that show them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import dash_bootstrap_components as dbc

from portal.ui import html
from portal.ui.components.basics import Node, badge, button, icon, wildcards
from portal.viewmodels.model import Notice
from portal.viewmodels.preview import ObjectDiff, PreviewView
from portal.viewmodels.words import count

CHECKING = "Checking what would change …"

SHORT = 16
"""The most lines of a diff that is open at first."""

_MARKS = {"+": "diff-added", "-": "diff-removed"}


def waiting(text: str) -> html.Div:
    """A spinner with a text."""
    return html.Div(
        [html.Span(className="spinner-border spinner-border-sm"), html.Span(text)],
        className="waiting",
        role="status",
    )


def change_dialog(
    id: str, title: Node, title_id: str, body: list[Node], cancel: str, confirm: dbc.Button
) -> dbc.Modal:
    """A dialog that previews a change and asks for confirmation."""
    return dbc.Modal(
        [
            dbc.ModalHeader(dbc.ModalTitle(title, id=title_id, tag="h2")),
            dbc.ModalBody(body),
            dbc.ModalFooter([button("Cancel", cancel, color="secondary", outline=True), confirm]),
        ],
        id=id,
        is_open=False,
        centered=True,
        scrollable=True,
        size="lg",
        labelledby=title_id,
    )


def preview(view: PreviewView) -> Node:
    """A preview: first the effects, then the differences."""
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
        return html.P("Its values do not change.", className="quiet-text")
    return disclosure("Changes to its values", diff(lines), open=len(lines) <= SHORT)


def _objects(views: Sequence[ObjectDiff]) -> Node:
    if not views:
        return None
    return disclosure(
        f"Changes in the cluster: {count(len(views), 'object')}",
        [disclosure([each.title, badge(each.change)], diff(each.diff)) for each in views],
    )


def disclosure(title: Node, body: Node, *, open: bool = False) -> html.Details:
    """A summary line that opens its body."""
    return html.Details(
        [html.Summary([icon("chevron"), html.Span(title)]), html.Div(body)],
        className="disclosure",
        open=open,
    )


def diff(lines: Sequence[str]) -> html.Pre:
    """A coloured diff of lines that begin with "+", "-" or a blank."""
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
