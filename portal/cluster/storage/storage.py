"""Reads and writes the Secrets in which Helm keeps releases, without any cache.

Helm refuses to change a release that a killed Helm left pending. Marking that revision as failed,
in its label and its body, is what that Helm would have done: nothing that runs is touched, and the
next change starts from the last deployed revision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from portal.cluster.client import METADATA_LIST, ClusterClient
from portal.cluster.json_object import JsonObject, items, part, text
from portal.cluster.namespace_objects import namespace_objects
from portal.cluster.storage.codec import (
    decode,
    marked_failed,
    marked_superseded,
    metadata,
    recorded_chart,
    with_mapped_apis,
)
from portal.cluster.storage.unpack import Damaged, read_bounded
from portal.cluster.volume_claims import volume_claims
from portal.domain.api_mapping import Successors
from portal.domain.errors import Conflict, DamagedRecord, Forbidden, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.owners import Owners, is_about_owners
from portal.domain.proposals import NamespaceObjects, VolumeClaim
from portal.domain.release import ReleaseRecord, ReleaseRevision, ReleaseStatus

T = TypeVar("T")

MAX_REVISIONS = 20
"""Revisions that are read: the portal keeps 10, others may keep all."""


def _same(key: Key) -> str:
    return key.namespace


class HelmStorage:
    """Reads and writes Secrets one by one, some milliseconds each, without a helm process.

    Args:
        client: the client.
        locate: returns the namespace in which Helm keeps a release's records.
    """

    def __init__(self, client: ClusterClient, locate: Callable[[Key], str] = _same) -> None:
        self._client = client
        self._locate = locate

    # Reading.

    async def newest(self, key: Key) -> ReleaseRevision | None:
        """The newest revision of a release; None if there is none.

        Raises:
            DamagedRecord: it cannot be decoded.
        """
        records = await self._records(self._client, key)
        if not records:
            return None
        found = await self._revision(self._client, records[0])
        if found.damaged:
            raise _damaged_record(found.damaged)
        return found

    async def revisions(
        self, key: Key, *, identity: Identity | None = None
    ) -> tuple[ReleaseRevision, ...]:
        """The newest ``MAX_REVISIONS`` revisions, newest first, without manifests.

        () without a release.
        """
        client = self._client.acting_for(identity)
        found: list[ReleaseRevision] = []
        for record in (await self._records(client, key))[:MAX_REVISIONS]:
            with suppress(NotFound):  # Helm has just pruned it
                # Manifests of many revisions would take much memory, and no page shows them.
                found.append(
                    replace(await self._revision(client, record), manifest="", hooks="", crds="")
                )
        return tuple(found)

    async def newest_and_deployed(
        self, key: Key, *, identity: Identity | None = None
    ) -> tuple[ReleaseRevision, ReleaseRevision] | None:
        """The newest revision, and the newest deployed one (the newest if none is deployed).

        None without a release.
        """
        client = self._client.acting_for(identity)
        records = await self._records(client, key)
        if not records:
            return None
        newest = records[0]
        deployed = next((each for each in records if each.status is ReleaseStatus.DEPLOYED), newest)
        read = await self._revision(client, newest)
        return read, read if deployed is newest else await self._revision(client, deployed)

    async def revision(
        self, key: Key, revision: int, *, identity: Identity | None = None
    ) -> ReleaseRevision:
        """One revision.

        Raises:
            NotFound: Helm does not keep it.
        """
        client = self._client.acting_for(identity)
        for record in await self._records(client, key):
            if record.revision == revision:
                return await self._revision(client, record)
        raise NotFound(f"Helm does not keep revision {revision} of {key.name} any more.")

    async def chart(
        self, key: Key, revision: int | None = None, *, identity: Identity | None = None
    ) -> Mapping[str, bytes]:
        """The files of a revision's chart, by path; None is the newest revision.

        Raises:
            ChartError: the chart has dependencies, which are not in the record.
            DamagedRecord: it cannot be decoded.
            NotFound: there is no such release or revision.
        """
        client = self._client.acting_for(identity)
        for record in await self._records(client, key):
            if revision in {None, record.revision}:
                return await _read(recorded_chart, await self._secret(client, record))
        which = f"revision {revision} of {key.name}" if revision else f"release {key.name}"
        raise NotFound(f"There is no {which} any more.")

    async def claims(
        self, namespace: str, *, identity: Identity | None = None
    ) -> tuple[VolumeClaim, ...] | None:
        """The volume claims of a namespace; None where the portal may not list them."""
        return await volume_claims(self._client.acting_for(identity), namespace)

    async def objects(
        self, namespace: str, *, identity: Identity | None = None
    ) -> NamespaceObjects:
        """The objects of a namespace that may outlive a release."""
        return await namespace_objects(self._client.acting_for(identity), namespace)

    async def other_record(self, key: Key) -> str:
        """Return the ConfigMap in which Helm keeps a release, such as "ConfigMap x"; "" if none.

        Helm does so with ``HELM_DRIVER=configmap``. Where they may not be listed, it is "".
        """
        path = f"/api/v1/namespaces/{key.namespace}/configmaps"
        selector = {"labelSelector": f"owner=helm,name={key.name},status!=uninstalled"}
        try:
            found = items(await self._client.get(path, selector, METADATA_LIST), "items")
        except Forbidden:
            return ""
        newest = max(found, key=_revision_number, default=None)
        return f"ConfigMap {text(newest, 'metadata', 'name')}" if newest else ""

    # Writing.

    async def set_owners(
        self, key: Key, owners: Owners, *, identity: Identity | None = None
    ) -> None:
        """Write the owners into the labels of every revision, newest first.

        On all of them, since Helm copies the labels of the newest revision to the next one, and at
        a rollback those of the target revision.
        """
        client = self._client.acting_for(identity)
        for secret in sorted(await self._list(client, key), key=_revision_number, reverse=True):
            operations = _owners_patch(part(secret, "metadata", "labels"), owners)
            if operations:
                name = text(secret, "metadata", "name")
                path = f"/api/v1/namespaces/{self._locate(key)}/secrets/{name}"
                with suppress(NotFound):  # Helm has just pruned it
                    await client.patch(path, operations)

    async def mark_failed(
        self,
        key: Key,
        recorded: ReleaseRevision,
        why: str,
        *,
        identity: Identity | None = None,
    ) -> None:
        """Mark a pending revision as failed, unless it has changed since it was read.

        Raises:
            Conflict: it has changed, so some Helm is still at work.
        """
        client = self._client.acting_for(identity)
        secret = await self._secret(client, recorded)
        if text(secret, "metadata", "resourceVersion") != recorded.version:
            raise Conflict(f"Helm has gone on with {key.name} in the meantime.")

        def failed(encoded: str, most: int) -> str:
            return marked_failed(encoded, most, why)

        secret["data"]["release"] = await _read(failed, secret)
        secret["metadata"]["labels"] |= {
            "status": ReleaseStatus.FAILED.value,
            "modifiedAt": str(int(datetime.now(UTC).timestamp())),
        }
        await client.put(secret_path(recorded), secret)

    async def add_mapped(
        self,
        key: Key,
        base: ReleaseRevision,
        revision: int,
        successors: Successors,
        why: str,
        labels: Mapping[str, str],
        *,
        identity: Identity | None = None,
    ) -> None:
        """Add a revision that is ``base`` with mapped APIs, and that has its status.

        ``base`` is then superseded if it was deployed. ``labels`` are added to its own.

        Raises:
            Conflict: ``base`` has changed since it was read, or there is such a revision already.
        """
        client = self._client.acting_for(identity)
        secret = await self._secret(client, base)
        if text(secret, "metadata", "resourceVersion") != base.version:
            raise Conflict(f"Helm has gone on with {key.name} in the meantime.")
        now = datetime.now(UTC)

        def with_mapped(encoded: str, most: int) -> str:
            return with_mapped_apis(encoded, most, revision, successors, why, now)

        stamp = str(int(now.timestamp()))
        stem = base.secret_name.rpartition(".v")[0]
        body: JsonObject = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": text(secret, "type"),
            "metadata": {
                "name": f"{stem}.v{revision}",
                "namespace": base.secret.namespace,
                "labels": {
                    **part(secret, "metadata", "labels"),
                    "version": str(revision),
                    "createdAt": stamp,
                    "modifiedAt": stamp,
                    **labels,
                },
            },
            "data": {"release": await _read(with_mapped, secret)},
        }
        # First the new one: two that are deployed do no harm, none would.
        await client.post(f"/api/v1/namespaces/{base.secret.namespace}/secrets", body)
        if base.status is ReleaseStatus.DEPLOYED:
            secret["data"]["release"] = await _read(marked_superseded, secret)
            secret["metadata"]["labels"] |= {
                "status": ReleaseStatus.SUPERSEDED.value,
                "modifiedAt": stamp,
            }
            await client.put(secret_path(base), secret)

    # Secrets.

    async def _list(self, client: ClusterClient, key: Key) -> list[JsonObject]:
        """The metadata of all Secrets of a release, unordered."""
        selector = {"labelSelector": f"owner=helm,name={key.name}"}
        path = f"/api/v1/namespaces/{self._locate(key)}/secrets"
        return items(await client.get(path, selector, METADATA_LIST), "items")

    async def _records(self, client: ClusterClient, key: Key) -> list[ReleaseRecord]:
        """The records of a release, newest first; Secrets without Helm's labels are skipped."""
        found = [each for each in map(metadata, await self._list(client, key)) if each is not None]
        return sorted(found, key=lambda each: each.revision, reverse=True)

    async def _secret(self, client: ClusterClient, record: ReleaseRecord) -> JsonObject:
        return await client.get(secret_path(record))

    async def _revision(self, client: ClusterClient, record: ReleaseRecord) -> ReleaseRevision:
        secret = await self._secret(client, record)
        return await read_bounded(partial(decode, metadata(secret) or record), secret)


