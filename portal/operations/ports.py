"""Interfaces of what operations need from packages that they do not import."""

from __future__ import annotations

from typing import Protocol

from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.operations import Operation, OperationLease
from portal.domain.release import ReleaseRevision


class OperationLeases(Protocol):
    """The leases on releases, shared by all portals.

    They belong to the portals: no user needs permissions on them.
    """

    async def read(self, key: Key) -> OperationLease | None:
        """Return the current lease, None if there is none."""
        ...

    async def put(self, new: OperationLease) -> OperationLease:
        """Replace the version that ``new`` was made from; raises ``Conflict`` if it has changed."""
        ...

    async def delete(self, old: OperationLease) -> None:
        """Delete a lease; raises ``Conflict`` if it has changed."""
        ...


class IdentitySeal(Protocol):
    """Notes in a Lease for whom an operation runs, so that nobody but a portal can have written it.

    Who may write Leases could name anybody there.
    """

    def close(self, operation: Operation, identity: Identity) -> str:
        """Return what the Lease of an operation that begins for ``identity`` is to carry."""
        ...

    def open(self, operation: Operation, sealed: str) -> Identity | None:
        """Return the identity noted for this operation; None if a portal has not written it."""
        ...


class NoSeal:
    """Notes nobody, and believes nobody."""

    def close(self, operation: Operation, identity: Identity) -> str:
        """Return nothing."""
        return ""

    def open(self, operation: Operation, sealed: str) -> Identity | None:
        """Return nobody."""
        return None


class RevisionRecords(Protocol):
    """Helm's records of the newest revisions."""

    async def newest(self, key: Key) -> ReleaseRevision | None:
        """Return the newest revision, None if there is none."""
        ...

    async def mark_failed(
        self, key: Key, recorded: ReleaseRevision, why: str, *, identity: Identity | None
    ) -> None:
        """Mark a pending revision as failed, for a user or (None) as the portal itself.

        Raises ``Conflict`` if it has changed.
        """
        ...
