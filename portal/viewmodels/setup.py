"""The setup of an autoscaler, as lint takes it: of an app that runs, or of one to be launched."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise

from portal.autoscaling.lint import Amounts, Room, Setup
from portal.autoscaling.recommend import Observed
from portal.autoscaling.replay import INTERRUPTION
from portal.autoscaling.spec import FLAGS, MetricSource
from portal.autoscaling.stabilization import window_down
from portal.domain.launch import LaunchSpec
from portal.domain.objects import Hpa, Node, Pod, Quota
from portal.domain.quantities import QuantityError, parse
from portal.state.history import Sample
from portal.state.model import AppState, WatchHealth
from portal.state.timeline import EntryKind
from portal.state.workloads import endless, target_pods
from portal.viewmodels.freshness import METRICS, source_of
from portal.viewmodels.recorded_load import recorded_load
from portal.viewmodels.vertical import changed_requests

LONGEST_START = 3600.0
"""Seconds beyond which a pod's readiness is taken to be that after a trouble, not its start."""

AROUND = timedelta(seconds=60)
"""The time around a rollout or a crash in which pods that are not ready are its doing."""


def live_setup(
    state: AppState,
    hpa: Hpa,
    quotas: Sequence[Quota] = (),
    nodes: Sequence[Node] = (),
    *,
    fixed: bool = False,
) -> Setup:
    """Return the setup of an autoscaler that runs.

    ``quotas`` are those of its namespace. ``fixed`` is True if the manifest sets the replicas too.
    """
    pods = [each for each in target_pods(state, hpa) if not each.deleting]
    resources = {name: amounts(state, pods, name) for name in ("cpu", "memory")} if pods else {}
    targets = {
        each.name: each.target
        for each in hpa.metrics
        if each.source is MetricSource.RESOURCE
        and each.target_type == "Utilization"
        and each.target > 0
        and each.name in {"cpu", "memory"}
    }
    probes = [
        probe
        for pod in pods[:1]
        for container in pod.containers
        if not container.init
        for probe in container.probes
    ]
    return Setup(
        hpa.min_replicas,
        hpa.max_replicas,
        targets,
        resources,
        others=len(targets) < len(hpa.metrics),
        window=window_down(hpa.behavior, FLAGS),
        room=tuple(_room(_needs(resources), quotas, nodes, len(pods))),
        start_up=start_up(pods),
        sessions=any(each.session_affinity for each in state.services),
        readiness=any(each.kind == "readiness" for each in probes) if pods else None,
        delay=max((each.delay for each in probes if each.kind != "liveness"), default=0.0),
        unready=readiness_losses(state),
        fixed=fixed,
        changed=changed_requests(state, hpa.target_kind, hpa.target_name),
    )


def planned_setup(
    spec: LaunchSpec,
    state: AppState,
    sources: Mapping[str, WatchHealth],
    quotas: Sequence[Quota] = (),
    nodes: Sequence[Node] = (),
) -> Setup | None:
    """Return the setup of an app to be launched or changed; None without an autoscaler.

    ``state`` is that of the app which exists under its name.
    """
    wanted = spec.autoscaling
    if wanted is None:
        return None
    metrics = source_of(sources, METRICS)
    given = {"cpu": wanted.target_cpu, "memory": wanted.target_memory}
    resources = {
        "cpu": Amounts(_number(spec.cpu_request), _number(spec.cpu_limit)),
        "memory": Amounts(_number(spec.memory_request), _number(spec.memory_limit)),
    }
    pods = [each for each in state.pods if endless(each)]
    window = wanted.scale_down_window
    return Setup(
        wanted.min_replicas,
        wanted.max_replicas,
        {name: float(target) for name, target in given.items() if target is not None},
        resources,
        window=FLAGS.downscale_stabilization if window is None else float(window),
        room=tuple(_room(_needs(resources), quotas, nodes, len(pods))),
        start_up=start_up(pods),
        sessions=spec.fields.get("session_affinity") is True,
        metrics=metrics is None or metrics.available,
        scalers=tuple(f"the ScaledObject {each.key.name}" for each in state.scaled_objects),
        changed=dict(
            each
            for workload in state.workloads
            for each in changed_requests(state, workload.kind.value, workload.key.name).items()
        ),
    )


