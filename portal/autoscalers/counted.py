"""The pods of a decision: what each used, and what it counted as. Pure."""

from __future__ import annotations

from msgspec import Struct

from portal.autoscalers.adapter import answers_of
from portal.autoscalers.following import Followed
from portal.autoscalers.sentences import counted_as, metric_amount
from portal.autoscaling.metrics import MetricTrace
from portal.autoscaling.pods import Grouping
from portal.autoscaling.requests import request_of
from portal.autoscaling.spec import Metric, TargetType
from portal.autoscaling.state import Pod, Sample, State
from portal.viewmodels.words import cores, number, percent, size, span

MOST = 50
"""The most pods that are listed."""


class CountedPod(Struct, frozen=True):
    """A pod: its use, its request and their ratio as texts, what it counted as, and why."""

    name: str
    used: str
    requested: str
    share: str
    counted: str
    why: str


def counted_pods(found: Followed) -> tuple[tuple[CountedPod, ...], int]:
    """Return the pods as they counted for the metric that decided, and how many more there are.

    Those that did not count like the others come first.
    """
    trace = found.decision.trace
    shown = trace.decisive or next((each for each in trace.metrics if each.pods), None)
    if shown is None or shown.metric.source.shared or shown.pods is None:
        return (), 0
    at = trace.metrics.index(shown)
    # The decision may be that of a reading whose samples were not seen: these are what was.
    pods, seen = found.state.pods, found.seen
    answer = answers_of(found.hpa, found.spec, pods, seen.usage, seen.current)[at]
    samples = answer if isinstance(answer, dict) else {}
    made = [_pod(found.state, shown, shown.pods, pod, samples.get(pod.name)) for pod in pods]
    made.sort(key=lambda each: (each.counted == READY, each.name))
    return tuple(made[:MOST]), max(0, len(made) - MOST)


READY = "ready"


def _pod(
    state: State, trace: MetricTrace, groups: Grouping, pod: Pod, sample: Sample | None
) -> CountedPod:
    metric = trace.metric
    counted, why = _group(state, trace, groups, pod, sample)
    used = "–" if sample is None else _amount(metric, sample.value)
    request, share = "–", "–"
    if metric.target_type is TargetType.UTILIZATION:
        amount, problem = request_of(pod, metric.name, metric.container, strict=True)
        request = "none" if problem else _amount(metric, amount)
        if sample is not None and amount:
            share = percent(100 * sample.value / amount)
    elif sample is not None:
        share = percent(100 * sample.value / metric.target)
    return CountedPod(pod.name, used, request, share, counted, why)


def _amount(metric: Metric, value: int) -> str:
    """An amount of what is used or requested, in its own unit."""
    match metric.name:
        case "cpu":
            return cores(value / 1000)
        case "memory":
            return size(value / 1000)
        case _:
            if metric.target_type is TargetType.UTILIZATION:
                return percent(value / 1000)  # the request is made up as 100
            return metric_amount(metric, value / 1000)


def _group(
    state: State, trace: MetricTrace, groups: Grouping, pod: Pod, sample: Sample | None
) -> tuple[str, str]:
    if pod.name in groups.ignored:
        return "ignored", "It is being deleted." if pod.deleting else "It has failed."
    if pod.name in groups.unready:
        return "unready", f"{_unready(state, pod, sample)} {_as(groups.unready_as, trace.metric)}"
    if pod.name in groups.missing:
        return "missing", (
            "The metrics API has no sample of it yet. " + _as(groups.missing_as, trace.metric)
        )
    return READY, "Its use counts."


def _as(each: int | None, metric: Metric) -> str:
    words = counted_as(each, metric)
    return f"{words[0].upper()}{words[1:]}."


def _unready(state: State, pod: Pod, sample: Sample | None) -> str:
    if pod.phase == "Pending":
        return "It has not started yet."
    if pod.ready != "True":
        return "It is not ready."
    initial = span(state.flags.cpu_initialization_period)
    if sample is not None and sample.at - sample.window < pod.ready_since:
        late = number(pod.ready_since - (sample.at - sample.window), 0)
        return (
            f"Its newest sample began {late} s before it was ready, and it started less than "
            f"{initial} ago."
        )
    return f"It started less than {initial} ago."
