"""Counts of pods, and the autoscaler in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from portal.ui import html
from portal.ui.components.basics import Node, badge, local_times, next_change, notice, wildcards
from portal.viewmodels.model import AutoscalerView, MetricView, ReplicasView, Severity, WorkloadView

BAR_TOP = 2.0
"""The end of the metric bar, as a multiple of the target, which is in its middle."""


def replicas(view: ReplicasView) -> list[Node]:
    """Ready, current and desired pods, with a dot for each pod."""
    return [
        html.Div(
            [
                _count("ready", view.ready, f"severity-{view.severity.value}"),
                _count("current", view.current),
                _count("desired", view.desired),
            ],
            className="counts",
        ),
        html.Div(_dots(view), className="pod-dots", **wildcards({"aria-hidden": "true"})),
        html.P(local_times(view.words), className="words"),
    ]


def _count(name: str, value: int, severity: str = "") -> html.Div:
    return html.Div(
        [
            html.Span(
                str(value), className="count", **wildcards({"data-testid": f"replicas-{name}"})
            ),
            html.Span(name, className="count-name"),
        ],
        className=f"count-box {severity}".strip(),
    )


def _dots(view: ReplicasView) -> list[html.Span]:
    total = min(max(view.desired, view.current), 60)
    states = [
        "on" if i < view.ready else "half" if i < view.current else "off" for i in range(total)
    ]
    return [html.Span(className=f"pod-dot {state}") for state in states]


def workloads(views: Sequence[WorkloadView]) -> Node:
    """The workloads, each with its state."""
    if not views:
        return None
    return html.Ul([_workload(each) for each in views], className="workloads")


def _workload(view: WorkloadView) -> html.Li:
    return html.Li(
        [
            html.Span(view.kind, className="quiet-text"),
            html.Strong(view.name),
            badge(view.state),
            html.Span(local_times(view.words), className="words"),
        ],
        **wildcards({"data-testid": "workload", "data-kind": view.kind}),
    )


def autoscalers(views: Sequence[AutoscalerView], unknown: str = "") -> Node:
    """Each HorizontalPodAutoscaler, of several with its workload; a sentence if there is none.

    ``unknown`` says why there may be one that is not among ``views``, "" if all are.
    """
    if not views and unknown:
        return html.P(unknown, className="words")
    if not views:
        return html.P(
            "No autoscaler: the number of replicas is fixed.", className="words quiet-text"
        )
    return [
        html.Section(
            [html.H3(view.workload) if len(views) > 1 else None, *_autoscaler(view)],
            className="autoscaler",
            **wildcards({"data-testid": "autoscaler", "data-workload": view.workload}),
        )
        for view in views
    ]


def _autoscaler(view: AutoscalerView) -> list[Node]:
    return [
        html.P(view.summary, className="words"),
        next_change(view.change, view.change_at),
        html.Div([_metric(metric) for metric in view.metrics]),
        *[notice(each) for each in view.notices],
        html.Div(
            [
                html.Span(
                    f"{view.min_replicas}–{view.max_replicas} replicas",
                    className="chip",
                    title="Minimum and maximum replicas",
                ),
                None
                if view.desired is None
                else html.Span(f"desired {view.desired}", className="chip"),
                *[badge(each) for each in view.conditions],
            ],
            className="chips",
        ),
    ]


def _metric(view: MetricView) -> html.Div:
    fraction = view.fraction
    filled = 0.0 if fraction is None else min(max(fraction, 0.0), BAR_TOP) / BAR_TOP * 100
    severity = (
        Severity.QUIET if fraction is None else Severity.WARN if fraction > 1.1 else Severity.GOOD
    )
    meter: dict[str, Any] = {"aria-hidden": "true"}  # the words beside it say that it is not known
    if fraction is not None:
        meter = {
            "role": "meter",
            "aria-label": f"{view.name} against its target",
            "aria-valuemin": 0,
            "aria-valuemax": 200,
            "aria-valuenow": min(round(fraction * 100), 200),
            "aria-valuetext": f"{view.current} of a target of {view.target}",
        }
    return html.Div(
        [
            html.Div(
                [
                    html.Span(view.name, className="metric-name"),
                    html.Span(
                        [html.Strong(view.current), html.Span(f" of {view.target} target")],
                        className="metric-numbers",
                    ),
                ],
                className="metric-head",
            ),
            html.Div(
                [
                    html.Div(className="metric-fill", style={"width": f"{filled:.0f}%"}),
                    html.Div(className="metric-target"),
                ],
                className="metric-bar",
                **meter,
            ),
            html.Div(view.words, className="metric-words") if view.words else None,
        ],
        className=f"metric severity-{severity.value}",
        **wildcards({"data-testid": f"metric-{view.name.lower()}"}),
    )
