"""Reads single objects and their events on demand, within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast
from urllib.parse import quote

from portal.cluster.client import JSON, METADATA, ClusterClient, decoded
from portal.cluster.kinds import RESOURCES
from portal.domain.errors import NotFound
from portal.domain.identity import Identity
from portal.domain.manifests import Ref, Tree
from portal.threads import in_thread

MOST = 2 * 2**20
"""Bytes of the largest object that is read: Kubernetes keeps none above 1.5 MiB."""
MOST_OF_EVENTS = 256 * 1024
EVENTS = 20
"""The most events that are asked for of one object."""

_EXTRA = {
    "ConfigMap": ("/api/v1", "configmaps"),
    "Secret": ("/api/v1", "secrets"),
    "PersistentVolumeClaim": ("/api/v1", "persistentvolumeclaims"),
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "PodDisruptionBudget": ("/apis/policy/v1", "poddisruptionbudgets"),
}
_NEVER = {"Release", "Event", "Node", "Lease", "ResourceQuota", "Gateway"}

READABLE: Mapping[str, tuple[str, str]] = {
    **{
        each.kind.value: (each.group, each.plural)
        for each in RESOURCES
        if each.kind.value not in _NEVER
    },
    **_EXTRA,
}
"""Path of the API group, and plural, by kind: the kinds that are read for people."""


class ClusterObjects:
    """Reads objects; implements ``portal.objects.reader.ObjectSource``."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds that can be read."""
        return frozenset(READABLE)

    async def read(self, ref: Ref, *, identity: Identity | None) -> Tree:
        """Return an object; of a Secret its metadata alone, so that its data is never read.

        Raises:
            NotFound: there is none.
            PortalError: it cannot be read, or is too large.
        """
        group, plural = _place(ref)
        accept = METADATA if ref.kind == "Secret" else JSON
        path = f"{group}/namespaces/{quote(ref.namespace)}/{plural}/{quote(ref.name)}"
        body = await self._client.acting_for(identity).read_at_most(path, MOST, accept=accept)
        found = await in_thread(decoded, body)
        # The API server leaves the kind out of some answers, and metadata has another one.
        return {**found, "kind": ref.kind}

    async def events(self, ref: Ref, *, identity: Identity | None) -> tuple[Tree, ...]:
        """Return the events about an object, some ``EVENTS`` at most."""
        selector = f"involvedObject.kind={ref.kind},involvedObject.name={ref.name}"
        path = f"/api/v1/namespaces/{quote(ref.namespace)}/events"
        params = {"limit": str(EVENTS), "fieldSelector": selector}
        client = self._client.acting_for(identity)
        body = await client.read_at_most(path, MOST_OF_EVENTS, params)
        return tuple(cast("list[Tree]", (await in_thread(decoded, body)).get("items") or []))


def _place(ref: Ref) -> tuple[str, str]:
    try:
        return READABLE[ref.kind]
    except KeyError:
        raise NotFound(f"The portal reads no {ref.kind}.") from None
