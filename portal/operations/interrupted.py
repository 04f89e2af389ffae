"""What became of an operation whose end nobody saw, and what is safe to do about it.

Helm's record tells. Nothing that was ever deployed is removed, and a change is never made twice:
either Helm had finished, and the operation goes on waiting for the pods; or it had not, and the
release ends as failed, which anybody can launch over or roll back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum, auto

from portal.domain.errors import Conflict, NotFound, PortalError
from portal.domain.keys import Key
from portal.domain.objects import Recorded, ReleaseStatus
from portal.domain.operations import Operation, Verb
from portal.helm_service.helm import HelmClient
from portal.operations.ports import RevisionRecords
from portal.operations.progress import Progress
from portal.operations.rollout import gone
from portal.operations.waiting import WaitCondition

MarkPendingFailed = Callable[[Operation], Awaitable[str]]
RolloutCondition = Callable[[Key, int], Awaitable[WaitCondition]]

GONE = WaitCondition("Wait until everything is gone", lambda state, seen: gone(state))
ATTEMPTS = 3


class Interrupted(PortalError):
    """An operation was cut short; the message says what is left of it."""


class InterruptedOutcome(Enum):
    """What Helm's record says of an operation that was cut short."""

    NOT_BEGUN = auto()
    PENDING = auto()
    FAILED = auto()
    FINISHED = auto()
    OVERTAKEN = auto()


def fate(operation: Operation, left: Recorded | None) -> InterruptedOutcome:
    """What became of ``operation``, by the newest revision that is left of its release."""
    match operation.verb:
        case Verb.UNINSTALL:
            if left is None or left.status is ReleaseStatus.UNINSTALLED:
                return InterruptedOutcome.FINISHED
            return (
                InterruptedOutcome.PENDING
                if left.status is ReleaseStatus.UNINSTALLING
                else InterruptedOutcome.NOT_BEGUN
            )
        case Verb.UNLOCK:
            return (
                InterruptedOutcome.NOT_BEGUN
                if left is not None and left.status.pending
                else InterruptedOutcome.FINISHED
            )
        case Verb.SHARE:
            return InterruptedOutcome.NOT_BEGUN  # of Helm: some labels may have been written
        case _:
            if left is None:
                return InterruptedOutcome.NOT_BEGUN
    if not _made_by(operation, left):
        return (
            InterruptedOutcome.NOT_BEGUN
            if left.revision <= operation.base
            else InterruptedOutcome.OVERTAKEN
        )
    if left.status.pending:
        return InterruptedOutcome.PENDING
    if left.status is ReleaseStatus.DEPLOYED:
        return InterruptedOutcome.FINISHED
    return (
        InterruptedOutcome.FAILED
        if left.status is ReleaseStatus.FAILED
        else InterruptedOutcome.OVERTAKEN
    )


def _made_by(operation: Operation, left: Recorded) -> bool:
    """Whether it is surely this operation that made a revision."""
    if operation.verb is not Verb.ROLLBACK or left.operation == operation.id:
        return left.operation == operation.id
    # Helm labels what a rollback makes like the revision that it goes back to. But it writes
    # its description at once.
    return left.revision in {operation.base + 1, operation.base + 2} and (
        not left.status.pending or left.description == operation.description
    )


class Recovery:
    """Finds out how operations ended, and ends what Helm was in the middle of."""

    def __init__(
        self, helm: HelmClient, records: RevisionRecords, rollout: RolloutCondition
    ) -> None:
        self._helm = helm
        self._records = records
        self._rollout = rollout

    async def mark_pending_failed(self, operation: Operation) -> str:
        """Mark as failed what a Helm that is dead left pending; says so, "" if nothing was."""
        found, left = await self._marked(operation)
        if found is InterruptedOutcome.NOT_BEGUN:
            return "Helm had not begun: nothing was changed."
        if (
            operation.verb is Verb.UNINSTALL
            or left is None
            or found is InterruptedOutcome.OVERTAKEN
        ):
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

    async def _marked(self, operation: Operation) -> tuple[InterruptedOutcome, Recorded | None]:
        """The fate of an operation, after the end of what was pending."""
        for last in (False, False, True):
            left = await self._records.newest(operation.key)
            found = fate(operation, left)
            pending = found is InterruptedOutcome.PENDING and operation.verb is not Verb.UNINSTALL
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
        with progress.step("Find out what came of it"):
            found, left = await self._marked(operation)
        if operation.verb is Verb.UNINSTALL and found is not InterruptedOutcome.NOT_BEGUN:
            if found is InterruptedOutcome.PENDING:
                await self._uninstall_again(progress)
            return GONE
        match found:
            case InterruptedOutcome.FINISHED:
                if left is None or operation.verb is Verb.UNLOCK:
                    return None
                progress.put(revision=left.revision)
                return await self._rollout(operation.key, left.revision)
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

    async def _uninstall_again(self, progress: Progress) -> None:
        with progress.step("Run helm uninstall again"):
            try:
                await self._helm.uninstall(progress.operation.key)
            except NotFound:
                return
