"""The live parts of the page of an autoscaler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from portal.autoscalers.counted import CountedPod
from portal.autoscalers.forecast import GradedView, NextView
from portal.autoscalers.steps import StepView
from portal.autoscalers.view import AutoscalersView, WhyView
from portal.ui import html, ids
from portal.ui.autoscaling.reaction import reaction
from portal.ui.components import scalers
from portal.ui.components.basics import (
    Node,
    age,
    badge,
    card,
    clock,
    internal_link,
    next_change,
    notice,
    stale_notice,
    table,
    until,
    wildcards,
)
from portal.ui.components.markup import chart_marks
from portal.ui.encoding import Part, Props, flat
from portal.ui.routes import app_path, autoscaling_path
from portal.viewmodels.series import series_view


def _head(view: AutoscalersView) -> Node:
    several = len(view.names) > 1
    return [
        html.Div(
            [badge(view.state, **wildcards({"data-testid": "headline"})), html.P(view.headline)],
            className="autoscaling-state",
        ),
        html.Nav(
            [
                internal_link(
                    target,
                    autoscaling_path(view.key, name),
                    "chip active" if name == view.name else "chip",
                    **wildcards({"aria-current": "page"} if name == view.name else {}),
                )
                for name, target in view.names
            ],
            className="chips",
            **wildcards({"aria-label": "Autoscalers of this app"}),
        )
        if several
        else None,
    ]


def _none(view: AutoscalersView) -> Node:
    """Words in the place of what cannot be shown."""
    if view.unanswered:
        return None
    if not view.known:
        return html.P("There is no such app, or it has no pods yet.", className="words")
    if not view.name and view.scalers:
        return html.P(
            "There is no HorizontalPodAutoscaler at present, so there are no decisions to explain.",
            className="words",
        )
    if not view.name:
        return [
            html.P(
                "This app has no autoscaler (HorizontalPodAutoscaler): "
                "its number of pods is fixed.",
                className="words",
                **wildcards({"data-testid": "no-autoscaler"}),
            ),
            html.P(
                [
                    "To have it follow the load, turn on ",
                    html.Strong("Autoscaling"),
                    " under ",
                    html.Strong("Scale"),
                    " on ",
                    internal_link("the app's page", app_path(view.key)),
                    ": choose the fewest and the most pods, and how busy a pod may be (the "
                    "target). The pods need a CPU request, which a target is a percentage of.",
                ],
                className="words",
            ),
        ]
    if view.missing:
        return html.P(view.missing, className="words")
    return None


def _scalers(view: AutoscalersView) -> Node:
    shown = [
        notice(view.several) if view.several else None,
        *scalers.scalers(view.scalers),
        *scalers.vertical(view.vertical),
    ]
    title = "KEDA and recommendations" if view.vertical else "KEDA"
    title = title if view.scalers else "Recommendations (VerticalPodAutoscaler)"
    return card(title, shown, icon_name="auto") if any(shown) else None


def _why(view: AutoscalersView) -> Node:
    why = view.why
    if why is None:
        return [notice(each) for each in view.own.notices] if view.own else None
    return [
        html.P(
            why.sentence,
            className="decision-sentence",
            **wildcards({"data-testid": "decision"}),
        ),
        html.P(_when(why), className="words quiet-text"),
        html.Ol(
            [_step(each) for each in why.steps],
            className="decision-steps",
            **wildcards({"aria-label": "From the metric to the number of pods"}),
        ),
        html.Ul([html.Li(each) for each in why.turns], className="decision-turns")
        if why.turns
        else None,
        notice(why.differs) if why.differs else None,
        *([notice(each) for each in view.own.notices] if view.own else []),
        html.P(
            why.agreement, className="words quiet-text", **wildcards({"data-testid": "agreement"})
        ),
        html.Details(
            [
                html.Summary("Flags that the controller is taken to run with"),
                html.Ul([html.Li(each) for each in view.flags]),
                html.P(
                    "They are not in the API: they are told by the decisions of all autoscalers "
                    "of the cluster, and are Kubernetes' defaults until these are quite sure.",
                    className="words quiet-text",
                ),
            ],
            className="graded",
            **wildcards({"data-testid": "flags"}),
        ),
        html.Div([badge(each) for each in view.own.conditions], className="chips")
        if view.own
        else None,
    ]


def _when(why: WhyView) -> list[Node]:
    return ["The autoscaler's last look (sync) was at ", clock(why.at), f", {why.source}."]


def _step(step: StepView) -> html.Li:
    return html.Li(
        html.Details(
            [
                html.Summary(
                    [
                        html.Span(step.title, className="step-title"),
                        html.Strong(step.result, className="step-result"),
                        html.Span(step.term, className="step-term"),
                        html.Span("decides", className="step-mark") if step.decisive else None,
                    ]
                ),
                html.Div([html.P(each) for each in step.lines], className="step-lines"),
            ]
        ),
        className="decision-step decisive" if step.decisive else "decision-step",
        key=step.name,
        **wildcards({"data-testid": f"step-{step.name}"}),
    )


_HEAD = ("Pod", "Uses", "Requests", "Of its request", "Counts as", "Why")


def _pods(view: AutoscalersView) -> Node:
    why = view.why
    if why is None or not why.pods:
        return html.P(
            "The metric that decides is not one of each pod.", className="words quiet-text"
        )
    rows = [_pod(each) for each in why.pods]
    shown = table(
        "Pods as they were counted", _HEAD, rows, class_name="table pods", around="table-scroll"
    )
    more = f"And {why.more_pods} more that are ready." if why.more_pods else ""
    return [shown, html.P(more, className="words quiet-text") if more else None]


def _pod(pod: CountedPod) -> html.Tr:
    cells = (
        html.Span(pod.name, className="mono", title=pod.name),
        pod.used,
        pod.requested,
        pod.share,
        pod.counted,
        pod.why,
    )
    return html.Tr(
        [
            html.Td(cell, **wildcards({"data-label": name}))
            for name, cell in zip(_HEAD, cells, strict=True)
        ],
        key=pod.name,
        className="counted-why",
        **wildcards({"data-testid": "counted-pod", "data-counted": pod.counted}),
    )


def _next(view: AutoscalersView) -> Node:
    coming = view.next
    if coming is None:
        return html.P("Nothing can be foreseen at the moment.", className="words quiet-text")
    return [
        html.P(_soon(coming), className="decision-sentence", **wildcards({"data-testid": "next"})),
        html.P(coming.sentence, className="words"),
        next_change(coming.change, coming.change_at)
        or html.P(
            "Time alone changes nothing: only another load or other settings would.",
            className="words quiet-text",
        ),
        html.Div(
            [
                html.Div(
                    html.Div(
                        className="metric-fill",
                        style={"width": f"{100 * (coming.share or 0):.0f}%"},
                    ),
                    className="metric-bar",
                    **wildcards({"aria-hidden": "true"}),
                ),
                html.P(coming.grade, className="words", **wildcards({"data-testid": "grade"})),
                html.P(
                    coming.steps_grade,
                    className="words",
                    **wildcards({"data-testid": "steps-grade"}),
                )
                if coming.steps_grade
                else None,
            ],
            className="grade",
        ),
        html.Details(
            [
                html.Summary("Changes, and when they were foreseen"),
                _listed(coming.steps, "No change yet."),
                html.P(
                    "The time is the one that was foreseen first and stood until the change "
                    "came; one that another load had moved by more than 15 s counts anew.",
                    className="words quiet-text",
                ),
            ],
            className="graded",
        ),
        html.Details(
            [
                html.Summary("Predicted syncs, and what came"),
                _listed(coming.latest, "No change yet."),
                html.P(
                    "Each prediction is made from what is known just before a sync is due, and "
                    "is kept and compared with what the controller then did.",
                    className="words quiet-text",
                ),
            ],
            className="graded",
        ),
    ]


def _listed(graded: Sequence[GradedView], none: str) -> Node:
    if not graded:
        return html.P(none, className="words quiet-text")
    return html.Ul([_graded(each) for each in graded])


def _soon(coming: NextView) -> list[Node]:
    pods = f"{coming.replicas} pod{'' if coming.replicas == 1 else 's'}"
    verb = "stays at" if coming.replicas == coming.now else "goes to"
    newer = f" ({coming.range}, by the measurements until then)" if coming.range else ""
    return [
        "At its next sync, in ",
        until(coming.due),
        f", it {verb} ",
        html.Strong(pods),
        f"{newer}.",
    ]


def _graded(graded: GradedView) -> html.Li:
    return html.Li(
        [age(graded.at), f": {graded.words}"],
        className="severity-good" if graded.hit else "severity-warn",
    )


def _marks(view: AutoscalersView) -> dict[str, Any]:
    return {
        **chart_marks(view.marks),
        "tolerances": {name: list(each) for name, each in view.tolerances.items()},
    }


AUTOSCALING_PARTS: Mapping[str, Part[AutoscalersView]] = {
    ids.AUTOSCALING_HEAD: lambda view: {"content": _head(view)},
    ids.AUTOSCALING_STALE: lambda view: {"content": stale_notice(view.stale)},
    ids.AUTOSCALING_SCALERS: lambda view: {"content": _scalers(view)},
    ids.AUTOSCALING_NONE: lambda view: {"content": _none(view)},
    ids.AUTOSCALING_BODY: lambda view: {"className": "" if view.name else "gone"},
    ids.AUTOSCALING_WHY: lambda view: {"content": _why(view)},
    ids.AUTOSCALING_PODS: lambda view: {"content": _pods(view)},
    ids.AUTOSCALING_NEXT: lambda view: {"content": _next(view)},
    ids.AUTOSCALING_REACTION: lambda view: {
        "content": reaction(view.reaction, view.key, edits=view.changes)
    },
    ids.AUTOSCALING_SERIES: lambda view: {"data": flat(series_view(view.settled))},
    ids.AUTOSCALING_SERIES_TAIL: lambda view: {"data": flat(series_view(view.unsettled))},
    ids.AUTOSCALING_MARKS: lambda view: {"data": _marks(view)},
}
"""The live parts of the page."""


def autoscaling_patches(view: AutoscalersView) -> Props:
    """The properties of the live parts, for the first rendering."""
    return {id: part(view) for id, part in AUTOSCALING_PARTS.items()}
