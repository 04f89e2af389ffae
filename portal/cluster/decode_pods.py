"""Objects of the API → domain objects: pods and what they use."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

from portal.cluster import shapes
from portal.cluster.decode import conditions, controller_of, deleting_since, holders, key
from portal.cluster.shapes import reading
from portal.domain.keys import Key
from portal.domain.objects import Container, Pod, PodUsage
from portal.domain.quantities import parse


@reading(shapes.Pod)
def pod(found: shapes.Pod) -> tuple[Key, Pod]:
    """A Pod with the state of its containers, and of init containers that are not done."""
    meta, spec, status = found.metadata, found.spec, found.status
    facts = conditions(status.conditions)
    ready = next((each for each in facts if each.type == "Ready"), None)
    is_ready = ready is not None and ready.status == "True"
    own = key(meta)
    return own, Pod(
        key=own,
        uid=meta.uid,
        labels=meta.labels or {},
        phase=status.phase or "Unknown",
        ready=is_ready,
        conditions=facts,
        containers=_containers(spec, status),
        created_at=meta.creation_timestamp,
        ready_at=ready.changed_at if ready is not None and is_ready else None,
        deleting=meta.deletion_timestamp is not None,
        deleting_since=deleting_since(meta),
        finalizers=holders(meta),
        node=spec.node_name,
        reason=status.reason,
        message=status.message,
        owner=controller_of(meta),
        cpu_request=_requested(spec, "cpu"),
        memory_request=_requested(spec, "memory"),
    )


def _requested(spec: shapes.PodSpec, what: str) -> float | None:
    """What the pod requests as a whole, else the sum of what its containers do."""
    whole = _request(spec.resources, what)
    if whole is not None:
        return float(_amount(whole))
    sidecars = (each for each in spec.init_containers or () if each.restart_policy)
    asked = (_request(each.resources, what) for each in (*spec.containers, *sidecars))
    found = [_amount(each) for each in asked if each is not None]
    return float(sum(found)) if found else None


def _request(resources: shapes.Resources | None, what: str) -> str | None:
    return resources.requests.get(what) if resources and resources.requests else None


@lru_cache(256)
def _amount(text: str) -> Decimal:
    """A quantity, as most pods ask for the same ones."""
    return parse(text)


def _containers(spec: shapes.PodSpec, status: shapes.PodStatus) -> tuple[Container, ...]:
    said = {each.name: each for each in status.container_statuses or ()}
    before = {each.name: each for each in status.init_container_statuses or ()}
    main = [_container(each, said.get(each.name)) for each in spec.containers]
    initial = [
        _container(each, before.get(each.name), init=True) for each in spec.init_containers or ()
    ]
    return (*main, *(each for each in initial if not (each.ready or each.exit_code == 0)))


_UNSAID = shapes.ContainerMoment()


def _container(
    spec: shapes.ContainerSpec, status: shapes.ContainerStatus | None, init: bool = False
) -> Container:
    if status is None:  # not yet mentioned by the kubelet
        return Container(spec.name, spec.image, False, 0, "waiting", init=init)
    state = status.state
    if state.running is not None:
        word, now = "running", state.running
    elif state.terminated is not None:
        word, now = "terminated", state.terminated
    else:
        word, now = "waiting", state.waiting or _UNSAID
    last = status.last_state.terminated or _UNSAID
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
    )


@reading(shapes.PodMetrics)
def pod_usage(found: shapes.PodMetrics) -> PodUsage:
    """One item of the metrics API: the sum over the pod's containers."""
    return PodUsage(
        key=key(found.metadata),
        cpu=float(sum(parse(each.usage["cpu"]) for each in found.containers)),
        memory=float(sum(parse(each.usage["memory"]) for each in found.containers)),
        at=found.timestamp,
        window=seconds(found.window),
    )


_UNITS = {"ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "h": 3600.0, "m": 60.0, "s": 1.0}


def seconds(duration: str) -> float:
    """A Go duration in seconds: "1m30s" → 90."""
    return sum(
        float(number) * _UNITS[unit]
        for number, unit in re.findall(r"([\d.]+)(ms|us|µs|ns|h|m|s)", duration)
    )
