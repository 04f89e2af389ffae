"""The scaling behavior of a HorizontalPodAutoscaler in words."""

from __future__ import annotations

from portal.autoscaling.spec import (
    SCALE_DOWN,
    SCALE_UP,
    ScalingBehavior,
    ScalingPolicy,
    ScalingRules,
)
from portal.viewmodels.words import count, span


def behavior_words(behavior: ScalingBehavior | None) -> list[str]:
    """A sentence for each rule that differs from Kubernetes' defaults."""
    if behavior is None:
        return []
    up, down = behavior.up, behavior.down
    found: list[str] = []
    if up.disabled:
        found.append("It never adds pods.")
    elif _rates(up) != _rates(SCALE_UP):
        found.append(f"It adds at most {limit_words(up)}.")
    if up.window and not up.disabled:
        found.append(
            f"It adds pods when the load has stayed high for {span(up.window)} "
            "(scale-up stabilization window)."
        )
    if down.disabled:
        found.append("It never takes pods away.")
    elif _rates(down) != _rates(SCALE_DOWN):
        found.append(f"It takes away at most {limit_words(down)}.")
    return found


def limit_words(rules: ScalingRules) -> str:
    """Describe the policies of one direction: "1 pod every 2 min"."""
    found = " or ".join(_policy(each) for each in rules.policies) or "nothing"
    if len(rules.policies) < 2:
        return found
    return f"{found}, whichever is {'less' if rules.select == 'Min' else 'more'}"


def _policy(policy: ScalingPolicy) -> str:
    much = count(policy.value, "pod") if policy.type == "Pods" else f"{policy.value} % of the pods"
    return f"{much} every {span(policy.period)}"


def _rates(rules: ScalingRules) -> tuple[object, ...]:
    select = rules.select if len(rules.policies) > 1 else ""
    return frozenset(rules.policies), select
