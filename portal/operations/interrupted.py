"""Recovery of interrupted operations.

Helm's record tells their outcome. Recovery removes nothing that was deployed, and makes no change
twice: either Helm had finished, and the operation continues to wait for the pods; or it had not,
and the revision is marked as failed, so that the release can be upgraded or rolled back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from portal.domain.errors import Conflict, Forbidden, NotFound, PortalError
from portal.domain.identity import Identity
from portal.domain.operations import Operation, Verb
from portal.domain.release import ReleaseRevision
from portal.operations.action import Action
from portal.operations.outcome import InterruptedOutcome
from portal.operations.ports import RevisionRecords
from portal.operations.progress import Progress
from portal.operations.waiting import WaitCondition

MarkPendingFailed = Callable[[Operation, Identity | None], Awaitable[str]]

UNLOCK = (
    "If this page still shows the release as pending: after ten minutes without a change it offers "
    "to unlock it. Then try again."
)
"""The advice where Helm's record may not be repaired."""


class Interrupted(PortalError):
    """Raised for an interrupted operation; the message says what it left."""


class InterruptedOperations:
    """Determines outcomes of interrupted operations, and marks pending revisions as failed."""

    def __init__(self, records: RevisionRecords) -> None:
        self._records = records
        self._actions: dict[str, Action] = {}

    def declare(self, actions: Iterable[Action]) -> None:
        """Register the actions that can run, before the first operation."""
        self._actions |= {each.verb.name: each for each in actions}

    def supports(self, verb: Verb) -> bool:
        """Return True if this portal has the action; a newer version beside it may have more."""
        return verb.name in self._actions

    async def mark_pending_failed(self, operation: Operation, identity: Identity | None) -> str:
        """Mark a revision left pending by a stopped Helm as failed, for ``identity``.

        Return what was found, in sentences; "" if there is nothing to say.
        """
        try:
            found, left = await self._marked(operation, identity)
        except Forbidden:
            return UNLOCK
        if found is InterruptedOutcome.NOT_BEGUN:
            return "Helm had not begun: nothing was changed."
        action = self._actions[operation.verb.name]
        if action.completes:
            return action.undone
        if left is None or found is InterruptedOutcome.OVERTAKEN:
            return ""
        if found is InterruptedOutcome.FINISHED:
            return "Helm had finished all the same: see the pods below."
        if left.revision == 1:
            return (
                "Revision 1 has failed, and may be there in part. Launch again to complete it, "
                "or uninstall it."
            )
        return (
            f"Revision {left.revision} has failed, and may be there in part; what ran before was "
            "not removed. Try again, or roll back."
        )

    async def _marked(
        self, operation: Operation, identity: Identity | None
    ) -> tuple[InterruptedOutcome, ReleaseRevision | None]:
        """Return the outcome of an operation, after marking a pending revision as failed."""
        action = self._actions[operation.verb.name]
        for last in (False, False, True):
            left = await self._records.newest(operation.key)
            found = action.outcome(operation, left)
            pending = found is InterruptedOutcome.PENDING and not action.completes
            if left is None or not pending:
                return found, left
            try:
                await self._records.mark_failed(
                    operation.key,
                    left,
                    f"Interrupted: {operation.verb} by {operation.actor}",
                    identity=identity,
                )
            except (Conflict, NotFound):
                if last:
                    raise
            else:
                return InterruptedOutcome.FAILED, left
        raise AssertionError("unreachable")

    async def resume(self, progress: Progress) -> WaitCondition | None:
        """Do what is left of an operation whose portal has stopped."""
        operation = progress.operation
        action = self._actions[operation.verb.name]
        with progress.step("Find out what came of it"):
            try:
                found, left = await self._marked(operation, progress.repairs_as)
            except Forbidden as error:
                by = progress.repairs_as
                raise Interrupted(
                    "The portal stopped while Helm was at work, and may not repair Helm's record "
                    + (f"for {by.user}." if by else "with its own account."),
                    UNLOCK,
                ) from error
        if found is InterruptedOutcome.PENDING and action.completes:
            return await action.complete(progress, left)
        match found:
            case InterruptedOutcome.FINISHED:
                return await action.complete(progress, left)
            case InterruptedOutcome.FAILED | InterruptedOutcome.PENDING:
                raise Interrupted(
                    "The portal stopped while Helm was at work.",
                    await self.mark_pending_failed(operation, progress.repairs_as),
                )
            case InterruptedOutcome.NOT_BEGUN:
                raise Interrupted(
                    "The portal stopped before Helm had begun: nothing was changed.", "Try again."
                )
            case InterruptedOutcome.OVERTAKEN:
                raise Interrupted(
                    "The portal stopped while this was under way, and somebody else has changed "
                    "the release since.",
                    "This page shows the present state of the cluster.",
                )
