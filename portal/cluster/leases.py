"""Leases of releases: each is the lock of a release, and carries the operation's record.

Lock and record are in one object, so that they change together by compare-and-swap: a write needs
the newest resource version. A holder that has not written for ``LEASE_SECONDS`` counts as dead.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from portal.cluster.api_types import BasicMeta, Part, from_json
from portal.cluster.client import ClusterClient
from portal.cluster.decode import key
from portal.cluster.json_object import JsonObject
from portal.cluster.resource import Resource
from portal.domain.errors import NotFound
from portal.domain.keys import Key
from portal.domain.objects import Kind
from portal.domain.operations import LEASE_SECONDS, Operation, OperationLease

GROUP = "/apis/coordination.k8s.io/v1"
LABEL = "dash-portal.io/operation-record"
RECORD = "dash-portal.io/operation"
CANCEL = "dash-portal.io/cancel"
SEALED = "dash-portal.io/sealed-identity"


class Leases:
    """Reads and writes the Leases of releases."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    async def read(self, key: Key) -> OperationLease | None:
        """The current lease of a release; None if there is none."""
        try:
            return _lease_of(await self._client.get(_path(key)))
        except NotFound:
            return None

    async def put(self, new: OperationLease) -> OperationLease:
        """Update a lease, or create it if it has no version; returns it with its new version.

        Raises:
            Conflict: it has changed since, or (without a version) there is one already.
        """
        body = _to_json(new, datetime.now(UTC))
        path = _path(new.operation.key)
        if new.version:
            return _lease_of(await self._client.put(path, body))
        return _lease_of(await self._client.post(path.rpartition("/")[0], body))

    async def delete(self, old: OperationLease) -> None:
        """Delete a lease that has not changed since; one that is gone is no error.

        Raises:
            Conflict: it has changed since.
        """
        options: JsonObject = {"preconditions": {"resourceVersion": old.version}}
        try:
            await self._client.delete(_path(old.operation.key), options)
        except NotFound:
            return


class _LeaseSpec(Part, frozen=True):
    holder_identity: str | None = None


class _Lease(Part, frozen=True):
    """A Lease of coordination.k8s.io/v1."""

    metadata: BasicMeta
    spec: _LeaseSpec = _LeaseSpec()


def decode(found: _Lease) -> tuple[Key, OperationLease]:
    """A Lease's own key, and its content; raises any exception if it holds no operation."""
    annotations = found.metadata.annotations or {}
    operation = _decode_record(annotations[RECORD])
    own = key(found.metadata)
    if Key(operation.key.namespace, _name(operation.key)) != own:
        raise ValueError("the record is of another release")
    return own, OperationLease(
        operation=operation,
        holder=found.spec.holder_identity or "",
        version=found.metadata.resource_version,
        cancel=annotations.get(CANCEL, ""),
        sealed=annotations.get(SEALED, ""),
    )


def _lease_of(answer: JsonObject) -> OperationLease:
    return decode(msgspec.convert(answer, _Lease))[1]


LEASES = Resource(
    Kind.LEASE,
    "Operations",
    GROUP,
    "leases",
    from_json(_Lease)(decode),
    selector=LABEL,
    verbs=("get", "list", "watch", "create", "update", "delete"),
)
"""The Leases to watch for the operations of every portal."""


def _to_json(new: OperationLease, now: datetime) -> JsonObject:
    operation = new.operation
    annotations = {RECORD: _encode_record(operation)}
    if new.cancel:
        annotations[CANCEL] = new.cancel
    if new.sealed:
        annotations[SEALED] = new.sealed
    metadata: JsonObject = {
        "name": _name(operation.key),
        "namespace": operation.key.namespace,
        "labels": {LABEL: "true"},
        "annotations": annotations,
    }
    if new.version:
        metadata["resourceVersion"] = new.version
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {
            "holderIdentity": new.holder or None,
            "leaseDurationSeconds": int(LEASE_SECONDS),
            "acquireTime": _micro(operation.created_at),
            "renewTime": _micro(now),
        },
    }


def _encode_record(operation: Operation) -> str:
    """The operation as JSON; ``verb`` is its name, as older portals write and read it."""
    raw: JsonObject = msgspec.to_builtins(operation)
    return msgspec.json.encode({**raw, "verb": operation.verb.name, "words": raw["verb"]}).decode()


def _decode_record(text: str) -> Operation:
    raw: JsonObject = msgspec.json.decode(text)
    name = raw["verb"]
    # Older portals wrote the name alone.
    default = {"name": name, "noun": name, "progressive": "at work on"}
    default |= {"creates": name == "launch", "removes": name == "uninstall"}
    return msgspec.convert({**raw, "verb": raw.get("words", default)}, Operation)


def _micro(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _name(key: Key) -> str:
    """The Lease's name; release names have 53 characters at most, so it is short enough."""
    return f"dash-portal.{key.name}"


def _path(key: Key) -> str:
    return f"{GROUP}/namespaces/{key.namespace}/leases/{_name(key)}"
