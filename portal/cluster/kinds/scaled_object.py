"""ScaledObjects of KEDA."""

from __future__ import annotations

from portal.cluster.api_types import Conditions, Meta, Part, Time, from_json
from portal.cluster.decode import conditions, key, release_of
from portal.cluster.keda import KEDA, MEASURED, Trigger, said, switched_on, triggers
from portal.cluster.resource import Resource
from portal.domain.keys import Key
from portal.domain.objects import Kind
from portal.domain.scalers import ScaledObject


class _Target(Part, frozen=True):
    name: str
    kind: str = ""


class _Fallback(Part, frozen=True):
    replicas: int | None = None
    behavior: str = ""


class _Spec(Part, frozen=True):
    scale_target_ref: _Target
    min_replica_count: int | None = None
    max_replica_count: int | None = None
    idle_replica_count: int | None = None
    cooldown_period: int | None = None
    triggers: tuple[Trigger, ...] | None = None
    fallback: _Fallback | None = None


class _Health(Part, frozen=True):
    status: str = ""


class _Status(Conditions, frozen=True):
    last_active_time: Time | None = None
    hpa_name: str = ""
    health: dict[str, _Health] | None = None


class _ScaledObject(Part, frozen=True):
    """A ScaledObject of keda.sh/v1alpha1."""

    metadata: Meta
    spec: _Spec
    status: _Status = _Status()


@from_json(_ScaledObject)
def decode(found: _ScaledObject) -> tuple[Key, ScaledObject]:
    """A ScaledObject; what its spec leaves out is as KEDA takes it."""
    meta, spec, status = found.metadata, found.spec, found.status
    own = key(meta)
    at = said(meta, "paused-replicas")
    health = status.health or {}
    # Such triggers count as active all the time, and the HPA that KEDA makes keeps one pod.
    measured = bool(spec.triggers) and all(each.type in MEASURED for each in spec.triggers or ())
    return own, ScaledObject(
        key=own,
        release=release_of(meta),
        target_kind=spec.scale_target_ref.kind or Kind.DEPLOYMENT.value,
        target_name=spec.scale_target_ref.name,
        min_replicas=max(_or(spec.min_replica_count, 0), int(measured)),
        max_replicas=_or(spec.max_replica_count, 100),
        idle_replicas=None if measured else spec.idle_replica_count,
        cooldown=float(_or(spec.cooldown_period, 300)),
        triggers=triggers(spec.triggers),
        fallback_replicas=_or(spec.fallback.replicas, 0) if spec.fallback else None,
        fallback_behavior=(spec.fallback.behavior if spec.fallback else "") or "static",
        failing=tuple(sorted(name for name, each in health.items() if each.status == "Failing")),
        paused=at is not None or switched_on(meta, "paused"),
        paused_replicas=_whole(at) if at is not None else None,
        paused_by="paused" if at is None else "paused-replicas",
        paused_in=switched_on(meta, "paused-scale-in"),
        paused_out=switched_on(meta, "paused-scale-out"),
        forced=switched_on(meta, "force-activation"),
        conditions=conditions(status.conditions),
        last_active_at=status.last_active_time,
        hpa_name=status.hpa_name,
        uid=meta.uid,
        created_at=meta.creation_timestamp,
    )


def _or(value: int | None, usual: int) -> int:
    return usual if value is None else value


def _whole(text: str) -> int | None:
    """The number of an annotation; None if it is none, which KEDA then does not follow."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


RESOURCE = Resource(
    Kind.SCALED_OBJECT, "KEDA's ScaledObjects", KEDA, "scaledobjects", decode, optional=True
)
