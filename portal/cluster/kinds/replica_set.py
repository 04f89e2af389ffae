"""ReplicaSets of apps/v1."""

from __future__ import annotations

from portal.cluster.api_types import from_json
from portal.cluster.decode import conditions, controller_of, key
from portal.cluster.kinds.workloads import ApiWorkload, desired
from portal.cluster.resource import APPS, Resource
from portal.domain.keys import Key
from portal.domain.objects import Kind, ReplicaSet

REVISION = "deployment.kubernetes.io/revision"


@from_json(ApiWorkload)
def decode(found: ApiWorkload) -> tuple[Key, ReplicaSet]:
    """A ReplicaSet."""
    meta = found.metadata
    own = key(meta)
    kind, owner = controller_of(meta)
    revision = (meta.annotations or {}).get(REVISION, "")
    return own, ReplicaSet(
        key=own,
        owner=owner if kind == Kind.DEPLOYMENT else "",
        desired=desired(found.spec.replicas),
        current=found.status.replicas,
        conditions=conditions(found.status.conditions),
        uid=meta.uid,
        ready=found.status.ready_replicas,
        revision=int(revision) if revision.isdecimal() else 0,
    )


RESOURCE = Resource(Kind.REPLICA_SET, "ReplicaSets", APPS, "replicasets", decode)