def secret_path(record: ReleaseRecord) -> str:
    """The API path of a revision's Secret."""
    secret = record.secret
    return f"/api/v1/namespaces/{secret.namespace}/secrets/{secret.name}"


async def _read(read: Callable[[str, int], T], secret: JsonObject) -> T:
    """The result of ``read`` for a Secret's body; raises ``DamagedRecord``."""
    try:
        return await read_bounded(read, text(secret, "data", "release"))
    except Damaged as error:
        raise _damaged_record(str(error)) from error


def _damaged_record(why: str) -> DamagedRecord:
    return DamagedRecord(why, "An administrator has to repair Helm's record.")


def _revision_number(secret: JsonObject) -> int:
    version = text(secret, "metadata", "labels", "version")
    return int(version) if version.isdecimal() else 0


def _owners_patch(labels: Mapping[str, object], owners: Owners) -> list[JsonObject]:
    """The JSON patch that makes the labels of a Secret name the owners; [] if they already do."""
    new = owners.labels
    gone = [name for name in labels if is_about_owners(name) and name not in new]
    return [
        *({"op": "remove", "path": _path(name)} for name in gone),
        *(
            {"op": "add", "path": _path(name), "value": value}
            for name, value in new.items()
            if labels.get(name) != value
        ),
    ]


def _path(label: str) -> str:
    return f"/metadata/labels/{label.replace('/', '~1')}"
