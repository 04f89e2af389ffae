"""The algorithm of the HorizontalPodAutoscaler, as pure functions.

Source: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details

    desiredReplicas = ceil(currentReplicas × (currentMetricValue / desiredMetricValue))

Nothing changes while the ratio is within the tolerance (10 % unless the cluster or the HPA says
otherwise); pods that are not ready count as idle on the way up; with several metrics the largest
answer wins; the bounds are applied last. Left out here: pods without metrics (idle on the way up,
at 100 % of the target on the way down), the stabilization windows and the scaling policies.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from msgspec import Struct

TOLERANCE = 0.1
"""Maximum distance of the ratio of usage to target from 1 without a change."""

_ROUNDING = 1e-9
"""Allowance for binary rounding: ceil(3 × 1.1 / 1.1) must not become 4."""


_ABSURD = 1e6
"""Maximum plausible ratio; a reading beyond it is ignored as a broken metric."""


def within_tolerance(usage_ratio: float, tolerance: float = TOLERANCE) -> bool:
    """Return True if usage is so near its target that nothing changes."""
    return abs(usage_ratio - 1.0) <= tolerance + _ROUNDING


def desired_replicas(
    ready: int, usage_ratio: float, tolerance: float = TOLERANCE, unready: int = 0
) -> int:
    """Return the replicas that one metric asks for, before any bounds.

    ``ready`` are the pods that the metric was measured over; ``usage_ratio`` is usage divided by
    target (1.0 is on target). ``unready`` pods that are starting count as idle on the way up, so
    that no more are added until they share the load. Raises ValueError for a negative or
    infinite argument.
    """
    if ready < 0 or unready < 0 or usage_ratio < 0 or not math.isfinite(usage_ratio):
        raise ValueError(f"no such pods or ratio: {ready}, {unready}, {usage_ratio}")
    if is_steady(ready, usage_ratio, tolerance, unready):
        return ready + unready
    return math.ceil(ready * usage_ratio - _ROUNDING)


def is_steady(
    ready: int, usage_ratio: float, tolerance: float = TOLERANCE, unready: int = 0
) -> bool:
    """Return True if no change is needed: on target, or with the pods that are starting."""
    if not unready or usage_ratio <= 1.0:
        return within_tolerance(usage_ratio, tolerance)
    return ready * usage_ratio / (ready + unready) <= 1.0 + tolerance + _ROUNDING


def bounded(replicas: int, minimum: int, maximum: int) -> int:
    """Return ``replicas`` limited to the bounds; the maximum wins if they cross."""
    return min(max(replicas, minimum), maximum)


def fastest_up(current: int) -> int:
    """Return the most replicas that the default scale-up policy allows in 15 s.

    That is the greater of doubling and four more pods.
    """
    return max(current * 2, current + 4)


class Reading(Struct, frozen=True):
    """One metric as it was read: ``current`` and ``target`` in the same unit, target > 0."""

    name: str
    current: float
    target: float

    @property
    def ratio(self) -> float:
        """Usage divided by target."""
        return self.current / self.target


class Decision(Struct, frozen=True):
    """The autoscaler's decision. ``asked`` is before and ``replicas`` after the bounds.

    ``steady`` is True if the reading asks for no change.
    """

    ready: int
    unready: int
    reading: Reading
    steady: bool
    asked: int
    replicas: int


def decide(
    ready: int,
    readings: Iterable[Reading],
    minimum: int,
    maximum: int,
    unready: int = 0,
) -> Decision | None:
    """Return the decision of the largest metric; None without a usable reading or a ready pod."""
    best: Decision | None = None
    for reading in readings:
        if ready < 1 or reading.target <= 0 or reading.current < 0:
            continue
        if not reading.ratio <= _ABSURD:  # so written, this is true of NaN too
            continue
        asked = desired_replicas(ready, reading.ratio, unready=unready)
        if best is None or (asked, reading.ratio) > (best.asked, best.reading.ratio):
            best = Decision(
                ready=ready,
                unready=unready,
                reading=reading,
                steady=is_steady(ready, reading.ratio, unready=unready),
                asked=asked,
                replicas=bounded(asked, minimum, maximum),
            )
    return best


def arithmetic(decision: Decision) -> str:
    """Return the calculation behind a decision, for percentages of the request.

    "2 pods at 143 % of a 70 % target → ceil(2 × 2.04) = 5, capped at 4"
    """
    reading = decision.reading
    pods = "1 pod" if decision.ready == 1 else f"{decision.ready} pods"
    target = f"{reading.target:.0f}"
    article = "an" if target.startswith("8") or target in {"11", "18"} else "a"
    start = f"{pods} at {reading.current:.0f} % of {article} {target} % target"
    if decision.steady and within_tolerance(reading.ratio):
        result = "within 10 % of the target: no change"
    elif decision.steady:
        result = f"enough once the {decision.unready} more that are starting share the load"
    else:
        result = f"ceil({decision.ready} × {_ratio(decision)}) = {decision.asked}"
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
            if math.ceil(decision.ready * float(text) - _ROUNDING) == decision.asked:
                return text
    return str(ratio)
