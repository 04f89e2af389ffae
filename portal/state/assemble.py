"""Assembly of an app's state from the index. Read-only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType

from msgspec.structs import replace

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
from portal.state.history import A_POD, IN_ALL, History, PodHistory, Sample
from portal.state.index import Objects
from portal.state.model import AppState, LoadTest
from portal.state.workloads import autoscaler_of

MAX_EVENTS = 60
"""Maximum number of events of an app; the newest are kept."""

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
    # What an unreadable object owns belongs to the release all the same.
    lost = objects.annotated(key, Unreadable)
    controllers = [
        *((each.kind, each.key) for each in workloads),
        *((Kind.CRON_JOB, each.key) for each in cron_jobs),
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
    hpas = {each.key: each for each in objects.annotated(key, Hpa)}
    for workload in workloads:
        hpas.update((each.key, each) for each in objects.targeting(workload))
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
        *((Kind.HPA.value, each.key, each.uid) for each in hpas.values()),
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
        hpas=tuple(hpas[each] for each in sorted(hpas)),
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
    )


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
    )
