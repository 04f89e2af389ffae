"""What of a removed app is only kept by finalizers. Pure."""

from __future__ import annotations

from portal.domain.objects import Kind, Pod, Workload
from portal.state.model import AppState


def held(state: AppState) -> tuple[tuple[Kind, Pod | Workload], ...]:
    """The objects that finalizers hold, each with its kind; () while anything else is under way.

    Nobody in the cluster need ever let go of them.
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
