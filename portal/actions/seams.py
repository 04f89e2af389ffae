"""What actions need of rooms that they do not import; tests put fakes here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from portal.domain.keys import Key
from portal.domain.objects import Kind
from portal.domain.operations import Claim
from portal.domain.owners import Owners
from portal.domain.release import ReleaseRevision
from portal.domain.revisions import VolumeClaim


class ReplicaOwnership(Protocol):
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


class Claims(Protocol):
    """Each release's operation and who holds the release for it, as all portals see it."""

    async def read(self, key: Key) -> Claim | None:
        """The claim as it is now; None if there is none."""
        ...

    async def put(self, new: Claim) -> Claim:
        """Write over the version that ``new`` was made from; ``Conflict`` if it has changed."""
        ...

    async def drop(self, old: Claim) -> None:
        """Forget a claim; ``Conflict`` if it has changed."""
        ...


class Past(Protocol):
    """What Helm keeps of a release, read past every cache."""

    async def revisions(self, key: Key) -> tuple[ReleaseRevision, ...]:
        """The newest revisions, newest first."""
        ...

    async def present(self, key: Key) -> tuple[ReleaseRevision, ReleaseRevision] | None:
        """The newest revision, and the one that runs; None without a release."""
        ...

    async def revision(self, key: Key, revision: int) -> ReleaseRevision:
        """One revision; ``NotFound``."""
        ...

    async def claims(self, namespace: str) -> tuple[VolumeClaim, ...] | None:
        """The volume claims of a namespace; None where they may not be listed."""
        ...


class Records(Protocol):
    """What Helm has recorded of a release."""

    async def newest(self, key: Key) -> ReleaseRevision | None:
        """The newest revision; None if there is none."""
        ...

    async def chart(self, key: Key, revision: int | None = None) -> Mapping[str, bytes]:
        """The files of a revision's chart, by path; ``ChartError`` if some are lost.

        The newest revision's for None.
        """
        ...

    async def set_owners(self, key: Key, owners: Owners) -> None:
        """Write whose a release is onto every revision that Helm keeps."""
        ...

    async def mark_failed(self, key: Key, recorded: ReleaseRevision, why: str) -> None:
        """Mark a pending revision as failed; ``Conflict`` if it has changed since."""
        ...
