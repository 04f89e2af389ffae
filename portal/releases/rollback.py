"""Roll back: a new revision that is what an earlier one was."""

from __future__ import annotations

from portal.domain.errors import InvalidInput
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.operations import Operation, Verb
from portal.domain.permissions import Permission
from portal.domain.release import ReleaseRevision
from portal.operations.outcome import InterruptedOutcome, labelled, revision_outcome
from portal.operations.progress import Progress
from portal.operations.waiting import WaitCondition
from portal.releases.changes import Changes, RevisionAction
from portal.releases.plan import Plan
from portal.releases.preconditions import Preconditions

ROLLBACK = Verb("rollback", "rollback", "rolling back")


class Rollback(RevisionAction):
    """Of a release of any chart."""

    verb = ROLLBACK
    permission = Permission.ROLLBACK

    def __init__(self, changes: Changes, preconditions: Preconditions) -> None:
        super().__init__(changes)
        self._preconditions = preconditions

    def plan(
        self, identity: Identity, key: Key, revision: int, expected_revision: int | None
    ) -> Plan:
        """Back to what ``revision`` was."""

        def check() -> None:
            self._preconditions.free(key)
            existing = self._preconditions.there(key)
            if not 1 <= revision < existing.revision:
                raise InvalidInput(
                    {"revision": f"Choose a revision before the present one, {existing.revision}."}
                )

        async def run(progress: Progress) -> WaitCondition:
            with progress.step(f"Look up revision {revision}"):
                current = await self.changes.existing(key)
                self._preconditions.unchanged(current, key, expected_revision)
                values = await self.changes.helm.values(key, revision)
            return await self.changes.roll_back(progress, current, revision, values)

        words = f"Rolled back to revision {revision} by {identity.user}"
        return Plan(self, key, run, check, words, expected_revision=expected_revision)

    @staticmethod
    def outcome(operation: Operation, left: ReleaseRevision | None) -> InterruptedOutcome:
        """By what Helm writes of a rollback."""
        return revision_outcome(operation, left, _made_by)


def _made_by(operation: Operation, left: ReleaseRevision) -> bool:
    """Whether it is surely this operation that made a revision.

    Helm labels what a rollback makes like the revision that it goes back to. But it writes its
    description at once.
    """
    return labelled(operation, left) or (
        left.revision in {operation.base + 1, operation.base + 2}
        and (not left.status.pending or left.description == operation.description)
    )
