"""The owners in Helm's records of a release, made whole after a portal that stopped."""

from __future__ import annotations

from portal.domain.errors import PortalError
from portal.domain.owners import NOBODY, Owners
from portal.domain.release import ReleaseRevision
from portal.operations.interrupted import Interrupted
from portal.operations.progress import Progress
from portal.releases.ports import Records


async def complete_owners(
    records: Records, progress: Progress, left: ReleaseRevision | None
) -> Owners:
    """Write the owners of the newest record, ``left``, into all others; return them.

    The newest one decides, and is written first. So nobody gets a right by this, and doing it
    once more, also for an old copy of a Lease, changes nothing.

    Raises:
        Interrupted: they cannot be written.
    """
    if left is None:
        return NOBODY
    key, owners = progress.operation.key, left.owners
    try:
        with progress.step("Write the owners into every record"):
            await records.set_owners(key, owners, identity=progress.repairs_as)
    except PortalError as error:
        raise Interrupted(
            "The portal stopped while this was under way. Helm's newest record names the owners "
            f"that this page shows; older ones may name others. {error}",
            "Older ones count only if a rollback in a terminal brings one back. The next change of "
            "the owner or the sharing in the portal writes them all.",
        ) from error
    return owners
