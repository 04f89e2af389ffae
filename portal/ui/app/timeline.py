"""The timeline of an app: what has happened to it, with a filter by kind.

The filter's boxes are outside the live part and are applied by the style sheet, so that they keep
their state while lines arrive.
"""

from __future__ import annotations

from portal.ui import html, ids
from portal.ui.components.basics import Node, age, local_times, wildcards
from portal.ui.components.events import event, events
from portal.ui.components.markup import checkbox, markup
from portal.ui.encoding import Props
from portal.viewmodels.model import TimelineLine, TimelineView
from portal.viewmodels.timeline import FILTER


def timeline_panel(live: Props) -> html.Div:
    """The filter and the lines."""
    return html.Div(
        [
            markup(
                ids.TIMELINE_FILTER,
                html.Fieldset(
                    [
                        html.Legend("Kinds that are shown", className="visually-hidden"),
                        *(_box(kind, name, shown=shown) for kind, name, shown in FILTER),
                    ],
                    className="timeline-filter",
                ),
            ),
            markup(ids.APP_TIMELINE, **live[ids.APP_TIMELINE]),
        ],
        className="timeline",
    )


def _box(kind: str, name: str, *, shown: bool) -> html.Label:
    """The box of a kind; ``shown`` is True if its lines are shown at first."""
    return html.Label(
        [
            checkbox(kind, checked=shown),
            name,
        ]
    )


def lines(view: TimelineView) -> Node:
    """The lines, newest first, and since when they are complete."""
    since = html.P(
        [
            "Watched for ",
            age(view.since, ago=False),
            ". Of the time before there is only what Kubernetes still tells: events of the last "
            "hour by default, and the state of what is there. Older revisions are under History.",
            html.Span([" ", local_times(view.gap)]) if view.gap else None,
        ],
        className="words quiet-text timeline-since",
    )
    if not view.lines:
        return [html.P("Nothing has happened yet.", className="words quiet-text"), since]
    return [
        events([_line(line) for line in view.lines], "Timeline"),
        since,
    ]


def _line(line: TimelineLine) -> html.Li:
    moment = html.Button(
        age(line.at),
        type="button",
        className="moment",
        title="Show this moment on the chart",
        **wildcards({"data-moment": str(int(line.at.timestamp()))}),
    )
    return event(line, moment)
