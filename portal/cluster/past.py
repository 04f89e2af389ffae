"""The revisions that Helm keeps of one release, read when somebody asks for them."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from portal.cluster.client import ClusterClient
from portal.cluster.raw import Raw, items, part, text
from portal.cluster.records import revisions_of, whole
from portal.cluster.unpack import (
    MAX_BODY,
    Chart,
    Damaged,
    Info,
    Large,
    body,
    hook_manifests,
    in_turn,
    parts,
    string,
    tree,
)
from portal.domain.charts import fingerprint, source_of
from portal.domain.errors import NotFound, PortalError
from portal.domain.keys import (
    HELM_RELEASE_NAME,
    OPERATION_LABEL,
    ORIGIN_LABEL,
    Key,
    operation_of,
)
from portal.domain.objects import ReleaseStatus
from portal.domain.owners import owners_in
from portal.domain.revisions import Revision, VolumeClaim

MAX_WORDS = 16 * 1024
"""Characters of what Helm says of a revision: it may quote many objects."""
MOST = 20
"""Revisions read: the portal keeps 10, others may keep all."""


class Past:
    """Reads Helm's Secrets, one after the other: some milliseconds each, and no helm process."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    async def revisions(self, key: Key) -> tuple[Revision, ...]:
        """The newest ``MOST`` revisions that Helm keeps, newest first; () without a release.

        What they rendered is left out.
        """
        found: list[Revision] = []
        for secret in (await self._secrets(key))[:MOST]:
            try:
                # Without their manifests: nobody looks at those of so many at once.
                found.append(replace(await self._read(key, secret), manifest=""))
            except NotFound:
                continue  # Helm keeps so many, and has just made another
        return tuple(found)

    async def present(self, key: Key) -> tuple[Revision, Revision] | None:
        """The newest revision, and what runs: the newest deployed one, else the newest.

        None without a release.
        """
        secrets = await self._secrets(key)
        if not secrets:
            return None
        newest = secrets[0]
        runs = next((each for each in secrets if _status(each) is ReleaseStatus.DEPLOYED), newest)
        read = await self._read(key, newest)
        return read, read if runs is newest else await self._read(key, runs)

    async def revision(self, key: Key, revision: int) -> Revision:
        """One revision.

        Raises:
            NotFound: Helm does not keep it (any more).
        """
        for secret in await self._secrets(key):
            if _number(secret) == revision:
                return await self._read(key, secret)
        raise NotFound(f"Helm does not keep revision {revision} of {key.name} any more.")

    async def claims(self, namespace: str) -> tuple[VolumeClaim, ...] | None:
        """The volume claims of a namespace; None where the portal may not list them."""
        path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
        try:
            answer = await self._client.get(path, {"limit": "500"})
        except PortalError:
            return None
        return tuple(_claim(each) for each in items(answer, "items"))

    async def _secrets(self, key: Key) -> list[Raw]:
        return sorted(await revisions_of(self._client, key), key=_number, reverse=True)

    async def _read(self, key: Key, secret: Raw) -> Revision:
        found = await whole(self._client, key, secret)

        def read(encoded: str, most: int) -> Revision:
            return decode(found, encoded, most)

        return await in_turn(read, text(found, "data", "release"))


def decode(secret: Raw, encoded: str, most: int = MAX_BODY) -> Revision:
    """Helm's Secret and the body in it → a revision; a damaged one is told, not raised.

    Raises:
        Large: the body unpacks to more than ``most`` bytes, which is less than may be.
    """
    labels = part(secret, "metadata", "labels")
    number, status = _number(secret), _status(secret)
    try:
        raw = body(encoded, most)
        info = parts(raw.info, Info)
        chart = tree(parts(raw.chart, Chart).metadata, "chart's words")
        chart_print = fingerprint(chart)
        return Revision(
            revision=number,
            status=status,
            updated_at=_time(string(info.last_deployed)),
            description=string(info.description)[:MAX_WORDS],
            operation=operation_of(text(labels, OPERATION_LABEL), number),
            chart=text(chart, "name"),
            chart_version=text(chart, "version"),
            app_version=text(chart, "appVersion"),
            values=tree(raw.config, "values"),
            manifest=string(raw.manifest),
            hooks="\n---\n".join(hook_manifests(raw)),
            owners=owners_in(labels),
            fingerprint=chart_print,
            source=source_of(text(labels, ORIGIN_LABEL), chart_print),
        )
    except Damaged as error:
        if isinstance(error, Large) and most < MAX_BODY:
            raise
        return Revision(number, status, damaged=str(error))


def _claim(raw: Raw) -> VolumeClaim:
    meta = part(raw, "metadata")
    labels = part(meta, "labels")
    release = text(part(meta, "annotations"), HELM_RELEASE_NAME)
    return VolumeClaim(
        key=Key(text(meta, "namespace"), text(meta, "name")),
        release=release or text(labels, "app.kubernetes.io/instance"),
        size=text(raw, "status", "capacity", "storage")
        or text(raw, "spec", "resources", "requests", "storage"),
        owned=bool(items(meta, "ownerReferences")),
        modes=tuple(str(each) for each in part(raw, "spec").get("accessModes") or ()),
        phase=text(raw, "status", "phase"),
    )


def _number(secret: Raw) -> int:
    version = text(secret, "metadata", "labels", "version")
    return int(version) if version.isdecimal() else 0


def _status(secret: Raw) -> ReleaseStatus:
    try:
        return ReleaseStatus(text(secret, "metadata", "labels", "status"))
    except ValueError:
        return ReleaseStatus.UNKNOWN


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
