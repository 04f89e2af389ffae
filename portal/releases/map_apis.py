"""Update record: map the APIs that Helm's record of a release names to those that are served.

Helm reads the objects of the recorded manifest before it upgrades or removes a release, and fails
at a kind that the cluster no longer serves. The record gets a new revision that names the API of
today; nothing in the cluster changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from portal.domain.api_mapping import MOVED, Api, MappedObject, Successors, apis_of, mapped
from portal.domain.errors import Conflict, NotFound, PortalError, RemovedApi
from portal.domain.identity import Identity
from portal.domain.keys import OPERATION_LABEL, Key, made_by
from portal.domain.manifests import objects
from portal.domain.objects import ReleaseStatus
from portal.domain.operations import Operation, OperationPhase, Verb
from portal.domain.permissions import Permission
from portal.domain.release import ReleaseRevision
from portal.operations.outcome import InterruptedOutcome, labelled
from portal.operations.progress import Progress
from portal.releases.current import CurrentReleases
from portal.releases.plain import PlainAction
from portal.releases.ports import Records, ReleaseHistory, ServedApis
from portal.releases.preconditions import Preconditions
from portal.state.model import AppState
from portal.threads import in_thread

MAP_APIS = Verb("map-apis", "update of the record", "updating the record of")

NAMED = 30
"""Maximum number of objects that the preview lists."""


class RecordMapping(Struct, frozen=True):
    """A revision whose record is to be mapped, and what that changes."""

    revision: ReleaseRevision
    successors: Successors
    changes: tuple[MappedObject, ...]


class MapApis(PlainAction):
    """The equivalent of ``helm mapkubeapis``."""

    verb = MAP_APIS
    permission = Permission.MAP_APIS
    label = "Update record"
    icon = "file"
    remedy = True

    def __init__(
        self,
        releases: CurrentReleases,
        records: Records,
        history: ReleaseHistory,
        apis: ServedApis,
    ) -> None:
        self._releases = releases
        self._records = records
        self._history = history
        self._apis = apis
        self._noted: dict[Key, int] = {}
        """The revision of each release for which a preview has failed with ``RemovedApi``."""

    def offered(self, state: AppState, now: datetime) -> bool:
        """Return True if Helm has failed at an API that the record names."""
        release, last = state.release, state.operation
        if release is None or (last is not None and not last.phase.terminal):
            return False
        failed = last is not None and last.phase is OperationPhase.FAILED
        if failed and last and last.cause == RemovedApi.__name__:
            return last.base == release.revision
        return self._noted.get(state.key) == release.revision

    def note(self, key: Key, revision: int) -> None:
        """Note that a preview has failed with ``RemovedApi``, so that the action is offered."""
        self._noted[key] = revision

    def check(self, key: Key, preconditions: Preconditions) -> None:
        """Raise ``PortalError`` unless the release exists and nobody changes it.

        The record of a release whose removal has failed may be updated too.
        """
        preconditions.check_free(key, allow=ReleaseStatus.UNINSTALLING)
        preconditions.require_existing(key)

    async def preview(self, key: Key, identity: Identity) -> tuple[str, ...]:
        """Describe which objects the record names otherwise."""
        found = await self.find(key, identity)
        if found is None:
            raise _nothing(key)
        more = len(found.changes) - NAMED
        return (
            *(str(each) for each in found.changes[:NAMED]),
            *([f"And {more} more."] if more > 0 else []),
            "Helm's record gets a new revision with that, made from revision "
            f"{found.revision.revision}: same chart, same values. Nothing in the cluster changes.",
            "Do not roll back to older revisions afterwards: they still name the old API.",
        )

    async def run(self, progress: Progress) -> None:
        """Write the new revision."""
        key = progress.operation.key
        with progress.step("Compare the record with the cluster's APIs"):
            found = await self.find(key, progress.identity)
            if found is None:
                raise _nothing(key)
        await self.write(progress, found)

    async def find(
        self, key: Key, identity: Identity | None, *, removal: bool = False
    ) -> RecordMapping | None:
        """Return what in a release's record the cluster does not serve; None if nothing.

        That is the record which Helm reads for an upgrade or, if ``removal``, for an uninstall.

        Raises:
            PortalError: there is no such release, its record cannot be read, or the cluster does
                not tell what it serves.
        """
        present = await self._history.newest_and_deployed(key, identity=identity)
        if present is None:
            raise NotFound(f"There is no release {key.name} any more.")
        newest, deployed = present
        last = removal or newest.status is ReleaseStatus.UNINSTALLING
        revision = newest if last else deployed
        if revision.damaged:
            raise PortalError(
                f"Helm's record of revision {revision.revision} cannot be read: {revision.damaged}"
            )
        found = await in_thread(objects, revision.whole, key.namespace)
        successors = await self._successors(apis_of(iter(found.values())))
        if not successors:
            return None
        _, changes = await in_thread(mapped, revision.whole, successors)
        return RecordMapping(revision, successors, changes)

    async def _successors(self, apis: Iterable[Api]) -> Successors:
        """Return the API that takes the place of each that is not served."""
        found: dict[Api, str] = {}
        for version, kind in apis:
            group = version.rpartition("/")[0]
            served = await self._apis.versions(group, kind)
            if version in served:
                continue
            moved = MOVED.get((group, kind))
            if not served and moved:
                served = await self._apis.versions(moved, kind)
            found[version, kind] = served[0] if served else ""
        return found

    async def write(self, progress: Progress, found: RecordMapping) -> None:
        """Write a mapped record as a new revision, and record the step."""
        operation = progress.operation
        with progress.step("Update Helm's record"):
            newest = await self._records.newest(operation.key)
            if newest is None or newest.status.value.startswith("pending-"):
                raise Conflict(f"Helm has gone on with {operation.key.name} in the meantime.")
            revision = newest.revision + 1
            await self._records.add_mapped(
                operation.key,
                found.revision,
                revision,
                found.successors,
                f"Record mapped to the cluster's APIs by {operation.actor}",
                {OPERATION_LABEL: made_by(operation.id, revision)},
                identity=progress.identity,
            )
        self._releases.record_revision(operation.key, revision)
        self._noted.pop(operation.key, None)
        progress.put(revision=revision)

    @staticmethod
    def outcome(operation: Operation, left: ReleaseRevision | None) -> InterruptedOutcome:
        """Return the outcome, by whether the new revision is there."""
        made = left is not None and labelled(operation, left)
        return InterruptedOutcome.FINISHED if made else InterruptedOutcome.NOT_BEGUN


def _nothing(key: Key) -> Conflict:
    return Conflict(
        f"This cluster serves every API that Helm's record of {key.name} names.",
        "There is nothing to update: try the change again.",
    )
