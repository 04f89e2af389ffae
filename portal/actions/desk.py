"""Who works on which release: one operation at a time, superseding, draining, forgetting."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from portal.actions.recorder import Recorder
from portal.domain.errors import ChartError, Conflict, PortalError
from portal.domain.keys import Key
from portal.domain.operations import Operation, OperationPhase, Verb
from portal.state.store import Store

log = logging.getLogger(__name__)

Work = Callable[[Recorder], Awaitable[None]]
FieldNames = Callable[[ChartError], dict[str, str]]

_DOING = {
    Verb.LAUNCH: "launching",
    Verb.UPGRADE: "changing",
    Verb.SCALE: "scaling",
    Verb.ROLLBACK: "rolling back",
    Verb.UNINSTALL: "uninstalling",
    Verb.UNLOCK: "unlocking",
}


@dataclass(frozen=True, slots=True)
class _Running:
    recorder: Recorder
    task: asyncio.Task[None]


class Desk:
    """Runs operations as tasks of the loop, and keeps the finished ones for a while."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        fields: FieldNames,
        *,
        remembered: int = 200,
        uninstalled_for: float = 30.0,
    ) -> None:
        self._store = store
        self._clock = clock
        self._fields = fields
        self._uninstalled_for = uninstalled_for
        self._limit = remembered
        self._running: dict[Key, _Running] = {}
        self._finished: deque[Operation] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: deque[asyncio.TimerHandle] = deque(maxlen=remembered)
        self._draining = False

    def check_free(self, key: Key) -> None:
        """Raise ``Conflict`` if an operation is under way that must not be disturbed."""
        if self._draining:
            raise Conflict("The portal is restarting.", "Try again in a minute.")
        running = self._running.get(key)
        if running is None:
            return
        operation = running.recorder.operation
        # What is being deleted must be gone first: Helm would "upgrade" the dying objects.
        if operation.phase is OperationPhase.WAITING and operation.verb is not Verb.UNINSTALL:
            return
        step = running.recorder.step_title
        now_at = f" (now: {step})" if step else ""
        raise Conflict(
            f"{operation.actor} has been {_DOING[operation.verb]} {key.name} since "
            f"{operation.created_at:%H:%M:%S} UTC{now_at}.",
            "Wait until that has ended; the app's page shows how far it is.",
        )

    def begin(self, key: Key, verb: Verb, actor: str, work: Work) -> Operation:
        """Start an operation. One that only waits for its rollout is superseded by it."""
        self.check_free(key)
        waiting = self._running.pop(key, None)
        if waiting is not None:
            # Closed before the new one is written: the store keeps the newest of a key.
            waiting.recorder.finish(
                OperationPhase.CANCELLED, f"Superseded: {actor} began {_DOING[verb]} {key.name}."
            )
            waiting.task.cancel()
        recorder = Recorder(self._store, self._clock, key, verb, actor)
        recorder.put()
        begun = recorder.operation
        task = asyncio.get_running_loop().create_task(self._run(recorder, work))
        self._running[key] = _Running(recorder, task)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return begun

    def dismiss(self, key: Key) -> None:
        """Forget the finished operation of a key."""
        if key in self._running:
            raise Conflict(
                f"The operation on {key.name} has not ended yet.", "Wait until it has ended."
            )
        self._store.drop_operation(key)

    async def drain(self, grace: float) -> None:
        """End everything. Tasks get ``grace`` seconds to end what they run."""
        self._draining = True
        for timer in self._timers:
            timer.cancel()
        for running in list(self._running.values()):
            waiting = running.recorder.operation.phase is OperationPhase.WAITING
            running.recorder.finish(
                OperationPhase.INTERRUPTED,
                "The portal stopped while waiting for the rollout."
                if waiting
                else "The portal stopped while this was under way.",
                "Helm had finished; the page goes on showing how the pods come up."
                if waiting
                else "Look at the release's status, then try again.",
            )
            running.task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=grace)

    async def _run(self, recorder: Recorder, work: Work) -> None:
        key = recorder.operation.key
        try:
            recorder.put(phase=OperationPhase.RUNNING)
            await work(recorder)
            recorder.finish(OperationPhase.SUCCEEDED)
        except PortalError as error:
            fields = self._fields(error) if isinstance(error, ChartError) else {}
            recorder.finish(OperationPhase.FAILED, error.message, error.advice, fields, error)
        except asyncio.CancelledError:
            recorder.finish(OperationPhase.CANCELLED, "Cancelled.")
            raise
        except Exception as error:
            log.exception("operation %s on %s failed", recorder.operation.verb, key)
            recorder.finish(
                OperationPhase.FAILED,
                "Something went wrong in the portal itself.",
                "The portal's log has the details; tell an administrator.",
                cause=error,
            )
        finally:
            running = self._running.get(key)
            if running is not None and running.recorder is recorder:
                del self._running[key]
                self._remember(recorder.operation)

    def _remember(self, operation: Operation) -> None:
        self._finished.append(operation)
        if len(self._finished) > self._limit:
            self._forget(self._finished.popleft())
        succeeded = operation.phase is OperationPhase.SUCCEEDED
        if operation.verb is Verb.UNINSTALL and succeeded and not self._draining:
            # Otherwise a release that is gone would stay in every list.
            loop = asyncio.get_running_loop()
            self._timers.append(
                loop.call_later(self._uninstalled_for, lambda: self._forget(operation))
            )

    def _forget(self, operation: Operation) -> None:
        if self._store.snapshot.app(operation.key).operation == operation:
            self._store.drop_operation(operation.key)
