"""Rollback: a new revision with the content of an earlier one."""

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
    """The rollback of a release of any chart."""

    verb = ROLLBACK
    permission = Permission.ROLLBACK

    def __init__(self, changes: Changes, preconditions: Preconditions) -> None:
        super().__init__(changes)
        self._preconditions = preconditions

    def plan(
        self, identity: Identity, key: Key, revision: int, expected_revision: int | None
    ) -> Plan:
        """Plan a rollback to ``revision``."""

        def check() -> None:
            self._preconditions.check_free(key)
            existing = self._preconditions.require_existing(key)
            if not 1 <= revision < existing.revision:
                raise InvalidInput(
                    {"revision": f"Choose a revision before the present one, {existing.revision}."}
                )

        async def run(progress: Progress) -> WaitCondition:
            with progress.step(f"Look up revision {revision}"):
                current = await self.changes.releases.existing(key)
                self._preconditions.check_unchanged(current, key, expected_revision)
                values = await self.changes.helm.values(key, revision, identity=progress.identity)
            return await self.changes.roll_back(progress, current, revision, values)

        words = f"Rolled back to revision {revision} by {identity.user}"
        return Plan(self, key, run, check, words, expected_revision=expected_revision)

    @staticmethod
    def outcome(operation: Operation, left: ReleaseRevision | None) -> InterruptedOutcome:
        """Return the outcome, by label or by description: see ``_made_by``."""
        return revision_outcome(operation, left, _made_by)


def _made_by(operation: Operation, left: ReleaseRevision) -> bool:
    """Return True if this operation made a revision.

    Helm copies the labels of the revision that it rolls back to, so the label may be another
    operation's; but it writes the description at once.
    """
    return labelled(operation, left) or (
        left.revision in {operation.base + 1, operation.base + 2}
        and (not left.status.pending or left.description == operation.description)
    )
