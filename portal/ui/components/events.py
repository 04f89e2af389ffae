"""Lists of what has happened: the timeline of an app, the events of an object."""

from __future__ import annotations

from collections.abc import Sequence

from portal.ui import html
from portal.ui.components.basics import Node, age, wildcards
from portal.viewmodels.model import TimelineLine


def events(lines: Sequence[html.Li], label: str) -> html.Ol:
    """A list of events, which scrolls when it is long."""
    return html.Ol(list(lines), className="events", tabIndex=0, **wildcards({"aria-label": label}))


def event(line: TimelineLine, when: Node) -> html.Li:
    """An event with its severity, count and words; ``when`` shows its time."""
    repeated = None
    if line.count > 1:
        first = [", first ", age(line.first_at)] if line.first_at else []
        repeated = html.Span([f"×{line.count}", *first], className="chip")
    return html.Li(
        [
            html.Span(className=f"event-dot severity-{line.severity.value}"),
            html.Div(
                [
                    html.Span(line.title, className="event-reason"),
                    html.Span(line.about, className="event-about mono"),
                    repeated,
                    html.Div(line.text, className="event-message"),
                ],
                className="event-text",
            ),
            when,
        ],
        **wildcards({"data-kind": line.kind, "data-testid": "timeline-line"}),
    )
