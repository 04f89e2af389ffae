"""Assembly of an app's state from the index. Read-only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeVar

from msgspec.structs import replace

from portal.autoscaling.ready_use import PodUse, ready_use
from portal.autoscaling.spec import FLAGS
from portal.domain.keys import Key
from portal.domain.objects import (
    VOLUME_CLAIM,
    CronJob,
    Event,
    Gateway,
    Hpa,
    HpaMetric,
    HttpRoute,
    Ingress,
    Job,
    Kind,
    Pod,
    PodUsage,
    ReplicaSet,
    Service,
    Unreadable,
    Workload,
)
from portal.domain.scalers import ScaledJob, ScaledObject, Vpa, titled
from portal.state.history import A_POD, IN_ALL, History, PodHistory, Sample
from portal.state.index import Objects
from portal.state.model import AppState, LoadTest
from portal.state.workloads import autoscaler_of, endless

MAX_EVENTS = 60
"""Maximum number of events of an app; the newest are kept."""

INITIAL_READINESS = timedelta(seconds=FLAGS.initial_readiness_delay)
"""The time after a pod's start in which it is taken to be still starting if it is not ready."""

Scaler = TypeVar("Scaler", Hpa, ScaledObject, Vpa)

NO_USAGE: Mapping[Key, PodUsage] = MappingProxyType({})
NO_HISTORY = History()
NO_PODS: Mapping[Key, PodHistory] = MappingProxyType({})
NO_METRICS: Mapping[str, tuple[float | None, float]] = MappingProxyType({})


def nothing(key: Key) -> AppState:
    """Return the empty state of an app."""
    return AppState(
        key=key,
        release=None,
        detail=None,
        operation=None,
        workloads=(),
        replica_sets=(),
        jobs=(),
        cron_jobs=(),
        pods=(),
        hpas=(),
        services=(),
        ingresses=(),
        routes=(),
        gateways=(),
        events=(),
        usage=NO_USAGE,
        probe=None,
        history=NO_HISTORY,
        pod_history=NO_PODS,
    )


