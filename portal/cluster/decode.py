"""Raw objects of the API → domain objects: workloads, HPAs, nodes, quotas, events, releases.

Each function returns the object's key and what the portal needs of it, and raises (anything) on
an object it cannot read: the reflector skips that one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from portal.cluster.raw import Raw, items, part, text, value
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
from portal.domain.quantities import parse

HELM_RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


# Parts that many kinds share.


def key(raw: Raw) -> Key:
    """Namespace ("" for cluster-wide kinds) and name."""
    meta: Raw = raw["metadata"]
    return Key(text(meta, "namespace"), str(meta["name"]))


def time(text: str | None) -> datetime | None:
    """A timestamp of the API, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def deleting_since(raw: Raw) -> datetime | None:
    """When its deletion was asked for; the API tells when its grace period ends."""
    end = time(value(raw, "metadata", "deletionTimestamp"))
    grace = value(raw, "metadata", "deletionGracePeriodSeconds") or 0
    return end - timedelta(seconds=int(grace)) if end else None


def holders(raw: Raw) -> tuple[str, ...]:
    """The finalizers that hold an object which is being deleted, without Kubernetes' own."""
    if not value(raw, "metadata", "deletionTimestamp"):
        return ()
    own = {"foregroundDeletion", "orphan"}
    return tuple(
        str(each) for each in value(raw, "metadata", "finalizers") or () if each not in own
    )


def release_of(raw: Raw) -> str:
    """The Helm release of the object's own namespace that it belongs to, or ""."""
    notes = part(raw, "metadata", "annotations")
    where = notes.get(HELM_RELEASE_NAMESPACE)
    if where and where != raw["metadata"].get("namespace"):
        return ""
    return str(notes.get(HELM_RELEASE_NAME) or "")


def controller_of(raw: Raw) -> str:
    """Name of the object that controls this one, or ""."""
    owners = items(raw, "metadata", "ownerReferences")
    return next((str(each["name"]) for each in owners if each.get("controller")), "")


def conditions(raw: Raw) -> tuple[Condition, ...]:
    """The status conditions."""
    return tuple(
        Condition(
            type=str(each["type"]),
            status=str(each["status"]),
            reason=text(each, "reason"),
            message=text(each, "message"),
            changed_at=time(each.get("lastTransitionTime")),
        )
        for each in items(raw, "status", "conditions")
    )


def created(raw: Raw) -> datetime:
    """When the object was made."""
    return datetime.fromisoformat(raw["metadata"]["creationTimestamp"]).astimezone(UTC)


# Workloads.


def _workload(kind: Kind, raw: Raw) -> tuple[Key, Workload]:
    meta: Raw = raw["metadata"]
    spec: Raw = raw["spec"]
    status = part(raw, "status")
    notes = part(meta, "annotations")
    desired = spec.get("replicas")
    containers = items(spec, "template", "spec", "containers")
    found = key(raw)
    return found, Workload(
        kind=kind,
        key=found,
        uid=text(meta, "uid"),
        release=release_of(raw),
        annotations={name: text for name, text in notes.items() if name != LAST_APPLIED},
        selector=dict(part(spec, "selector", "matchLabels")),
        desired=1 if desired is None else int(desired),
        current=int(status.get("replicas") or 0),
        ready=int(status.get("readyReplicas") or 0),
        updated=int(status.get("updatedReplicas") or 0),
        conditions=conditions(raw),
        created_at=created(raw),
        images=tuple(text(each, "image") for each in containers),
        generation=int(meta.get("generation") or 0),
        observed_generation=int(status.get("observedGeneration") or 0),
        deleting_since=deleting_since(raw),
        finalizers=holders(raw),
    )


def deployment(raw: Raw) -> tuple[Key, Workload]:
    """A Deployment."""
    return _workload(Kind.DEPLOYMENT, raw)


def stateful_set(raw: Raw) -> tuple[Key, Workload]:
    """A StatefulSet."""
    return _workload(Kind.STATEFUL_SET, raw)


def replica_set(raw: Raw) -> tuple[Key, ReplicaSet]:
    """A ReplicaSet."""
    desired = raw["spec"].get("replicas")
    found = key(raw)
    return found, ReplicaSet(
        key=found,
        owner=controller_of(raw),
        desired=1 if desired is None else int(desired),
        current=int(value(raw, "status", "replicas") or 0),
        conditions=conditions(raw),
        uid=str(raw["metadata"].get("uid") or ""),
    )


# Autoscalers.


