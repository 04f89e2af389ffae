"""The state of each workload's rollout, from the rollout's own facts. Pure.

Counts of ready pods do not tell it: while the API server refuses the first new pod, or a
Deployment is paused, all old pods stay ready.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from portal.domain.objects import Condition, Kind, Pod, ReplicaSet, Workload
from portal.state.model import AppState
from portal.state.workloads import may_be_autoscaled, refused_pod, replica_sets_of, scaled_object_of


class Hold(StrEnum):
    """The reason why a rollout does not go on by itself; the value is for logs."""

    NONE = ""
    REFUSED = "refused"
    """The API server refuses to create the next pod."""
    PAUSED = "paused"
    ON_DELETE = "on delete"
    """The update strategy replaces a pod when somebody deletes it."""
    BLOCKED = "blocked"
    """An old pod of a StatefulSet does not become ready, which it waits for."""
    PARTITION = "partition"
    """The partition of a StatefulSet keeps some of its pods as they are."""


class WorkloadRollout(Struct, frozen=True):
    """The rollout of one workload.

    ``observed`` is False until its controller has seen the newest generation. ``old`` are the pods
    of earlier pod templates, ``old_ready`` those of them that are ready; ``missing`` are the pods
    yet to be created. ``refusal`` is the API server's message if it refuses to create them.
    ``late`` is True once the progress deadline has passed. ``blocking`` is the old pod that a
    StatefulSet waits for. ``settling`` are the pods that are ready, but have not been for the
    ``minReadySeconds`` that the rollout waits for.
    """

    workload: Workload
    observed: bool
    old: int
    old_ready: int
    missing: int
    complete: bool
    hold: Hold = Hold.NONE
    refusal: str = ""
    late: bool = False
    blocking: str = ""
    settling: int = 0


def rollouts(state: AppState) -> tuple[WorkloadRollout, ...]:
    """Return the rollout of each workload of an app."""
    return tuple(rollout_of(state, each) for each in state.workloads)


def rollout_of(state: AppState, workload: Workload) -> WorkloadRollout:
    """Return the rollout of one workload."""
    observed = workload.observed_generation >= workload.generation
    old = max(workload.current - workload.updated, 0)
    missing = max(workload.desired - workload.current, 0)
    sets = replica_sets_of(state, workload)
    refusal = _refusal(state, workload, sets) if old or missing else ""
    blocking = _blocking(state, workload) if old else ""
    return WorkloadRollout(
        workload=workload,
        observed=observed,
        old=old,
        old_ready=_old_ready(workload, old, sets),
        missing=missing,
        complete=observed and _complete(workload, old, _moves(state, workload)),
        hold=_hold(workload, old, missing, refusal, bool(sets), blocking)
        if observed
        else Hold.NONE,
        refusal=refusal,
        late=any(
            one.type == "Progressing" and one.reason == "ProgressDeadlineExceeded"
            for one in workload.conditions
        ),
        blocking=blocking,
        settling=_settling(workload) if old or missing else 0,
    )


def _moves(state: AppState, workload: Workload) -> bool:
    """Return True if an autoscaler may change the number of pods, but where KEDA rests at zero."""
    rests = not workload.desired and scaled_object_of(state, workload) is not None
    return may_be_autoscaled(state, workload) and not rests


def _settling(workload: Workload) -> int:
    return max(workload.ready - workload.available, 0) if workload.min_ready_seconds else 0


def _blocking(state: AppState, workload: Workload) -> str:
    """Return the old pod in trouble that a StatefulSet waits for before it replaces any."""
    if not workload.in_order or not workload.newest or workload.strategy == "OnDelete":
        return ""
    return next(
        (
            each.key.name
            for each in state.pods
            if (each.owner_kind, each.owner) == (workload.kind.value, workload.key.name)
            and not (each.ready or each.deleting)
            and each.labels.get(_REVISION, workload.newest) != workload.newest
            and _fails(each)
        ),
        "",
    )


_REVISION = "controller-revision-hash"
_STARTING = {"", "ContainerCreating", "PodInitializing"}


def _fails(pod: Pod) -> bool:
    """Return True if a pod that is not ready has restarted, cannot start, or has no node."""
    scheduled = next((each for each in pod.conditions if each.type == "PodScheduled"), None)
    if scheduled is not None and scheduled.reason == "Unschedulable":
        return True
    return any(
        one.restarts > 0 or (one.state == "waiting" and one.reason not in _STARTING)
        for one in pod.containers
    )


def _complete(workload: Workload, old: int, autoscaled: bool) -> bool:
    """Return True if all pods that are to be of the newest pod template are, and all are ready.

    An autoscaler may change ``desired`` at any time; then the existing pods are counted.
    """
    if old > workload.partition:
        return False
    if autoscaled:
        return workload.ready >= max(1, min(workload.desired, workload.current))
    return workload.current == workload.desired == workload.ready


def _hold(
    workload: Workload, old: int, missing: int, refusal: str, begun: bool, blocking: str
) -> Hold:
    if workload.paused and (old or (missing and not begun)):
        return Hold.PAUSED
    if refusal:
        return Hold.REFUSED
    if old and workload.strategy == "OnDelete":
        return Hold.ON_DELETE
    if blocking:
        return Hold.BLOCKED
    if 0 < old <= workload.partition:
        return Hold.PARTITION
    return Hold.NONE


def _old_ready(workload: Workload, old: int, sets: tuple[ReplicaSet, ...]) -> int:
    """Return how many pods of earlier pod templates are ready."""
    newest = max((each.revision for each in sets), default=0)
    if workload.updated and newest:
        # One ReplicaSet has all pods of the newest pod template.
        new = sum(each.ready for each in sets if each.revision == newest)
        return min(max(workload.ready - new, 0), old)
    return min(workload.ready, old)


def _refusal(state: AppState, workload: Workload, sets: tuple[ReplicaSet, ...]) -> str:
    """Return the API server's message about the pod that it refused last; "" if none."""
    newest_first = sorted(sets, key=lambda each: each.revision, reverse=True)
    for owner in (*newest_first, workload):
        if message := _failure(owner.conditions):
            return message
    if workload.kind is Kind.DEPLOYMENT and workload.current:
        return ""
    # StatefulSets and DaemonSets have no such condition, only events.
    names = {(workload.kind.value, workload.key.name)}
    names |= {(Kind.REPLICA_SET.value, each.key.name) for each in sets}
    return refused_pod(state, names)


def _failure(conditions: tuple[Condition, ...]) -> str:
    return next(
        (
            one.message
            for one in conditions
            if one.type == "ReplicaFailure" and one.status == "True" and one.message
        ),
        "",
    )
