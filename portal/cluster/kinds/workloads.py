"""API type and decoding shared by Deployments, StatefulSets and ReplicaSets."""

from __future__ import annotations

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


class _WorkloadSpec(Part, frozen=True):
    replicas: int | None = None
    selector: _Selector | None = None
    template: _Template | None = None


class _WorkloadStatus(Conditions, frozen=True):
    replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    observed_generation: int = 0


class ApiWorkload(Part, frozen=True):
    """A Deployment or StatefulSet of apps/v1, or a ReplicaSet."""

    metadata: Meta
    spec: _WorkloadSpec
    status: _WorkloadStatus = _WorkloadStatus()


def workload(kind: Kind, found: ApiWorkload) -> tuple[Key, Workload]:
    """A Deployment or StatefulSet as a domain object."""
    meta, spec, status = found.metadata, found.spec, found.status
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
        desired=desired(spec.replicas),
        current=status.replicas,
        ready=status.ready_replicas,
        updated=status.updated_replicas,
        conditions=conditions(status.conditions),
        created_at=meta.creation_timestamp,
        images=tuple(each.image for each in (template.containers if template else None) or ()),
        generation=meta.generation,
        observed_generation=status.observed_generation,
        deleting_since=deleting_since(meta),
        finalizers=blocking_finalizers(meta),
        management=management_of(meta),
    )


def desired(replicas: int | None) -> int:
    """The desired replicas; the API's default is one."""
    return 1 if replicas is None else replicas
