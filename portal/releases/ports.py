"""What actions need of rooms that they do not import; tests put fakes here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from portal.domain.keys import Key
from portal.domain.objects import Kind
from portal.domain.owners import Owners
from portal.domain.release import ReleaseRevision
from portal.domain.revisions import VolumeClaim
from portal.guardrails.review import Guardrails
from portal.helm_service.helm import HelmClient
from portal.operations.ports import RevisionRecords


class ReplicaOwners(Protocol):
    """Who owns ``spec.replicas`` of a Deployment or StatefulSet."""

    async def hand_over(self, key: Key, *, kind: Kind = ...) -> int | None:
        """Hold the live number, so that Helm can let go of it; None without such a workload."""
        ...

    async def release(self, key: Key, *, kind: Kind = ...) -> tuple[str, ...]:
        """Drop the owners that hold nothing else, so that Helm can take it; who they were."""
        ...


class NamespaceLookup(Protocol):
    """Which namespaces there are."""

    async def missing(self, name: str) -> bool:
        """Whether there surely is no such namespace; False where that cannot be told."""
        ...


class ReleaseHistory(Protocol):
    """What Helm keeps of a release, read past every cache."""

    async def revisions(self, key: Key) -> tuple[ReleaseRevision, ...]:
        """The newest revisions, newest first."""
        ...

    async def newest_and_deployed(self, key: Key) -> tuple[ReleaseRevision, ReleaseRevision] | None:
        """The newest revision, and the one that runs; None without a release."""
        ...

    async def revision(self, key: Key, revision: int) -> ReleaseRevision:
        """One revision; ``NotFound``."""
        ...

    async def claims(self, namespace: str) -> tuple[VolumeClaim, ...] | None:
        """The volume claims of a namespace; None where they may not be listed."""
        ...


class Records(RevisionRecords, Protocol):
    """What Helm has recorded of a release."""

    async def chart(self, key: Key, revision: int | None = None) -> Mapping[str, bytes]:
        """The files of a revision's chart, by path; ``ChartError`` if some are lost.

        The newest revision's for None.
        """
        ...

    async def set_owners(self, key: Key, owners: Owners) -> None:
        """Write whose a release is onto every revision that Helm keeps."""
        ...


class ReleasePorts(Struct, frozen=True):
    """Where releases are, and what changes them: Helm, its records, and the cluster.

    Without ``namespaces`` any namespace is believed to be there.
    """

    helm: HelmClient
    records: Records
    history: ReleaseHistory
    replicas: ReplicaOwners
    guardrails: Guardrails
    namespaces: NamespaceLookup | None = None
