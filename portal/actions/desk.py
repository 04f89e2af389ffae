"""Who works on which release: one operation at a time, in all portals that share the cluster.

Each operation runs as a task here, and beside it a *keeper* that writes what the recorder says
into the operation's claim, often enough to show that this portal is alive. Whatever is lost with
this portal can be picked up by the next one from there.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime

from msgspec.structs import replace

from portal.actions import keeper
from portal.actions.board import Board
from portal.actions.keeper import Ending, Keeper, Running
from portal.actions.recorder import Recorder
from portal.actions.recovery import Interrupted, Mend
from portal.actions.seams import Claims
from portal.actions.waiting import Goal, until
from portal.domain.errors import ChartError, Conflict, NotFound, PortalError
from portal.domain.keys import Key
from portal.domain.operations import Claim, Operation, OperationPhase, Verb
from portal.state.store import Store

log = logging.getLogger(__name__)

Work = Callable[[Recorder], Awaitable[Goal | None]]
"""What an operation does; returns what has to be seen before it is done, if anything."""

FieldNames = Callable[[ChartError], dict[str, str]]

ATTEMPTS = 5

_DOING = {
    Verb.LAUNCH: "launching",
    Verb.UPGRADE: "changing",
    Verb.SCALE: "scaling",
    Verb.ROLLBACK: "rolling back",
    Verb.UNINSTALL: "uninstalling",
    Verb.UNLOCK: "unlocking",
    Verb.SHARE: "sharing",
}


class Desk:
    """Runs operations as tasks of the loop, ``limit`` at once; those that wait do not count."""

    def __init__(
        self,
        store: Store,
        claims: Claims,
        board: Board,
        mend: Mend,
        clock: Callable[[], datetime],
        fields: FieldNames,
        *,
        holder: str,
        limit: int = 20,
        settle: float = 0.5,
        ended: Callable[[Operation], None] = lambda operation: None,
    ) -> None:
        """``settle``: seconds that a goal must stay reached; ``ended`` is told of every end."""
        self._store = store
        self._claims = claims
        self._board = board
        self._mend = mend
        self._clock = clock
        self._fields = fields
        self._holder = holder
        self._slots = asyncio.Semaphore(limit)
        self._settle = settle
        self._ended = ended
        self._keeper = Keeper(claims, board, holder, self._holds)
        self._running: dict[Key, Running] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False
        board.on_claim(self._heard)

    # Asking.

    def check_free(self, key: Key) -> None:
        """Raise ``Conflict`` if an operation is under way that must not be disturbed."""
        if self._draining:
            raise Conflict("The portal is restarting.", "Try again in a minute.")
        claim = self._board.claim(key)
        if claim is not None:
            self._check_over(claim)

    def works_on(self, key: Key) -> bool:
        """Whether this portal runs an operation on a release."""
        return key in self._running

    def _check_over(self, claim: Claim) -> None:
        operation = self._newest(claim)
        # What is being deleted must be gone first: Helm would "upgrade" the dying objects.
        waits = operation.phase is OperationPhase.WAITING and operation.verb is not Verb.UNINSTALL
        if operation.phase.terminal or waits:
            return
        since = f"since {operation.created_at:%H:%M:%S} UTC"
        doing = f"{operation.actor} has been {_DOING[operation.verb]} {operation.key.name} {since}"
        if self._board.abandoned(claim):
            raise Conflict(
                f"{doing}, and the portal that did it has stopped.",
                "What came of it is being found out: try again in a few seconds.",
            )
        step = operation.steps[-1] if operation.steps else None
        now_at = f" (now: {step.title})" if step and step.ended_at is None else ""
        raise Conflict(
            f"{doing}{now_at}.", "Wait until that has ended; the app's page shows how far it is."
        )

    def _newest(self, claim: Claim) -> Operation:
        """The operation of a claim; this portal knows of its own before the cluster does."""
        mine = self._running.get(claim.operation.key)
        if mine is not None and mine.recorder.operation.id == claim.operation.id:
            return mine.recorder.operation
        return claim.operation

    # Beginning.

    async def begin(
        self, key: Key, verb: Verb, actor: str, work: Work, *, base: int, description: str = ""
    ) -> Operation:
        """Take the release and start an operation on it. One that only waits gives way.

        Raises ``Conflict`` if anybody else, in whatever portal, is at work on it or was first.
        """
        self.check_free(key)
        now = self._clock()
        operation = Operation(
            id=uuid.uuid4().hex,
            key=key,
            verb=verb,
            actor=actor,
            phase=OperationPhase.QUEUED,
            created_at=now,
            updated_at=now,
            base=base,
            description=description,
        )
        claim = await self._take(operation)
        if self._draining:
            await self._claims.drop(claim)
            raise Conflict("The portal is restarting.", "Try again in a minute.")
        before = self._running.pop(key, None)
        if before is not None:
            # Closed before the new one is written: the store keeps the newest of a key.
            before.recorder.finish(
                OperationPhase.CANCELLED, f"Superseded: {actor} began {_DOING[verb]} {key.name}."
            )
            before.leave()
        self._board.note(claim)
        running = self._start(claim, work)
        running.recorder.begin()
        return running.recorder.operation

    async def _take(self, operation: Operation) -> Claim:
        key = operation.key
        seen = self._board.claim(key)
        for _ in range(ATTEMPTS):
            if seen is not None:
                self._check_over(seen)
            try:
                claim = await self._claims.put(
                    Claim(operation, self._holder, seen.version if seen else "")
                )
            except (Conflict, NotFound):
                seen = await self._claims.read(key)
                if seen is not None:
                    self._board.note(seen)
                continue
            return claim
        raise Conflict(
            f"Several people are changing {key.name} at this moment.",
            "Look at the app's page, then try again.",
        )

    def _start(self, claim: Claim, work: Work) -> Running:
        key, changed = claim.operation.key, asyncio.Event()
        recorder = Recorder(self._store, self._clock, claim.operation, changed.set, self._ended)
        running = self._running[key] = Running(recorder, claim, changed)
        running.task = self._task(self._run(running, work))
        running.keeper = self._task(self._keep(running))
        return running

    def _task(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def adopt(self, claim: Claim, work: Work) -> None:
        """Go on with an operation whose portal is dead, unless another portal was faster."""
        if self._draining:
            return
        try:
            claim = await self._claims.put(replace(claim, holder=self._holder))
        except (Conflict, NotFound):
            return
        self._board.note(claim)
        running = self._start(claim, work)
        running.recorder.take_over()
        self._heard(claim)

    # Ending from outside.

    async def cancel(self, key: Key, by: str) -> None:
        """End the operation on a release, in whatever portal it runs.

        Raises ``Conflict`` if there is none, or if it is one that must not stop half way.
        """
        for _ in range(ATTEMPTS):
            claim = self._board.claim(key)
            operation = self._newest(claim) if claim else None
            if claim is None or operation is None or operation.phase.terminal:
                raise Conflict(f"Nothing is under way on {key.name} any more.")
            if operation.verb is Verb.UNINSTALL:
                raise Conflict(
                    "A removal cannot be cancelled: half of the app would be left.",
                    "Launch it again when it is gone.",
                )
            mine = self._running.get(key)
            if mine is not None:
                mine.end(_cancelled(by))
                return
            try:
                self._board.note(await self._claims.put(replace(claim, cancel=by)))
            except (Conflict, NotFound):
                seen = await self._claims.read(key)
                if seen is not None:
                    self._board.note(seen)
                continue
            return
        raise Conflict("The operation changes too quickly.", "Try again.")

    async def dismiss(self, key: Key) -> None:
        """Forget the finished operation of a key."""
        claim = self._board.claim(key)
        operation = self._newest(claim) if claim else None
        if operation is not None and not operation.phase.terminal:
            raise Conflict(
                f"The operation on {key.name} has not ended yet.", "Wait until it has ended."
            )
        mine = self._running.get(key)
        if mine is not None and mine.keeper is not None:
            await asyncio.wait([mine.keeper])  # its last word is on its way
            claim = self._board.claim(key)
        if claim is not None:
            await self._claims.drop(claim)
        self._board.forget(key)

    async def drain(self, grace: float, patience: float) -> None:
        """Stop: hand over what waits, let Helm finish for ``patience`` seconds, then end it.

        Tasks get ``grace`` seconds to end what they run, and to write that down.
        """
        self._draining = True
        for running in list(self._running.values()):
            if running.recorder.operation.phase is OperationPhase.WAITING:
                running.leave()
        await self._wait_for_tasks(patience)
        stopped = Ending(OperationPhase.INTERRUPTED, "The portal stopped while this was under way.")
        for running in list(self._running.values()):
            if running.recorder.operation.verb is Verb.UNINSTALL:
                running.leave()  # half a removal is of no use: the next portal completes it
            else:
                running.end(stopped)
        await self._wait_for_tasks(grace)
        for task in tuple(self._tasks):
            task.cancel()

    async def _wait_for_tasks(self, seconds: float) -> None:
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)

    def _heard(self, claim: Claim) -> None:
        """A claim has changed: is it news for an operation that runs here?"""
        mine = self._running.get(claim.operation.key)
        if mine is None or mine.left:
            return
        same = claim.operation.id == mine.recorder.operation.id
        if claim.holder != self._holder:
            if not same or claim.holder:
                self._lose(mine)
        elif same and claim.cancel:
            mine.end(_cancelled(claim.cancel))

    def _lose(self, running: Running) -> None:
        key = running.recorder.operation.key
        log.warning("%s: another portal has taken over", key)
        running.leave()
        if self._running.get(key) is running:
            del self._running[key]
        newest = self._board.claim(key)
        if newest is not None:
            self._store.put_operation(newest.operation)

    # Running.

    async def _run(self, running: Running, work: Work) -> None:
        recorder = running.recorder
        try:
            async with self._slots:
                recorder.put(phase=OperationPhase.RUNNING)
                goal = await work(recorder)
            if goal is not None:
                recorder.put(phase=OperationPhase.WAITING)
                if self._draining:
                    running.leave()
                with recorder.step(goal.title):
                    await until(self._store, recorder.operation.key, goal.look, self._settle)
            recorder.finish(OperationPhase.SUCCEEDED, advice=recorder.operation.advice)
        except Interrupted as error:
            recorder.finish(OperationPhase.INTERRUPTED, error.message, error.advice, cause=error)
        except PortalError as error:
            await self._mended(running)
            fields = self._fields(error) if isinstance(error, ChartError) else {}
            recorder.finish(OperationPhase.FAILED, error.message, error.advice, fields, error)
        except asyncio.CancelledError:
            if not running.left:
                await self._cancelled(running)
            raise
        except Exception as error:
            operation = recorder.operation
            log.exception("operation %s on %s failed", operation.verb, operation.key)
            await self._mended(running)
            recorder.finish(
                OperationPhase.FAILED,
                "Something went wrong in the portal itself.",
                "The portal's log has the details; tell an administrator.",
                cause=error,
            )
        finally:
            running.over.set()
            running.changed.set()

    async def _cancelled(self, running: Running) -> None:
        ending = running.ending or Ending(OperationPhase.CANCELLED, "Cancelled.")
        phase = running.recorder.operation.phase
        if phase is OperationPhase.QUEUED:
            advice = "It had not begun: nothing was changed."
        elif phase is OperationPhase.WAITING:
            advice = "Helm had finished: only the wait for the pods has ended."
        else:
            mended = await self._mended(running)
            advice = mended or "Look at the release's status, then try again."
        running.recorder.finish(ending.phase, ending.error, advice)

    async def _mended(self, running: Running) -> str:
        """See to it that Helm has left nothing pending; what was done about it, in words.

        Only while Helm may have been at work. An API that does not answer is asked again until
        it does: as long as that takes, the operation is not over.
        """
        recorder = running.recorder
        if recorder.operation.phase is not OperationPhase.RUNNING:
            return ""
        while True:
            try:
                return await self._mend(recorder.operation)
            except PortalError as error:
                log.warning("%s: %s", recorder.operation.key, error)
                if self._draining:
                    running.leave()
                    return ""
            await asyncio.sleep(keeper.RETRY)

    async def _keep(self, running: Running) -> None:
        await self._keeper.keep(running)
        if self._holds(running):
            del self._running[running.recorder.operation.key]

    def _holds(self, running: Running) -> bool:
        """Whether the release belongs to this operation still, and to this portal."""
        return self._running.get(running.recorder.operation.key) is running


def _cancelled(by: str) -> Ending:
    return Ending(OperationPhase.CANCELLED, f"Cancelled by {by}.")
