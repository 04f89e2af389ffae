"""A revision of a Helm release, as Helm records it: its labels and its body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import replace

from portal.domain.compressed import CompressedText
from portal.domain.keys import Key
from portal.domain.owners import NOBODY, Owners
from portal.domain.relations import RECORD, Index, Tag, Watched


class ReleaseStatus(StrEnum):
    """Helm's own release states (label ``status`` of its Secrets)."""

    UNKNOWN = "unknown"
    DEPLOYED = "deployed"
    UNINSTALLED = "uninstalled"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    UNINSTALLING = "uninstalling"
    PENDING_INSTALL = "pending-install"
    PENDING_UPGRADE = "pending-upgrade"
    PENDING_ROLLBACK = "pending-rollback"

    @property
    def pending(self) -> bool:
        """True if an operation of Helm is, or was left, unfinished."""
        return self.value.startswith("pending-") or self is ReleaseStatus.UNINSTALLING


class ReleaseRecord(Watched, frozen=True):
    """A revision, from the labels of its Secret alone.

    ``key`` names the release: its namespace is the release's own once the body has been read, and
    the Secret's until then. ``storage_namespace`` is the Secret's if it differs, else "". ``uid``
    is the Secret's: the records of a release that is installed again have the same names.
    ``owners`` are those named by the labels.
    """

    key: Key
    revision: int
    status: ReleaseStatus = ReleaseStatus.UNKNOWN
    updated_at: datetime | None = None
    secret_name: str = ""
    uid: str = ""
    owners: Owners = NOBODY
    storage_namespace: str = ""

    @property
    def secret(self) -> Key:
        """The Secret that Helm keeps the revision in."""
        return Key(self.storage_namespace or self.key.namespace, self.secret_name)

    @property
    def stored(self) -> Key:
        """The release's name in the namespace of its records."""
        return Key(self.storage_namespace, self.key.name) if self.storage_namespace else self.key

    def tags(self) -> Iterator[Tag]:
        """Yield the tag of its release, which all its revisions share."""
        yield (RECORD, *self.key)

    def releases(self, index: Index) -> set[Key]:
        """Return the release that it is a revision of."""
        return {self.key}


class DeleteHook(Struct, frozen=True):
    """A hook that Helm runs when it removes the release, at ``event``.

    ``unfinished``: Helm has recorded that it was started, and not that it succeeded.
    """

    kind: str
    name: str
    event: str
    unfinished: bool = False

    def __str__(self) -> str:
        """Its kind and name."""
        return f"{self.kind} {self.name}"


class ReleaseRevision(ReleaseRecord, frozen=True):
    """A revision with its body. ``damaged`` says why the body could not be read, "" if it was.

    ``operation`` is the portal's operation that made it, "" if it was made elsewhere.
    ``fingerprint`` and ``source`` identify its chart: see ``charts.ChartIdentity``. ``hooks`` is
    the manifest of its hooks, which are not in ``manifest``; ``delete_hooks`` are those that run
    when it is removed; ``crds`` is the manifest of its chart's ``crds/``. In the snapshot
    ``values`` are compressed, ``shown`` is their redacted YAML, and manifests are left out;
    revisions read on demand lack ``shown`` and ``notes``. ``version`` is the Secret's resource
    version, "" if the record will not be written.
    """

    chart: str = ""
    chart_version: str = ""
    app_version: str = ""
    description: str = ""
    notes: str = ""
    values: Mapping[str, object] = field(default_factory=dict[str, object])
    shown: CompressedText = field(default_factory=CompressedText)
    first_deployed: datetime | None = None
    last_deployed: datetime | None = None
    manifest: str = ""
    hooks: str = ""
    damaged: str = ""
    fingerprint: str = ""
    source: str = ""
    operation: str = ""
    version: str = ""
    delete_hooks: tuple[DeleteHook, ...] = ()
    crds: str = ""

    @property
    def whole(self) -> str:
        """The manifest including its hooks."""
        return with_hooks(self.manifest, self.hooks)


def of_release(record: ReleaseRecord, own: Key | None) -> ReleaseRecord:
    """Return the record with the release's own key; with the key it is stored as for None."""
    stored = record.stored
    if own is None or own == stored:
        return replace(record, key=stored, storage_namespace="") if record.key != stored else record
    return replace(record, key=own, storage_namespace=stored.namespace)


def damaged(record: ReleaseRecord, why: str) -> ReleaseRevision:
    """Return the revision of a record whose body cannot be read."""
    fields = {name: getattr(record, name) for name in ReleaseRecord.__struct_fields__}
    return ReleaseRevision(**fields, damaged=why)


def with_hooks(manifest: str, hooks: str) -> str:
    """Return one manifest of both."""
    return f"{manifest}\n---\n{hooks}" if hooks else manifest
