"""ResourceQuotas."""

from __future__ import annotations

from portal.cluster.api_types import Meta, Part, from_json
from portal.cluster.decode import key
from portal.cluster.resource import CORE, Resource
from portal.domain.keys import Key
from portal.domain.objects import Kind, Quota


class _QuotaStatus(Part, frozen=True):
    hard: dict[str, str] | None = None
    used: dict[str, str] | None = None


class _Quota(Part, frozen=True):
    """A ResourceQuota."""

    metadata: Meta
    status: _QuotaStatus = _QuotaStatus()


@from_json(_Quota)
def decode(found: _Quota) -> tuple[Key, Quota]:
    """A ResourceQuota; without a status, which Kubernetes has yet to write, it limits nothing."""
    own = key(found.metadata)
    return own, Quota(key=own, hard=found.status.hard or {}, used=found.status.used or {})


RESOURCE = Resource(Kind.QUOTA, "Quotas", CORE, "resourcequotas", decode)