def assemble(objects: Objects, key: Key) -> AppState:
    """Return the watched state of a release.

    The store adds detail, operation, probe, usage and histories.
    """
    workloads = sorted(objects.annotated(key, Workload), key=lambda each: (each.kind, each.key))
    cron_jobs = sorted(objects.annotated(key, CronJob), key=lambda each: each.key)
    scaled_jobs = sorted(objects.annotated(key, ScaledJob), key=lambda each: each.key)
    # What an unreadable object owns belongs to the release all the same.
    lost = objects.annotated(key, Unreadable)
    controllers = [
        *((each.kind, each.key) for each in workloads),
        *((Kind.CRON_JOB, each.key) for each in cron_jobs),
        *((Kind.SCALED_JOB, each.key) for each in scaled_jobs),
        *((each.kind, each.key) for each in lost),
    ]
    sets = sorted(
        (each for kind, owner in controllers for each in objects.owned(kind, owner, ReplicaSet)),
        key=lambda each: each.key,
    )
    created = (each for kind, owner in controllers for each in objects.owned(kind, owner, Job))
    jobs = {each.key: each for each in (*objects.annotated(key, Job), *created)}
    lost += [each for kind, own in controllers for each in objects.owned(kind, own, Unreadable)]
    owners = {
        **dict.fromkeys(controllers),
        **dict.fromkeys((Kind.REPLICA_SET, each.key) for each in sets),
        **dict.fromkeys((Kind.JOB, each) for each in jobs),
        **dict.fromkeys((each.kind, each.key) for each in lost),
    }
    pods = sorted(
        (pod for kind, owner in owners for pod in objects.owned(kind, owner, Pod)),
        key=lambda each: (each.created_at, each.key),
    )
    scaled_objects = _scalers(objects, key, workloads, ScaledObject)
    hpas = titled(_scalers(objects, key, workloads, Hpa), scaled_objects)
    vpas = _scalers(objects, key, workloads, Vpa)
    lost += [each for kind, own in owners for each in objects.owned(kind, own, Unreadable)]
    lost += [each for workload in workloads for each in objects.unreadable_for(workload)]
    services = sorted(objects.annotated(key, Service), key=lambda each: each.key)
    ingresses = sorted(objects.annotated(key, Ingress), key=lambda each: each.key)
    routes = sorted(objects.annotated(key, HttpRoute), key=lambda each: each.key)
    named = {gateway for route in routes for gateway in route.gateways}
    gateways = (objects.get(Kind.GATEWAY, each) for each in sorted(named))
    claims = sorted({Key(each.key.namespace, name) for each in pods for name in each.claims})
    subjects: list[tuple[str, Key, str]] = [
        *((each.kind.value, each.key, each.uid) for each in workloads),
        *((Kind.REPLICA_SET.value, each.key, each.uid) for each in sets),
        *((Kind.JOB.value, each.key, each.uid) for each in jobs.values()),
        *((Kind.CRON_JOB.value, each.key, each.uid) for each in cron_jobs),
        *((Kind.POD.value, each.key, each.uid) for each in pods),
        *((VOLUME_CLAIM, each, "") for each in claims),
        *((Kind.HPA.value, each.key, each.uid) for each in hpas),
        *((Kind.SCALED_OBJECT.value, each.key, each.uid) for each in scaled_objects),
        *((Kind.SCALED_JOB.value, each.key, each.uid) for each in scaled_jobs),
        *((Kind.VPA.value, each.key, each.uid) for each in vpas),
        *((Kind.SERVICE.value, each.key, "") for each in services),
        *((Kind.INGRESS.value, each.key, "") for each in ingresses),
        *((Kind.HTTP_ROUTE.value, each.key, "") for each in routes),
    ]
    return AppState(
        key=key,
        release=objects.newest_revision(key),
        detail=None,
        operation=None,
        workloads=tuple(workloads),
        replica_sets=tuple(sets),
        jobs=tuple(sorted(jobs.values(), key=lambda each: (each.created_at, each.key))),
        cron_jobs=tuple(cron_jobs),
        pods=tuple(pods),
        hpas=hpas,
        services=tuple(services),
        ingresses=tuple(ingresses),
        routes=tuple(routes),
        gateways=tuple(
            _as_published(objects, each) for each in gateways if isinstance(each, Gateway)
        ),
        events=_events(objects, subjects),
        usage=NO_USAGE,
        probe=None,
        history=NO_HISTORY,
        pod_history=NO_PODS,
        unreadable=tuple(sorted(set(lost), key=lambda each: (each.kind, each.key))),
        load_tests=_load_tests(objects, key),
        scaled_objects=scaled_objects,
        scaled_jobs=tuple(scaled_jobs),
        vpas=vpas,
    )


def _scalers(
    objects: Objects, key: Key, workloads: Sequence[Workload], of: type[Scaler]
) -> tuple[Scaler, ...]:
    """Return a release's scalers of one kind: its own, and those of its workloads."""
    found = {each.key: each for each in objects.annotated(key, of)}
    for workload in workloads:
        found.update((each.key, each) for each in objects.targeting(workload, of))
    return tuple(found[each] for each in sorted(found))


def _load_tests(objects: Objects, key: Key) -> tuple[LoadTest, ...]:
    """Return a release's load tests, newest first, each with its newest pod."""
    jobs = sorted(
        objects.load_tests(key), key=lambda each: (each.created_at, each.key), reverse=True
    )
    return tuple(
        LoadTest(job, job.load_test, max(pods, key=lambda each: each.created_at, default=None))
        for job in jobs
        if job.load_test is not None
        for pods in [objects.owned(Kind.JOB, job.key, Pod)]
    )


def _as_published(objects: Objects, gateway: Gateway) -> Gateway:
    """Return a Gateway with its public ports.

    Some controllers listen on an internal port (Traefik: 8000) behind a load balancer's 80 and
    443. If that load balancer's Service is known, its ports are the public ones.
    """
    public = {
        each.port
        for address in gateway.addresses
        for service in objects.balancing(address)
        for each in service.ports
    }

    def outside(protocol: str, port: int) -> int:
        usual = {"HTTP": 80, "HTTPS": 443}.get(protocol, port)
        return usual if port not in public and usual in public else port

    return replace(
        gateway,
        protocols=tuple(
            (protocol, outside(protocol, port)) for protocol, port in gateway.protocols
        ),
    )


