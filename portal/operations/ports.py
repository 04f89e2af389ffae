"""Interfaces of what operations need from packages that they do not import."""

from __future__ import annotations

from typing import Protocol

from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.operations import OperationLease
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
