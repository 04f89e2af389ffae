"""KEDA's scalers and VerticalPodAutoscalers, on the page of an app and that of its autoscaling."""

from __future__ import annotations

from collections.abc import Sequence

from portal.ui import html
from portal.ui.components.basics import Node, badge, local_times, notice, table, wildcards
from portal.viewmodels.model import ScalerView, VerticalRow, VerticalView


def scalers(views: Sequence[ScalerView]) -> list[Node]:
    """Each ScaledObject and ScaledJob: its sentence, state, triggers and notices."""
    return [
        html.Section(
            [
                html.P(
                    [badge(view.state), " ", html.Span(local_times(view.sentence))],
                    className="words",
                ),
                html.P(
                    [html.Span("Triggers: ", className="quiet-text"), "; ".join(view.triggers)],
                    className="words",
                )
                if view.triggers
                else None,
                *[notice(each) for each in view.notices],
            ],
            className="autoscaler",
            **wildcards({"data-testid": "scaler", "data-name": view.name}),
        )
        for view in views
    ]


_HEAD = ("Container", "Resource", "Request now", "Recommended", "Range", "Without bounds")


def vertical(views: Sequence[VerticalView], *, narrow: bool = False) -> list[Node]:
    """Each VerticalPodAutoscaler: its update mode, recommendations and notices.

    ``narrow``: recommendations are a list, where there is no room for a table.
    """
    return [
        html.Section(
            [
                html.H3(f"VerticalPodAutoscaler {view.name}"),
                html.P([badge(view.mode), " ", view.sentence], className="words"),
                _recommendations(view, narrow) if view.rows else None,
                *[notice(each) for each in view.notices],
            ],
            className="autoscaler",
            **wildcards({"data-testid": "vertical", "data-name": view.name}),
        )
        for view in views
    ]


def _recommendations(view: VerticalView, narrow: bool) -> Node:
    if narrow:
        return html.Ul([_item(each) for each in view.rows])
    return table(
        f"What {view.name} recommends",
        _HEAD,
        [_row(each) for each in view.rows],
        class_name="table pods",
        around="table-scroll",
    )


def _item(row: VerticalRow) -> html.Li:
    return html.Li(
        [
            html.Span(row.container, className="mono"),
            f", {row.resource}: ",
            html.Strong(row.target),
            f" recommended; the request is {row.now}",
        ]
    )


def _row(row: VerticalRow) -> html.Tr:
    cells = (
        html.Span(row.container, className="mono"),
        row.resource,
        row.now,
        html.Strong(row.target),
        row.range or "–",
        row.uncapped or "the same",
    )
    return html.Tr(
        [
            html.Td(cell, **wildcards({"data-label": name}))
            for name, cell in zip(_HEAD, cells, strict=True)
        ],
        key=f"{row.container} {row.resource}",
    )
