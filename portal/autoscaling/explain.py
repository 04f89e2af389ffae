"""The nearest reading, time or bound at which a decision would be another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from portal.autoscaling.engine import Constraint, Decision, decide
from portal.autoscaling.integers import MAX32
from portal.autoscaling.pods import Grouping
from portal.autoscaling.requests import request_of
from portal.autoscaling.spec import TargetType, rules_of
from portal.autoscaling.stabilization import window_down
from portal.autoscaling.state import Answer, Sample, Scale, State

FARTHEST = 1000
"""The largest multiple of its reading or target at which a metric is looked at."""


class Cause(StrEnum):
    """The things that may change a decision."""

    READING = "reading"
    """The reading of the metric that asks for most; all else as it is."""
    TIME = "time"
    """Nothing but the time, with every reading as it is."""
    MAXIMUM = "maximum"
    """``maxReplicas``."""
    MINIMUM = "minimum"
    """``minReplicas``."""


class Turn(Struct, frozen=True):
    """The nearest value of a cause at which a decision would be another, and its replicas.

    The value of a reading is in the unit of the metric's target, that of a time in seconds.
    """

    cause: Cause
    value: float
    replicas: int


def turns(state: State, decision: Decision) -> tuple[Turn, ...]:
    """Return what would change a decision, beginning with what its constraint is about.

    Of readings there is the nearest one below and the nearest one above. The replicas are assumed
    to follow the load: more of it never asks for fewer.
    """
    found: list[Turn | None] = []
    constraint = decision.trace.constraint
    if constraint in {Constraint.STABILIZATION, Constraint.RATE}:
        found.append(in_time(state, decision))
    if constraint in {Constraint.MAXIMUM, Constraint.OVER_MAXIMUM}:
        found.append(_at_bound(state, decision, Cause.MAXIMUM))
    if constraint in {Constraint.MINIMUM, Constraint.UNDER_MINIMUM}:
        found.append(_at_bound(state, decision, Cause.MINIMUM))
    found += (_in_reading(state, decision, up=up) for up in (False, True))
    return tuple(each for each in found if each is not None)


def _at_bound(state: State, decision: Decision, cause: Cause) -> Turn | None:
    """Return the nearest other bound that changes the decision."""
    spec = state.spec
    if cause is Cause.MAXIMUM:
        bound = spec.max_replicas + 1
        changed = replace(spec, max_replicas=bound)
    else:
        bound = spec.min_replicas - 1
        changed = replace(spec, min_replicas=bound)
        least = 0 if spec.has_shared else 1
        if bound < least:
            return None
    replicas = decide(replace(state, spec=changed)).replicas
    return None if replicas == decision.replicas else Turn(cause, bound, replicas)


def in_time(state: State, decision: Decision) -> Turn | None:
    """Return the first time at which the same readings lead to another decision, if any."""
    scale = Scale(decision.replicas, decision.replicas)
    for at in _ends(state, decision):
        later = replace(
            state,
            now=at + 0.001,  # at the very end it still counts without behavior
            scale=scale,
            history=decision.history,
            conditions=decision.conditions,
            desired=decision.desired,
        )
        replicas = decide(later).replicas
        if replicas != decision.replicas:
            return Turn(Cause.TIME, at, replicas)
    return None


def _ends(state: State, decision: Decision) -> list[float]:
    """Return the next sync, and the times at which something stops counting."""
    spec, history = state.spec, decision.history
    windows = {float(window_down(spec.behavior, state.flags))}
    periods: set[int] = set()
    if spec.behavior:
        windows.add(float(spec.behavior.up.window or 0))
        for rules in (spec.behavior.up, spec.behavior.down):
            periods.update(each.period for each in rules.policies)
    ends = {each.at + window for each in history.recommendations for window in windows}
    ends |= {each.at + period for each in (*history.ups, *history.downs) for period in periods}
    ends.add(state.now + state.flags.sync_period)
    held = decision.trace.stabilized.until if decision.trace.stabilized else None
    if held is not None and decision.trace.constraint is Constraint.STABILIZATION:
        return sorted(at for at in ends if at >= held)  # until then the same one holds it
    return sorted(at for at in ends if at > state.now)


def _in_reading(state: State, decision: Decision, *, up: bool) -> Turn | None:
    """Return the nearest reading above or below with another decision."""
    trace, winner = decision.trace.decisive, decision.trace.winner
    if trace is None or winner is None:
        return None

    def replicas(reading: int) -> int:
        answer = answer_with(state, winner, trace.pods, reading)
        answers: Sequence[Answer] = [
            answer if at == winner else each for at, each in enumerate(state.answers)
        ]
        return decide(replace(state, answers=answers)).replicas

    same, highest = trace.current, FARTHEST * max(trace.current, trace.metric.target)
    if trace.metric.target_type is TargetType.UTILIZATION:
        highest = min(highest, MAX32)
    if replicas(same) != decision.replicas:
        return None  # such as a mean that cannot be had in whole numbers
    step, other = 1, same
    while True:
        other = min(trace.current + step, highest) if up else max(trace.current - step, 0)
        if replicas(other) != decision.replicas:
            break
        if other in {0, highest}:
            return None
        step *= 2
    while abs(other - same) > 1:
        middle = (other + same) // 2
        if replicas(middle) == decision.replicas:
            same = middle
        else:
            other = middle
    return Turn(Cause.READING, other, replicas(other))


def answer_with(state: State, index: int, pods: Grouping | None, reading: int) -> Answer:
    """Return an answer for a metric, by its index, that the controller reads so.

    The same pods have samples as before; ``pods`` are the groups that they then were in.
    """
    metric, answer = state.spec.metrics[index], state.answers[index]
    if metric.target_type is TargetType.VALUE:
        return (reading,)
    if pods is None or answer is None or not isinstance(answer, Mapping):
        return (reading * state.scale.current,)
    left_out = {*pods.unready, *pods.missing, *pods.ignored}
    counted = [each for each in state.pods if each.name not in left_out]
    if metric.target_type is TargetType.UTILIZATION:
        strict = rules_of(state.minor).strict_containers
        requested = sum(
            request_of(each, metric.name, metric.container, strict=strict)[0] for each in counted
        )
        total = -(-reading * requested // 100)
    else:
        total = reading * (len(counted) + pods.strangers)
    # Which pod uses how much makes no difference: only the sum does.
    bearer = counted[0].name if counted else next(iter(set(answer) - left_out))
    return {
        name: Sample(total if name == bearer else 0, each.at, each.window)
        for name, each in answer.items()
    }
