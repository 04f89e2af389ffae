"""A decision of an autoscaler in plain words, with Kubernetes' terms beside them. Pure."""

from __future__ import annotations

from portal.autoscaling.engine import Constraint, Decision, Trace
from portal.autoscaling.explain import Cause, Turn
from portal.autoscaling.metrics import MetricTrace, Outcome
from portal.autoscaling.rates import PolicyTrace, RateLimit
from portal.autoscaling.spec import Metric, MetricSource, ScalingPolicy, TargetType
from portal.autoscaling.stabilization import window_down
from portal.autoscaling.state import State
from portal.domain.objects import HpaMetric
from portal.viewmodels.hpa_metrics import amount, label_within
from portal.viewmodels.words import count, number, span


def metric_within(metric: Metric) -> str:
    """The name of a metric in the middle of a sentence."""
    return label_within(_shown(metric))


def metric_amount(metric: Metric, value: float) -> str:
    """A reading or target of a metric with its unit; ``value`` as the engine has it."""
    return amount(_shown(metric), value)


def _shown(metric: Metric) -> HpaMetric:
    name = f"{metric.container}/{metric.name}" if metric.container else metric.name
    return HpaMetric(name, metric.target_type.value, 1.0, None, metric.source)


def reading_amount(metric: Metric, value: float) -> str:
    """A reading with its unit; the engine has thousandths of all that is not in percent."""
    scale = 1 if metric.target_type is TargetType.UTILIZATION else 1000
    return metric_amount(metric, value / scale)


def against(trace: MetricTrace) -> str:
    """A metric's reading against its target: "CPU at 143 % of the request, target 70 %"."""
    metric = trace.metric
    reading = reading_amount(metric, trace.current)
    target = reading_amount(metric, metric.target)
    name = metric_within(metric)
    match metric.target_type:
        case TargetType.UTILIZATION:
            return f"{name} is at {reading} of the request, and the target is {target}"
        case TargetType.AVERAGE_VALUE:
            return f"{name} is at {reading} for each pod, and the target is {target}"
        case _:
            return f"{name} is at {reading}, and the target is {target}"


def minutes(seconds: float) -> str:
    """A length of time in minutes and seconds: "3:40"; "40 s" below a minute."""
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d} min" if whole >= 60 else f"{whole} s"


def sentence(state: State, decision: Decision) -> str:
    """A decision as one sentence."""
    before, after, trace = state.scale.replicas, decision.replicas, decision.trace
    return f"{_movement(before, after)}{_reason(state, trace)}."


def _movement(before: int, after: int) -> str:
    pods = count(after, "pod")
    if after == before:
        return f"Stays at {pods}: "
    return f"{'Adds' if after > before else 'Removes'} {abs(after - before)}, to {pods}: "


def _reason(state: State, trace: Trace) -> str:
    spec = state.spec
    match trace.constraint:
        case Constraint.UNREADABLE:
            return "the number of pods cannot be read"
        case Constraint.UNWRITABLE:
            return "the autoscaler may not change the number of pods"
        case Constraint.DISABLED:
            return "somebody has scaled it to zero, which switches the autoscaler off"
        case Constraint.OVER_MAXIMUM:
            return f"there were more than the maximum of {spec.max_replicas}; no metric is asked"
        case Constraint.UNDER_MINIMUM:
            return f"there were fewer than the minimum of {spec.min_replicas}; no metric is asked"
        case Constraint.NO_METRICS:
            return _without_metrics(state, trace)
        case _:
            return _by_metric(state, trace)


def _without_metrics(state: State, trace: Trace) -> str:
    if state.scale.selector_problem:
        return "it cannot tell which pods are its own"
    failed = [each for each in trace.metrics if each.failure]
    if len(failed) < len(trace.metrics):
        names = ", ".join(metric_within(each.metric) for each in failed)
        return f"it takes no pods away while it cannot read {names}"
    return f"it has no reading ({failed[0].failure})" if failed else "it has no reading"


def _by_metric(state: State, trace: Trace) -> str:
    metric = trace.decisive
    if metric is None:
        return "nothing asks for a change"
    told = against(metric)
    asked = f"{told}, which asks for {count(metric.proposal, 'pod')}"
    held = trace.stabilized is not None and trace.stabilized.held_by is not None
    match trace.constraint:
        case Constraint.STABILIZATION:
            return f"{asked}, but {_held(state, trace)}"
        case Constraint.RATE:
            return f"{asked}, but {_rate(state, trace.rate)}"
        case Constraint.MAXIMUM:
            earlier = f", and {_held(state, trace)}" if held else ""
            return f"{asked}{earlier}; the maximum is {state.spec.max_replicas}"
        case Constraint.MINIMUM:
            return f"{asked}; the minimum is {state.spec.min_replicas}"
        case _:
            return _proposed(metric, told)


