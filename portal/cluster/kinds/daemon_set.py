"""DaemonSets of apps/v1."""

from __future__ import annotations

from portal.cluster.api_types import from_json
from portal.cluster.kinds.workloads import ApiWorkload, workload
from portal.cluster.resource import APPS, Resource
from portal.domain.keys import Key
from portal.domain.objects import Kind, Workload


@from_json(ApiWorkload)
def decode(found: ApiWorkload) -> tuple[Key, Workload]:
    """A DaemonSet."""
    return workload(Kind.DAEMON_SET, found)


RESOURCE = Resource(Kind.DAEMON_SET, "DaemonSets", APPS, "daemonsets", decode)
