"""Helm releases: the Secrets of their revisions, of which only metadata is watched."""

from __future__ import annotations

from datetime import datetime

from portal.cluster.api_types import Meta, Part, Time, from_json
from portal.cluster.client import METADATA, METADATA_LIST
from portal.cluster.decode import key
from portal.cluster.resource import CORE, Resource
from portal.domain.keys import Key
from portal.domain.objects import Kind
from portal.domain.owners import owners_in
from portal.domain.release import ReleaseRecord, ReleaseStatus


class _ManagedFields(Part, frozen=True):
    """``metadata.managedFields[]``, without the fields."""

    time: Time | None = None


class _SecretMeta(Meta, frozen=True):
    """``metadata`` of a release's Secret, with the times of writes."""

    managed_fields: tuple[_ManagedFields, ...] | None = None


class ReleaseSecret(Part, frozen=True):
    """The metadata of the Secret that holds a revision."""

    metadata: _SecretMeta


@from_json(ReleaseSecret)
def decode(found: ReleaseSecret) -> tuple[Key, ReleaseRecord]:
    """One revision of a Helm release, from the metadata of its Secret.

    The key is the Secret's, since several revisions may not be superseded.
    """
    return key(found.metadata), record_of(found)


def record_of(found: ReleaseSecret) -> ReleaseRecord:
    """One revision of a Helm release; raises any exception for a Secret without Helm's labels."""
    meta = found.metadata
    labels = meta.labels or {}
    own = key(meta)
    try:
        status = ReleaseStatus(labels.get("status", ""))
    except ValueError:
        status = ReleaseStatus.UNKNOWN
    return ReleaseRecord(
        key=Key(own.namespace, labels["name"]),
        revision=int(labels["version"]),
        status=status,
        updated_at=_last_written(meta),
        secret_name=own.name,
        uid=meta.uid,
        owners=owners_in(labels),
    )


def _last_written(meta: _SecretMeta) -> datetime:
    """The time of the last write.

    Helm's label ``modifiedAt`` is no substitute: it may be copied from the previous revision.
    """
    written = (each.time for each in meta.managed_fields or ())
    return max((at for at in written if at is not None), default=meta.creation_timestamp)


RESOURCE = Resource(
    Kind.RELEASE,
    "Releases",
    CORE,
    "secrets",
    decode,
    selector="owner=helm,status!=superseded",
    # The portal also reads bodies, sets owners, and marks abandoned pending revisions as failed.
    verbs=("get", "list", "watch", "patch", "update"),
    list_accept=METADATA_LIST,
    watch_accept=METADATA,
)
