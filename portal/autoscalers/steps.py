"""A decision step by step, from the metric to the number of replicas. Pure."""

from __future__ import annotations

from msgspec import Struct

from portal.autoscalers.sentences import (
    against,
    calculation,
    metric_within,
    minutes,
    policy_trace_words,
    reading_amount,
)
from portal.autoscaling.engine import Constraint, Decision, Trace
from portal.autoscaling.metrics import MetricTrace, Outcome
from portal.autoscaling.spec import TargetType
from portal.autoscaling.stabilization import window_down
from portal.autoscaling.state import State
from portal.viewmodels.words import count, number, span


class StepView(Struct, frozen=True):
    """One step: its title, Kubernetes' term, its result, and lines that explain it.

    ``decisive`` marks the step that the number is as it is by.
    """

    name: str
    title: str
    term: str
    result: str
    lines: tuple[str, ...]
    decisive: bool = False


_DECISIVE = {
    Constraint.METRIC: "proposal",
    Constraint.STABILIZATION: "window",
    Constraint.RATE: "policies",
    Constraint.MAXIMUM: "bounds",
    Constraint.MINIMUM: "bounds",
    Constraint.OVER_MAXIMUM: "bounds",
    Constraint.UNDER_MINIMUM: "bounds",
    Constraint.NO_METRICS: "readings",
}


def steps(state: State, decision: Decision) -> tuple[StepView, ...]:
    """Return the steps that took place, in their order."""
    trace = decision.trace
    decisive = _DECISIVE.get(trace.constraint, "")
    winner = trace.decisive
    if winner is not None and winner.outcome is not Outcome.PROPOSED and decisive == "proposal":
        decisive = "tolerance"
    found = [_readings(trace)] if trace.metrics else []
    if winner is not None:
        found += [_ratio(winner), _tolerance(winner), _proposal(trace, winner)]
        found += [_window(state, trace), _policies(state, trace)]
    found.append(_bounds(state, trace))
    found.append(
        StepView(
            "result",
            "Result",
            "desiredReplicas",
            count(decision.replicas, "pod"),
            (_result(state, decision),),
        )
    )
    return tuple(
        StepView(each.name, each.title, each.term, each.result, each.lines, each.name == decisive)
        for each in found
    )


def _result(state: State, decision: Decision) -> str:
    if decision.replicas == state.scale.replicas:
        return f"There are {count(decision.replicas, 'pod')} already, so nothing is changed."
    return f"The number of pods is changed from {state.scale.replicas} to {decision.replicas}."


def _readings(trace: Trace) -> StepView:
    known = [each for each in trace.metrics if not each.failure]
    lines = [
        f"{_capital(metric_within(each.metric))}: no reading, {each.failure}."
        if each.failure
        else f"{_capital(against(each))}."
        for each in trace.metrics
    ]
    for each in known:
        if each.pods is not None:
            lines.append(f"{_capital(metric_within(each.metric))}: {_grouped(each)}.")
    result = ", ".join(reading_amount(each.metric, each.current) for each in known) or "none"
    return StepView("readings", "Reading", "currentMetrics", result, tuple(lines))


def _grouped(trace: MetricTrace) -> str:
    pods = trace.pods
    if pods is None:
        return ""
    parts = [f"measured on {count(pods.ready, 'ready pod')}"]
    for names, word in (
        (pods.unready, "unready"),
        (pods.missing, "without a sample"),
        (pods.ignored, "ignored"),
    ):
        if names:
            parts.append(f"{len(names)} {word}")
    return ", ".join(parts)


def _ratio(trace: MetricTrace) -> StepView:
    metric = trace.metric
    target = reading_amount(metric, metric.target)
    lines = [f"{reading_amount(metric, trace.current)} ÷ {target} = {number(trace.ratio, 3)}."]
    if trace.ratio > 1:
        lines.append("Above 1 there is more load than the target means: more pods are needed.")
    elif trace.ratio < 1:
        lines.append("Below 1 there is less load than the target means: fewer pods would do.")
    if metric.target_type is TargetType.UTILIZATION:
        lines.append("The reading is cut to a whole percent first.")
    if trace.final_ratio != trace.ratio:
        lines.append(
            "With the pods that are unready or without a sample counted, too, it is "
            f"{number(trace.final_ratio, 3)}."
        )
    result = number(trace.ratio)
    if trace.final_ratio != trace.ratio:
        result = f"{result} → {number(trace.final_ratio)}"
    return StepView("ratio", "Reading ÷ target", "ratio", result, tuple(lines))


