"""Objects of the API → domain objects: workloads, HPAs, nodes, quotas, events, releases.

Each function returns the object's key and what the portal needs of it, and raises (anything) on
an object it cannot read: the reflector skips that one.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from portal.cluster import shapes
from portal.cluster.shapes import reading
from portal.domain.keys import HELM_RELEASE_NAME, Key
from portal.domain.objects import (
    Condition,
    Event,
    Hpa,
    HpaMetric,
    Kind,
    Node,
    Quota,
    Release,
    ReleaseStatus,
    ReplicaSet,
    Workload,
)
from portal.domain.owners import owners_in
from portal.domain.quantities import parse

HELM_RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


# Parts that many kinds share.


def key(meta: shapes.Name) -> Key:
    """Namespace ("" for cluster-wide kinds) and name."""
    return Key(meta.namespace, meta.name)


def deleting_since(meta: shapes.Meta) -> datetime | None:
    """When its deletion was asked for; the API tells when its grace period ends."""
    if meta.deletion_timestamp is None:
        return None
    return meta.deletion_timestamp - timedelta(seconds=meta.deletion_grace_period_seconds or 0)


def holders(meta: shapes.Meta) -> tuple[str, ...]:
    """The finalizers that hold an object which is being deleted, without Kubernetes' own."""
    if meta.deletion_timestamp is None:
        return ()
    own = {"foregroundDeletion", "orphan"}
    return tuple(each for each in meta.finalizers or () if each not in own)


def release_of(meta: shapes.Meta) -> str:
    """The Helm release of the object's own namespace that it belongs to, or ""."""
    notes = meta.annotations or {}
    where = notes.get(HELM_RELEASE_NAMESPACE)
    return "" if where and where != meta.namespace else notes.get(HELM_RELEASE_NAME, "")


def controller_of(meta: shapes.Meta) -> str:
    """Name of the object that controls this one, or ""."""
    return next((each.name for each in meta.owner_references or () if each.controller), "")


def conditions(found: tuple[shapes.Condition, ...] | None) -> tuple[Condition, ...]:
    """The status conditions."""
    return tuple(
        [
            Condition(each.type, each.status, each.reason, each.message, each.last_transition_time)
            for each in found or ()
        ]
    )


# Workloads.


def _workload(kind: Kind, found: shapes.Workload) -> tuple[Key, Workload]:
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
        desired=_desired(spec.replicas),
        current=status.replicas,
        ready=status.ready_replicas,
        updated=status.updated_replicas,
        conditions=conditions(status.conditions),
        created_at=meta.creation_timestamp,
        images=tuple(each.image for each in (template.containers if template else None) or ()),
        generation=meta.generation,
        observed_generation=status.observed_generation,
        deleting_since=deleting_since(meta),
        finalizers=holders(meta),
    )


def _desired(replicas: int | None) -> int:
    return 1 if replicas is None else replicas


@reading(shapes.Workload)
def deployment(found: shapes.Workload) -> tuple[Key, Workload]:
    """A Deployment."""
    return _workload(Kind.DEPLOYMENT, found)


@reading(shapes.Workload)
def stateful_set(found: shapes.Workload) -> tuple[Key, Workload]:
    """A StatefulSet."""
    return _workload(Kind.STATEFUL_SET, found)


@reading(shapes.Workload)
def replica_set(found: shapes.Workload) -> tuple[Key, ReplicaSet]:
    """A ReplicaSet."""
    own = key(found.metadata)
    return own, ReplicaSet(
        key=own,
        owner=controller_of(found.metadata),
        desired=_desired(found.spec.replicas),
        current=found.status.replicas,
        conditions=conditions(found.status.conditions),
        uid=found.metadata.uid,
    )


# Autoscalers.


@reading(shapes.Hpa)
def hpa(found: shapes.Hpa) -> tuple[Key, Hpa]:
    """A HorizontalPodAutoscaler of autoscaling/v2."""
    spec, status = found.spec, found.status
    rules = spec.behavior.scale_down if spec.behavior else None
    window = rules.stabilization_window_seconds if rules else None
    current = {_metric_id(each): each for each in status.current_metrics or () if each.type}
    own = key(found.metadata)
    return own, Hpa(
        key=own,
        release=release_of(found.metadata),
        target_kind=spec.scale_target_ref.kind,
        target_name=spec.scale_target_ref.name,
        min_replicas=1 if spec.min_replicas is None else spec.min_replicas,
        max_replicas=spec.max_replicas,
        current=status.current_replicas,
        desired=status.desired_replicas,
        metrics=tuple(_metric(each, current.get(_metric_id(each))) for each in spec.metrics or ()),
        conditions=conditions(status.conditions),
        last_scale_at=status.last_scale_time,
        scale_down_window=300 if window is None else window,
        uid=found.metadata.uid,
    )


