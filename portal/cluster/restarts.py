"""Has the pods of a workload replaced, as ``kubectl rollout restart`` does."""

from __future__ import annotations

from datetime import datetime

from portal.cluster.client import ClusterClient
from portal.cluster.json_object import JsonObject
from portal.domain.errors import Conflict
from portal.domain.keys import Key
from portal.domain.objects import Kind

FIELD_MANAGER = "dash-portal-restart"
"""Its own, so that neither Helm nor the hand-over of replicas takes the annotation away again."""
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"

_PLURALS = {Kind.DEPLOYMENT: "deployments", Kind.STATEFUL_SET: "statefulsets"}


class Restarts:
    """Restarts Deployments and StatefulSets."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    async def restart(self, key: Key, kind: Kind, at: datetime) -> int:
        """Write ``at`` into the pod template; returns the generation of the spec with it.

        Asked again for the same moment, it changes nothing.

        Raises:
            Conflict: the workload is paused.
            NotFound: there is none.
        """
        path = f"/apis/apps/v1/namespaces/{key.namespace}/{_PLURALS[kind]}/{key.name}"
        live = await self._client.get(path)
        if live["spec"].get("paused"):
            raise Conflict(
                f"{kind} {key.name} is paused: its pods are not replaced.",
                "Resume it first, with kubectl rollout resume.",
            )
        annotations = {RESTARTED_AT: at.isoformat(timespec="seconds")}
        body: JsonObject = {
            "apiVersion": "apps/v1",
            "kind": kind.value,
            # The uid keeps the apply from creating anything should it go meanwhile.
            "metadata": {"name": key.name, "uid": live["metadata"]["uid"]},
            "spec": {"template": {"metadata": {"annotations": annotations}}},
        }
        # By force: whoever restarted it before, with kubectl, owns the annotation.
        answer = await self._client.apply(path, body, FIELD_MANAGER, force=True)
        return int(answer["metadata"]["generation"])
