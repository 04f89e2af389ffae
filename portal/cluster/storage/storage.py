"""Reads and writes the Secrets that Helm keeps releases in, past every cache.

Helm refuses every change of a release that a killed Helm left pending. Marking that revision as
failed, in its label and its body, is what Helm itself would have done had it lived: nothing that
runs is touched, and the next change starts from the last revision that was deployed.
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
from portal.cluster.storage.codec import decode, marked_failed, metadata, recorded_chart
from portal.cluster.storage.unpack import Damaged, in_turn
from portal.cluster.volume_claims import volume_claims
from portal.domain.errors import Conflict, DamagedRecord, NotFound
from portal.domain.keys import Key
from portal.domain.owners import Owners, is_about_owners
from portal.domain.release import ReleaseRecord, ReleaseRevision, ReleaseStatus
from portal.domain.revisions import VolumeClaim

T = TypeVar("T")

MOST = 20
"""Revisions read: the portal keeps 10, others may keep all."""


def _same(key: Key) -> str:
    return key.namespace


class HelmStorage:
    """Reads one Secret after the other: some milliseconds each, and no helm process.

    Args:
        client: the client.
        locate: the namespace that Helm keeps a release's records in, as far as it is known.
    """

    def __init__(self, client: ClusterClient, locate: Callable[[Key], str] = _same) -> None:
        self._client = client
        self._locate = locate

    # Reading.

    async def newest(self, key: Key) -> ReleaseRevision | None:
        """The newest revision that Helm keeps of a release; None if there is none.

        Raises:
            DamagedRecord: it cannot be read.
        """
        records = await self._records(key)
        if not records:
            return None
        found = await self._revision(records[0])
        if found.damaged:
            raise _to_be_mended(found.damaged)
        return found

    async def revisions(self, key: Key) -> tuple[ReleaseRevision, ...]:
        """The newest ``MOST`` revisions that Helm keeps, newest first; () without a release.

        What they rendered is left out.
        """
        found: list[ReleaseRevision] = []
        for record in (await self._records(key))[:MOST]:
            with suppress(NotFound):  # Helm keeps so many, and has just made another
                # Without their manifests: nobody looks at those of so many at once.
                found.append(replace(await self._revision(record), manifest="", hooks=""))
        return tuple(found)

    async def present(self, key: Key) -> tuple[ReleaseRevision, ReleaseRevision] | None:
        """The newest revision, and what runs: the newest deployed one, else the newest.

        None without a release.
        """
        records = await self._records(key)
        if not records:
            return None
        newest = records[0]
        runs = next((each for each in records if each.status is ReleaseStatus.DEPLOYED), newest)
        read = await self._revision(newest)
        return read, read if runs is newest else await self._revision(runs)

    async def revision(self, key: Key, revision: int) -> ReleaseRevision:
        """One revision.

        Raises:
            NotFound: Helm does not keep it (any more).
        """
        for record in await self._records(key):
            if record.revision == revision:
                return await self._revision(record)
        raise NotFound(f"Helm does not keep revision {revision} of {key.name} any more.")

    async def chart(self, key: Key, revision: int | None = None) -> Mapping[str, bytes]:
        """The files of a revision's chart, by path; of the newest one's for None.

        Raises:
            ChartError: the chart has others in it: those are not in the record.
            NotFound: there is no such release or revision (any more).
        """
        for record in await self._records(key):
            if revision in {None, record.revision}:
                return await _read(recorded_chart, await self._secret(record))
        which = f"revision {revision} of {key.name}" if revision else f"release {key.name}"
        raise NotFound(f"There is no {which} any more.")

    async def claims(self, namespace: str) -> tuple[VolumeClaim, ...] | None:
        """The volume claims of a namespace; None where the portal may not list them."""
        return await volume_claims(self._client, namespace)

    # Writing.

    async def set_owners(self, key: Key, owners: Owners) -> None:
        """Write whose a release is onto every revision that Helm keeps, the newest first.

        Helm labels the next revision like the newest, and what a rollback makes like the revision
        that it goes back to.
        """
        for secret in sorted(await self._list(key), key=_revision_number, reverse=True):
            operations = _to_owners(part(secret, "metadata", "labels"), owners)
            if operations:
                name = text(secret, "metadata", "name")
                path = f"/api/v1/namespaces/{self._locate(key)}/secrets/{name}"
                with suppress(NotFound):  # Helm keeps so many, and has just made another
                    await self._client.patch(path, operations)

    async def mark_failed(self, key: Key, recorded: ReleaseRevision, why: str) -> None:
        """Mark a pending revision as failed, exactly as it was seen.

        Raises:
            Conflict: it has changed since: whoever did that is alive.
        """
        secret = await self._secret(recorded)
        if text(secret, "metadata", "resourceVersion") != recorded.version:
            raise Conflict(f"Helm has gone on with {key.name} in the meantime.")

        def failed(encoded: str, most: int) -> str:
            return marked_failed(encoded, most, why)

        secret["data"]["release"] = await _read(failed, secret)
        secret["metadata"]["labels"] |= {
            "status": ReleaseStatus.FAILED.value,
            "modifiedAt": str(int(datetime.now(UTC).timestamp())),
        }
        await self._client.put(secret_path(recorded), secret)

    # Secrets.

    async def _list(self, key: Key) -> list[JsonObject]:
        """The metadata of all Secrets that Helm keeps of a release, in no order."""
        selector = {"labelSelector": f"owner=helm,name={key.name}"}
        path = f"/api/v1/namespaces/{self._locate(key)}/secrets"
        return items(await self._client.get(path, selector, METADATA_LIST), "items")

    async def _records(self, key: Key) -> list[ReleaseRecord]:
        """All that Helm keeps of a release, newest first; what is not labelled as such is none."""
        found = [each for each in map(metadata, await self._list(key)) if each is not None]
        return sorted(found, key=lambda each: each.revision, reverse=True)

    async def _secret(self, record: ReleaseRecord) -> JsonObject:
        return await self._client.get(secret_path(record))

    async def _revision(self, record: ReleaseRecord) -> ReleaseRevision:
        secret = await self._secret(record)
        return await in_turn(partial(decode, metadata(secret) or record), secret)


def secret_path(record: ReleaseRecord) -> str:
    """Where the API has the Secret of a revision."""
    secret = record.secret
    return f"/api/v1/namespaces/{secret.namespace}/secrets/{secret.name}"


async def _read(read: Callable[[str, int], T], secret: JsonObject) -> T:
    """What ``read`` makes of a Secret's body."""
    try:
        return await in_turn(read, text(secret, "data", "release"))
    except Damaged as error:
        raise _to_be_mended(str(error)) from error


def _to_be_mended(why: str) -> DamagedRecord:
    return DamagedRecord(why, "An administrator has to mend Helm's record.")


def _revision_number(secret: JsonObject) -> int:
    version = text(secret, "metadata", "labels", "version")
    return int(version) if version.isdecimal() else 0


def _to_owners(labels: Mapping[str, object], owners: Owners) -> list[JsonObject]:
    """The JSON patch after which the labels of a Secret say whose it is; [] if they do."""
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