def usage_of(pods: Iterable[Pod], usage: Mapping[Key, PodUsage]) -> Mapping[Key, PodUsage]:
    """Return the part of ``usage`` that belongs to these pods."""
    if not usage:
        return NO_USAGE
    return MappingProxyType({pod.key: usage[pod.key] for pod in pods if pod.key in usage})


def _events(objects: Objects, subjects: Iterable[tuple[str, Key, str]]) -> tuple[Event, ...]:
    found = [
        event
        for kind, key, uid in subjects
        for event in objects.about(kind, key)
        # Leave out events about a deleted object of the same name.
        if not (uid and event.about_uid) or uid == event.about_uid
    ]
    found.sort(key=lambda each: (each.last_at, each.key), reverse=True)
    return tuple(found[:MAX_EVENTS])


def known(state: AppState) -> bool:
    """Return True if anything is known of an app, an operation included."""
    return bool(
        state.release
        or state.operation
        or state.workloads
        or state.jobs
        or state.cron_jobs
        or state.pods
        or state.hpas
        or state.scaled_objects
        or state.scaled_jobs
        or state.services
        or state.ingresses
        or state.routes
        or state.unreadable
    )


def sampled_name(metric: HpaMetric) -> str:
    """Return the name of a metric in samples; its ending tells the unit of its numbers."""
    return metric.name + _ENDINGS.get(metric.target_type, "")


_ENDINGS = {"AverageValue": A_POD, "Value": IN_ALL}


def sample(state: AppState, usage: Mapping[Key, PodUsage], at: datetime) -> Sample | None:
    """Return a sample for the history; None for an app without a workload.

    With HPAs the counts and bounds are sums over their scale targets, else over all workloads. Of
    several scale targets each has its own metrics, named as ``workload/metric``.
    """
    if not state.workloads:
        return None
    scaled = [
        (workload, hpa) for workload in state.workloads if (hpa := autoscaler_of(state, workload))
    ]
    hpas = [hpa for _, hpa in scaled] or list(state.hpas[:1])
    counted = [workload for workload, _ in scaled] or list(state.workloads)
    metrics = {
        (f"{hpa.target_name}/" if len(hpas) > 1 else "") + sampled_name(metric): (
            metric.current,
            metric.target,
        )
        for hpa in hpas
        for metric in hpa.metrics
        if metric.target > 0
    }
    used = usage.values()
    return Sample(
        at=at,
        desired=sum(each.desired for each in counted),
        current=sum(each.current for each in counted),
        ready=sum(each.ready for each in counted),
        min_replicas=sum(each.min_replicas for each in hpas) if hpas else None,
        max_replicas=sum(each.max_replicas for each in hpas) if hpas else None,
        metrics=metrics or NO_METRICS,
        cpu=sum(each.cpu for each in used) if used else None,
        memory=sum(each.memory for each in used) if used else None,
        ready_cpu=ready_use(_uses(state.pods, usage)) if used else None,
        measured=len(used) if used else None,
    )


def _uses(pods: Iterable[Pod], usage: Mapping[Key, PodUsage]) -> Iterator[PodUse]:
    for pod in pods:
        used = usage.get(pod.key)
        if used is not None and endless(pod):
            since = served_since(pod)
            yield PodUse(
                used.cpu,
                used.at.timestamp(),
                used.window,
                None if since is None else since.timestamp(),
                pod.deleting,
            )


def served_since(pod: Pod) -> datetime | None:
    """Return the time since which what a pod uses is load; None while it starts.

    One that was ready, and is not any more, counts all the same, as with an autoscaler: too much
    load is a usual reason.
    """
    ready = next((each for each in pod.conditions if each.type == "Ready"), None)
    since = ready.changed_at if ready else pod.ready_at
    if pod.ready:
        return since or pod.created_at
    started = pod.started_at or pod.created_at
    return started if since is not None and since > started + INITIAL_READINESS else None
