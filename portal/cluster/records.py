"""Helm's own record of a release: what state it is in, and the way out of a dead one.

Helm refuses every change of a release that a killed Helm left pending. Marking that revision as
failed, in its label and its body, is what Helm itself would have done had it lived: nothing that
runs is touched, and the next change starts from the last revision that was deployed.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from portal.cluster.bodies import Damaged, unpack
from portal.cluster.client import METADATA_LIST, ClusterClient
from portal.cluster.raw import Raw, items, part, text
from portal.domain.charts import fingerprint, source_of
from portal.domain.errors import ChartError, Conflict, NotFound, PortalError
from portal.domain.keys import OPERATION_LABEL, ORIGIN_LABEL, Key, operation_of
from portal.domain.objects import Recorded, ReleaseStatus
from portal.domain.owners import Owners, is_about_owners, owners_in


class HelmRecords:
    """Reads and mends the release Secrets, past every cache."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    async def newest(self, key: Key) -> Recorded | None:
        """The newest revision that Helm keeps of a release; None if there is none."""
        newest = await self._secret(key)
        if newest is None:
            return None
        body = await self._body(newest)
        labels = part(newest, "metadata", "labels")
        revision = int(text(labels, "version"))
        return Recorded(
            revision=revision,
            status=ReleaseStatus(text(labels, "status")),
            operation=operation_of(text(labels, OPERATION_LABEL), revision),
            description=text(body, "info", "description"),
            secret=text(newest, "metadata", "name"),
            version=text(newest, "metadata", "resourceVersion"),
            chart=text(body, "chart", "metadata", "name"),
            chart_version=text(body, "chart", "metadata", "version"),
            values=part(body, "config"),
            source=source_of(
                text(labels, ORIGIN_LABEL), fingerprint(part(body, "chart", "metadata"))
            ),
            owners=owners_in(labels),
        )

    async def chart(self, key: Key, revision: int | None = None) -> Mapping[str, bytes]:
        """The files of a revision's chart, by path; of the newest one's for None.

        Raises:
            ChartError: the chart has others in it: those are not in the record.
            NotFound: there is no such release or revision (any more).
        """
        secret = await self._secret(key, revision)
        if secret is None:
            which = f"revision {revision} of {key.name}" if revision else f"release {key.name}"
            raise NotFound(f"There is no {which} any more.")
        return chart_files(part(await self._body(secret), "chart"))

    async def _secret(self, key: Key, revision: int | None = None) -> Raw | None:
        """The Secret of a revision, of the newest one for None."""
        by_number = {
            int(text(each, "metadata", "labels", "version")): each
            for each in await revisions_of(self._client, key)
        }
        found = by_number.get(revision or max(by_number, default=0))
        return await whole(self._client, key, found) if found else None

    async def set_owners(self, key: Key, owners: Owners) -> None:
        """Write whose a release is onto every revision that Helm keeps, the newest first.

        Helm labels the next revision like the newest, and what a rollback makes like the revision
        that it goes back to.
        """
        found = await revisions_of(self._client, key)
        for secret in sorted(found, key=_revision, reverse=True):
            operations = _to_owners(part(secret, "metadata", "labels"), owners)
            if operations:
                name = text(secret, "metadata", "name")
                path = f"/api/v1/namespaces/{key.namespace}/secrets/{name}"
                with suppress(NotFound):  # Helm keeps so many, and has just made another
                    await self._client.patch(path, operations)

    async def mark_failed(self, key: Key, recorded: Recorded, why: str) -> None:
        """Mark a pending revision as failed, exactly as it was seen.

        Raises:
            Conflict: it has changed since: whoever did that is alive.
        """
        path = f"/api/v1/namespaces/{key.namespace}/secrets/{recorded.secret}"
        secret = await self._client.get(path)
        if text(secret, "metadata", "resourceVersion") != recorded.version:
            raise Conflict(f"Helm has gone on with {key.name} in the meantime.")
        body = await self._body(secret)
        info = part(body, "info")
        body["info"] = {**info, "status": ReleaseStatus.FAILED.value, "description": why}
        secret["data"]["release"] = await asyncio.to_thread(pack, body)
        secret["metadata"]["labels"] |= {
            "status": ReleaseStatus.FAILED.value,
            "modifiedAt": str(int(datetime.now(UTC).timestamp())),
        }
        await self._client.put(path, secret)

    async def _body(self, secret: Raw) -> Raw:
        try:
            return await asyncio.to_thread(unpack, text(secret, "data", "release"))
        except Damaged as error:
            raise PortalError(str(error), "An administrator has to mend Helm's record.") from error


def _revision(secret: Raw) -> int:
    version = text(secret, "metadata", "labels", "version")
    return int(version) if version.isdecimal() else 0


def _to_owners(labels: Mapping[str, object], owners: Owners) -> list[Raw]:
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


async def revisions_of(client: ClusterClient, key: Key) -> list[Raw]:
    """The metadata of all release Secrets that Helm keeps of a release, in no order."""
    selector = {"labelSelector": f"owner=helm,name={key.name}"}
    path = f"/api/v1/namespaces/{key.namespace}/secrets"
    return items(await client.get(path, selector, METADATA_LIST), "items")


async def whole(client: ClusterClient, key: Key, secret: Raw) -> Raw:
    """One of those Secrets, with its body."""
    name = text(secret, "metadata", "name")
    return await client.get(f"/api/v1/namespaces/{key.namespace}/secrets/{name}")


def pack(body: Raw) -> str:
    """The opposite of ``unpack``, as Helm writes it."""
    packed = gzip.compress(json.dumps(body, separators=(",", ":")).encode())
    return base64.b64encode(base64.b64encode(packed)).decode()


def chart_files(chart: Raw) -> dict[str, bytes]:
    """The chart in a release's record as the files that it was made of, by path.

    Raises:
        ChartError: it depends on other charts, which Helm does not record.
    """
    metadata = part(chart, "metadata")
    if metadata.get("dependencies"):
        raise ChartError(
            f"The chart {metadata.get('name')} {metadata.get('version')} contains other charts, "
            "which Helm does not keep with the release.",
            "Launch it from the catalogue again, in the version you want.",
        )
    files = {
        "Chart.yaml": json.dumps(metadata).encode(),  # JSON is YAML
        "values.yaml": json.dumps(part(chart, "values")).encode(),
    }
    if chart.get("schema"):
        files["values.schema.json"] = base64.b64decode(text(chart, "schema"))
    for each in (*items(chart, "templates"), *items(chart, "files")):
        files.setdefault(text(each, "name"), base64.b64decode(text(each, "data")))
    return files
