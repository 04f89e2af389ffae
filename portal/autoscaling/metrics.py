"""The proposal of each metric: its ratio, and the replicas that it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from portal.autoscaling.integers import (
    MAX32,
    MAX64,
    ceil32,
    int32,
    int64,
    quotient,
    truncated,
)
from portal.autoscaling.pods import NO_PODS, Counted, Grouping, count
from portal.autoscaling.spec import (
    FLAGS,
    LATEST,
    Flags,
    Metric,
    MetricSource,
    Spec,
    TargetType,
    rules_of,
)
from portal.autoscaling.state import Answer, Samples, State


class Outcome(StrEnum):
    """The ways in which a metric comes to its proposal."""

    PROPOSED = "proposed"
    """By its ratio."""
    TOLERATED = "tolerated"
    """No change: the ratio is within the tolerance."""
    REVERSED = "reversed"
    """No change: with unready and missing pods counted it would go the other way."""
    FAILED = "failed"
    """It has no proposal."""


class Tolerance(Struct, frozen=True):
    """The distance of the ratio from 1 without a change, as fractions: above it and below it."""

    up: float = 0.1
    down: float = 0.1

    def covers(self, ratio: float) -> bool:
        """Return True if nothing changes at this ratio."""
        return 1.0 - self.down <= ratio <= 1.0 + self.up


class MetricTrace(Struct, frozen=True):
    """The way in which one metric came to its proposal.

    ``current`` is the reading in the unit of the target; ``ratio`` is reading divided by target,
    and ``final_ratio`` the one after unready and missing pods were counted, which is multiplied by
    ``counted``. ``failure`` says why there is no proposal.
    """

    metric: Metric
    outcome: Outcome
    proposal: int = 0
    current: int = 0
    ratio: float = 0.0
    final_ratio: float = 0.0
    counted: int = 0
    tolerance: Tolerance = Tolerance()
    pods: Grouping | None = None
    failure: str = ""


NOT_SERVED = "the metrics API gives no value"


def tolerance_of(spec: Spec, flags: Flags = FLAGS, minor: int = LATEST) -> Tolerance:
    """Return the tolerance of each direction."""
    usual, behavior = flags.tolerance, spec.behavior
    if behavior is None or not rules_of(minor).tolerances:
        return Tolerance(usual, usual)
    up, down = behavior.up.tolerance, behavior.down.tolerance
    return Tolerance(usual if up is None else up, usual if down is None else down)


def propose(state: State, metric: Metric, answer: Answer, tolerance: Tolerance) -> MetricTrace:
    """Return what one metric asks for."""
    if answer is None:
        return _failed(metric, NOT_SERVED)
    if isinstance(answer, Mapping):
        return _of_pods(state, metric, answer, tolerance)
    if not answer:
        return _failed(metric, NOT_SERVED)
    if metric.target_type is TargetType.VALUE:
        return _of_value(state, metric, _total(state, metric, answer), tolerance)
    return _of_average(state, metric, _total_per_pod(metric, answer), tolerance)


def _failed(metric: Metric, why: str) -> MetricTrace:
    return MetricTrace(metric, Outcome.FAILED, failure=why)


def _of_pods(state: State, metric: Metric, samples: Samples, tolerance: Tolerance) -> MetricTrace:
    """A metric of the pods: their resources, those of a container, or the pods' own."""
    pods = count(state, metric, samples)
    if isinstance(pods, str):
        return _failed(metric, pods)
    current = _reading(metric, pods.total, pods.requested, pods.ready + pods.strangers)
    ratio = float(current) / metric.target
    if pods.missing or (pods.unready and ratio > 1.0):
        return _with_the_others(state, metric, pods, current, tolerance)
    if tolerance.covers(ratio):
        outcome, proposal = Outcome.TOLERATED, state.scale.replicas
    else:
        outcome, proposal = Outcome.PROPOSED, ceil32(ratio * pods.ready)
    groups = pods.grouping(None, None)
    return MetricTrace(
        metric, outcome, proposal, current, ratio, ratio, pods.ready, tolerance, groups
    )


