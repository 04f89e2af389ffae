"""The progress of rollouts, restarts and removals, from an app's state. Pure."""

from __future__ import annotations

from msgspec import Struct

from portal.domain.objects import Kind, Pod, Workload
from portal.state.finalizers import held_by_finalizers
from portal.state.model import AppState
from portal.state.rollouts import rollouts
from portal.state.workloads import unreadable_workloads


class RolloutTarget(Struct, frozen=True):
    """The state that a rollout must reach; None means that the field is not checked.

    The snapshot may be older than Helm's answer: the old state, which was complete as well,
    must not be taken for the new one. ``revision`` is the release's revision, and ``workload``
    tells whether it must have a workload.
    """

    revision: int
    image: str | None = None
    replicas: int | None = None
    bounds: tuple[int, int] | None = None
    workload: bool = True


class Rollout(Struct, frozen=True):
    """The state of a rollout: ``done``, ``lost``, or under way.

    ``lost`` is a sentence that says why it can no longer complete; ``held`` one about finalizers
    that may block it indefinitely. Both are "" otherwise.
    """

    done: bool
    lost: str = ""
    held: str = ""


UNDER_WAY = Rollout(False)


def rollout_progress(state: AppState, wanted: RolloutTarget, seen: bool = False) -> Rollout:
    """Return the state of a rollout. ``seen``: the release existed at an earlier check."""
    release = state.release
    if release is None:
        if seen:
            return Rollout(False, "The release was removed by somebody else in the meantime.")
        return UNDER_WAY
    if release.revision > wanted.revision:
        return Rollout(
            False, f"Somebody else has changed this release: it is at revision {release.revision}."
        )
    if release.revision < wanted.revision or release.status.pending:
        return UNDER_WAY
    if wanted.workload and not state.workloads:
        return UNDER_WAY
    deployments = [each for each in state.workloads if each.kind is Kind.DEPLOYMENT]
    if wanted.image is not None and not all(wanted.image in each.images for each in deployments):
        return UNDER_WAY
    if wanted.bounds is not None and wanted.bounds not in {
        (hpa.min_replicas, hpa.max_replicas) for hpa in state.hpas
    }:
        return UNDER_WAY
    if (
        wanted.replicas is not None
        and not _scaled_elsewhere(state)
        and (state.hpas or any(each.desired != wanted.replicas for each in deployments))
    ):
        return UNDER_WAY
    return Rollout(all(each.complete for each in rollouts(state)))


def _scaled_elsewhere(state: AppState) -> bool:
    """Return True if what scales the app is not of its release, so that it stays."""
    return bool(state.scaled_objects) or any(hpa.release != state.key.name for hpa in state.hpas)


def gone(state: AppState) -> Rollout:
    """Return the state of a removal: done if no record, workload or pod is left.

    A workload that the policy ``keep`` leaves, and then its pods, are no part of it.
    """
    kept = [each for each in state.workloads if each.management.kept]
    pods = () if kept else state.pods
    done = (
        state.release is None
        and len(kept) == len(state.workloads)
        and not pods
        and not unreadable_workloads(state)
    )
    return Rollout(
        done, held=" ".join(_held_by(kind, each) for kind, each in held_by_finalizers(state))
    )


def _held_by(kind: Kind, each: Pod | Workload) -> str:
    since = f" since {each.deleting_since:%H:%M:%S} UTC" if each.deleting_since else ""
    several = len(each.finalizers) > 1
    return (
        f"{kind} {each.key.name} is being deleted{since}: the finalizer{'s' if several else ''} "
        f"{', '.join(each.finalizers)} {'hold' if several else 'holds'} it."
    )
