"""Who works on which release: one Lease for each, which carries the operation's record as well.

Lock and record in one object change together, by compare-and-swap: whoever writes must have
seen the newest version. A holder that writes no more for ``LEASE_SECONDS`` is dead.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from portal.cluster.api_types import Name, Part, reading
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


class Leases:
    """Reads and writes the Leases of releases."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    async def read(self, key: Key) -> OperationLease | None:
        """The claim on a release as it is now; None if it never had any."""
        try:
            return _claim(await self._client.get(_path(key)))
        except NotFound:
            return None

    async def put(self, new: OperationLease) -> OperationLease:
        """Write a claim over the version that it was made from; returns it with the new one.

        Raises:
            Conflict: it has changed since, or (without a version) there is one already.
        """
        body = _lease(new, datetime.now(UTC))
        path = _path(new.operation.key)
        if new.version:
            return _claim(await self._client.put(path, body))
        return _claim(await self._client.post(path.rpartition("/")[0], body))

    async def drop(self, old: OperationLease) -> None:
        """Forget a claim, unless it has changed since (``Conflict``)."""
        options: JsonObject = {"preconditions": {"resourceVersion": old.version}}
        try:
            await self._client.delete(_path(old.operation.key), options)
        except NotFound:
            return


class _LeaseSpec(Part, frozen=True):
    holder_identity: str | None = None


class _Lease(Part, frozen=True):
    """A Lease of coordination.k8s.io/v1."""

    metadata: Name
    spec: _LeaseSpec = _LeaseSpec()


def claim(found: _Lease) -> tuple[Key, OperationLease]:
    """A Lease's own key, and what it says; raises (anything) on one that is no claim."""
    notes = found.metadata.annotations or {}
    operation = _recorded(notes[RECORD])
    own = key(found.metadata)
    if Key(operation.key.namespace, _name(operation.key)) != own:
        raise ValueError("the record is of another release")
    return own, OperationLease(
        operation=operation,
        holder=found.spec.holder_identity or "",
        version=found.metadata.resource_version,
        cancel=notes.get(CANCEL, ""),
    )


def _claim(answer: JsonObject) -> OperationLease:
    return claim(msgspec.convert(answer, _Lease))[1]


LEASES = Resource(
    Kind.LEASE,
    "Operations",
    GROUP,
    "leases",
    reading(_Lease)(claim),
    selector=LABEL,
    verbs=("get", "list", "watch", "create", "update", "delete"),
)
"""What to watch, to see the operations of every portal."""


def _lease(new: OperationLease, now: datetime) -> JsonObject:
    operation = new.operation
    notes = {RECORD: _record(operation)}
    if new.cancel:
        notes[CANCEL] = new.cancel
    metadata: JsonObject = {
        "name": _name(operation.key),
        "namespace": operation.key.namespace,
        "labels": {LABEL: "true"},
        "annotations": notes,
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


def _record(operation: Operation) -> str:
    """The operation as JSON; its verb by name, as older portals wrote and read it."""
    raw: JsonObject = msgspec.to_builtins(operation)
    return msgspec.json.encode({**raw, "verb": operation.verb.name, "words": raw["verb"]}).decode()


def _recorded(text: str) -> Operation:
    raw: JsonObject = msgspec.json.decode(text)
    name = raw["verb"]
    unsaid = {"name": name, "noun": name, "progressive": "at work on"}
    unsaid |= {"creates": name == "launch", "removes": name == "uninstall"}
    return msgspec.convert({**raw, "verb": raw.get("words", unsaid)}, Operation)


def _micro(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _name(key: Key) -> str:
    """A release has 53 characters at most, so that this fits a name of any kind."""
    return f"dash-portal.{key.name}"


def _path(key: Key) -> str:
    return f"{GROUP}/namespaces/{key.namespace}/leases/{_name(key)}"
