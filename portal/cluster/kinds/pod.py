"""Pods, with the state of their containers."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from portal.cluster.api_types import Conditions, Meta, Part, Time, from_json
from portal.cluster.decode import (
    blocking_finalizers,
    conditions,
    controller_of,
    deleting_since,
    key,
    quantity,
)
from portal.cluster.resource import CORE, Resource
from portal.domain.keys import Key
from portal.domain.objects import Container, ContainerProbe, Kind, Pod


class _Resources(Part, frozen=True):
    """``resources`` of a container, or of a pod as a whole."""

    requests: dict[str, str] | None = None
    limits: dict[str, str] | None = None


_NO_RESOURCES = _Resources()


class _ProbeTarget(Part, frozen=True):
    """``httpGet``, ``tcpSocket`` or ``grpc`` of a probe."""

    port: int | str = ""
    path: str = ""


class _Probe(Part, frozen=True):
    """``startupProbe``, ``readinessProbe`` or ``livenessProbe`` of a container."""

    http_get: _ProbeTarget | None = None
    tcp_socket: _ProbeTarget | None = None
    grpc: _ProbeTarget | None = None
    initial_delay_seconds: int = 0
    period_seconds: int = 10
    failure_threshold: int = 3


class _ContainerPort(Part, frozen=True):
    name: str = ""


class _ContainerSpec(Part, frozen=True):
    """``spec.containers[]``."""

    name: str
    image: str = ""
    resources: _Resources | None = None
    restart_policy: str = ""
    ports: tuple[_ContainerPort, ...] | None = None
    startup_probe: _Probe | None = None
    readiness_probe: _Probe | None = None
    liveness_probe: _Probe | None = None


class _ContainerMoment(Part, frozen=True):
    """Details of a container that is waiting, running or terminated."""

    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    started_at: Time | None = None
    finished_at: Time | None = None


class _ContainerState(Part, frozen=True):
    """``state`` of a container: one of the three."""

    waiting: _ContainerMoment | None = None
    running: _ContainerMoment | None = None
    terminated: _ContainerMoment | None = None


class _ContainerStatus(Part, frozen=True):
    """``status.containerStatuses[]``; ``resources`` are those in force after a resize."""

    name: str = ""
    ready: bool = False
    restart_count: int = 0
    state: _ContainerState = _ContainerState()
    last_state: _ContainerState = _ContainerState()
    resources: _Resources | None = None
    allocated_resources: dict[str, str] | None = None


class _ReadinessGate(Part, frozen=True):
    condition_type: str = ""


class _ClaimSource(Part, frozen=True):
    claim_name: str = ""


class _Ephemeral(Part, frozen=True):
    """``ephemeral`` of a volume: its claim is named after the pod and the volume."""


class _Volume(Part, frozen=True):
    name: str = ""
    persistent_volume_claim: _ClaimSource | None = None
    ephemeral: _Ephemeral | None = None


class _SchedulingGate(Part, frozen=True):
    name: str = ""


class _PodSpec(Part, frozen=True):
    """``spec`` of a Pod."""

    containers: tuple[_ContainerSpec, ...] = ()
    init_containers: tuple[_ContainerSpec, ...] | None = None
    node_name: str = ""
    resources: _Resources | None = None
    readiness_gates: tuple[_ReadinessGate, ...] | None = None
    scheduler_name: str = ""
    volumes: tuple[_Volume, ...] | None = None
    scheduling_gates: tuple[_SchedulingGate, ...] | None = None


class _PodStatus(Conditions, frozen=True):
    """``status`` of a Pod."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    nominated_node_name: str = ""
    start_time: Time | None = None
    container_statuses: tuple[_ContainerStatus, ...] | None = None
    init_container_statuses: tuple[_ContainerStatus, ...] | None = None
    resources: _Resources | None = None


class _Pod(Part, frozen=True):
    """A Pod."""

    metadata: Meta
    spec: _PodSpec = _PodSpec()
    status: _PodStatus = _PodStatus()


_SCHEDULER = "default-scheduler"


