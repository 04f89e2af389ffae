"""What Helm keeps of a release's past, and what a change would make of it. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, field

from portal.domain.keys import Key
from portal.domain.objects import ReleaseStatus
from portal.domain.owners import NOBODY, Owners


class Revision(Struct, frozen=True):
    """One revision of a release, whole. ``damaged`` says why its body cannot be read.

    ``operation`` is the portal's operation that made it, "" for anybody else's. ``fingerprint`` and
    ``source`` tell where its chart came from: see ``charts.ChartIdentity``; ``owners`` whose it is.
    ``hooks`` is the manifest of its hooks, which are not among its objects.
    """

    revision: int
    status: ReleaseStatus
    updated_at: datetime | None = None
    description: str = ""
    operation: str = ""
    chart: str = ""
    chart_version: str = ""
    app_version: str = ""
    values: Mapping[str, object] = field(default_factory=dict[str, object])
    manifest: str = ""
    damaged: str = ""
    fingerprint: str = ""
    source: str = ""
    owners: Owners = NOBODY
    hooks: str = ""

    @property
    def whole(self) -> str:
        """The manifest with that of the hooks."""
        return with_hooks(self.manifest, self.hooks)


def with_hooks(manifest: str, hooks: str) -> str:
    """Both in one manifest."""
    return f"{manifest}\n---\n{hooks}" if hooks else manifest


class Proposal(Struct, frozen=True):
    """A change that nobody has made yet: what there is, and what would be.

    ``since`` is the newest revision, and ``compared`` the one that what would be is compared
    with: an older one if the newest has failed. ``live`` is how many pods each workload has been
    asked for, by its name.
    """

    key: Key
    since: int
    compared: int
    manifest: str
    new_manifest: str
    values: Mapping[str, object]
    new_values: Mapping[str, object]
    live: Mapping[str, int] = field(default_factory=dict[str, int])


class VolumeClaim(Struct, frozen=True):
    """A PersistentVolumeClaim: ``size``, ``modes`` and ``phase`` as Kubernetes has them, ``owned``
    if it goes with another object, such as a StatefulSet that asks for that."""

    key: Key
    release: str
    size: str = ""
    owned: bool = False
    modes: tuple[str, ...] = ()
    phase: str = ""


class Removal(Struct, frozen=True):
    """What an uninstall is about: the newest manifest, and the namespace's volume claims.

    ``claims`` is None where they may not be listed.
    """

    key: Key
    manifest: str
    claims: tuple[VolumeClaim, ...] | None = None
