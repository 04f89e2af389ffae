"""Restarts workloads, as ``kubectl rollout restart`` does."""

from __future__ import annotations

from datetime import datetime

from portal.cluster.client import ClusterClient
from portal.cluster.json_object import JsonObject
from portal.domain.errors import Conflict
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.objects import Kind

FIELD_MANAGER = "dash-portal-restart"
"""Separate, so that neither Helm nor the hand-over of replicas removes the annotation."""
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"

_PLURALS = {
    Kind.DEPLOYMENT: "deployments",
    Kind.STATEFUL_SET: "statefulsets",
    Kind.DAEMON_SET: "daemonsets",
}


class Restarts:
    """Restarts Deployments, StatefulSets and DaemonSets."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    async def restart(
        self, key: Key, kind: Kind, at: datetime, *, identity: Identity | None = None
    ) -> int:
        """Write ``at`` into the pod template; returns the generation of the changed workload.

        Idempotent for the same ``at``.

        Raises:
            Conflict: the workload is paused.
            NotFound: there is no such workload.
        """
        path = f"/apis/apps/v1/namespaces/{key.namespace}/{_PLURALS[kind]}/{key.name}"
        client = self._client.acting_for(identity)
        live = await client.get(path)
        if live["spec"].get("paused"):
            raise Conflict(
                f"{kind} {key.name} is paused: its pods are not replaced.",
                "Resume it first.",
            )
        annotations = {RESTARTED_AT: at.isoformat(timespec="seconds")}
        body: JsonObject = {
            "apiVersion": "apps/v1",
            "kind": kind.value,
            # The uid keeps the apply from creating the object if it has been deleted.
            "metadata": {"name": key.name, "uid": live["metadata"]["uid"]},
            "spec": {"template": {"metadata": {"annotations": annotations}}},
        }
        # Forced: after a restart with kubectl, kubectl owns the annotation.
        answer = await client.apply(path, body, FIELD_MANAGER, force=True)
        return int(answer["metadata"]["generation"])