def amounts(state: AppState, pods: Sequence[Pod], resource: str) -> Amounts:
    """Return what pods request of a resource, and what they used in the time recorded."""
    newest = max(pods, key=lambda each: each.created_at)
    cpu = resource == "cpu"
    used = sorted(
        value
        for pod in pods
        if (history := state.pod_history.get(pod.key)) is not None
        for _, cores, size in history.since(0)
        if (value := cores if cpu else size) >= 0
    )
    return Amounts(
        newest.cpu_request if cpu else newest.memory_request,
        newest.cpu_limit if cpu else newest.memory_limit,
        lowest=used[0] if used else None,
        usual=percentile(used, 90),
        peak=used[-1] if used else None,
        readings=len(used),
    )


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """Return the smallest value that so many percent of them do not exceed; None without any."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def start_up(pods: Iterable[Pod]) -> float | None:
    """Return the usual time in seconds from the creation of pods until they are ready.

    None if no pod tells: one that has restarted became ready again later.
    """
    known = sorted(
        took
        for pod in pods
        if pod.ready
        and pod.ready_at is not None
        and not any(one.restarts for one in pod.containers)
        for took in [(pod.ready_at - pod.created_at).total_seconds()]
        if 0 <= took <= LONGEST_START
    )
    return percentile(known, 50)


def readiness_losses(state: AppState) -> int:
    """Return how often fewer pods were ready although none was added, removed, or had ended."""
    busy = [
        (each.at - AROUND, (each.ended_at or each.at) + AROUND)
        for kind in (EntryKind.ROLLOUT, EntryKind.CRASH, EntryKind.POD)
        for each in state.timeline.of(kind)
    ]
    return sum(
        1
        for before, after in pairwise(state.history)
        if after.ready < before.ready
        and (after.current, after.desired) == (before.current, before.desired)
        and not any(begin <= after.at <= end for begin, end in busy)
    )


def observed(state: AppState, hpa: Hpa | None) -> Observed:
    """Return the record of an app of one workload, as recommendations are made from it."""
    samples = tuple(state.history)
    load = tuple(
        each for each in recorded_load(samples).loads if each.cpu is not None and each.cpu >= 0
    )
    limited = 0.0
    for before, after in pairwise(samples):
        seconds = (after.at - before.at).total_seconds()
        full = hpa is not None and before.desired >= hpa.max_replicas
        if full and _exceeded(before) and seconds <= INTERRUPTION:
            limited += seconds
    kills = sum(
        each.count for each in state.timeline.of(EntryKind.CRASH) if each.what == "OOMKilled"
    )
    return Observed(load, kills, limited, samples[0].desired if samples else 1)


def _exceeded(sample: Sample) -> bool:
    """Return True if a metric was above its target, beyond the tolerance."""
    return any(
        current is not None and current > target * (1 + FLAGS.tolerance)
        for current, target in sample.metrics.values()
    )


def _needs(resources: Mapping[str, Amounts]) -> dict[str, float]:
    """Return what one more pod needs, by the names that quotas have for it."""
    found = {"pods": 1.0, "count/pods": 1.0}
    for name, each in resources.items():
        if each.base is not None:
            found |= {name: each.base, f"requests.{name}": each.base}
        if each.limit is not None:
            found[f"limits.{name}"] = each.limit
    return found


def _room(
    needs: Mapping[str, float], quotas: Sequence[Quota], nodes: Sequence[Node], own: int
) -> Iterator[Room]:
    """Yield the pods of an app that quotas and nodes can hold; ``own`` are those it has now."""
    for quota in quotas:
        for name, hard in quota.hard.items():
            if needs.get(name):
                free = _number(hard), _number(quota.used.get(name, "0"))
                if free[0] is not None and free[1] is not None:
                    left = math.floor((free[0] - free[1]) / needs[name] + 1e-9)
                    yield Room(f"the quota {quota.key.name} ({name})", max(0, own + left))
    able = [each for each in nodes if each.ready and not each.unschedulable]
    if able and all(each.cpu is not None and each.memory is not None for each in able):
        yield Room("the nodes, even if nothing else ran,", sum(_fit(each, needs) for each in able))


def _fit(node: Node, needs: Mapping[str, float]) -> int:
    """Return how many pods a node has room for while it is empty."""
    amounts = ((node.cpu, needs.get("cpu")), (node.memory, needs.get("memory")))
    return min((math.floor(has / asks) for has, asks in amounts if has and asks), default=110)


def _number(amount: str) -> float | None:
    try:
        return float(parse(amount)) if amount else None
    except QuantityError:
        return None
