"""What became of an operation whose end nobody saw, and what is safe to do about it.

Helm's record tells. Nothing that was ever deployed is removed, and a change is never made twice:
either Helm had finished, and the operation goes on waiting for the pods; or it had not, and the
release ends as failed, which anybody can launch over or roll back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum, auto

from portal.actions.recorder import Recorder
from portal.actions.rollout import gone
from portal.actions.seams import Records
from portal.actions.waiting import Goal
from portal.domain.errors import Conflict, NotFound, PortalError
from portal.domain.keys import Key
from portal.domain.objects import ReleaseStatus
from portal.domain.operations import Operation, Verb
from portal.domain.release import ReleaseRevision
from portal.helm_service.helm import HelmClient

Mend = Callable[[Operation], Awaitable[str]]
RolloutGoal = Callable[[Key, int], Awaitable[Goal]]

GONE = Goal("Wait until everything is gone", lambda state, seen: gone(state))
ATTEMPTS = 3


class Interrupted(PortalError):
    """An operation was cut short; the message says what is left of it."""


class Fate(Enum):
    """What Helm's record says of an operation that was cut short."""

    NOT_BEGUN = auto()
    PENDING = auto()
    FAILED = auto()
    FINISHED = auto()
    OVERTAKEN = auto()


def fate(operation: Operation, left: ReleaseRevision | None) -> Fate:
    """What became of ``operation``, by the newest revision that is left of its release."""
    match operation.verb:
        case Verb.UNINSTALL:
            if left is None or left.status is ReleaseStatus.UNINSTALLED:
                return Fate.FINISHED
            return Fate.PENDING if left.status is ReleaseStatus.UNINSTALLING else Fate.NOT_BEGUN
        case Verb.UNLOCK:
            return Fate.NOT_BEGUN if left is not None and left.status.pending else Fate.FINISHED
        case Verb.SHARE:
            return Fate.NOT_BEGUN  # of Helm: some labels may have been written
        case _:
            if left is None:
                return Fate.NOT_BEGUN
    if not _made_by(operation, left):
        return Fate.NOT_BEGUN if left.revision <= operation.base else Fate.OVERTAKEN
    if left.status.pending:
        return Fate.PENDING
    if left.status is ReleaseStatus.DEPLOYED:
        return Fate.FINISHED
    return Fate.FAILED if left.status is ReleaseStatus.FAILED else Fate.OVERTAKEN


def _made_by(operation: Operation, left: ReleaseRevision) -> bool:
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

    def __init__(self, helm: HelmClient, records: Records, rollout: RolloutGoal) -> None:
        self._helm = helm
        self._records = records
        self._rollout = rollout

    async def mend(self, operation: Operation) -> str:
        """Mark as failed what a Helm that is dead left pending; says so, "" if nothing was."""
        found, left = await self._mended(operation)
        if found is Fate.NOT_BEGUN:
            return "Helm had not begun: nothing was changed."
        if operation.verb is Verb.UNINSTALL or left is None or found is Fate.OVERTAKEN:
            return ""
        if found is Fate.FINISHED:
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

    async def _mended(self, operation: Operation) -> tuple[Fate, ReleaseRevision | None]:
        """The fate of an operation, after the end of what was pending."""
        for last in (False, False, True):
            left = await self._records.newest(operation.key)
            found = fate(operation, left)
            pending = found is Fate.PENDING and operation.verb is not Verb.UNINSTALL
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
                return Fate.FAILED, left
        raise AssertionError("unreachable")

    async def resume(self, recorder: Recorder) -> Goal | None:
        """The work that is left of an operation whose portal has stopped."""
        operation = recorder.operation
        with recorder.step("Find out what came of it"):
            found, left = await self._mended(operation)
        if operation.verb is Verb.UNINSTALL and found is not Fate.NOT_BEGUN:
            if found is Fate.PENDING:
                await self._uninstall_again(recorder)
            return GONE
        match found:
            case Fate.FINISHED:
                if left is None or operation.verb is Verb.UNLOCK:
                    return None
                recorder.put(revision=left.revision)
                return await self._rollout(operation.key, left.revision)
            case Fate.FAILED | Fate.PENDING:
                raise Interrupted(
                    "The portal stopped while Helm was at work.", await self.mend(operation)
                )
            case Fate.NOT_BEGUN:
                raise Interrupted(
                    "The portal stopped before Helm had begun: nothing was changed.", "Try again."
                )
            case Fate.OVERTAKEN:
                raise Interrupted(
                    "The portal stopped while this was under way, and somebody else has changed "
                    "the release since.",
                    "What you see here is what the cluster has.",
                )

    async def _uninstall_again(self, recorder: Recorder) -> None:
        with recorder.step("Run helm uninstall again"):
            try:
                await self._helm.uninstall(recorder.operation.key)
            except NotFound:
                return
