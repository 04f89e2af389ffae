"""The kinds of Kubernetes events in a timeline. Pure."""

from __future__ import annotations

import re

from portal.domain.objects import Event, Kind
from portal.state.timeline import EntryKind

_NODE = {
    "NodeNotReady",
    "NodeShutdown",
    "Rebooted",
    "TaintManagerEviction",
    "NodeNotSchedulable",
}
_VPA = {"EvictedByVPA", "InPlaceResizedByVPA"}
"""The reasons of the events of a VerticalPodAutoscaler's updater about pods: no warnings."""
_POD = {"Evicted", "Preempted", "Preempting", "FailedCreate", "ExceededGracePeriod"}
_IMAGE = {"ErrImageNeverPull", "InspectFailed", "FailedToRetrieveImagePullSecret"}
_CRASH = {"OOMKilling", "CrashLoopBackOff"}
_RESCALED = "SuccessfulRescale"
USUAL_STARTUP = 10
"""Failures of a startup probe from which on they are no part of an ordinary start."""

_KEDA = "KEDAScaleTarget"
"""The beginning of the reasons of KEDA's events about scaling to zero, or from it."""

_SIZE = re.compile(r"New size: (\d+)")


def kind_of(event: Event) -> EntryKind:
    """Return the kind of an event by its reason, and its message where the reason is shared."""
    reason, message = event.reason, event.message.lower()
    if reason == _RESCALED or reason.startswith(_KEDA):
        return EntryKind.SCALING
    if reason in _NODE:
        return EntryKind.NODE
    if reason in _VPA:
        return EntryKind.POD
    if event.type != "Warning":
        return EntryKind.ROUTINE
    if reason == "Unhealthy" and message.startswith("startup") and event.count < USUAL_STARTUP:
        return EntryKind.ROUTINE
    if event.about_kind == Kind.HPA:
        return EntryKind.SCALING
    if reason in _IMAGE or (reason in {"Failed", "BackOff"} and "image" in message):
        return EntryKind.IMAGE
    if reason in _CRASH or reason == "BackOff":
        return EntryKind.CRASH
    return EntryKind.POD if reason in _POD else EntryKind.WARNING


def new_size(event: Event) -> int | None:
    """Return the replicas that an HPA has set, by its event; None for other events."""
    if event.reason != _RESCALED:
        return None
    found = _SIZE.match(event.message)
    return int(found[1]) if found else None
