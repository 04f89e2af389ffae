"""A revision of a Helm release, as Helm records it: what its labels tell, and what is in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import field
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
        """Whether Helm is, or was left, in the middle of something."""
        return self.value.startswith("pending-") or self is ReleaseStatus.UNINSTALLING


class ReleaseRecord(Watched, frozen=True):
    """A revision, from the labels of its Secret alone.

    ``key`` names the release: the namespace is the release's own as soon as its body has been read,
    and that of the Secret until then. ``storage_namespace`` is the Secret's where that is another
    one, "" else. ``uid`` is the Secret's: a release that is installed again has records of the same
    names. ``owners`` are those that the labels tell.
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
        """The release, by the namespace that Helm keeps its records in."""
        return Key(self.storage_namespace, self.key.name) if self.storage_namespace else self.key

    def tags(self) -> Iterator[Tag]:
        """Its release: revisions that are not superseded stand beside each other."""
        yield (RECORD, *self.key)

    def releases(self, index: Index) -> set[Key]:
        """The release that it is a revision of."""
        return {self.key}


class ReleaseRevision(ReleaseRecord, frozen=True):
    """A revision whose body has been read. ``damaged`` says why it could not be.

    ``operation`` is the portal's operation that made it, "" for anybody else's. ``fingerprint`` and
    ``source`` tell where its chart came from: see ``charts.ChartIdentity``.
    ``hooks`` is the manifest of its hooks, which are not among its objects. Of what is kept of each
    release, ``values`` are compressed, ``shown`` are the same as YAML for people, and manifests
    are left out; of what is read on demand, ``shown`` and ``notes`` are. ``version`` is the
    Secret's resource version, "" where nobody will write it.
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

    @property
    def whole(self) -> str:
        """The manifest with that of the hooks."""
        return with_hooks(self.manifest, self.hooks)


def of_release(record: ReleaseRecord, own: Key | None) -> ReleaseRecord:
    """The record, filed under the release's own key; None: under where Helm keeps it."""
    stored = record.stored
    if own is None or own == stored:
        return replace(record, key=stored, storage_namespace="") if record.key != stored else record
    return replace(record, key=own, storage_namespace=stored.namespace)


def damaged(record: ReleaseRecord, why: str) -> ReleaseRevision:
    """A revision whose body cannot be read."""
    told = {name: getattr(record, name) for name in ReleaseRecord.__struct_fields__}
    return ReleaseRevision(**told, damaged=why)


def with_hooks(manifest: str, hooks: str) -> str:
    """Both in one manifest."""
    return f"{manifest}\n---\n{hooks}" if hooks else manifest
