"""One sync of the HorizontalPodAutoscaler controller, as a pure function.

``decide`` computes what the controller of Kubernetes 1.34 to 1.37 computes, in its order and with
its rounding; ``docs/autoscaling.md`` says how that is proven. Beside the decision it returns a
trace: how the decision came about.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from portal.autoscaling import rates, stabilization
from portal.autoscaling.metrics import MetricTrace, Outcome, propose, tolerance_of
from portal.autoscaling.rates import RateLimit
from portal.autoscaling.spec import MetricSource, rules_of
from portal.autoscaling.stabilization import Stabilization
from portal.autoscaling.state import Condition, Conditions, History, Recommendation, State

ABLE, ACTIVE, LIMITED, ZERO = "AbleToScale", "ScalingActive", "ScalingLimited", "ScaledToZero"


class Constraint(StrEnum):
    """The step of a sync that the number of replicas was set by."""

    UNREADABLE = "unreadable"
    """The scale of the target cannot be read."""
    UNWRITABLE = "unwritable"
    """The scale of the target cannot be changed."""
    DISABLED = "disabled"
    """The target has zero replicas, and the autoscaler did not make them so."""
    NO_METRICS = "no metrics"
    """No metric has a proposal, or one lacks it and the others would scale down."""
    OVER_MAXIMUM = "over maximum"
    """There were more replicas than the maximum: no metric is asked."""
    UNDER_MINIMUM = "under minimum"
    """There were fewer replicas than the minimum: no metric is asked."""
    METRIC = "metric"
    """The metric that asks for most."""
    STABILIZATION = "stabilization"
    """An earlier recommendation within a stabilization window."""
    RATE = "rate"
    """The scaling policies of the direction, or that it is disabled."""
    MAXIMUM = "maximum"
    """The maximum of replicas."""
    MINIMUM = "minimum"
    """The minimum of replicas."""


class Trace(Struct, frozen=True):
    """The steps by which a decision came about.

    ``metrics`` are in the order of the spec; ``winner`` is the index of the one that asks for most.
    ``recommended`` is what it asks for, ``stabilized`` what the windows leave of it. ``rate`` is
    the limit of the policies, if they were asked. What did not take place is None.
    """

    constraint: Constraint
    metrics: tuple[MetricTrace, ...] = ()
    winner: int | None = None
    recommended: int | None = None
    stabilized: Stabilization | None = None
    rate: RateLimit | None = None

    @property
    def decisive(self) -> MetricTrace | None:
        """The metric that asks for most."""
        return None if self.winner is None else self.metrics[self.winner]


class Decision(Struct, frozen=True):
    """The result of a sync.

    ``replicas`` is the target's ``spec.replicas`` afterwards, ``desired`` the status's
    ``desiredReplicas``; ``history`` and ``conditions`` are what the next sync begins with.
    """

    replicas: int
    desired: int
    conditions: Conditions
    history: History
    trace: Trace


def decide(state: State) -> Decision:
    """Return the controller's decision in this state."""
    spec, scale = state.spec, state.scale
    conditions = dict(state.conditions)
    if not scale.readable:
        conditions[ABLE] = Condition(False, "FailedGetScale")
        return _unchanged(state, conditions, state.history, Trace(Constraint.UNREADABLE))
    conditions[ABLE] = Condition(True, "SucceededGetScale")
    history, replicas = state.history, scale.replicas
    if not history.recommendations:
        first = (Recommendation(replicas, state.now),)
        history = History(first, history.ups, history.downs)

    if not replicas and not _leaves_zero(state):
        conditions[ACTIVE] = Condition(False, "ScalingDisabled")
        if rules_of(state.minor).wakes_by_itself and not rules_of(state.minor).scales_to_zero:
            conditions.pop(ZERO, None)
        return Decision(0, 0, conditions, history, Trace(Constraint.DISABLED))
    if replicas > spec.max_replicas:
        trace = Trace(Constraint.OVER_MAXIMUM)
        return _scaled(state, conditions, history, spec.max_replicas, trace)
    if 0 < replicas < spec.min_replicas:
        trace = Trace(Constraint.UNDER_MINIMUM)
        return _scaled(state, conditions, history, spec.min_replicas, trace)

    metrics, winner = _proposals(state, conditions)
    if winner is None:
        trace = Trace(Constraint.NO_METRICS, metrics)
        return _unchanged(state, conditions, history, trace)
    wanted, history, trace = _normalized(state, conditions, history, metrics, winner)
    if not replicas and spec.min_replicas and _scaled_to_zero(state):
        wanted = max(wanted, spec.min_replicas)
    if wanted == replicas:
        return Decision(replicas, replicas, conditions, history, trace)
    return _scaled(state, conditions, history, wanted, trace)


def _leaves_zero(state: State) -> bool:
    """Return True if metrics are asked although there are zero replicas."""
    minimum = state.spec.min_replicas
    if not rules_of(state.minor).wakes_by_itself:
        return minimum == 0
    return _scaled_to_zero(state) and (minimum != 0 or state.spec.has_shared)


def _scaled_to_zero(state: State) -> bool:
    """Return True if the autoscaler remembers that it scaled to zero itself."""
    found = state.conditions.get(ZERO)
    return rules_of(state.minor).scales_to_zero and found is not None and found.status


