"""Remedies for each step of the reaction to a load, in plain words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from portal.autoscalers.pod_starts import PodStart
from portal.viewmodels.words import joined, size, span

RESOLUTION = 1.0
"""Seconds below which a difference of two times says nothing: Kubernetes writes whole seconds."""


def lasted(seconds: float) -> str:
    """Return a length of time in words: "< 1 s", since times have whole seconds."""
    return "< 1 s" if seconds < RESOLUTION else span(seconds)


class Remedy(Struct, frozen=True):
    """A way to shorten a step, in plain words, with Kubernetes' terms and the form's fields."""

    words: str
    term: str
    fields: tuple[str, ...] = ()


INSTEAD = (
    Remedy(
        "Keep more pods ready all the time: they answer while new ones start",
        "minReplicas",
        ("bounds",),
    ),
    Remedy(
        "Begin earlier: a lower target leaves room for what comes until new pods are ready",
        "averageUtilization",
        ("target_cpu",),
    ),
)
"""The remedies that help whichever step takes long."""

BY_KEDA = tuple(
    Remedy(each.words, term)
    for each, term in zip(INSTEAD, ("minReplicaCount", "the trigger's target"), strict=True)
)
"""The same where KEDA has made the autoscaler: they are set in its ScaledObject."""


def _seen(pods: Sequence[PodStart]) -> Iterator[Remedy]:
    yield Remedy(
        "Measure more often: an administrator may shorten how often metrics are read, and how "
        "often the autoscaler looks",
        "metrics-server --metric-resolution, --horizontal-pod-autoscaler-sync-period",
    )


def _decided(pods: Sequence[PodStart]) -> Iterator[Remedy]:
    yield Remedy(
        "Let the autoscaler add pods at once and many at a time",
        "behavior.scaleUp: stabilizationWindowSeconds, policies",
    )


def _created(pods: Sequence[PodStart]) -> Iterator[Remedy]:
    yield Remedy(
        "Look for refusals on the app's page: a quota or an admission rule may hold pods back",
        "ResourceQuota, FailedCreate",
    )


def _scheduled(pods: Sequence[PodStart]) -> Iterator[Remedy]:
    volumes = [each for each in pods if "volume" in each.held.lower()]
    if volumes:
        yield Remedy(
            "The pod waited for its volume: one that is bound already, or a faster storage class",
            "PersistentVolumeClaim",
            ("claim",),
        )
    yield Remedy(
        "Ask for less per pod, so that nodes that are there have room",
        "resources.requests",
        ("cpu_request", "memory_request"),
    )
    if any(each.asked for each in pods):
        yield Remedy(
            "A new node was started: an administrator may keep room free on nodes, with pods of "
            "low priority that give way",
            "PriorityClass, cluster-autoscaler overprovisioning",
        )
    else:
        yield Remedy("Ask an administrator for more room on the nodes", "nodes")


def _prepared(pods: Sequence[PodStart]) -> Iterator[Remedy]:
    yield Remedy(
        "Mount fewer or smaller volumes; a network volume is attached to the node first",
        "volumes, FailedMount",
        ("claim",),
    )


def _initialized(pods: Sequence[PodStart]) -> Iterator[Remedy]:
    names = joined(dict.fromkeys(one for each in pods for one in each.before))
    yield Remedy(
        f"Do less before the app starts ({names}): what an init container fetches may be in the "
        "image; a native sidecar holds the app up until its startup probe succeeds",
        "initContainers, startupProbe.periodSeconds",
    )


def _pulled(pods: Sequence[PodStart]) -> Iterator[Remedy]:
    sizes = [each.size for each in pods if each.size]
    weight = f" (now {size(max(sizes))})" if sizes else ""
    yield Remedy(f"Use a smaller image{weight}", "image", ("repository",))
    if any((each.queued or 0) >= RESOLUTION for each in pods):
        longest = max(each.queued or 0 for each in pods)
        yield Remedy(
            f"Up to {lasted(longest)} were spent waiting for other pulls on the same node: an "
            "administrator may allow several at once",
            "serializeImagePulls, maxParallelImagePulls",
        )
    yield Remedy(
        "Have the image on the nodes beforehand, and let it not be asked for again",
        "imagePullPolicy: IfNotPresent, DaemonSet",
    )


def _started(pods: Sequence[PodStart]) -> Iterator[Remedy]:
    yield Remedy(
        "A node that is busy starts containers slowly: spread the pods, or ask an administrator",
        "topologySpreadConstraints",
    )


def _ready(pods: Sequence[PodStart]) -> Iterator[Remedy]:
    delay, period = max((each.delay, each.period) for each in pods)
    if delay >= RESOLUTION:
        yield Remedy(
            f"The probe does not ask before {span(delay)}: a startup probe that asks at once and "
            "often finds out sooner",
            "initialDelaySeconds, startupProbe",
            ("health_path",),
        )
    if period > 2:
        yield Remedy(
            f"The probe asks every {span(period)}, so up to that long is lost: ask more often",
            "periodSeconds",
            ("start_time",),
        )
    yield Remedy(
        "Load less at the start, or give the start more CPU: a limit slows it down (throttling)",
        "resources.limits.cpu",
        ("cpu_limit",),
    )


_REMEDIES = {
    "seen": _seen,
    "decided": _decided,
    "created": _created,
    "scheduled": _scheduled,
    "prepared": _prepared,
    "initialized": _initialized,
    "pulled": _pulled,
    "started": _started,
    "ready": _ready,
}


def remedies(name: str, pods: Sequence[PodStart]) -> tuple[Remedy, ...]:
    """Return what shortens a step, by what is known of the pods that took it."""
    return tuple(_REMEDIES[name](pods))
