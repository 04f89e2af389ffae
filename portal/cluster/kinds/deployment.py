"""Deployments of apps/v1."""

from __future__ import annotations

from portal.cluster.api_types import from_json
from portal.cluster.kinds.workloads import ApiWorkload, workload
from portal.cluster.resource import APPS, Resource
from portal.domain.keys import Key
from portal.domain.objects import Kind, Workload


@from_json(ApiWorkload)
def decode(found: ApiWorkload) -> tuple[Key, Workload]:
    """A Deployment."""
    return workload(Kind.DEPLOYMENT, found)


RESOURCE = Resource(Kind.DEPLOYMENT, "Deployments", APPS, "deployments", decode)
