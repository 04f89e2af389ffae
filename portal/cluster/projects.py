"""Reads and writes the objects of projects: namespaces, and what is in them."""

from __future__ import annotations

from portal.cluster.client import METADATA_LIST, ClusterClient
from portal.cluster.json_object import JsonObject, items, part, text
from portal.domain.errors import NotFound
from portal.domain.identity import Identity
from portal.domain.projects import UNLIMITED_APPS, AppLimits, app_limits
from portal.domain.reviews import ResourceAttributes, Reviews

NAMESPACES = "/api/v1/namespaces"
PAGE = 500
"""Namespaces in a page of the list."""


async def limits_of(client: ClusterClient, namespace: str) -> AppLimits:
    """Return the limits that a namespace sets for apps, as the portal's own account sees them.

    Raises:
        PortalError: they are not known.
    """
    try:
        found = await client.get(f"{NAMESPACES}/{namespace}")
    except NotFound:
        return UNLIMITED_APPS
    return app_limits(part(found, "metadata", "annotations"))


class ProjectObjects:
    """The objects of projects; implements ``portal.projects.ports.ProjectCluster``."""

    def __init__(self, client: ClusterClient, reviews: Reviews, field_manager: str) -> None:
        self._client = client
        self._reviews = reviews
        self._field_manager = field_manager

    async def administers(self, identity: Identity) -> bool:
        """Return True if Kubernetes lets ``identity`` create namespaces."""
        return await self._reviews.allowed(identity, ResourceAttributes("create", "namespaces"), "")

    async def namespaces(self, selector: str, *, identity: Identity | None) -> list[JsonObject]:
        """Return the metadata of the namespaces with a label."""
        client = self._client.acting_for(identity)
        found: list[JsonObject] = []
        more = ""
        while True:
            params = {"labelSelector": selector, "limit": str(PAGE)}
            params |= {"continue": more} if more else {}
            answer = await client.get(NAMESPACES, params, METADATA_LIST)
            found += items(answer, "items")
            more = text(answer, "metadata", "continue")
            if not more:
                return found

    async def read(self, path: str, *, identity: Identity | None) -> JsonObject | None:
        """Return an object; None if it does not exist."""
        try:
            return await self._client.acting_for(identity).get(path)
        except NotFound:
            return None

    async def apply(
        self, path: str, tree: JsonObject, *, identity: Identity | None, dry_run: bool = False
    ) -> None:
        """Apply an object (server-side), without taking over another field manager's fields.

        Raises:
            Conflict: another field manager owns one of the fields.
        """
        client = self._client.acting_for(identity)
        await client.apply(path, tree, self._field_manager, dry_run=dry_run)

    async def delete(self, path: str, uid: str, *, identity: Identity | None) -> None:
        """Delete an object, if it still is the one with this uid."""
        options: JsonObject = {"preconditions": {"uid": uid}} if uid else {}
        await self._client.acting_for(identity).delete(
            path, {"apiVersion": "v1", "kind": "DeleteOptions", **options}
        )

    async def unlabel(self, path: str, label: str, *, identity: Identity | None) -> None:
        """Remove a label from an object."""
        change: JsonObject = {"metadata": {"labels": {label: None}}}
        await self._client.acting_for(identity).merge(path, change)
