"""Secrets with the variables of an app: made before Helm runs, owned by the Deployment after it."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from portal.cluster.client import ClusterClient
from portal.cluster.json_object import JsonObject, items, part, text
from portal.domain.errors import NotFound
from portal.domain.identity import Identity
from portal.domain.keys import ENV_OF, Key


class EnvSecrets:
    """Makes, hands over and removes these Secrets."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    async def create(
        self, key: Key, name: str, content: Mapping[str, str], *, identity: Identity | None
    ) -> None:
        """Create an immutable Secret for the release ``key``."""
        body: JsonObject = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "labels": {ENV_OF: key.name}},
            "type": "Opaque",
            "immutable": True,
            "data": {
                each: base64.b64encode(value.encode()).decode() for each, value in content.items()
            },
        }
        client = self._client.acting_for(identity)
        await client.post(f"/api/v1/namespaces/{key.namespace}/secrets", body)

    async def settle(self, key: Key, name: str, *, identity: Identity | None) -> None:
        """Hand the Secret over to the release's Deployment if that uses it, else delete it.

        It then goes with the Deployment, whoever deletes that.
        """
        client = self._client.acting_for(identity)
        path = f"/api/v1/namespaces/{key.namespace}/secrets/{name}"
        try:
            found = await client.get(
                f"/apis/apps/v1/namespaces/{key.namespace}/deployments/{key.name}"
            )
        except NotFound:
            found = JsonObject()
        if not _uses(found, name):
            await client.delete(path, {})
            return
        owner = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": key.name,
            "uid": text(found, "metadata", "uid"),
        }
        await client.patch(
            path, [{"op": "add", "path": "/metadata/ownerReferences", "value": [owner]}]
        )

    async def values(self, key: Key) -> tuple[str, ...]:
        """Return the values in all Secrets with variables of the release ``key``."""
        found = await self._client.get(
            f"/api/v1/namespaces/{key.namespace}/secrets", {"labelSelector": f"{ENV_OF}={key.name}"}
        )
        return tuple(
            base64.b64decode(value).decode("utf-8", "replace")
            for each in items(found, "items")
            for value in part(each, "data").values()
        )


def _uses(deployment: JsonObject, name: str) -> bool:
    """Return True if a container of a Deployment has a variable from the Secret."""
    return any(
        text(part(variable, "valueFrom", "secretKeyRef"), "name") == name
        for container in items(deployment, "spec", "template", "spec", "containers")
        for variable in items(container, "env")
    )