def _tolerance(trace: MetricTrace) -> StepView:
    low, high = 1 - trace.tolerance.down, 1 + trace.tolerance.up
    inside = trace.tolerance.covers(trace.final_ratio)
    if trace.outcome is Outcome.REVERSED:
        result = "no change"
        why = "With the other pods counted it would go the other way, so nothing changes."
    elif inside:
        result, why = "no change", "The ratio is between them: nothing changes."
    else:
        result, why = "act", "The ratio is outside: it acts."
    return StepView(
        "tolerance",
        "Far enough off?",
        "tolerance",
        result,
        (f"Nothing changes between {number(low)} and {number(high)}.", why),
    )


def _proposal(trace: Trace, winner: MetricTrace) -> StepView:
    lines = [
        f"{_capital(metric_within(each.metric))}: {_asks(each)}."
        for each in trace.metrics
        if not each.failure
    ]
    if len(trace.metrics) > 1:
        lines.append("The metric that asks for most decides.")
    return StepView(
        "proposal",
        "The metrics ask for",
        "recommendation",
        count(winner.proposal, "pod"),
        tuple(lines),
    )


def _asks(trace: MetricTrace) -> str:
    if trace.outcome is Outcome.PROPOSED:
        return calculation(trace)
    return f"as many as there are, {count(trace.proposal, 'pod')}"


def _window(state: State, trace: Trace) -> StepView:
    stable, behavior = trace.stabilized, state.spec.behavior
    down = span(window_down(behavior, state.flags))
    lines = [f"Downwards the highest recommendation of the last {down} counts."]
    if behavior is not None and behavior.up.window:
        lines.append(
            f"Upwards the lowest recommendation of the last {span(behavior.up.window)} counts."
        )
    if stable is None or trace.recommended is None:
        return StepView("window", "Steady for long enough?", "stabilization window", "–", ())
    if stable.held_by is None or stable.until is None:
        lines.append("No earlier recommendation holds it.")
        result = count(stable.replicas, "pod")
    else:
        left = minutes(stable.until - state.now)
        lines.append(
            f"{count(stable.held_by.replicas, 'pod')} were asked for "
            f"{minutes(state.now - stable.held_by.at)} ago, which counts for another {left}."
        )
        result = f"held at {stable.replicas}"
    return StepView(
        "window", "Steady for long enough?", "stabilization window", result, tuple(lines)
    )


def _policies(state: State, trace: Trace) -> StepView:
    rate, behavior = trace.rate, state.spec.behavior
    title, term = "How fast?", "scaling policies"
    if rate is None:
        return StepView(
            "policies", title, term, "not asked", ("Nothing is to change, so none is asked.",)
        )
    if behavior is None:
        lines = (f"Upwards at most twice as many pods, or 4: {rate.limit}.",)
        return StepView("policies", title, term, f"at most {rate.limit}", lines)
    up = rate.limit >= state.scale.replicas
    if not rate.policies:
        return StepView(
            "policies", title, term, "not at all", ("The rules forbid this direction.",)
        )
    lines = tuple(f"{policy_trace_words(each, up=up)}." for each in rate.policies)
    if len(rate.policies) > 1:
        rules = behavior.up if up else behavior.down
        lines += (f"The one that allows {'less' if rules.select == 'Min' else 'more'} decides.",)
    bound = "at most" if up else "at least"
    return StepView("policies", title, term, f"{bound} {max(0, rate.limit)}", lines)


def _bounds(state: State, trace: Trace) -> StepView:
    spec = state.spec
    lines = [f"Never fewer than {spec.min_replicas}, never more than {spec.max_replicas}."]
    if trace.constraint is Constraint.MAXIMUM:
        lines.append("More is asked for than the maximum: it is full.")
    elif trace.constraint is Constraint.MINIMUM:
        lines.append("Less is asked for than the minimum.")
    return StepView(
        "bounds",
        "Between minimum and maximum",
        "minReplicas, maxReplicas",
        f"{spec.min_replicas}–{spec.max_replicas}",
        tuple(lines),
    )


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
