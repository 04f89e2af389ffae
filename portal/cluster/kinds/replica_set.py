"""ReplicaSets of apps/v1."""

from __future__ import annotations

from portal.cluster.api_types import from_json
from portal.cluster.decode import conditions, controller_of, key
from portal.cluster.kinds.workloads import ApiWorkload, desired
from portal.cluster.resource import APPS, Resource
from portal.domain.keys import Key
from portal.domain.objects import Kind, ReplicaSet


@from_json(ApiWorkload)
def decode(found: ApiWorkload) -> tuple[Key, ReplicaSet]:
    """A ReplicaSet."""
    own = key(found.metadata)
    return own, ReplicaSet(
        key=own,
        owner=controller_of(found.metadata),
        desired=desired(found.spec.replicas),
        current=found.status.replicas,
        conditions=conditions(found.status.conditions),
        uid=found.metadata.uid,
    )


RESOURCE = Resource(Kind.REPLICA_SET, "ReplicaSets", APPS, "replicasets", decode)
