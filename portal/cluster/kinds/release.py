"""Helm's releases: the Secrets that it keeps revisions in, watched by their metadata alone."""

from __future__ import annotations

from datetime import datetime

from portal.cluster.api_types import Meta, Part, reading
from portal.cluster.client import METADATA, METADATA_LIST
from portal.cluster.decode import key
from portal.cluster.resource import CORE, Resource
from portal.domain.keys import Key
from portal.domain.objects import Kind
from portal.domain.owners import owners_in
from portal.domain.release import ReleaseRecord, ReleaseStatus


class _Written(Part, frozen=True):
    """``metadata.managedFields[]``, without the fields."""

    time: datetime | None = None


class _SecretMeta(Meta, frozen=True):
    """``metadata`` of a release's Secret, with when it was written."""

    managed_fields: tuple[_Written, ...] | None = None


class ReleaseSecret(Part, frozen=True):
    """The Secret that Helm keeps a revision in; its metadata alone."""

    metadata: _SecretMeta


@reading(ReleaseSecret)
def decode(found: ReleaseSecret) -> tuple[Key, ReleaseRecord]:
    """One revision of a Helm release, from the metadata of its Secret.

    The key is the Secret's: revisions that are not superseded stand beside each other.
    """
    return key(found.metadata), record_of(found)


def record_of(found: ReleaseSecret) -> ReleaseRecord:
    """One revision of a Helm release; raises (anything) for a Secret without Helm's labels."""
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
    """When the object was last written. Helm's own label ``modifiedAt`` may be carried over
    from the revision before, so that it lies."""
    written = (each.time for each in meta.managed_fields or ())
    return max((at for at in written if at is not None), default=meta.creation_timestamp)


RESOURCE = Resource(
    Kind.RELEASE,
    "Releases",
    CORE,
    "secrets",
    decode,
    selector="owner=helm,status!=superseded",
    # Bodies are fetched apart; owners and what was left pending are written into the same Secret.
    verbs=("get", "list", "watch", "patch", "update"),
    list_accept=METADATA_LIST,
    watch_accept=METADATA,
)
