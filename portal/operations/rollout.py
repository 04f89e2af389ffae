"""When is a change done? Pure answers from what the cluster said."""

from __future__ import annotations

from msgspec import Struct

from portal.domain.objects import Kind, Pod, Workload
from portal.state.held import held
from portal.state.model import AppState


class Wanted(Struct, frozen=True):
    """What must be seen before a rollout counts as done; None is "whatever it is".

    The snapshot may be older than Helm's answer: the old state, which was complete as well,
    must not be taken for the new one. ``revision`` is the release's, at least.
    """

    revision: int
    image: str | None = None
    replicas: int | None = None
    bounds: tuple[int, int] | None = None
    workload: bool = True


class Rollout(Struct, frozen=True):
    """``done``, or ``lost``: a sentence why it can never be done; else still under way.

    ``held`` tells of what may last for ever, since nobody in the cluster need ever end it.
    """

    done: bool
    lost: str = ""
    held: str = ""


UNDER_WAY = Rollout(False)


def rollout_progress(state: AppState, wanted: Wanted, seen: bool = False) -> Rollout:
    """How a rollout stands. ``seen``: the wanted revision was there at an earlier look."""
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
    if wanted.replicas is not None and (
        state.hpas or any(each.desired != wanted.replicas for each in deployments)
    ):
        return UNDER_WAY
    autoscaled = bool(state.hpas)
    return Rollout(all(complete(each, autoscaled) for each in state.workloads))


def complete(workload: Workload, autoscaled: bool) -> bool:
    """Whether all pods are of the newest template, and ready.

    An autoscaler moves ``desired`` at any time; then the pods that exist are what counts.
    """
    if workload.observed_generation < workload.generation:
        return False
    if workload.updated != workload.current:
        return False
    if autoscaled:
        return workload.ready >= max(1, min(workload.desired, workload.current))
    return workload.current == workload.desired == workload.ready


def gone(state: AppState) -> Rollout:
    """Whether nothing is left of a release: no record of it, no workload, no pod."""
    done = state.release is None and not state.workloads and not state.pods
    return Rollout(done, held=" ".join(_held_by(kind, each) for kind, each in held(state)))


def _held_by(kind: Kind, each: Pod | Workload) -> str:
    since = f" since {each.deleting_since:%H:%M:%S} UTC" if each.deleting_since else ""
    several = len(each.finalizers) > 1
    return (
        f"{kind} {each.key.name} is being deleted{since}: the finalizer{'s' if several else ''} "
        f"{', '.join(each.finalizers)} {'hold' if several else 'holds'} it."
    )
