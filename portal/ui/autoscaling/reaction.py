"""The reaction of an autoscaler to a load: a row for each step, and each scale-up to open."""

from __future__ import annotations

from collections.abc import Sequence

from portal.autoscalers.reaction_remedies import Remedy
from portal.autoscalers.reaction_view import (
    Blame,
    PodWay,
    ReactionView,
    ScaleUpView,
    StepBar,
)
from portal.domain.keys import Key
from portal.ui import html
from portal.ui.components.basics import Node, age, table, wildcards
from portal.ui.components.form_links import field_links


def reaction(view: ReactionView, key: Key, *, edits: bool) -> list[Node]:
    """The reaction, with links to fields of the form if the viewer ``edits`` the app."""
    bare = not view.bars and not view.scale_ups
    return [
        html.P(
            view.sentence,
            className="words quiet-text" if bare else "decision-sentence",
            **wildcards({"data-testid": "reaction"}),
        ),
        _rows(view.bars, "Usual and slowest steps from the load to a ready pod"),
        html.Div(
            [
                html.H3("What takes longest, and what shortens it"),
                *(_blame(each, key, edits=edits) for each in view.blames),
                html.P("Or, whichever step it is:", className="words"),
                _remedies(view.instead, key, edits=edits),
            ],
            className="reaction-blame",
        )
        if view.blames
        else None,
        html.Div(
            [
                html.H3("Each scale-up, newest first"),
                *(_scale_up(each) for each in view.scale_ups),
            ]
        )
        if view.scale_ups
        else None,
        html.Ul([html.Li(each) for each in view.notes], className="reaction-notes")
        if view.notes
        else None,
    ]


def _rows(bars: Sequence[StepBar], label: str) -> Node:
    """The steps below each other, each bar from where the one before ends."""
    if not bars:
        return None
    return html.Ol(
        [_row(each) for each in bars],
        className="waterfall",
        **wildcards({"aria-label": label}),
    )


def _row(bar: StepBar) -> html.Li:
    worst = f", at most {bar.worst}" if bar.worst and bar.worst != bar.typical else ""
    return html.Li(
        [
            html.Div(
                [
                    html.Span(bar.title, className="waterfall-title"),
                    html.Span(bar.term, className="step-term"),
                ],
                className="waterfall-name",
            ),
            html.Div(
                [
                    html.Span(
                        style={"left": f"{bar.begin}%", "width": f"{bar.worst_width}%"},
                        className="waterfall-worst",
                    ),
                    html.Span(
                        style={"left": f"{bar.begin}%", "width": f"{bar.width}%"},
                        className="waterfall-usual",
                    ),
                ],
                className="waterfall-track",
                **wildcards({"aria-hidden": "true"}),
            ),
            html.Div(
                [
                    html.Span([html.Strong(bar.typical), worst]),
                    html.Span("takes longest", className="step-mark") if bar.blamed else None,
                    html.Span(bar.note, className="step-term") if bar.note else None,
                ],
                className="waterfall-time",
            ),
        ],
        className="blamed" if bar.blamed else "",
        key=bar.name,
        **wildcards({"data-testid": f"reaction-{bar.name}"}),
    )


def _blame(blame: Blame, key: Key, *, edits: bool) -> html.Div:
    return html.Div(
        [
            html.P(html.Strong(blame.sentence), className="words"),
            _remedies(blame.remedies, key, edits=edits),
        ],
        key=blame.name,
        **wildcards({"data-testid": f"blame-{blame.name}"}),
    )


def _remedies(remedies: Sequence[Remedy], key: Key, *, edits: bool) -> html.Ul:
    return html.Ul(
        [
            html.Li(
                [
                    f"{each.words} ",
                    html.Span(f"({each.term})", className="step-term"),
                    ".",
                    field_links(each.fields, key) if edits else None,
                ]
            )
            for each in remedies
        ],
        className="remedies",
    )


def _scale_up(view: ScaleUpView) -> html.Details:
    return html.Details(
        [
            html.Summary(
                [html.Strong(view.title), " ", age(view.at), html.Span(f"; {view.summary}")]
            ),
            html.Ul([html.Li(each) for each in view.notes]) if view.notes else None,
            html.P("The slowest of its pods:", className="words quiet-text") if view.bars else None,
            _rows(view.bars, f"The slowest pod of {view.title}"),
            _pods(view),
        ],
        className="scale-up",
        key=view.id,
        **wildcards({"data-testid": "scale-up"}),
    )


def _pods(view: ScaleUpView) -> Node:
    if not view.pods:
        return None
    head = ("Pod", "State", *view.heads)
    shown = table(
        f"The new pods of {view.title}",
        head,
        [_pod(each, head) for each in view.pods],
        class_name="table pods",
        around="table-scroll",
    )
    told = [
        html.Li([html.Span(each.name, className="mono"), ": ", " ".join(each.notes)])
        for each in view.pods
        if each.notes
    ]
    return [shown, html.Ul(told) if told else None]


def _pod(pod: PodWay, head: Sequence[str]) -> html.Tr:
    cells = (html.Span(pod.name, className="mono", title=pod.name), pod.state, *pod.cells)
    return html.Tr(
        [
            html.Td(cell, **wildcards({"data-label": name}))
            for name, cell in zip(head, cells, strict=True)
        ],
        key=pod.name,
    )