def _proposed(metric: MetricTrace, told: str) -> str:
    match metric.outcome:
        case Outcome.TOLERATED:
            near = metric.tolerance.up if metric.final_ratio > 1 else metric.tolerance.down
            return f"{told}, which is near enough (within {100 * near:g} %, the tolerance)"
        case Outcome.REVERSED:
            return f"{told}, but pods that are starting, or not measured yet, make the difference"
        case _:
            return f"{told}, so {calculation(metric)}"


def calculation(metric: MetricTrace) -> str:
    """The arithmetic of a proposal: "2 pods × 2.04 = 4.09, rounded up to 5"."""
    product = metric.final_ratio * metric.counted
    if metric.metric.target_type is TargetType.VALUE or not metric.metric.source.shared:
        start = f"{count(metric.counted, 'pod')} × {number(metric.final_ratio)}"
        total = f"{start} = {number(product)}"
    else:
        total = number(product)
    if product == metric.proposal:
        return total
    return f"{total}, rounded up to {metric.proposal}"


def _held(state: State, trace: Trace) -> str:
    held = trace.stabilized.held_by if trace.stabilized else None
    if held is None or trace.recommended is None:
        return "an earlier recommendation counts"
    ago = minutes(state.now - held.at)
    pods = count(held.replicas, "pod")
    if held.replicas > trace.recommended:
        window = span(window_down(state.spec.behavior, state.flags))
        return (
            f"the metrics asked for {pods} {ago} ago, and the highest of the last {window} counts "
            "(stabilization window)"
        )
    window = span(state.spec.behavior.up.window or 0) if state.spec.behavior else "0 s"
    return (
        f"the metrics asked for {pods} {ago} ago, and the lowest of the last {window} counts "
        "(stabilization window)"
    )


def _rate(state: State, rate: RateLimit | None) -> str:
    if rate is None:
        return "it changes in steps"
    if rate.decisive is None:
        if state.spec.behavior is None:
            return "it at most doubles the pods, or goes to 4, at once"
        return "its rules forbid this direction (selectPolicy: Disabled)"
    return f"it changes at most {policy_words(rate.decisive.policy)} (scaling policy)"


def policy_words(policy: ScalingPolicy) -> str:
    """A scaling policy: "4 pods within 15 s"."""
    much = count(policy.value, "pod") if policy.type == "Pods" else f"{policy.value} % of the pods"
    return f"{much} within {span(policy.period)}"


def policy_trace_words(trace: PolicyTrace, *, up: bool) -> str:
    """The replicas that a policy allows: "4 pods within 15 s: from 2, so up to 6"."""
    bound = "up to" if up else "down to"
    return f"{policy_words(trace.policy)}: from {trace.start}, so {bound} {max(0, trace.limit)}"


def turn_words(turn: Turn, metric: Metric | None, current: int, now: float) -> str:
    """A change that would have another result."""
    pods = count(turn.replicas, "pod")
    match turn.cause:
        case Cause.READING if metric is not None:
            more = "or more" if turn.value > current else "or less"
            reading = reading_amount(metric, turn.value)
            return f"With {metric_within(metric)} at {reading} {more} it would be {pods}."
        case Cause.TIME:
            return f"If nothing else changes, it is {pods} in {minutes(turn.value - now)}."
        case Cause.MAXIMUM:
            return f"With a maximum of {turn.value:g} it would be {pods}."
        case Cause.MINIMUM:
            return f"With a minimum of {turn.value:g} it would be {pods}."
        case _:
            return ""


def counted_as(amount_each: int | None, metric: Metric) -> str:
    """The usage that pods without a sample in use are taken to have."""
    if amount_each is None:
        return "left out"
    if amount_each == 0:
        return "counted as idle"
    if metric.target_type is TargetType.UTILIZATION:
        return f"counted as {amount_each} % of their request"
    return "counted as on target"


SHARED = {MetricSource.OBJECT, MetricSource.EXTERNAL}
"""The sources of metrics that are of the app as a whole."""