@from_json(_Pod)
def decode(found: _Pod) -> tuple[Key, Pod]:
    """A Pod with the state of its containers, and of init containers that have not finished."""
    meta, spec, status = found.metadata, found.spec, found.status
    facts = conditions(status.conditions)
    ready = next((each for each in facts if each.type == "Ready"), None)
    is_ready = ready is not None and ready.status == "True"
    own = key(meta)
    owner_kind, owner = controller_of(meta)
    said = _statuses(status)
    containers = _containers(spec, said)
    return own, Pod(
        key=own,
        uid=meta.uid,
        labels=meta.labels or {},
        phase=status.phase or "Unknown",
        ready=is_ready,
        conditions=facts,
        containers=containers,
        created_at=meta.creation_timestamp,
        ready_at=ready.changed_at if ready is not None and is_ready else None,
        deleting=meta.deletion_timestamp is not None,
        deleting_since=deleting_since(meta),
        finalizers=blocking_finalizers(meta),
        node=spec.node_name,
        reason=status.reason,
        message=status.message,
        owner=owner,
        owner_kind=owner_kind,
        cpu_request=_requested(spec, status, said, "cpu"),
        memory_request=_requested(spec, status, said, "memory"),
        readiness_gates=tuple(each.condition_type for each in spec.readiness_gates or ()),
        nominated_node=status.nominated_node_name,
        finished_init=_finished(spec, containers),
        scheduler="" if spec.scheduler_name == _SCHEDULER else sys.intern(spec.scheduler_name),
        scheduling_gates=tuple(each.name for each in spec.scheduling_gates or ()),
        claims=tuple(_claims(own.name, spec.volumes or ())),
        port_names=_port_names(spec),
        cpu_limit=_limited(spec, said, "cpu"),
        memory_limit=_limited(spec, said, "memory"),
        started_at=status.start_time,
    )


def _claims(pod: str, volumes: Iterable[_Volume]) -> Iterator[str]:
    """Yield the names of the volume claims that a pod mounts."""
    for each in volumes:
        if each.persistent_volume_claim is not None:
            yield each.persistent_volume_claim.claim_name
        elif each.ephemeral is not None:
            yield f"{pod}-{each.name}"


def _port_names(spec: _PodSpec) -> tuple[str, ...]:
    """The names of the ports of all containers."""
    ports = (port for each in _all_containers(spec) for port in each.ports or ())
    return tuple(sys.intern(each.name) for each in ports if each.name)


def _all_containers(spec: _PodSpec) -> Iterator[_ContainerSpec]:
    yield from spec.containers
    yield from (each for each in spec.init_containers or () if _is_sidecar(each))


def _requested(
    spec: _PodSpec, status: _PodStatus, said: Mapping[str, _ContainerStatus], what: str
) -> float | None:
    """The pod-level request of a resource, else the sum of its containers' requests.

    Those in force count, which may differ from the spec while a resize is pending.
    """
    for whole in (status.resources, spec.resources):
        if (found := _request(whole, what)) is not None:
            return quantity(found)
    asked = [_in_force(each, said.get(each.name), what) for each in _all_containers(spec)]
    amounts = [quantity(each) for each in asked if each is not None]
    known = [each for each in amounts if each is not None]
    return sum(known) if known and len(known) == len(amounts) else None


def _in_force(spec: _ContainerSpec, status: _ContainerStatus | None, what: str) -> str | None:
    """A container's request: the one that the kubelet has applied, else that of the spec."""
    if status is not None and status.resources is not None:
        return _request(status.resources, what)
    allocated = (status.allocated_resources or {}) if status is not None else {}
    return allocated.get(what, _request(spec.resources, what))


def _request(resources: _Resources | None, what: str) -> str | None:
    return resources.requests.get(what) if resources and resources.requests else None


def _limited(spec: _PodSpec, said: Mapping[str, _ContainerStatus], what: str) -> float | None:
    """The pod-level limit of a resource, else the sum of its containers' limits, as in force."""
    if spec.resources and spec.resources.limits and what in spec.resources.limits:
        return quantity(spec.resources.limits[what])
    sidecars = (each for each in spec.init_containers or () if _is_sidecar(each))
    amounts: list[float] = []
    for each in (*spec.containers, *sidecars):
        status = said.get(each.name)
        applied = status.resources if status is not None else None
        text = ((applied or each.resources or _NO_RESOURCES).limits or {}).get(what)
        amount = quantity(text) if text is not None else None
        if amount is None:
            return None
        amounts.append(amount)
    return sum(amounts) if amounts else None


