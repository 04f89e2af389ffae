"""Helm's own record of a release: what state it is in, and the way out of a dead one.

Helm refuses every change of a release that a killed Helm left pending. Marking that revision as
failed, in its label and its body, is what Helm itself would have done had it lived: nothing that
runs is touched, and the next change starts from the last revision that was deployed.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from msgspec import Struct

from portal.cluster.client import METADATA_LIST, ClusterClient
from portal.cluster.raw import Raw, items, part, text
from portal.cluster.unpack import (
    MAX_BODY,
    NOTHING,
    Chart,
    Damaged,
    Info,
    body,
    check_size,
    in_turn,
    members,
    parts,
    string,
    tree,
    unpack,
)
from portal.domain.charts import fingerprint, source_of
from portal.domain.errors import ChartError, Conflict, NotFound, PortalError
from portal.domain.keys import OPERATION_LABEL, ORIGIN_LABEL, Key, operation_of
from portal.domain.objects import Recorded, ReleaseStatus
from portal.domain.owners import Owners, is_about_owners, owners_in

T = TypeVar("T")

MAX_CHART = 500_000
"""Values in a chart: its files are few, but their texts count as well."""


class HelmRecords:
    """Reads and mends the release Secrets, past every cache."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    async def newest(self, key: Key) -> Recorded | None:
        """The newest revision that Helm keeps of a release; None if there is none."""
        newest = await self._secret(key)
        if newest is None:
            return None
        labels = part(newest, "metadata", "labels")
        revision = int(text(labels, "version"))
        description, chart, values = await _read(_recorded, newest)
        return Recorded(
            revision=revision,
            status=ReleaseStatus(text(labels, "status")),
            operation=operation_of(text(labels, OPERATION_LABEL), revision),
            description=description,
            secret=text(newest, "metadata", "name"),
            version=text(newest, "metadata", "resourceVersion"),
            chart=text(chart, "name"),
            chart_version=text(chart, "version"),
            values=values,
            source=source_of(text(labels, ORIGIN_LABEL), fingerprint(chart)),
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
        return await _read(_files, secret)

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

        def failed(encoded: str, most: int) -> str:
            return _failed(encoded, most, why)

        secret["data"]["release"] = await _read(failed, secret)
        secret["metadata"]["labels"] |= {
            "status": ReleaseStatus.FAILED.value,
            "modifiedAt": str(int(datetime.now(UTC).timestamp())),
        }
        await self._client.put(path, secret)


async def _read(read: Callable[[str, int], T], secret: Raw) -> T:
    """What ``read`` makes of a Secret's body."""
    try:
        return await in_turn(read, text(secret, "data", "release"))
    except Damaged as error:
        raise PortalError(str(error), "An administrator has to mend Helm's record.") from error


def _recorded(encoded: str, most: int) -> tuple[str, Raw, Raw]:
    """What was said of a release, its chart's own words, and its values."""
    found = body(encoded, most)
    chart = tree(parts(found.chart, Chart).metadata, "chart's words")
    said = string(parts(found.info, Info).description)
    return said, chart, tree(found.config, "values")


def _files(encoded: str, most: int) -> dict[str, bytes]:
    try:
        return chart_files(body(encoded, most).chart)
    except binascii.Error as error:
        raise Damaged(
            f"A file of the chart in the release record is not base64: {error}"
        ) from error


def _failed(encoded: str, most: int, why: str) -> str:
    """The body with its status as failed; every other part stays as it is, byte for byte."""
    whole = members(unpack(encoded, most), "parts")
    info = members(whole.get("info", b"null"), "facts")
    told = {"status": ReleaseStatus.FAILED.value, "description": why}
    whole["info"] = msgspec.Raw(msgspec.json.encode({**info, **told}))
    return pack(whole)


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


def pack(body: Mapping[str, object]) -> str:
    """The opposite of ``unpack``, as Helm writes it."""
    packed = gzip.compress(msgspec.json.encode(body))
    return base64.b64encode(base64.b64encode(packed)).decode()


class _File(Struct):
    name: str = ""
    data: str = ""


class _Kept(Struct):
    """A chart as Helm keeps it."""

    metadata: msgspec.Raw = NOTHING
    values: msgspec.Raw = NOTHING
    schema: str | None = None
    templates: list[_File] | None = None
    files: list[_File] | None = None


def chart_files(chart: bytes | msgspec.Raw) -> dict[str, bytes]:
    """The chart in a release's record as the files that it was made of, by path.

    Raises:
        ChartError: it depends on other charts, which Helm does not record.
        Damaged: it is none, or holds too much.
    """
    check_size(chart, "chart", MAX_BODY, MAX_CHART)
    kept = parts(chart, _Kept)
    metadata = tree(kept.metadata, "chart's words")
    if metadata.get("dependencies"):
        raise ChartError(
            f"The chart {metadata.get('name')} {metadata.get('version')} contains other charts, "
            "which Helm does not keep with the release.",
            "Launch it from the catalogue again, in the version you want.",
        )
    files = {
        "Chart.yaml": json.dumps(metadata).encode(),  # JSON is YAML
        "values.yaml": json.dumps(tree(kept.values, "chart's values")).encode(),
    }
    if kept.schema:
        files["values.schema.json"] = base64.b64decode(kept.schema)
    for each in (*(kept.templates or ()), *(kept.files or ())):
        files.setdefault(each.name, base64.b64decode(each.data))
    return files
