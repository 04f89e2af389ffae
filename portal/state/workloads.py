"""The parts of an app's state that belong to one workload: its pods, its autoscaler. Pure."""

from __future__ import annotations

from collections.abc import Collection

from portal.domain.objects import Hpa, Kind, Pod, ReplicaSet, Unreadable, Workload
from portal.domain.scalers import ScaledObject, Vpa
from portal.state.model import AppState


def target_of(state: AppState, scaler: Hpa | ScaledObject | Vpa) -> Workload | None:
    """Return the workload that an autoscaler scales, None if it is not one of the app."""
    return next((each for each in state.workloads if _scales(scaler, each)), None)


def autoscaler_of(state: AppState, workload: Workload) -> Hpa | None:
    """Return the HPA that scales a workload, None if there is none."""
    return next((hpa for hpa in state.hpas if _scales(hpa, workload)), None)


def scaled_object_of(state: AppState, workload: Workload) -> ScaledObject | None:
    """Return KEDA's ScaledObject that scales a workload, None if there is none."""
    return next((each for each in state.scaled_objects if _scales(each, workload)), None)


def scaled_by(state: AppState) -> str:
    """Return the name of the ScaledObject that scales a workload of the app; "" if none does."""
    for workload in state.workloads:
        scaled, hpa = scaled_object_of(state, workload), autoscaler_of(state, workload)
        if scaled is not None:
            return scaled.key.name
        if hpa is not None and hpa.scaled_object:
            return hpa.scaled_object
    return ""


def keda_is_paused(state: AppState) -> bool:
    """Return True if an annotation pauses the ScaledObject of a workload of the app."""
    found = (scaled_object_of(state, each) for each in state.workloads)
    return any(each is not None and each.paused for each in found)


def _scales(scaler: Hpa | ScaledObject | Vpa, workload: Workload) -> bool:
    return scaler.target_kind == workload.kind and scaler.target_name == workload.key.name


def unreadable_hpas(state: AppState) -> tuple[Unreadable, ...]:
    """Return the HPAs of an app, and the ScaledObjects that make some, that cannot be read."""
    return tuple(each for each in state.unreadable if each.kind in _AUTOSCALERS)


_AUTOSCALERS = {Kind.HPA, Kind.SCALED_OBJECT}


def unreadable_workloads(state: AppState) -> tuple[Unreadable, ...]:
    """Return the Deployments, StatefulSets, DaemonSets and Jobs of an app that cannot be read."""
    return tuple(each for each in state.unreadable if each.kind in _WORKLOADS)


_WORKLOADS = {Kind.DEPLOYMENT, Kind.STATEFUL_SET, Kind.DAEMON_SET, Kind.JOB, Kind.CRON_JOB}


def may_be_autoscaled(state: AppState, workload: Workload) -> bool:
    """Return True if an HPA or KEDA scales a workload, or one that cannot be read may do so."""
    if autoscaler_of(state, workload) or scaled_object_of(state, workload):
        return True
    return any(
        not each.target_name
        or (each.target_kind, each.target_name) == (workload.kind, workload.key.name)
        for each in unreadable_hpas(state)
    )


def replica_sets_of(state: AppState, workload: Workload) -> tuple[ReplicaSet, ...]:
    """Return a Deployment's ReplicaSets; () for other workloads."""
    if workload.kind is not Kind.DEPLOYMENT:
        return ()
    return tuple(each for each in state.replica_sets if each.owner == workload.key.name)


def endless(pod: Pod) -> bool:
    """Return True if a pod is to run without end: those of Jobs are not."""
    return pod.owner_kind != Kind.JOB


def target_pods(state: AppState, hpa: Hpa) -> tuple[Pod, ...]:
    """Return the pods of an HPA's scale target; () if that is not a workload of the app."""
    target = target_of(state, hpa)
    if target is None:
        return ()
    if len(state.workloads) == 1:
        return tuple(each for each in state.pods if endless(each))
    sets = {each.key.name for each in replica_sets_of(state, target)}
    owners = {(Kind.REPLICA_SET.value, name) for name in sets} or {
        (target.kind.value, target.key.name)
    }
    return tuple(each for each in state.pods if (each.owner_kind, each.owner) in owners)


def refused_pod(state: AppState, owners: Collection[tuple[str, str]]) -> str:
    """Return the API server's message if the last pod of ``owners`` was refused, else "".

    ``owners`` are kinds and names. Events tell it, of those that have no condition for it.
    """
    told = [
        each
        for each in state.events
        if (each.about_kind, each.about_name) in owners
        and each.reason in {"FailedCreate", "SuccessfulCreate"}
    ]
    newest = max(told, key=lambda each: (each.last_at, each.reason), default=None)
    return newest.message if newest and newest.reason == "FailedCreate" else ""
