"""The declaration of an action, read by all that runs, recovers or describes it."""

from __future__ import annotations

from typing import ClassVar

from portal.domain.operations import Operation, Verb
from portal.domain.permissions import Permission
from portal.domain.release import ReleaseRevision
from portal.operations.outcome import InterruptedOutcome, revision_outcome
from portal.operations.progress import Progress
from portal.operations.waiting import WaitCondition


class Action:
    """An action on a release.

    If ``completes`` is True, recovery finishes an interrupted operation; else it marks a revision
    that Helm has left pending as failed. ``undone`` is what is said of one that was cancelled, if
    it undoes what it has done, and recovery finishes those of a portal that was killed.
    """

    verb: ClassVar[Verb]
    permission: ClassVar[Permission]
    completes: ClassVar[bool] = False
    undone: ClassVar[str] = ""

    @staticmethod
    def outcome(operation: Operation, left: ReleaseRevision | None) -> InterruptedOutcome:
        """Return the outcome of an interrupted operation; ``left`` is the newest revision."""
        return revision_outcome(operation, left)

    async def complete(
        self, progress: Progress, left: ReleaseRevision | None
    ) -> WaitCondition | None:
        """Do the rest of an operation that Helm had finished or, with ``completes``, begun."""
        return None
