"""What running operations needs of rooms that it does not import; tests put fakes here."""

from __future__ import annotations

from typing import Protocol

from portal.domain.keys import Key
from portal.domain.operations import OperationLease
from portal.domain.release import ReleaseRevision


class OperationLeases(Protocol):
    """Each release's operation and who holds the release for it, as all portals see it."""

    async def read(self, key: Key) -> OperationLease | None:
        """The lease as it is now; None if there is none."""
        ...

    async def put(self, new: OperationLease) -> OperationLease:
        """Write over the version that ``new`` was made from; ``Conflict`` if it has changed."""
        ...

    async def delete(self, old: OperationLease) -> None:
        """Forget a lease; ``Conflict`` if it has changed."""
        ...


class RevisionRecords(Protocol):
    """The newest revision that Helm has recorded of a release."""

    async def newest(self, key: Key) -> ReleaseRevision | None:
        """The newest revision; None if there is none."""
        ...

    async def mark_failed(self, key: Key, recorded: ReleaseRevision, why: str) -> None:
        """Mark a pending revision as failed; ``Conflict`` if it has changed since."""
        ...
