"""The replicas that an autoscaler's readings ask for, by the engine, and in words.

The status has one reading for each metric, not those of the pods. The pods that the engine counts
are made so that they have that mean.
"""

from __future__ import annotations

import math

from msgspec import Struct

from portal.autoscaling.metrics import MetricTrace, Outcome, propose, tolerance_of
from portal.autoscaling.spec import FLAGS, Metric, MetricSource, ScalingBehavior, Spec, TargetType
from portal.autoscaling.stabilization import window_down
from portal.autoscaling.state import Answer, Container, Pod, Sample, Scale, State
from portal.domain.objects import Hpa, HpaMetric

_ABSURD = 1e6
"""Maximum plausible ratio; a reading beyond it is ignored as a broken metric."""

_REQUEST = 100_000
"""The request of the made pods, in thousandths: each percent of it is a whole number."""


class PodCounts(Struct, frozen=True):
    """The pods at one sync: all ``replicas``, those that are ready, and those that are measured."""

    replicas: int
    ready: int
    measured: int


class Demand(Struct, frozen=True):
    """The demand of the readings: ``asked`` replicas before, ``replicas`` after the bounds.

    ``metric`` is the one that asks for most, ``reading`` what it reads, ``trace`` how it comes to
    that. ``counted`` are the pods that it is the mean of, or is multiplied by; ``waiting`` are
    those that count as idle, or as on target, until they are measured.
    """

    metric: HpaMetric
    reading: float
    trace: MetricTrace
    counted: int
    waiting: int
    asked: int
    replicas: int

    @property
    def steady(self) -> bool:
        """True if the reading asks for no change."""
        return self.trace.outcome is not Outcome.PROPOSED


def demand_of(hpa: Hpa, counts: PodCounts) -> Demand | None:
    """Return what the readings ask for; None without a reading, or without a pod to count."""
    found = filter(None, (_demand(hpa, metric, counts) for metric in hpa.metrics))
    return max(found, key=_rank, default=None)


def scale_down_window(behavior: ScalingBehavior | None) -> float:
    """Return the stabilization window of scaling down, in seconds.

    Where the spec has none it is the cluster's, which is taken to be Kubernetes' default.
    """
    return window_down(behavior, FLAGS)


def _rank(demand: Demand) -> tuple[int, float]:
    return demand.asked, demand.trace.ratio


def _demand(hpa: Hpa, metric: HpaMetric, counts: PodCounts) -> Demand | None:
    """Return what one metric asks for."""
    spec = _spec(metric)
    current = metric.current
    if spec is None or current is None or not 0 <= current <= _ABSURD * metric.target:
        return None
    # A value of all pods together multiplies the replicas, or is itself their number.
    if spec.target_type is not TargetType.VALUE and not (
        counts.replicas if metric.source.shared else counts.measured
    ):
        return None
    state = State(
        now=0.0,
        spec=Spec(hpa.min_replicas, hpa.max_replicas, (spec,), hpa.behavior),
        scale=Scale(counts.replicas, counts.replicas),
        pods=_pods(counts, spec.name),
        answers=(_answer(spec, current, counts),),
    )
    trace = propose(state, spec, state.answers[0], tolerance_of(state.spec))
    pods = trace.pods
    counted = pods.ready if pods else trace.counted
    if trace.outcome is Outcome.FAILED or not counted:
        return None
    asked = trace.proposal
    return Demand(
        metric=metric,
        reading=current,
        trace=trace,
        counted=counted,
        waiting=len(pods.unready) + len(pods.missing) if pods else 0,
        asked=asked,
        replicas=min(max(asked, hpa.min_replicas), hpa.max_replicas),
    )


def _spec(metric: HpaMetric) -> Metric | None:
    """Return the metric as the engine takes it; None if its target cannot be read."""
    if not metric.target > 0 or not math.isfinite(metric.target):
        return None
    try:
        kind = TargetType(metric.target_type)
    except ValueError:
        return None
    target = metric.target if kind is TargetType.UTILIZATION else metric.target * 1000
    if kind is not TargetType.VALUE and not metric.source.shared:
        # A container's metric differs only in what is added up.
        source = MetricSource.RESOURCE if kind is TargetType.UTILIZATION else MetricSource.PODS
        return Metric(source, metric.name, kind, max(1, round(target)))
    return Metric(metric.source, metric.name, kind, max(1, round(target)))


def _answer(spec: Metric, current: float, counts: PodCounts) -> Answer:
    """Return the answer of the metrics API that has this mean."""
    if spec.target_type is TargetType.UTILIZATION:
        reading = round(current * _REQUEST / 100)
    else:
        reading = round(current * 1000)
    if not spec.source.shared:
        return {f"measured-{number}": Sample(reading) for number in range(counts.measured)}
    if spec.target_type is TargetType.VALUE:
        return (reading,)
    return (reading * counts.replicas,)


def _pods(counts: PodCounts, resource: str) -> list[Pod]:
    """Return pods of which as many are ready and measured as ``counts`` says."""
    containers = (Container("app", {resource: _REQUEST}),)
    unmeasured = counts.ready - counts.measured
    unready = counts.replicas - max(counts.ready, counts.measured)
    return [
        *(Pod(f"measured-{number}", containers) for number in range(counts.measured)),
        *(Pod(f"ready-{number}", containers) for number in range(unmeasured)),
        *(Pod(f"starting-{number}", containers, phase="Pending") for number in range(unready)),
    ]


def arithmetic(demand: Demand, start: str = "") -> str:
    """Return the calculation behind a demand.

    "2 pods at 143 % of a 70 % target → ceil(2 × 2.04) = 5, capped at 4"

    ``start`` is the text before the arrow; without one the reading is in percent of the request.
    """
    trace = demand.trace
    if not start:
        pods = "1 pod" if demand.counted == 1 else f"{demand.counted} pods"
        target = f"{trace.metric.target}"
        article = "an" if target.startswith("8") or target in {"11", "18"} else "a"
        start = f"{pods} at {trace.current} % of {article} {target} % target"
    tolerance = trace.tolerance
    if demand.steady and tolerance.covers(trace.ratio):
        near = tolerance.up if trace.ratio > 1.0 else tolerance.down
        result = f"within {100 * near:g} % of the target: no change"
    elif demand.steady and trace.ratio > 1.0:
        result = f"enough once the {demand.waiting} more that are starting share the load"
    elif demand.steady:
        result = f"no change until the {demand.waiting} more that are starting are measured"
    else:
        result = _product(demand)
    if demand.replicas < demand.asked:
        return f"{start} → {result}, capped at {demand.replicas}"
    if demand.replicas > demand.asked:
        return f"{start} → {result}, raised to the minimum of {demand.replicas}"
    return f"{start} → {result}"


def _product(demand: Demand) -> str:
    """Format the product with enough decimals for it to come out as displayed."""
    trace = demand.trace
    pairs = ((demand.counted, trace.ratio), (trace.counted, trace.final_ratio))
    for pods, ratio in pairs:
        for digits in range(2, 9):
            cut = math.floor(ratio * 10**digits) / 10**digits
            for text in (f"{ratio:.{digits}f}", f"{cut:.{digits}f}"):
                if math.ceil(pods * float(text) - 1e-9) == demand.asked:
                    return f"ceil({pods} × {text}) = {demand.asked}"
    pods, ratio = pairs[-1]
    return f"ceil({pods} × {ratio}) = {demand.asked}"
