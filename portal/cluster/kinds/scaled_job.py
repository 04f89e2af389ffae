"""ScaledJobs of KEDA."""

from __future__ import annotations

from portal.cluster.api_types import Conditions, Meta, Part, from_json
from portal.cluster.decode import conditions, key, management_of, release_of
from portal.cluster.keda import KEDA, Trigger, switched_on, triggers
from portal.cluster.resource import Resource
from portal.domain.keys import Key
from portal.domain.objects import Kind
from portal.domain.scalers import ScaledJob


class _Spec(Part, frozen=True):
    max_replica_count: int | None = None
    triggers: tuple[Trigger, ...] | None = None


class _ScaledJob(Part, frozen=True):
    """A ScaledJob of keda.sh/v1alpha1."""

    metadata: Meta
    spec: _Spec = _Spec()
    status: Conditions = Conditions()


@from_json(_ScaledJob)
def decode(found: _ScaledJob) -> tuple[Key, ScaledJob]:
    """A ScaledJob."""
    meta, spec = found.metadata, found.spec
    own = key(meta)
    return own, ScaledJob(
        key=own,
        release=release_of(meta),
        max_replicas=100 if spec.max_replica_count is None else spec.max_replica_count,
        triggers=triggers(spec.triggers),
        paused=switched_on(meta, "paused"),
        conditions=conditions(found.status.conditions),
        uid=meta.uid,
        created_at=meta.creation_timestamp,
        management=management_of(meta),
    )


RESOURCE = Resource(Kind.SCALED_JOB, "KEDA's ScaledJobs", KEDA, "scaledjobs", decode, optional=True)
