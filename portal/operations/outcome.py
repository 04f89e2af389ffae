"""The outcome of an interrupted operation, from Helm's record. Pure."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from portal.domain.objects import ReleaseStatus
from portal.domain.operations import Operation
from portal.domain.release import ReleaseRevision


class InterruptedOutcome(Enum):
    """The outcome of an interrupted operation according to Helm's record."""

    NOT_BEGUN = auto()
    PENDING = auto()
    FAILED = auto()
    FINISHED = auto()
    OVERTAKEN = auto()


def labelled(operation: Operation, left: ReleaseRevision) -> bool:
    """Return True if a revision carries the operation's label."""
    return left.operation == operation.id


def revision_outcome(
    operation: Operation,
    left: ReleaseRevision | None,
    made_by: Callable[[Operation, ReleaseRevision], bool] = labelled,
) -> InterruptedOutcome:
    """Return the outcome of an operation that makes a revision; ``left`` is the newest one."""
    if left is None:
        return InterruptedOutcome.NOT_BEGUN
    if not made_by(operation, left):
        begun = left.revision > operation.base
        return InterruptedOutcome.OVERTAKEN if begun else InterruptedOutcome.NOT_BEGUN
    if left.status.pending:
        return InterruptedOutcome.PENDING
    if left.status is ReleaseStatus.DEPLOYED:
        return InterruptedOutcome.FINISHED
    failed = left.status is ReleaseStatus.FAILED
    return InterruptedOutcome.FAILED if failed else InterruptedOutcome.OVERTAKEN
