"""What an action declares: all that runs it, recovers it or speaks of it reads it from here."""

from __future__ import annotations

from typing import ClassVar

from portal.domain.operations import Operation, Verb
from portal.domain.permissions import Permission
from portal.domain.release import ReleaseRevision
from portal.operations.outcome import InterruptedOutcome, revision_outcome
from portal.operations.progress import Progress
from portal.operations.waiting import WaitCondition


class Action:
    """One thing that can be done to a release.

    ``completes``: a portal that finds it cut short finishes it; else what Helm has left pending
    is marked as failed.
    """

    verb: ClassVar[Verb]
    permission: ClassVar[Permission]
    completes: ClassVar[bool] = False

    @staticmethod
    def outcome(operation: Operation, left: ReleaseRevision | None) -> InterruptedOutcome:
        """What became of one that was cut short, by the newest revision that is left."""
        return revision_outcome(operation, left)

    async def complete(
        self, progress: Progress, left: ReleaseRevision | None
    ) -> WaitCondition | None:
        """Do the rest of one that Helm had finished, or (``completes``) that it had begun."""
        return None
