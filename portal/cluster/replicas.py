"""Ownership of ``spec.replicas``: handed over before Helm gives it up, and back.

When a release changes from fixed replicas to an HPA, its chart stops rendering ``replicas``. Helm's
server-side apply then gives the field up, and without another owner Kubernetes resets it to 1. A
second owner of the same live value keeps the pods. On the way back, owners of ``replicas`` alone
(this one, and the HPA that has scaled) would make Helm's apply a conflict.
"""

from __future__ import annotations

from portal.cluster.client import ClusterClient
from portal.cluster.errors import Rejected
from portal.cluster.json_object import JsonObject, items, text
from portal.domain.errors import Conflict, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.objects import Kind

FIELD_MANAGER = "dash-portal"
ONLY_REPLICAS: JsonObject = {"f:spec": {"f:replicas": {}}}
ATTEMPTS = 5

_PLURALS = {Kind.DEPLOYMENT: "deployments", Kind.STATEFUL_SET: "statefulsets"}


class Replicas:
    """Ownership of ``spec.replicas`` of Deployments and StatefulSets."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    async def hand_over(
        self,
        key: Key,
        *,
        identity: Identity | None = None,
        kind: Kind = Kind.DEPLOYMENT,
        field_manager: str = FIELD_MANAGER,
    ) -> int | None:
        """Make ``field_manager`` own the live number of replicas; returns that number.

        None if there is no such workload, as at a first install.

        Raises:
            Conflict: the number kept changing.
        """
        client, path = self._client.acting_for(identity), _path(key, kind)
        for attempt in range(ATTEMPTS):
            try:
                live = await client.get(path)
            except NotFound:
                return None
            replicas = int(live["spec"].get("replicas", 1))
            body: JsonObject = {
                "apiVersion": "apps/v1",
                "kind": kind.value,
                # The uid keeps the apply from creating the object if it has been deleted.
                "metadata": {"name": key.name, "uid": live["metadata"]["uid"]},
                "spec": {"replicas": replicas},
            }
            try:
                await client.apply(path, body, field_manager)
            except Conflict:
                if attempt + 1 == ATTEMPTS:
                    raise
            else:
                return replicas
        raise AssertionError("unreachable")

    async def release(
        self, key: Key, *, identity: Identity | None = None, kind: Kind = Kind.DEPLOYMENT
    ) -> tuple[str, ...]:
        """Remove every owner of ``spec.replicas`` alone, so that Helm can own it again.

        The number stays: giving the field up by an empty apply would reset it. Returns the names
        of the removed field managers.

        Raises:
            Conflict: the object kept changing.
        """
        client, path = self._client.acting_for(identity), _path(key, kind)
        for attempt in range(ATTEMPTS):
            try:
                live = await client.get(path)
            except NotFound:
                return ()
            owners = items(live, "metadata", "managedFields")
            kept = [each for each in owners if each.get("fieldsV1") != ONLY_REPLICAS]
            if len(kept) == len(owners):
                return ()
            version = live["metadata"]["resourceVersion"]
            try:
                await client.patch(
                    path,
                    [
                        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
                        {"op": "replace", "path": "/metadata/managedFields", "value": kept},
                    ],
                )
            except (Conflict, Rejected):
                if attempt + 1 == ATTEMPTS:
                    raise
            else:
                dropped = (each for each in owners if each.get("fieldsV1") == ONLY_REPLICAS)
                return tuple(text(each, "manager") for each in dropped)
        raise AssertionError("unreachable")


def _path(key: Key, kind: Kind) -> str:
    return f"/apis/apps/v1/namespaces/{key.namespace}/{_PLURALS[kind]}/{key.name}"
