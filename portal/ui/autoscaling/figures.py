"""The table of figures of replays, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from portal.autoscalers.variants import FigureRow
from portal.ui import html
from portal.ui.components.basics import Node, table, wildcards


def figures_table(
    label: str, columns: Sequence[tuple[str, str]], rows: Sequence[FigureRow]
) -> html.Div:
    """A table of figures; ``columns`` are names and settings, which a single one need not tell."""
    settings = html.Tr(
        [
            html.Th("Settings", scope="row"),
            *(_cell(name, words, "what-if-words") for name, words in columns),
        ]
    )
    body = [
        html.Tr(
            [
                html.Th([row.title, html.Span(row.term, className="step-term")], scope="row"),
                *(
                    _cell(name, [value, html.Span(difference, className="what-if-difference")])
                    for (name, _), (value, difference) in zip(columns, row.cells, strict=True)
                ),
            ]
        )
        for row in rows
    ]
    return table(
        label,
        ("Figure", *(name for name, _ in columns)),
        [settings, *body] if len(columns) > 1 else body,
        class_name="table what-if",
        around="what-if-scroll",
    )


def _cell(name: str, content: Node, class_name: str = "") -> html.Td:
    return html.Td(content, className=class_name, **wildcards({"data-label": name}))
