"""An autoscaler's last decision in words, for the app's pages and its own alike. Pure."""

from __future__ import annotations

from portal.autoscalers.following import Followed
from portal.autoscalers.forecast import next_view
from portal.autoscalers.sentences import sentence
from portal.autoscaling.engine import Constraint
from portal.domain.objects import Hpa
from portal.viewmodels.autoscaler import Decided, has_decided


def decided_of(hpa: Hpa, found: Followed | None) -> Decided:
    """Return what is said of an autoscaler; ``found`` is None while it is not followed."""
    if found is None:
        return Decided(_missing(hpa))
    coming = next_view(found)
    return Decided(_words(found), found.decision.trace.recommended, coming.change, coming.change_at)


def _words(found: Followed) -> str:
    hpa, constraint = found.hpa, found.decision.trace.constraint
    if constraint is Constraint.DISABLED and hpa.scaled_object:
        return "The workload is at zero; KEDA decides when pods start again."
    if not has_decided(hpa) and not hpa.conditions:
        return "It has not decided yet."
    words = sentence(found.state, found.decision)
    return f"{words} But at its last sync {found.differs}." if found.differs else words


def _missing(hpa: Hpa) -> str:
    if any(not each.target > 0 for each in hpa.metrics) or not hpa.metrics:
        return "A target of this autoscaler cannot be read, so its decisions cannot be followed."
    return (
        f"Its scale target, {hpa.target_kind} {hpa.target_name}, is not one of the app's "
        "Deployments or StatefulSets, so its decisions cannot be followed."
    )
