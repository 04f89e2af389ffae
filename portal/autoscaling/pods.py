"""Grouping of pods for a metric: ready, unready, missing and ignored ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from portal.autoscaling.requests import request_of
from portal.autoscaling.spec import Metric, MetricSource, TargetType, rules_of
from portal.autoscaling.state import Container, Pod, Samples, State

NO_PODS = "the selector matches no pods"
NO_SAMPLES = "no ready pod has been measured"
NO_REQUESTS = "the pods that have been measured request nothing"


class Grouping(Struct, frozen=True):
    """The groups of pods as they were counted for one metric.

    ``ready`` is the number of pods whose samples are used; the others are names. ``strangers`` is
    the number of samples of pods that the target does not have. ``unready_as`` and ``missing_as``
    are what each such pod counted as: percent of its request for a target of utilization, else
    thousandths; None if it was left out.
    """

    ready: int
    unready: Sequence[str] = ()
    missing: Sequence[str] = ()
    ignored: Sequence[str] = ()
    strangers: int = 0
    unready_as: int | None = None
    missing_as: int | None = None


class Counted(Struct, frozen=True):
    """Pods in their groups, with what is added up of each.

    ``total`` and ``requested`` are the usage and the requests of those that are ready, and of
    strangers where no request is needed.
    """

    ready: int
    total: int
    requested: int
    strangers: int
    unready: list[str]
    unready_requested: int
    missing: list[str]
    missing_requests: list[int]
    ignored: list[str]

    def grouping(self, unready_as: int | None, missing_as: int | None) -> Grouping:
        """Return the groups, with what those count as that have no sample in use."""
        return Grouping(
            self.ready,
            self.unready,
            self.missing,
            self.ignored,
            self.strangers,
            unready_as,
            missing_as,
        )


def count(state: State, metric: Metric, samples: Samples) -> Counted | str:
    """Return the pods in their groups, or why there is nothing to count."""
    pods = state.pods
    if not pods:
        return NO_PODS
    requests = _requests(state, metric)
    if isinstance(requests, str):
        return requests
    about_cpu = metric.name == "cpu" and metric.source is not MetricSource.PODS
    is_unready = _unready(state)

    ready = total = requested = unready_requested = listed = 0
    unready: list[str] = []
    missing: list[str] = []
    missing_requests: list[int] = []
    ignored: list[str] = []
    for pod, own in zip(pods, requests, strict=True):
        name, each = pod.name, pod.replicas
        sample = samples.get(name)
        if sample is not None:
            listed += 1
        if pod.deleting or pod.phase == "Failed":
            ignored += each * [name]
        elif pod.phase == "Pending":
            unready += each * [name]
            unready_requested += each * own
        elif sample is None:
            missing += each * [name]
            missing_requests += each * [own]
        elif about_cpu and is_unready(pod, sample.at - sample.window):
            unready += each * [name]
            unready_requested += each * own
        else:
            ready += each
            total += each * sample.value
            requested += each * own
    strangers = len(samples) - listed
    if not ready and not strangers:
        return NO_SAMPLES
    if metric.target_type is TargetType.UTILIZATION:
        if not requested:
            return NO_REQUESTS
    elif strangers:
        names = {pod.name for pod in pods}
        total += sum(each.value for name, each in samples.items() if name not in names)
    return Counted(
        ready,
        total,
        requested,
        strangers,
        unready,
        unready_requested,
        missing,
        missing_requests,
        ignored,
    )


def _requests(state: State, metric: Metric) -> list[int] | str:
    """Return each pod's request, 0 where the target needs none; or why a pod has none."""
    if metric.target_type is not TargetType.UTILIZATION:
        return [0] * len(state.pods)
    strict = rules_of(state.minor).strict_containers
    found: list[int] = []
    own = 0
    template: tuple[Container, ...] | None = None
    for pod in state.pods:
        # Pods of one template have one request; it is added up once.
        if pod.containers is not template or pod.requests is not None:
            own, why = request_of(pod, metric.name, metric.container, strict=strict)
            if why:
                return why
            template = pod.containers if pod.requests is None else None
        found.append(own)
    return found


def _unready(state: State) -> Callable[[Pod, float], bool]:
    """Return the rule by which a pod's CPU, measured since a time, does not count yet."""
    # Pods that started after this are in their initialization period.
    settled = state.now - state.flags.cpu_initialization_period
    delay = state.flags.initial_readiness_delay

    def is_unready(pod: Pod, measured_since: float) -> bool:
        started = pod.started
        if pod.ready is None or started is None:
            return True
        if started > settled:
            return pod.ready == "False" or measured_since < pod.ready_since
        return pod.ready == "False" and started + delay > pod.ready_since

    return is_unready