def _with_the_others(
    state: State, metric: Metric, pods: Counted, current: int, tolerance: Tolerance
) -> MetricTrace:
    """A metric for which pods count that are unready or missing, by the direction it has."""
    target, replicas = metric.target, state.scale.replicas
    ratio = float(current) / target
    total, requested = pods.total, pods.requested
    counted = pods.ready + pods.strangers
    unready_as = missing_as = None
    if pods.missing and ratio != 1.0:
        counted += len(pods.missing)
        requested += sum(pods.missing_requests)
        if ratio > 1.0:
            missing_as = 0
        elif metric.target_type is TargetType.UTILIZATION:
            missing_as = max(100, target)
            total += sum(int64(each * missing_as) // 100 for each in pods.missing_requests)
        else:
            missing_as = target
            total += target * len(pods.missing)
    if pods.unready and ratio > 1.0:
        unready_as = 0
        counted += len(pods.unready)
        requested += pods.unready_requested
    reading = _reading(metric, total, requested, counted)
    final_ratio = float(reading) / target
    proposal = ceil32(final_ratio * counted)
    outcome = Outcome.PROPOSED
    if tolerance.covers(final_ratio):
        outcome, proposal = Outcome.TOLERATED, replicas
    elif (
        ratio < 1.0 < final_ratio
        or ratio > 1.0 > final_ratio
        or (final_ratio < 1.0 and proposal > replicas)
        or (final_ratio > 1.0 and proposal < replicas)
    ):
        outcome, proposal = Outcome.REVERSED, replicas
    groups = pods.grouping(unready_as, missing_as)
    return MetricTrace(
        metric, outcome, proposal, current, ratio, final_ratio, counted, tolerance, groups
    )


def _reading(metric: Metric, total: int, requested: int, pods: int) -> int:
    """Return the usage of some pods in the unit of the target, cut to a whole number."""
    if metric.target_type is TargetType.UTILIZATION:
        return int32(truncated(int64(total * 100), requested))
    return truncated(int64(total), pods)


def _total(state: State, metric: Metric, values: Sequence[int]) -> int:
    """The sum of a metric's values."""
    if metric.source is MetricSource.OBJECT or not rules_of(state.minor).capped:
        return int64(sum(values))
    total = 0
    for value in values:
        if value > 0 and total > MAX64 - value:
            return MAX64
        total = int64(total + value)
    return total


def _total_per_pod(metric: Metric, values: Sequence[int]) -> int:
    """The sum of a metric's values that is divided by the pods."""
    total = 0
    for value in values:
        total = int64(total + value)
        if total < 0 and metric.source is MetricSource.EXTERNAL:
            return MAX64  # what the controller takes for an overflow
    return total


def _of_value(state: State, metric: Metric, total: int, tolerance: Tolerance) -> MetricTrace:
    """A value of all pods together, which is multiplied by the ready ones."""
    replicas = state.scale.replicas
    ratio = float(total) / metric.target
    counted = 1
    outcome = Outcome.PROPOSED
    if not replicas:
        proposal = ceil32(ratio)
    elif tolerance.covers(ratio):
        outcome, proposal = Outcome.TOLERATED, replicas
    elif not state.pods:
        return _failed(metric, NO_PODS)
    else:
        counted = sum(
            pod.replicas for pod in state.pods if pod.phase == "Running" and pod.ready == "True"
        )
        wanted = ratio * counted
        capped = rules_of(state.minor).capped and wanted > MAX32
        proposal = MAX32 if capped else ceil32(wanted)
    return MetricTrace(metric, outcome, proposal, total, ratio, ratio, counted, tolerance)


def _of_average(state: State, metric: Metric, total: int, tolerance: Tolerance) -> MetricTrace:
    """A value of all pods together, divided by their number."""
    pods, target = state.scale.current, metric.target
    ratio = quotient(float(total), float(target) * pods)
    if tolerance.covers(ratio):
        outcome, proposal = Outcome.TOLERATED, pods
    else:
        outcome = Outcome.PROPOSED
        wanted = float(total) / target
        too_large = metric.source is MetricSource.EXTERNAL and wanted > MAX32
        proposal = MAX32 if too_large else ceil32(wanted)
    current = -(-total // pods) if pods else total
    return MetricTrace(metric, outcome, proposal, current, ratio, ratio, pods, tolerance)