def _source(metric: shapes.Metric) -> shapes.MetricSource:
    """The part of a metric that is named after its type."""
    parts = (
        metric.resource,
        metric.container_resource,
        metric.pods,
        metric.object,
        metric.external,
    )
    return next((each for each in parts if each is not None), shapes.MetricSource())


def _metric_id(metric: shapes.Metric) -> tuple[str, str]:
    """Type and name; a container's metric is named ``container/metric``."""
    source = _source(metric)
    name = source.name or source.metric.name
    return metric.type, f"{source.container}/{name}" if source.container else name


def _metric(spec: shapes.Metric, status: shapes.Metric | None) -> HpaMetric:
    target = _source(spec).target
    current = _source(status).current if status else shapes.MetricValue()
    average = current.average_value or current.value
    if target.type == "Utilization":
        reading = current.average_utilization
        goal = float(target.average_utilization or 0)
        now = None if reading is None else float(reading)
    else:
        goal = float(parse(target.average_value or target.value or "0"))
        now = float(parse(average)) if average else None
    return HpaMetric(_metric_id(spec)[1], target.type, goal, now, average)


# Nodes, quotas, events, releases.


@reading(shapes.Node)
def node(found: shapes.Node) -> tuple[Key, Node]:
    """A Node; CPU and memory are what it can allocate."""
    status = found.status
    room = status.allocatable or {}
    own = key(found.metadata)
    return own, Node(
        name=own.name,
        ready=any(
            each.type == "Ready" and each.status == "True" for each in status.conditions or ()
        ),
        unschedulable=found.spec.unschedulable,
        internal_ip=next(
            (each.address for each in status.addresses or () if each.type == "InternalIP"), ""
        ),
        cpu=float(parse(room.get("cpu", "0"))),
        memory=float(parse(room.get("memory", "0"))),
    )


@reading(shapes.Quota)
def quota(found: shapes.Quota) -> tuple[Key, Quota]:
    """A ResourceQuota. One that Kubernetes has not counted yet limits nothing so far."""
    own = key(found.metadata)
    return own, Quota(key=own, hard=found.status.hard or {}, used=found.status.used or {})


@reading(shapes.Event)
def event(found: shapes.Event) -> tuple[Key, Event]:
    """An event of the core group, in its older or newer style."""
    about, series = found.involved_object, found.series
    own = key(found.metadata)
    return own, Event(
        key=own,
        about_kind=about.kind,
        about_name=about.name,
        about_uid=about.uid,
        type=found.type or "Normal",
        reason=found.reason,
        message=found.message,
        count=(series.count if series else 0) or found.count or 1,
        last_at=(series.last_observed_time if series else None)
        or found.last_timestamp
        or found.event_time
        or found.metadata.creation_timestamp,
    )


@reading(shapes.Record)
def release(found: shapes.Record) -> tuple[Key, Release]:
    """One revision of a Helm release, from the metadata of its Secret.

    The key is the Secret's: revisions that are not superseded stand beside each other.
    """
    meta = found.metadata
    labels = meta.labels or {}
    own = key(meta)
    try:
        status = ReleaseStatus(labels.get("status", ""))
    except ValueError:
        status = ReleaseStatus.UNKNOWN
    return own, Release(
        key=Key(own.namespace, labels["name"]),
        revision=int(labels["version"]),
        status=status,
        updated_at=_last_written(meta),
        secret_name=own.name,
        uid=meta.uid,
        owners=owners_in(labels),
    )


def _last_written(meta: shapes.RecordMeta) -> datetime:
    """When the object was last written. Helm's own label ``modifiedAt`` may be carried over
    from the revision before, so that it lies."""
    written = (each.time for each in meta.managed_fields or ())
    return max((at for at in written if at is not None), default=meta.creation_timestamp)