def _is_sidecar(init: _ContainerSpec) -> bool:
    return init.restart_policy == "Always"


def _statuses(status: _PodStatus) -> dict[str, _ContainerStatus]:
    """The status of each container by its name, which is unique in a pod."""
    found = (*(status.container_statuses or ()), *(status.init_container_statuses or ()))
    return {each.name: each for each in found}


def _containers(spec: _PodSpec, said: Mapping[str, _ContainerStatus]) -> tuple[Container, ...]:
    """The containers, then the sidecars, then the init containers that have not finished."""
    before = spec.init_containers or ()
    main = [_container(each, said.get(each.name)) for each in spec.containers]
    sidecars = [
        _container(each, said.get(each.name), sidecar=True) for each in before if _is_sidecar(each)
    ]
    initial = [
        _container(each, said.get(each.name), init=True) for each in before if not _is_sidecar(each)
    ]
    unfinished = (each for each in initial if not (each.ready or each.exit_code == 0))
    return (*main, *sidecars, *unfinished)


def _finished(spec: _PodSpec, kept: Iterable[Container]) -> tuple[str, ...]:
    """The names of the init containers that are not kept."""
    names = {each.name for each in kept}
    found = (each.name for each in spec.init_containers or ())
    return tuple(sys.intern(name) for name in found if name not in names)


_NO_STATE = _ContainerMoment()


def _container(
    spec: _ContainerSpec,
    status: _ContainerStatus | None,
    *,
    init: bool = False,
    sidecar: bool = False,
) -> Container:
    if status is None:  # not yet reported by the kubelet
        return Container(
            spec.name,
            spec.image,
            False,
            0,
            "waiting",
            init=init,
            sidecar=sidecar,
            cpu_request=_amount(spec, None, "cpu"),
            memory_request=_amount(spec, None, "memory"),
        )
    state = status.state
    if state.running is not None:
        word, now = "running", state.running
    elif state.terminated is not None:
        word, now = "terminated", state.terminated
    else:
        word, now = "waiting", state.waiting or _NO_STATE
    last = status.last_state.terminated or _NO_STATE
    return Container(
        name=spec.name,
        image=spec.image,
        ready=status.ready,
        restarts=status.restart_count,
        state=word,
        reason=now.reason,
        message=now.message,
        exit_code=now.exit_code,
        last_reason=last.reason,
        last_exit_code=last.exit_code,
        last_message=last.message,
        started_at=now.started_at if word == "running" else None,
        init=init,
        probes=_probes(spec.startup_probe, spec.readiness_probe, spec.liveness_probe),
        sidecar=sidecar,
        ended_at=(status.state.terminated or last).finished_at,
        cpu_request=_amount(spec, status, "cpu"),
        memory_request=_amount(spec, status, "memory"),
    )


def _amount(spec: _ContainerSpec, status: _ContainerStatus | None, what: str) -> float | None:
    """A container's request of a resource that is in force."""
    found = _in_force(spec, status, what)
    return None if found is None else quantity(found)


@lru_cache(256)
def _probes(
    startup: _Probe | None, readiness: _Probe | None, liveness: _Probe | None
) -> tuple[ContainerProbe, ...]:
    """The probes of a container; cached, since most pods have the same ones."""
    given = (("startup", startup), ("readiness", readiness), ("liveness", liveness))
    return tuple(_probe(kind, each) for kind, each in given if each is not None)


def _probe(kind: str, probe: _Probe) -> ContainerProbe:
    target = probe.http_get or probe.tcp_socket or probe.grpc or _ProbeTarget()
    limit = probe.initial_delay_seconds + probe.period_seconds * probe.failure_threshold
    path = target.path or ("/" if probe.http_get else "")
    return ContainerProbe(
        kind,
        str(target.port),
        path,
        float(limit),
        float(probe.initial_delay_seconds),
        float(probe.period_seconds),
    )


RESOURCE = Resource(Kind.POD, "Pods", CORE, "pods", decode)
