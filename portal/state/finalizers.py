"""Objects of a removed app that only finalizers retain. Pure."""

from __future__ import annotations

from portal.domain.objects import Kind, Pod, Workload
from portal.state.model import AppState


def held_by_finalizers(state: AppState) -> tuple[tuple[Kind, Pod | Workload], ...]:
    """Return the objects held by finalizers, each with its kind.

    () while the release exists or other pods are still ending. Finalizers may hold an object
    indefinitely.
    """
    ended = [pod for pod in state.pods if pod.finalizers and not _runs(pod)]
    if state.release is not None or len(ended) < len(state.pods):
        return ()
    return (
        *((Kind.POD, pod) for pod in ended),
        *((each.kind, each) for each in state.workloads if each.finalizers),
    )


def _runs(pod: Pod) -> bool:
    return any(each.state == "running" for each in pod.containers)
