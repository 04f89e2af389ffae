"""The revisions on a release's page."""

from __future__ import annotations

from collections.abc import Sequence

from portal.ui import html, ids
from portal.ui.components.basics import Node, age, badge, icon, wildcards
from portal.ui.components.preview import diff, disclosure
from portal.viewmodels.history import RevisionView
from portal.viewmodels.words import count


def history(views: Sequence[RevisionView], *, back: bool = True) -> Node:
    """The revisions, newest first; ``back`` is True if the viewer may roll back."""
    if not views:
        return html.P("Helm has no revisions of this release.", className="quiet-text")
    return html.Ol([_revision(each, back) for each in views], className="revisions")


def _revision(view: RevisionView, back: bool) -> html.Li:
    return html.Li(
        [
            html.Div(view.revision, className="revision-number", title="Revision"),
            html.Div(
                [
                    html.Div(
                        [
                            html.Span(view.what, className="revision-what"),
                            html.Span(f"by {view.who}", className="quiet-text")
                            if view.who
                            else None,
                            age(view.at),
                        ],
                        className="revision-line",
                    ),
                    html.Div(view.problem, className="revision-problem") if view.problem else None,
                    _changed(view),
                ],
                className="revision-words",
            ),
            html.Div(
                [html.Div(view.chart, className="revision-chart"), badge(view.status)],
                className="revision-facts",
            ),
            _back(view, back),
        ],
        **wildcards(
            {
                "data-testid": "revision",
                "data-revision": str(view.revision),
                "data-status": view.status.text,
            }
        ),
    )


def _changed(view: RevisionView) -> Node:
    if not view.diff:
        return html.Div(view.changed, className="quiet-text") if view.changed else None
    return disclosure(view.changed or count(len(view.diff), "line"), diff(view.diff))


def _back(view: RevisionView, back: bool) -> Node:
    if not (view.back and back):
        return html.Span(className="revision-back")
    return html.Button(
        [icon("back"), html.Span("Roll back")],
        id=ids.roll_back(view.revision),
        type="button",
        className="btn btn-sm btn-outline-secondary revision-back",
        **wildcards({"aria-label": f"Roll back to revision {view.revision}"}),
    )
