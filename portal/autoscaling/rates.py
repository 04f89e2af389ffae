"""The bounds on one change of the replicas, by the policies of a HorizontalPodAutoscaler.

They are those after a quiet time: pods that were added or removed within a policy's period count
against it.
"""

from __future__ import annotations

import math

from portal.domain.scaling import ScalingBehavior, ScalingPolicy


def highest(current: int, behavior: ScalingBehavior | None) -> int:
    """Return the most replicas that the next change may lead to, before the maximum.

    Without ``behavior`` that is twice as many, and four at least.
    """
    if behavior is None:
        return max(2 * current, 4)
    rules = behavior.up
    if rules.disabled or not rules.policies:
        return current
    select = min if rules.select == "Min" else max
    return max(current, select(_grown(current, each) for each in rules.policies))


def lowest(current: int, behavior: ScalingBehavior | None) -> int:
    """Return the fewest replicas that the next change may lead to, before the minimum."""
    if behavior is None:
        return 0
    rules = behavior.down
    if rules.disabled or not rules.policies:
        return current
    select = max if rules.select == "Min" else min
    return max(0, min(current, select(_shrunk(current, each) for each in rules.policies)))


def _grown(start: int, policy: ScalingPolicy) -> int:
    if policy.type == "Percent":
        return math.ceil(start * (1 + policy.value / 100))
    return start + policy.value


def _shrunk(start: int, policy: ScalingPolicy) -> int:
    if policy.type == "Percent":
        return int(start * (1 - policy.value / 100))
    return start - policy.value