_FAILURES = {
    MetricSource.RESOURCE: "FailedGetResourceMetric",
    MetricSource.CONTAINER_RESOURCE: "FailedGetContainerResourceMetric",
    MetricSource.PODS: "FailedGetPodsMetric",
    MetricSource.OBJECT: "FailedGetObjectMetric",
    MetricSource.EXTERNAL: "FailedGetExternalMetric",
    MetricSource.UNKNOWN: "InvalidMetricSourceType",
}


def _proposals(
    state: State, conditions: dict[str, Condition]
) -> tuple[tuple[MetricTrace, ...], int | None]:
    """Return what the metrics ask for and which asks for most; None if nothing may change."""
    if state.scale.selector_problem:
        conditions[ACTIVE] = Condition(False, state.scale.selector_problem)
        return (), None
    tolerance = tolerance_of(state.spec, state.flags, state.minor)
    metrics = tuple(
        propose(state, metric, answer, tolerance)
        for metric, answer in zip(state.spec.metrics, state.answers, strict=True)
    )
    most, winner, failed = 0, None, None
    for at, each in enumerate(metrics):
        if each.outcome is Outcome.FAILED:
            failed = failed or each
        elif winner is None or most == 0 or each.proposal > most:
            most, winner = each.proposal, at
    if failed and (winner is None or most < state.scale.replicas):
        conditions[ACTIVE] = Condition(False, _FAILURES[failed.metric.source])
        return metrics, None
    conditions[ACTIVE] = Condition(True, "ValidMetricFound")
    return metrics, winner


def _normalized(
    state: State,
    conditions: dict[str, Condition],
    history: History,
    metrics: tuple[MetricTrace, ...],
    winner: int,
) -> tuple[int, History, Trace]:
    """Return the replicas after windows, policies and bounds."""
    behavior, earlier = state.spec.behavior, history.recommendations
    replicas = state.scale.replicas
    recommended = max(0, metrics[winner].proposal)
    if behavior is None:
        stabilized, kept = stabilization.without_behavior(
            earlier, recommended, state.flags, state.now
        )
        reason = "ScaleDownStabilized"
    else:
        stabilized, kept = stabilization.with_behavior(
            earlier, recommended, replicas, behavior, state.flags, state.now
        )
        reason = "ScaleUpStabilized" if recommended >= replicas else "ScaleDownStabilized"
    held = stabilized.replicas != recommended
    conditions[ABLE] = Condition(True, reason if held else "ReadyForNewScale")
    history = History(kept, history.ups, history.downs)
    wanted, reason, rate = _bounded(state, history, stabilized.replicas)
    limited = wanted != stabilized.replicas
    conditions[LIMITED] = Condition(limited, reason)
    if limited:
        constraint = _BY_REASON[reason]
    else:
        constraint = Constraint.STABILIZATION if held else Constraint.METRIC
    return wanted, history, Trace(constraint, metrics, winner, recommended, stabilized, rate)


_BY_REASON = {
    "ScaleUpLimit": Constraint.RATE,
    "ScaleDownLimit": Constraint.RATE,
    "TooManyReplicas": Constraint.MAXIMUM,
    "TooFewReplicas": Constraint.MINIMUM,
}


def _bounded(state: State, history: History, wanted: int) -> tuple[int, str, RateLimit | None]:
    """Return the replicas within policies and bounds, and the reason of ScalingLimited."""
    spec, replicas, behavior = state.spec, state.scale.replicas, state.spec.behavior
    rate: RateLimit | None = None
    least, most = spec.min_replicas, spec.max_replicas
    too_few, too_many = "TooFewReplicas", "TooManyReplicas"
    if behavior is None:
        rate = rates.without_behavior(replicas)
        if rate.limit < most:
            most, too_many = rate.limit, "ScaleUpLimit"
    elif wanted > replicas:
        rate = rates.upwards(replicas, behavior, history, state.now)
        if rate.limit < most:
            most, too_many = rate.limit, "ScaleUpLimit"
        least = wanted  # on the way up the minimum is not asked
    elif wanted < replicas:
        rate = rates.downwards(replicas, behavior, history, state.now)
        if rate.limit > least:
            least, too_few = rate.limit, "ScaleDownLimit"
        most = wanted
    else:
        return wanted, "DesiredWithinRange", None
    if wanted < least:
        return least, too_few, rate
    if wanted > most:
        return most, too_many, rate
    return wanted, "DesiredWithinRange", rate


def _scaled(
    state: State, conditions: dict[str, Condition], history: History, wanted: int, trace: Trace
) -> Decision:
    """Return the decision to change the replicas, if the API server lets it."""
    spec, replicas = state.spec, state.scale.replicas
    if not state.scale.writable:
        conditions[ABLE] = Condition(False, "FailedUpdateScale")
        unwritable = replace(trace, constraint=Constraint.UNWRITABLE)
        return _unchanged(state, conditions, history, unwritable)
    conditions[ABLE] = Condition(True, "SucceededRescale")
    if spec.behavior is not None:
        history = rates.recorded(history, spec.behavior, wanted - replicas, state.now)
    rules = rules_of(state.minor)
    if rules.scales_to_zero:
        zero = not wanted and not spec.min_replicas and spec.has_shared
        conditions[ZERO] = Condition(zero, "ScaledToZero" if zero else "NotScaledToZero")
    elif rules.wakes_by_itself:
        conditions.pop(ZERO, None)
    return Decision(wanted, wanted, conditions, history, trace)


def _unchanged(
    state: State, conditions: dict[str, Condition], history: History, trace: Trace
) -> Decision:
    """Return the decision that leaves replicas and desired replicas as they were."""
    return Decision(state.scale.replicas, state.desired, conditions, history, trace)
