"""The pods of an app."""

from __future__ import annotations

from collections.abc import Sequence

from portal.domain.keys import Key
from portal.ui import html
from portal.ui.components.basics import (
    Node,
    age,
    badge,
    icon,
    internal_link,
    local_times,
    table,
    wildcards,
)
from portal.ui.routes import logs_path, objects_path
from portal.viewmodels.model import PodView


def pods(
    views: Sequence[PodView],
    app: Key,
    more: str = "",
    *,
    opens: bool = False,
    logs: bool = False,
) -> Node:
    """The table of pods; the reason why a pod is not ready is in a row below it.

    ``more`` summarizes the pods that are left out. With ``opens`` a name leads to the pod among the
    release's objects; with ``logs`` pods have links to their logs.
    """
    if not views:
        return html.P("No pods.", className="words quiet-text")
    head = ("Pod", "Status", "Ready", "Restarts", "Age", "CPU", "Memory", "Node")
    rows: list[html.Tr] = []
    for view in views:
        rows.extend(_rows(view, app, opens=opens, logs=logs))
    shown = table("Pods", head, rows, class_name="table pods", around="table-scroll")
    return [shown, _more(more)] if more else shown


def _more(more: str) -> Node:
    return html.P(
        f"And {more}.",
        className="words quiet-text more-pods",
        **wildcards({"data-testid": "more-pods"}),
    )


def _name(view: PodView, app: Key, *, opens: bool) -> Node:
    if not opens:
        return html.Span(view.name, className="mono", title=view.name)
    href = objects_path(app, "Pod", view.name)
    return internal_link(view.name, href, "mono", title=view.name, id=f"pod-{view.name}")


def _log_link(view: PodView, app: Key) -> Node:
    label = wildcards({"aria-label": f"Log of {view.name}", "data-testid": "pod-log"})
    address = logs_path(app, view.name)
    return internal_link([icon("terminal"), "Log"], address, "pod-log", **label)


def _rows(view: PodView, app: Key, *, opens: bool, logs: bool) -> list[html.Tr]:
    name = _name(view, app, opens=opens)
    cells: list[tuple[str, Node]] = [
        ("Pod", [name, _log_link(view, app) if logs else None]),
        ("Status", badge(view.status)),
        ("Ready", view.ready),
        ("Restarts", html.Span(str(view.restarts), className="many" if view.restarts else "")),
        ("Age", age(view.created_at, ago=False)),
        ("CPU", [_spark(view.spark), view.cpu or "–"]),
        ("Memory", view.memory or "–"),
        ("Node", view.node or "–"),
    ]
    explained = bool(view.reason or view.advice)
    row = html.Tr(
        [html.Td(value, **wildcards({"data-label": name})) for name, value in cells],
        className="explained" if explained else "",
        key=view.name,
        **wildcards({"data-testid": "pod", "data-name": view.name}),
    )
    if not explained:
        return [row]
    why = html.Tr(
        html.Td(
            html.Div(
                [
                    icon(view.status.severity.value),
                    html.Div(
                        [
                            html.Span(
                                local_times(view.reason),
                                **wildcards({"data-testid": "pod-reason"}),
                            ),
                            html.Span(f" {view.advice}", className="advice"),
                        ]
                    ),
                ],
                className=f"pod-why severity-{view.status.severity.value}",
            ),
            colSpan=8,
        ),
        className="why",
        key=f"{view.name}-why",
    )
    return [row, why]


def _spark(heights: Sequence[int | None]) -> Node:
    """A sparkline: an area cut out of a coloured box, with gaps where there are no metrics."""
    if not heights:
        return None
    corners = [(round(100 * at / (len(heights) - 1)), height) for at, height in enumerate(heights)]
    # An idle pod is a thin line, so that it differs from one without metrics.
    edge = ", ".join(
        f"{x}% {100 if height is None else min(94, 100 - height)}%" for x, height in corners
    )
    return html.Span(
        className="spark",
        style={"clipPath": f"polygon(0% 100%, {edge}, 100% 100%)"},
        title="CPU in the last half hour",
    )
