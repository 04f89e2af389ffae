"""Resumes paused Deployments, as ``kubectl rollout resume`` does."""

from __future__ import annotations

from portal.cluster.client import ClusterClient
from portal.domain.identity import Identity
from portal.domain.keys import Key


class Pauses:
    """Resumes Deployments."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    async def resume(self, key: Key, *, identity: Identity | None = None) -> int:
        """Remove ``spec.paused``; returns the generation of the changed Deployment. Idempotent.

        Nobody owns the field afterwards, so that a chart which sets it does not conflict.

        Raises:
            NotFound: there is no such Deployment.
        """
        path = f"/apis/apps/v1/namespaces/{key.namespace}/deployments/{key.name}"
        answer = await self._client.acting_for(identity).merge(path, {"spec": {"paused": None}})
        return int(answer["metadata"]["generation"])
