"""The algorithm of the HorizontalPodAutoscaler, as pure functions.

Source: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details

    desiredReplicas = ceil(currentReplicas × (currentMetricValue / desiredMetricValue))

Nothing changes while the ratio is within the tolerance (10 % unless the cluster or the HPA says
otherwise); pods that are not measured yet count as idle on the way up; with several metrics the
largest answer wins; the bounds are applied last. Left out here: pods without metrics (idle on the
way up, at 100 % of the target on the way down), and what the controller remembers: the
recommendations within the stabilization windows, and the changes within the policies' periods.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

TOLERANCE = 0.1
"""Maximum distance of the ratio of usage to target from 1 without a change."""

_ROUNDING = 1e-9
"""Allowance for binary rounding: ceil(3 × 1.1 / 1.1) must not become 4."""


_ABSURD = 1e6
"""Maximum plausible ratio; a reading beyond it is ignored as a broken metric."""


class Tolerance(Struct, frozen=True):
    """The distance of usage to target without a change, as fractions: above it and below it."""

    up: float = TOLERANCE
    down: float = TOLERANCE

    def covers(self, usage_ratio: float) -> bool:
        """Return True if usage is so near its target that nothing changes."""
        return 1.0 - self.down - _ROUNDING <= usage_ratio <= 1.0 + self.up + _ROUNDING

    def towards(self, usage_ratio: float) -> float:
        """Return the tolerance on the side of the target that usage is on."""
        return self.up if usage_ratio > 1.0 else self.down


USUAL = Tolerance()
"""The tolerance of a cluster that sets none."""


class Basis(StrEnum):
    """The number of pods by which a metric's ratio is multiplied."""

    MEASURED = "measured"
    """The pods whose mean it is: metrics of pods, and of their resources."""
    READY = "ready"
    """The ready pods: values of other objects and from outside."""
    REPLICAS = "replicas"
    """All replicas: such values divided by their number."""


class PodCounts(Struct, frozen=True):
    """The pods at one sync: all ``replicas``, those that are ready, and those that are measured."""

    replicas: int
    ready: int
    measured: int


def is_steady(
    ready: int, usage_ratio: float, tolerance: Tolerance = USUAL, unready: int = 0
) -> bool:
    """Return True if no change is needed: on target, or with the pods that are starting.

    ``ready`` are the pods that the metric was measured over; ``usage_ratio`` is usage divided by
    target. ``unready`` pods count as idle on the way up, so that no more are added until they
    share the load.
    """
    if not unready or usage_ratio <= 1.0:
        return tolerance.covers(usage_ratio)
    return ready * usage_ratio / (ready + unready) <= 1.0 + tolerance.up + _ROUNDING


def bounded(replicas: int, minimum: int, maximum: int) -> int:
    """Return ``replicas`` limited to the bounds; the maximum wins if they cross."""
    return min(max(replicas, minimum), maximum)


class Reading(Struct, frozen=True):
    """One metric as it was read: ``current`` and ``target`` in the same unit, target > 0."""

    name: str
    current: float
    target: float
    basis: Basis = Basis.MEASURED

    @property
    def ratio(self) -> float:
        """Usage divided by target."""
        return self.current / self.target


class Decision(Struct, frozen=True):
    """The autoscaler's decision. ``asked`` is before and ``replicas`` after the bounds.

    ``counted`` are the pods by which the ratio is multiplied, ``unready`` those that count as
    idle. ``steady`` is True if the reading asks for no change.
    """

    counted: int
    unready: int
    reading: Reading
    tolerance: Tolerance
    steady: bool
    asked: int
    replicas: int


def decide(
    pods: PodCounts,
    readings: Iterable[Reading],
    minimum: int,
    maximum: int,
    tolerance: Tolerance = USUAL,
) -> Decision | None:
    """Return the decision of the largest metric; None without a usable reading or a pod."""
    best: Decision | None = None
    for reading in readings:
        if reading.target <= 0 or reading.current < 0:
            continue
        if not reading.ratio <= _ABSURD:  # so written, this is true of NaN too
            continue
        found = _answer(pods, reading, minimum, maximum, tolerance)
        if found and (best is None or _rank(found) > _rank(best)):
            best = found
    return best


def _rank(decision: Decision) -> tuple[int, float]:
    return decision.asked, decision.reading.ratio


def _answer(
    pods: PodCounts, reading: Reading, minimum: int, maximum: int, tolerance: Tolerance
) -> Decision | None:
    """Return the decision if there were no other metric."""
    ratio, unready = reading.ratio, 0
    from_zero = reading.basis is Basis.READY and pods.replicas == 0
    if from_zero:
        counted = 1
    elif reading.basis is Basis.READY:
        counted = pods.ready
    elif reading.basis is Basis.REPLICAS:
        counted = pods.replicas
    else:
        counted, unready = pods.measured, max(0, pods.replicas - pods.measured)
    if counted < 1:
        return None
    steady = is_steady(counted, ratio, tolerance, unready) and not from_zero
    asked = pods.replicas if steady else math.ceil(counted * ratio - _ROUNDING)
    return Decision(
        counted=counted,
        unready=unready,
        reading=reading,
        tolerance=tolerance,
        steady=steady,
        asked=asked,
        replicas=bounded(asked, minimum, maximum),
    )


def arithmetic(decision: Decision, start: str = "") -> str:
    """Return the calculation behind a decision.

    "2 pods at 143 % of a 70 % target → ceil(2 × 2.04) = 5, capped at 4"

    ``start`` is the text before the arrow; without one the reading is in percent of the request.
    """
    reading = decision.reading
    if not start:
        pods = "1 pod" if decision.counted == 1 else f"{decision.counted} pods"
        target = f"{reading.target:.0f}"
        article = "an" if target.startswith("8") or target in {"11", "18"} else "a"
        start = f"{pods} at {reading.current:.0f} % of {article} {target} % target"
    tolerance = decision.tolerance
    if decision.steady and tolerance.covers(reading.ratio):
        near = tolerance.towards(reading.ratio)
        result = f"within {100 * near:g} % of the target: no change"
    elif decision.steady:
        result = f"enough once the {decision.unready} more that are starting share the load"
    else:
        result = f"ceil({decision.counted} × {_ratio(decision)}) = {decision.asked}"
    if decision.replicas < decision.asked:
        return f"{start} → {result}, capped at {decision.replicas}"
    if decision.replicas > decision.asked:
        return f"{start} → {result}, raised to the minimum of {decision.replicas}"
    return f"{start} → {result}"


def _ratio(decision: Decision) -> str:
    """Format the ratio with enough decimals for the displayed calculation to be correct."""
    ratio = decision.reading.ratio
    for digits in range(2, 9):
        cut = math.floor(ratio * 10**digits) / 10**digits
        for text in (f"{ratio:.{digits}f}", f"{cut:.{digits}f}"):
            if math.ceil(decision.counted * float(text) - _ROUNDING) == decision.asked:
                return text
    return str(ratio)
