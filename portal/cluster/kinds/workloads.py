"""API type and decoding shared by Deployments, StatefulSets, DaemonSets and ReplicaSets."""

from __future__ import annotations

from typing import NamedTuple

from portal.cluster.api_types import Conditions, Meta, Part
from portal.cluster.decode import (
    blocking_finalizers,
    conditions,
    deleting_since,
    key,
    management_of,
    release_of,
)
from portal.domain.keys import Key
from portal.domain.objects import Kind, Workload

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class _Selector(Part, frozen=True):
    match_labels: dict[str, str] | None = None


class _Image(Part, frozen=True):
    image: str = ""


class _TemplateSpec(Part, frozen=True):
    containers: tuple[_Image, ...] | None = None


class _Template(Part, frozen=True):
    spec: _TemplateSpec | None = None


class _RollingUpdate(Part, frozen=True):
    partition: int | None = None


class _Strategy(Part, frozen=True):
    type: str = ""
    rolling_update: _RollingUpdate | None = None


class _Ordinals(Part, frozen=True):
    start: int = 0


class _WorkloadSpec(Part, frozen=True):
    """``spec``; a Deployment has ``strategy``, the others have ``update_strategy``."""

    replicas: int | None = None
    selector: _Selector | None = None
    template: _Template | None = None
    paused: bool = False
    strategy: _Strategy | None = None
    update_strategy: _Strategy | None = None
    ordinals: _Ordinals | None = None
    min_ready_seconds: int = 0
    pod_management_policy: str = ""


class _WorkloadStatus(Conditions, frozen=True):
    """``status``; the counts of a DaemonSet have names of their own."""

    replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    observed_generation: int = 0
    current_revision: str = ""
    update_revision: str = ""
    desired_number_scheduled: int = 0
    current_number_scheduled: int = 0
    number_ready: int = 0
    number_available: int = 0
    updated_number_scheduled: int = 0


class ApiWorkload(Part, frozen=True):
    """A Deployment, StatefulSet or DaemonSet of apps/v1, or a ReplicaSet."""

    metadata: Meta
    spec: _WorkloadSpec
    status: _WorkloadStatus = _WorkloadStatus()


def workload(kind: Kind, found: ApiWorkload) -> tuple[Key, Workload]:
    """A Deployment, StatefulSet or DaemonSet as a domain object."""
    meta, spec, status = found.metadata, found.spec, found.status
    counts = _daemon_set_counts(status) if kind is Kind.DAEMON_SET else _counts(kind, spec, status)
    strategy = spec.strategy or spec.update_strategy or _Strategy()
    template = spec.template.spec if spec.template else None
    notes = meta.annotations or {}
    own = key(meta)
    return own, Workload(
        kind=kind,
        key=own,
        uid=meta.uid,
        release=release_of(meta),
        annotations={name: text for name, text in notes.items() if name != LAST_APPLIED},
        selector=(spec.selector.match_labels if spec.selector else None) or {},
        desired=counts.desired,
        current=counts.current,
        ready=counts.ready,
        updated=counts.updated,
        conditions=conditions(status.conditions),
        created_at=meta.creation_timestamp,
        images=tuple(each.image for each in (template.containers if template else None) or ()),
        generation=meta.generation,
        observed_generation=status.observed_generation,
        deleting_since=deleting_since(meta),
        finalizers=blocking_finalizers(meta),
        management=management_of(meta),
        paused=spec.paused,
        strategy=strategy.type,
        partition=_held(spec, strategy, counts.desired),
        available=counts.available,
        min_ready_seconds=spec.min_ready_seconds,
        in_order=kind is Kind.STATEFUL_SET and spec.pod_management_policy != "Parallel",
        newest=status.update_revision,
    )


class _Counts(NamedTuple):
    desired: int
    current: int
    ready: int
    updated: int
    available: int


def _counts(kind: Kind, spec: _WorkloadSpec, status: _WorkloadStatus) -> _Counts:
    updated = status.updated_replicas
    # Once its pods are all of one revision, a StatefulSet may leave the count out.
    if kind is Kind.STATEFUL_SET and status.current_revision == status.update_revision:
        updated = updated or status.replicas
    return _Counts(
        desired(spec.replicas),
        status.replicas,
        status.ready_replicas,
        updated,
        status.available_replicas,
    )


def _daemon_set_counts(status: _WorkloadStatus) -> _Counts:
    return _Counts(
        status.desired_number_scheduled,
        status.current_number_scheduled,
        status.number_ready,
        status.updated_number_scheduled,
        status.number_available,
    )


def _held(spec: _WorkloadSpec, strategy: _Strategy, replicas: int) -> int:
    """The pods whose ordinals are below the partition of a StatefulSet."""
    partition = strategy.rolling_update.partition if strategy.rolling_update else None
    start = spec.ordinals.start if spec.ordinals else 0
    return min(max((partition or 0) - start, 0), replicas)


def desired(replicas: int | None) -> int:
    """The desired replicas; the API's default is one."""
    return 1 if replicas is None else replicas
