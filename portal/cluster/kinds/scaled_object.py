"""ScaledObjects of KEDA."""

from __future__ import annotations

from portal.cluster.api_types import Conditions, Meta, Part, Time, from_json
from portal.cluster.decode import conditions, key, release_of
from portal.cluster.keda import KEDA, Trigger, paused, said, triggers
from portal.cluster.resource import Resource
from portal.domain.keys import Key
from portal.domain.objects import Kind
from portal.domain.scalers import ScaledObject


class _Target(Part, frozen=True):
    name: str
    kind: str = ""


class _Fallback(Part, frozen=True):
    replicas: int | None = None


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
    paused_replica_count: int | None = None
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
    return own, ScaledObject(
        key=own,
        release=release_of(meta),
        target_kind=spec.scale_target_ref.kind or Kind.DEPLOYMENT.value,
        target_name=spec.scale_target_ref.name,
        min_replicas=_or(spec.min_replica_count, 0),
        max_replicas=_or(spec.max_replica_count, 100),
        idle_replicas=spec.idle_replica_count,
        cooldown=float(_or(spec.cooldown_period, 300)),
        triggers=triggers(spec.triggers),
        fallback_replicas=spec.fallback.replicas if spec.fallback else None,
        failing=tuple(sorted(name for name, each in health.items() if each.status == "Failing")),
        paused=at is not None or paused(meta, "paused"),
        paused_replicas=_whole(at) if at is not None else None,
        paused_in=paused(meta, "paused-scale-in"),
        paused_out=paused(meta, "paused-scale-out"),
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