def hpa(raw: Raw) -> tuple[Key, Hpa]:
    """A HorizontalPodAutoscaler of autoscaling/v2."""
    spec: Raw = raw["spec"]
    status = part(raw, "status")
    target: Raw = spec["scaleTargetRef"]
    least = spec.get("minReplicas")
    window = value(spec, "behavior", "scaleDown", "stabilizationWindowSeconds")
    found = key(raw)
    current = {_metric_id(each): each for each in items(status, "currentMetrics") if each["type"]}
    return found, Hpa(
        key=found,
        release=release_of(raw),
        target_kind=str(target["kind"]),
        target_name=str(target["name"]),
        min_replicas=1 if least is None else int(least),
        max_replicas=int(spec["maxReplicas"]),
        current=int(status.get("currentReplicas") or 0),
        desired=int(status.get("desiredReplicas") or 0),
        metrics=tuple(
            _metric(each, current.get(_metric_id(each))) for each in items(spec, "metrics")
        ),
        conditions=conditions(raw),
        last_scale_at=time(status.get("lastScaleTime")),
        scale_down_window=300 if window is None else int(window),
        uid=str(raw["metadata"].get("uid") or ""),
    )


def _source(metric: Raw) -> Raw:
    """The part of a metric that is named after its type."""
    kind = str(metric["type"])
    return part(metric, kind[0].lower() + kind[1:])


def _metric_id(metric: Raw) -> tuple[str, str]:
    """Type and name; a container's metric is named ``container/metric``."""
    source = _source(metric)
    name = text(source, "name") or text(source, "metric", "name")
    container = source.get("container")
    return str(metric["type"]), f"{container}/{name}" if container else name


def _metric(spec: Raw, status: Raw | None) -> HpaMetric:
    target = part(_source(spec), "target")
    current = part(_source(status), "current") if status else {}
    kind = text(target, "type")
    average = str(current.get("averageValue") or current.get("value") or "")
    if kind == "Utilization":
        reading = current.get("averageUtilization")
        goal = float(target.get("averageUtilization") or 0)
        now = None if reading is None else float(reading)
    else:
        goal = float(parse(str(target.get("averageValue") or target.get("value") or "0")))
        now = float(parse(average)) if average else None
    return HpaMetric(_metric_id(spec)[1], kind, goal, now, average)


# Nodes, quotas, events, releases.


def node(raw: Raw) -> tuple[Key, Node]:
    """A Node; CPU and memory are what it can allocate."""
    status = part(raw, "status")
    room = part(status, "allocatable")
    addresses = items(status, "addresses")
    found = key(raw)
    return found, Node(
        name=found.name,
        ready=any(each.type == "Ready" and each.status == "True" for each in conditions(raw)),
        unschedulable=bool(value(raw, "spec", "unschedulable")),
        internal_ip=next(
            (str(each["address"]) for each in addresses if each.get("type") == "InternalIP"), ""
        ),
        cpu=float(parse(str(room.get("cpu", "0")))),
        memory=float(parse(str(room.get("memory", "0")))),
    )


def quota(raw: Raw) -> tuple[Key, Quota]:
    """A ResourceQuota. One that Kubernetes has not counted yet limits nothing so far."""
    status = part(raw, "status")
    found = key(raw)
    return found, Quota(
        key=found,
        hard={name: str(amount) for name, amount in part(status, "hard").items()},
        used={name: str(amount) for name, amount in part(status, "used").items()},
    )


def event(raw: Raw) -> tuple[Key, Event]:
    """An event of the core group, in its older or newer style."""
    about: Raw = raw["involvedObject"]
    series = part(raw, "series")
    last = (
        series.get("lastObservedTime")
        or raw.get("lastTimestamp")
        or raw.get("eventTime")
        or raw["metadata"]["creationTimestamp"]
    )
    found = key(raw)
    return found, Event(
        key=found,
        about_kind=text(about, "kind"),
        about_name=text(about, "name"),
        about_uid=text(about, "uid"),
        type=str(raw.get("type") or "Normal"),
        reason=text(raw, "reason"),
        message=text(raw, "message"),
        count=int(series.get("count") or raw.get("count") or 1),
        last_at=datetime.fromisoformat(last).astimezone(UTC),
    )


def release(raw: Raw) -> tuple[Key, Release]:
    """One revision of a Helm release, from the metadata of its Secret.

    The key is the Secret's: revisions that are not superseded stand beside each other.
    """
    meta: Raw = raw["metadata"]
    labels: Raw = meta["labels"]
    found = key(raw)
    try:
        status = ReleaseStatus(labels.get("status", ""))
    except ValueError:
        status = ReleaseStatus.UNKNOWN
    return found, Release(
        key=Key(found.namespace, str(labels["name"])),
        revision=int(labels["version"]),
        status=status,
        updated_at=_last_written(raw),
        secret_name=found.name,
        uid=text(meta, "uid"),
    )


def _last_written(raw: Raw) -> datetime | None:
    """When the object was last written. Helm's own label ``modifiedAt`` may be carried over
    from the revision before, so that it lies."""
    written = [text(each, "time") for each in items(raw, "metadata", "managedFields")]
    created_at = text(raw, "metadata", "creationTimestamp")
    return max((at for each in (*written, created_at) if (at := time(each))), default=None)
