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
from datetime import UTC, datetime

from portal.cluster.bodies import Damaged, unpack
from portal.cluster.client import METADATA_LIST, ClusterClient
from portal.cluster.raw import Raw, items, part, text
from portal.domain.errors import Conflict, PortalError
from portal.domain.keys import OPERATION_LABEL, Key, made_by
from portal.domain.objects import Recorded, ReleaseStatus


class HelmRecords:
    """Reads and mends the release Secrets, past every cache."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    async def newest(self, key: Key) -> Recorded | None:
        """The newest revision that Helm keeps of a release; None if there is none."""
        selector = {"labelSelector": f"owner=helm,name={key.name}"}
        path = f"/api/v1/namespaces/{key.namespace}/secrets"
        found = items(await self._client.get(path, selector, METADATA_LIST), "items")
        if not found:
            return None
        newest = max(found, key=lambda each: int(text(each, "metadata", "labels", "version")))
        secret = text(newest, "metadata", "name")
        body = await self._body(await self._client.get(f"{path}/{secret}"))
        labels = part(newest, "metadata", "labels")
        revision = int(text(labels, "version"))
        operation = text(labels, OPERATION_LABEL).partition(".")[0]
        ours = text(labels, OPERATION_LABEL) == made_by(operation, revision)
        return Recorded(
            revision=revision,
            status=ReleaseStatus(text(labels, "status")),
            operation=operation if ours else "",
            description=text(body, "info", "description"),
            secret=secret,
            version=text(newest, "metadata", "resourceVersion"),
            chart=text(body, "chart", "metadata", "name"),
            chart_version=text(body, "chart", "metadata", "version"),
            values=part(body, "config"),
        )

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


def pack(body: Raw) -> str:
    """The opposite of ``unpack``, as Helm writes it."""
    packed = gzip.compress(json.dumps(body, separators=(",", ":")).encode())
    return base64.b64encode(base64.b64encode(packed)).decode()
