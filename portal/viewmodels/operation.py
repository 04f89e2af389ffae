"""An operation of the portal, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from portal.domain.identity import ANONYMOUS
from portal.domain.operations import Operation, OperationPhase, Step, Verb
from portal.domain.release import ReleaseRecord
from portal.viewmodels.model import Badge, Notice, OperationView, Severity, StepView

STATES = {
    OperationPhase.QUEUED: ("Queued", Severity.BUSY),
    OperationPhase.RUNNING: ("Running", Severity.BUSY),
    OperationPhase.WAITING: ("Waiting for the rollout", Severity.BUSY),
    OperationPhase.SUCCEEDED: ("Done", Severity.GOOD),
    OperationPhase.FAILED: ("Failed", Severity.BAD),
    OperationPhase.CANCELLED: ("Cancelled", Severity.QUIET),
    OperationPhase.INTERRUPTED: ("Interrupted", Severity.WARN),
}
"""The name of each phase on pages, and its severity."""


RECENT = 120.0
"""Seconds for which the steps of an operation that has succeeded stay open."""


def progressive(verb: Verb) -> str:
    """The badge of a running operation: "Launching"."""
    return verb.progressive.capitalize()


def running(operation: Operation | None) -> bool:
    """Return True if there is an operation that has not ended."""
    return operation is not None and not operation.phase.terminal


def moved(operation: Operation, release: ReleaseRecord | None) -> bool:
    """Return True if the cluster shows any effect of the operation yet.

    Helm's label is in whole seconds, so the comparison is too.
    """
    if operation.phase is OperationPhase.WAITING or operation.phase.terminal:
        return True
    if release is None:
        return operation.verb.removes
    if release.updated_at is None:
        return release.status.pending
    return release.updated_at >= operation.created_at.replace(microsecond=0)


def overtaken(operation: Operation, release: ReleaseRecord | None) -> bool:
    """Return True if the release has changed since the operation ended: its outcome is history."""
    return (
        operation.phase.terminal
        and release is not None
        and release.updated_at is not None
        and release.updated_at > operation.updated_at
    )


def failed(operation: Operation | None, release: ReleaseRecord | None) -> bool:
    """Return True if the last change was an operation of the portal that failed."""
    return (
        operation is not None
        and operation.phase is OperationPhase.FAILED
        and not overtaken(operation, release)
    )


def by(actor: str) -> str:
    """Words for who has begun an operation: " by ada"; "" for nobody who is known."""
    return "" if actor in {"", ANONYMOUS.user} else f" by {actor}"


def lasted(began: datetime | None, ended: datetime | None) -> float | None:
    """The seconds between two times, never negative; None if one of them is not known."""
    if began is None or ended is None:
        return None
    return round(max(0.0, (ended - began).total_seconds()), 1)


def operation_view(
    operation: Operation,
    *,
    cancels: bool = True,
    obstacle: Notice | None = None,
    stages: Sequence[StepView] = (),
    now: datetime | None = None,
) -> OperationView:
    """The operation's card; ``cancels`` is True if the viewer may cancel it.

    ``obstacle`` is what keeps the app's rollout from going on. ``stages`` are those of its pods,
    which tell more than the step that waits for them.
    """
    waits = operation.phase is OperationPhase.WAITING and operation.verb.rolls_out
    going = operation.phase is OperationPhase.WAITING and not waits
    text, severity = STATES[OperationPhase.RUNNING if going else operation.phase]
    title = f"{operation.verb.noun.capitalize()}{by(operation.actor)}"
    # What a removal leaves is said at the top of the page.
    removed = operation.verb.removes and operation.phase is OperationPhase.SUCCEEDED
    return OperationView(
        id=operation.id,
        title=title,
        state=Badge(text, severity),
        running=running(operation),
        actor=operation.actor,
        started_at=operation.created_at,
        steps=(
            *(
                _step(step, operation.phase)
                for step in operation.steps
                if step.error or not (step.waits and stages)
            ),
            *stages,
        ),
        error=operation.error,
        advice="" if removed else operation.advice,
        cancellable=cancels and running(operation) and not operation.verb.removes,
        obstacle=obstacle if waits else None,
        recent=now is not None and (now - operation.updated_at).total_seconds() < RECENT,
    )


def _step(step: Step, phase: OperationPhase) -> StepView:
    seconds = lasted(step.started_at, step.ended_at)
    if step.error:
        state = Badge("Failed", Severity.BAD)
    elif step.ended_at is not None:
        state = Badge("Done", Severity.GOOD)
    elif phase.terminal:
        state = Badge("Not finished", Severity.WARN)
    else:
        state = Badge("Running", Severity.BUSY)
    return StepView(step.title, state, step.started_at, seconds, step.error, ended_at=step.ended_at)
