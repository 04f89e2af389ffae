"""Ends or completes operations whose end nobody saw.

Helm's record tells what became of them. Nothing that was ever deployed is removed, and a change is
never made twice: either Helm had finished, and the operation goes on waiting for the pods; or it
had not, and the release ends as failed, which anybody can launch over or roll back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from portal.domain.errors import Conflict, NotFound, PortalError
from portal.domain.operations import Operation, Verb
from portal.domain.release import ReleaseRevision
from portal.operations.action import Action
from portal.operations.outcome import InterruptedOutcome
from portal.operations.ports import RevisionRecords
from portal.operations.progress import Progress
from portal.operations.waiting import WaitCondition

MarkPendingFailed = Callable[[Operation], Awaitable[str]]


class Interrupted(PortalError):
    """An operation was cut short; the message says what is left of it."""


class InterruptedOperations:
    """Finds out how operations ended, and ends what Helm was in the middle of."""

    def __init__(self, records: RevisionRecords) -> None:
        self._records = records
        self._actions: dict[str, Action] = {}

    def declare(self, actions: Iterable[Action]) -> None:
        """Say what can be run, before anything is."""
        self._actions |= {each.verb.name: each for each in actions}

    def knows(self, verb: Verb) -> bool:
        """Whether this portal can do that; a newer one beside it may know more."""
        return verb.name in self._actions

    async def mark_pending_failed(self, operation: Operation) -> str:
        """Mark as failed what a Helm that is dead left pending; says so, "" if nothing was."""
        found, left = await self._marked(operation)
        if found is InterruptedOutcome.NOT_BEGUN:
            return "Helm had not begun: nothing was changed."
        completes = self._actions[operation.verb.name].completes
        if completes or left is None or found is InterruptedOutcome.OVERTAKEN:
            return ""
        if found is InterruptedOutcome.FINISHED:
            return "Helm had finished all the same: look at the pods below."
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
        self, operation: Operation
    ) -> tuple[InterruptedOutcome, ReleaseRevision | None]:
        """The outcome of an operation, after the end of what was pending."""
        action = self._actions[operation.verb.name]
        for last in (False, False, True):
            left = await self._records.newest(operation.key)
            found = action.outcome(operation, left)
            pending = found is InterruptedOutcome.PENDING and not action.completes
            if left is None or not pending:
                return found, left
            try:
                await self._records.mark_failed(
                    operation.key, left, f"Interrupted: {operation.verb} by {operation.actor}"
                )
            except (Conflict, NotFound):
                if last:
                    raise
            else:
                return InterruptedOutcome.FAILED, left
        raise AssertionError("unreachable")

    async def resume(self, progress: Progress) -> WaitCondition | None:
        """The work that is left of an operation whose portal has stopped."""
        operation = progress.operation
        action = self._actions[operation.verb.name]
        with progress.step("Find out what came of it"):
            found, left = await self._marked(operation)
        if found is InterruptedOutcome.PENDING and action.completes:
            return await action.complete(progress, left)
        match found:
            case InterruptedOutcome.FINISHED:
                return await action.complete(progress, left)
            case InterruptedOutcome.FAILED | InterruptedOutcome.PENDING:
                raise Interrupted(
                    "The portal stopped while Helm was at work.",
                    await self.mark_pending_failed(operation),
                )
            case InterruptedOutcome.NOT_BEGUN:
                raise Interrupted(
                    "The portal stopped before Helm had begun: nothing was changed.", "Try again."
                )
            case InterruptedOutcome.OVERTAKEN:
                raise Interrupted(
                    "The portal stopped while this was under way, and somebody else has changed "
                    "the release since.",
                    "What you see here is what the cluster has.",
                )
