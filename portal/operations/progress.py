"""Records an operation's progress in the store, and its beginning and end in the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import datetime

from msgspec.structs import asdict, replace

from portal.domain.audit import UNRECORDED, Event, Outcome, Recorder
from portal.domain.errors import PortalError
from portal.domain.identity import Identity
from portal.domain.operations import Operation, OperationPhase, Step
from portal.domain.values_changes import values_changes
from portal.state.store import Store
from portal.threads import in_thread

log = logging.getLogger(__name__)

_OUTCOMES = {
    OperationPhase.SUCCEEDED: Outcome.SUCCEEDED,
    OperationPhase.FAILED: Outcome.FAILED,
    OperationPhase.CANCELLED: Outcome.CANCELLED,
    OperationPhase.INTERRUPTED: Outcome.INTERRUPTED,
}


class Progress:
    """The only writer of an operation. After ``finish`` or ``leave`` it writes nothing.

    ``written`` is called after every change, ``ended`` after the last one. ``identity`` is the
    user for whom the operation acts; None if this portal finishes what another one has left.
    ``repairs_as`` is the user for whom Helm's records may be repaired, and nothing else: marked as
    failed, or given the owners that the newest one names.
    ``recorder`` gets what is applied, and how the operation ended.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        operation: Operation,
        written: Callable[[], None] = lambda: None,
        ended: Callable[[Operation], None] = lambda operation: None,
        identity: Identity | None = None,
        recorder: Recorder = UNRECORDED,
    ) -> None:
        self._recorder = recorder
        self._store = store
        self._clock = clock
        self._written = written
        self._ended = ended
        self._left = False
        self.operation = operation
        self.identity = identity
        self.repairs_as = identity

    def begin(self) -> None:
        """Record and log the beginning of the operation."""
        log.info(
            "%s of %s began, asked for by %s",
            self.operation.verb,
            self.operation.key,
            self.operation.actor,
            extra=self._fields(),
        )
        self._write(self.operation)

    def take_over(self) -> None:
        """Continue an operation of another portal, ending its open step."""
        log.info(
            "%s of %s taken over from a portal that stopped",
            self.operation.verb,
            self.operation.key,
            extra=self._fields(),
        )
        self._end_step("The portal that did this stopped.")
        self._write(self.operation)

    def leave(self) -> None:
        """Write nothing more: the operation is handed over or replaced."""
        self._left = True

    @property
    def left(self) -> bool:
        """True if another portal goes on with the operation, or another one has replaced it."""
        return self._left

    @property
    def finished(self) -> bool:
        """True if the operation has ended."""
        return self.operation.phase.terminal

    @property
    def step_title(self) -> str:
        """The title of the current step, "" between steps."""
        steps = self.operation.steps
        return steps[-1].title if steps and steps[-1].ended_at is None else ""

    def put(
        self,
        *,
        phase: OperationPhase | None = None,
        revision: int | None = None,
        helm_seconds: float | None = None,
        advice: str | None = None,
    ) -> None:
        """Record the given fields; ``advice`` is shown when the operation has succeeded."""
        changed = self.operation
        if phase is not None:
            changed = replace(changed, phase=phase)
        if revision is not None:
            changed = replace(changed, revision=revision)
        if helm_seconds is not None:
            changed = replace(changed, helm_seconds=helm_seconds)
        if advice is not None:
            changed = replace(changed, advice=advice)
        self._write(changed)

    async def applies(self, before: Mapping[str, object], after: Mapping[str, object]) -> None:
        """Record what is about to be changed, without secrets: at its end nothing is done yet.

        Raises:
            PortalError: it cannot be recorded.
        """
        changes = await in_thread(values_changes, before, after)
        detail: dict[str, object] = {"changes": [asdict(each) for each in changes.listed]}
        if changes.more:
            detail["more_changes"] = changes.more
        await self._recorder.record(self._event(Outcome.APPLYING, detail))

    def _event(self, outcome: Outcome, detail: Mapping[str, object]) -> Event:
        operation = self.operation
        if self.identity is None:  # the word of a lease proves nothing
            detail = {**detail, "recovered": True, "begun_by": operation.actor}
        return Event(
            operation.verb.name, outcome, self.identity, operation.key, operation.id, detail
        )

    def begin_step(self, title: str, *, waits: bool = False) -> None:
        """Record the beginning of a step, and the end of an open one."""
        self._end_step("")
        step = Step(title, self._clock(), waits=waits)
        self._write(replace(self.operation, steps=(*self.operation.steps, step)))

    @contextmanager
    def step(self, title: str, *, waits: bool = False) -> Generator[None]:
        """Record the beginning, end and error of a step around the block.

        The end is recorded for the step that is then open.
        """
        self.begin_step(title, waits=waits)
        try:
            yield
        except PortalError as error:
            self._end_step(error.message)
            raise
        except BaseException:
            self._end_step("did not finish")
            raise
        self._end_step("")

    def finish(
        self,
        phase: OperationPhase,
        error: str = "",
        advice: str = "",
        fields: Mapping[str, str] | None = None,
        cause: BaseException | None = None,
    ) -> None:
        """Record the end of the operation and of an open step.

        Only the type of ``cause`` is logged: messages may quote an app's values.
        """
        if self.finished or self._left:
            return
        kind = type(cause).__name__ if cause else ""
        self._end_step(error or "did not finish")
        self._write(
            replace(
                self.operation,
                phase=phase,
                error=error,
                advice=advice,
                fields=dict(fields or {}),
                cause=kind,
            )
        )
        ended = self.operation
        seconds = round((ended.updated_at - ended.created_at).total_seconds(), 3)
        log.info(
            "%s of %s %s after %.1f s%s",
            ended.verb,
            ended.key,
            phase,
            seconds,
            f" ({kind})" if kind else "",
            extra={**self._fields(), "seconds": seconds, "error": kind},
        )
        found = {"revision": ended.revision, "error": kind, "milliseconds": round(seconds * 1000)}
        self._recorder.note(
            self._event(_OUTCOMES[phase], {name: each for name, each in found.items() if each})
        )
        self._ended(ended)

    def _fields(self) -> dict[str, object]:
        """Return the structured fields of a log line about the operation."""
        operation = self.operation
        return {
            "operation": operation.id,
            "verb": operation.verb.name,
            "namespace": operation.key.namespace,
            "release": operation.key.name,
            "actor": operation.actor,
            "phase": operation.phase.value,
        }

    def _end_step(self, error: str) -> None:
        if self.finished or not self.step_title:
            return
        *before, last = self.operation.steps
        ended = replace(last, ended_at=self._clock(), error=error)
        self._write(replace(self.operation, steps=(*before, ended)))

    def _write(self, operation: Operation) -> None:
        if self.finished or self._left:
            return
        self.operation = replace(operation, updated_at=self._clock())
        self._store.put_operation(self.operation)
        self._written()
