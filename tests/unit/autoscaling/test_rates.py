"""The bounds on one change of the replicas."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.autoscaling.rates import highest, lowest
from portal.domain.scaling import BEHAVIOR, ScalingBehavior, ScalingPolicy, ScalingRules

ONE = ScalingPolicy("Pods", 1, 120)
HALF = ScalingPolicy("Percent", 50, 60)


def both(select: str, *policies: ScalingPolicy) -> ScalingBehavior:
    rules = ScalingRules(0, policies, select)
    return ScalingBehavior(rules, rules)


@pytest.mark.parametrize(
    ("current", "behavior", "low", "high"),
    [
        (1, None, 0, 4),
        (3, None, 0, 6),
        (1, BEHAVIOR, 0, 5),  # four more, or twice as many
        (10, BEHAVIOR, 0, 20),
        (10, both("Max", ONE), 9, 11),
        (10, both("Max", ONE, HALF), 5, 15),
        (10, both("Min", ONE, HALF), 9, 11),
        (3, both("Max", HALF), 1, 5),
        (3, both("Disabled", HALF), 3, 3),
        (1, both("Max", ScalingPolicy("Pods", 5, 60)), 0, 6),
        (3, both("Max"), 3, 3),
    ],
)
def test_the_bounds_of_a_change(
    current: int, behavior: ScalingBehavior | None, low: int, high: int
) -> None:
    assert (lowest(current, behavior), highest(current, behavior)) == (low, high)


POLICIES = st.builds(
    ScalingPolicy,
    st.sampled_from(["Pods", "Percent"]),
    st.integers(1, 1000),
    st.integers(1, 1800),
)
RULES = st.builds(
    ScalingRules,
    st.integers(0, 3600),
    st.lists(POLICIES, max_size=3).map(tuple),
    st.sampled_from(["Max", "Min", "Disabled"]),
)


@given(st.integers(0, 1000), st.none() | st.builds(ScalingBehavior, RULES, RULES))
def test_no_change_is_always_allowed(current: int, behavior: ScalingBehavior | None) -> None:
    assert 0 <= lowest(current, behavior) <= current <= highest(current, behavior)
