"""The engine's decisions beside the rule that other tools project with, on generated cases.

The controller's own decisions are what the engine's are proven equal to (``make oracle``).
kubectl-hpa-status documents its projection as a best-effort estimate from the readings in the
status: each metric's ratio to its target with the default tolerance, the highest, within the
bounds. It cannot be installed here, so that rule is restated; web simulators use a simpler one.
"""

from __future__ import annotations

import math

from benchmarks.table import Row
from dev.hpa_oracle.cases import case
from portal.autoscaling.metrics import MetricTrace, Outcome
from portal.autoscaling.spec import LATEST
from portal.autoscaling.state import State

CASES = 2000
TOLERANCE = 0.1


def projected(state: State, metrics: tuple[MetricTrace, ...]) -> int:
    """Return the replicas that the documented rule projects from the readings of one sync."""
    replicas = state.scale.replicas
    wanted = [
        replicas if abs(each.ratio - 1) <= TOLERANCE else math.ceil(replicas * each.ratio)
        for each in metrics
        if each.outcome is not Outcome.FAILED and math.isfinite(each.ratio)
    ]
    return min(max(max(wanted, default=replicas), state.spec.min_replicas), state.spec.max_replicas)


def measure() -> list[Row]:
    """Return the row: decisions that the rule shares with the controller."""
    shared = count = changes = shared_changes = 0
    for number in range(CASES):
        one = case(f"peers/{number}", LATEST)
        for state, decision in zip(one.states, one.decisions, strict=True):
            if decision.trace.winner is None:
                continue  # no reading, so that there is nothing to project from
            same = projected(state, decision.trace.metrics) == decision.replicas
            changed = decision.replicas != state.scale.replicas
            count, shared = count + 1, shared + same
            changes, shared_changes = changes + changed, shared_changes + (same and changed)
    return [
        Row(
            f"the engine: decisions equal to the controller's, {count:,} of generated cases",
            "all (held against it by `make oracle`)",
            f"the rule that kubectl-hpa-status documents, restated: {shared / count:.0%}, "
            f"of the {changes:,} changes {shared_changes / changes:.0%}",
        )
    ]
