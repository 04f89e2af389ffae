"""The executor of operations: one at a time on each release, across all portals of the cluster.

Each operation runs as a task, and beside it a *renewer* that writes its progress into the lease
often enough to show that this portal is alive. If this portal stops, another one can continue from
the lease.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from msgspec.structs import replace

from portal.domain.audit import UNRECORDED, Event, Outcome, Recorder, failed
from portal.domain.errors import ChartError, Conflict, NotFound, PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.limits import LIMITS, Limit
from portal.domain.operations import Operation, OperationLease, OperationPhase, Verb
from portal.domain.request import collect_audit_ids, enter_operation
from portal.operations import renewer
from portal.operations.interrupted import Interrupted, MarkPendingFailed
from portal.operations.ports import IdentitySeal, NoSeal, OperationLeases
from portal.operations.progress import Progress
from portal.operations.registry import OperationRegistry
from portal.operations.renewer import Ending, LeaseRenewer, RunningOperation
from portal.operations.waiting import WaitCondition, until
from portal.state.store import Store

log = logging.getLogger(__name__)

Work = Callable[[Progress], Awaitable[WaitCondition | None]]
"""The work of an operation; returns the condition that completes it, None if there is none."""

FieldNames = Callable[[ChartError], Mapping[str, str]]

ATTEMPTS = 5

_ACTIVE = frozenset({OperationPhase.QUEUED, OperationPhase.RUNNING})


class OperationExecutor:
    """Runs operations as tasks of the event loop, ``limit`` at once; waiting ones do not count."""

    def __init__(
        self,
        store: Store,
        leases: OperationLeases,
        registry: OperationRegistry,
        mark_pending_failed: MarkPendingFailed,
        clock: Callable[[], datetime],
        fields: FieldNames,
        *,
        holder: str,
        limit: int = 20,
        limit_of_one: Limit = LIMITS.operations,
        settle: float = 0.5,
        ended: Callable[[Operation], None] = lambda operation: None,
        recorder: Recorder = UNRECORDED,
        seal: IdentitySeal | None = None,
    ) -> None:
        """Set it up; ``settle``: seconds a condition must hold; ``ended``: called at each end.

        ``limit_of_one`` is that of one person, in all portals.
        """
        self._limit_of_one = limit_of_one
        self._beginning: list[str] = []
        """Users whose operations are about to be in the registry."""
        self._recorder = recorder
        self._seal = seal or NoSeal()
        self._store = store
        self._leases = leases
        self._registry = registry
        self._mark_pending_failed = mark_pending_failed
        self._clock = clock
        self._fields = fields
        self._holder = holder
        self._slots = asyncio.Semaphore(limit)
        self._settle = settle
        self._ended = ended
        self._renewer = LeaseRenewer(leases, registry, holder, self._holds)
        self._running: dict[Key, RunningOperation] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False
        registry.on_change(self._on_lease_change)

    # Checking.

    def check_free(self, key: Key) -> None:
        """Raise ``Conflict`` if an operation is under way that must not be replaced."""
        if self._draining:
            raise Conflict("The portal is restarting.", "Try again in a minute.")
        lease = self._registry.lease(key)
        if lease is not None:
            self._check_over(lease)

    def _check_limit(self, identity: Identity) -> None:
        """Raise ``LimitReached`` if a person has the most operations that one may have."""
        running = (self._newest(lease) for lease in self._registry)
        mine = sum(each.actor == identity.user and each.phase in _ACTIVE for each in running)
        refusal = self._limit_of_one.refusal(identity, mine + self._beginning.count(identity.user))
        if refusal is not None:
            raise refusal

    def works_on(self, key: Key) -> bool:
        """Return True if this portal runs an operation on a release."""
        return key in self._running

    def _check_over(self, lease: OperationLease) -> None:
        operation = self._newest(lease)
        # A removal must be complete first: Helm would "upgrade" objects that are being deleted.
        waits = operation.phase is OperationPhase.WAITING and not operation.verb.removes
        if operation.phase.terminal or waits:
            return
        since = f"since {operation.created_at:%H:%M:%S} UTC"
        doing = (
            f"{operation.actor} has been {operation.verb.progressive} {operation.key.name} {since}"
        )
        if self._registry.abandoned(lease):
            raise Conflict(
                f"{doing}, and the portal that did it has stopped.",
                "The portal is recovering it: try again in a few seconds.",
            )
        step = operation.steps[-1] if operation.steps else None
        now_at = f" (now: {step.title})" if step and step.ended_at is None else ""
        raise Conflict(
            f"{doing}{now_at}.", "Wait until that has ended; the app's page shows how far it is."
        )

    def _newest(self, lease: OperationLease) -> Operation:
        """Return the operation of a lease, for this portal's own one with its latest progress."""
        mine = self._running.get(lease.operation.key)
        if mine is not None and mine.progress.operation.id == lease.operation.id:
            return mine.progress.operation
        return lease.operation

    # Beginning.

    async def begin(
        self,
        key: Key,
        verb: Verb,
        identity: Identity,
        work: Work,
        *,
        base: int,
        description: str = "",
        asked: Mapping[str, str] | None = None,
    ) -> Operation:
        """Acquire the release's lease and start an operation; one that only waits is replaced.

        ``work`` acts for ``identity``, which its progress carries. ``asked`` is in the lease for
        the portal that has to finish it. The beginning is recorded before anything is done.

        Raises:
            Conflict: another operation is under way, in any portal, or was faster.
            LimitReached: ``identity`` has too many.
            PortalError: the beginning cannot be recorded.
        """
        self.check_free(key)
        self._check_limit(identity)
        self._beginning.append(identity.user)
        try:
            return await self._begin(key, verb, identity, work, base, description, asked or {})
        finally:
            self._beginning.remove(identity.user)

    async def _begin(
        self,
        key: Key,
        verb: Verb,
        identity: Identity,
        work: Work,
        base: int,
        description: str,
        asked: Mapping[str, str],
    ) -> Operation:
        now = self._clock()
        operation = Operation(
            id=uuid.uuid4().hex,
            key=key,
            verb=verb,
            actor=identity.user,
            phase=OperationPhase.QUEUED,
            created_at=now,
            updated_at=now,
            base=base,
            description=description,
            asked=asked,
        )
        detail: dict[str, object] = {
            "goal": description or f"{verb.noun.capitalize()} by {identity.user}"
        }
        if base:
            detail |= {"revision_before": base}
        event = Event(verb.name, Outcome.BEGUN, identity, key, operation.id, detail)
        collect_audit_ids()
        await self._recorder.record(event)
        try:
            lease = await self._acquire(operation, self._seal.close(operation, identity))
            if self._draining:
                await self._leases.delete(lease)
                raise Conflict("The portal is restarting.", "Try again in a minute.")
        except PortalError as error:
            self._recorder.note(failed(event, error))
            raise
        before = self._running.pop(key, None)
        if before is not None:
            # Finished before the new one is recorded: the store keeps the last one of a key.
            before.progress.finish(
                OperationPhase.CANCELLED,
                f"Superseded: {identity.user} began {verb.progressive} {key.name}.",
            )
            before.leave()
        self._registry.note(lease)
        running = self._start(lease, work, identity)
        running.progress.begin()
        return running.progress.operation

    async def _acquire(self, operation: Operation, sealed: str) -> OperationLease:
        key = operation.key
        seen = self._registry.lease(key)
        for _ in range(ATTEMPTS):
            if seen is not None:
                self._check_over(seen)
            try:
                version = seen.version if seen else ""
                lease = await self._leases.put(
                    OperationLease(operation, self._holder, version, sealed=sealed)
                )
            except (Conflict, NotFound):
                seen = await self._leases.read(key)
                if seen is not None:
                    self._registry.note(seen)
                continue
            return lease
        raise Conflict(
            f"Several people are changing {key.name} at this moment.",
            "Look at the app's page, then try again.",
        )

    def _start(
        self, lease: OperationLease, work: Work, identity: Identity | None
    ) -> RunningOperation:
        key, changed = lease.operation.key, asyncio.Event()
        progress = Progress(
            self._store,
            self._clock,
            lease.operation,
            changed.set,
            self._ended,
            identity,
            self._recorder,
        )
        running = self._running[key] = RunningOperation(progress, lease, changed)
        running.task = self._task(self._run(running, work))
        running.renewer = self._task(self._keep(running))
        return running

    def _task(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def adopt(self, lease: OperationLease, work: Work) -> None:
        """Continue an operation whose portal has stopped, unless another portal was faster."""
        if self._draining:
            return
        try:
            lease = await self._leases.put(replace(lease, holder=self._holder))
        except (Conflict, NotFound):
            return
        self._registry.note(lease)
        # A lease does not prove who began an operation: the portal finishes it as itself. Even
        # what a portal has sealed may be an old copy: it counts for Helm's record alone.
        running = self._start(lease, work, None)
        running.progress.repairs_as = self._seal.open(lease.operation, lease.sealed)
        running.progress.take_over()
        self._on_lease_change(lease)

    # Ending from outside.

    async def cancel(self, key: Key, by: str) -> None:
        """Cancel the operation on a release, in whichever portal it runs.

        Raises ``Conflict`` if there is none, or if it is a removal.
        """
        for _ in range(ATTEMPTS):
            lease = self._registry.lease(key)
            operation = self._newest(lease) if lease else None
            if lease is None or operation is None or operation.phase.terminal:
                raise Conflict(f"Nothing is under way on {key.name} any more.")
            if operation.verb.removes:
                raise Conflict(
                    "A removal cannot be cancelled: it would leave part of the app.",
                    "Launch it again when it is gone.",
                )
            mine = self._running.get(key)
            if mine is not None:
                mine.end(_cancelled(by))
                return
            try:
                self._registry.note(await self._leases.put(replace(lease, cancel=by)))
            except (Conflict, NotFound):
                seen = await self._leases.read(key)
                if seen is not None:
                    self._registry.note(seen)
                continue
            return
        raise Conflict("The operation changes too quickly.", "Try again.")

    async def dismiss(self, key: Key) -> None:
        """Remove the finished operation of a release; raises ``Conflict`` if it has not ended."""
        lease = self._registry.lease(key)
        operation = self._newest(lease) if lease else None
        if operation is not None and not operation.phase.terminal:
            raise Conflict(
                f"The operation on {key.name} has not ended yet.", "Wait until it has ended."
            )
        mine = self._running.get(key)
        if mine is not None and mine.renewer is not None:
            await asyncio.wait([mine.renewer])  # its last write is under way
            lease = self._registry.lease(key)
        if lease is not None:
            await self._leases.delete(lease)
        self._registry.forget(key)

    async def drain(self, grace: float, patience: float) -> None:
        """Hand over waiting operations; give Helm ``patience`` seconds to finish, then stop it.

        Tasks then get ``grace`` seconds to stop Helm and record the end.
        """
        self._draining = True
        for running in list(self._running.values()):
            if running.progress.operation.phase is OperationPhase.WAITING:
                running.leave()
        await self._wait_for_tasks(patience)
        stopped = Ending(OperationPhase.INTERRUPTED, "The portal stopped while this was under way.")
        for running in list(self._running.values()):
            if running.progress.operation.verb.removes:
                running.leave()  # the next portal completes a removal
            else:
                running.end(stopped)
        await self._wait_for_tasks(grace)
        for task in tuple(self._tasks):
            task.cancel()

    async def _wait_for_tasks(self, seconds: float) -> None:
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)

    def _on_lease_change(self, lease: OperationLease) -> None:
        """Apply a changed lease to the operation that runs here: takeover or cancellation."""
        mine = self._running.get(lease.operation.key)
        if mine is None or mine.left:
            return
        same = lease.operation.id == mine.progress.operation.id
        if lease.holder != self._holder:
            if not same or lease.holder:
                self._lose(mine)
        elif same and lease.cancel:
            mine.end(_cancelled(lease.cancel))

    def _lose(self, running: RunningOperation) -> None:
        key = running.progress.operation.key
        log.warning("%s: another portal has taken over", key)
        running.leave()
        if self._running.get(key) is running:
            del self._running[key]
        newest = self._registry.lease(key)
        if newest is not None:
            self._store.put_operation(newest.operation)

    # Running.

    async def _run(self, running: RunningOperation, work: Work) -> None:
        progress = running.progress
        condition: WaitCondition | None = None
        enter_operation(progress.operation.id)
        try:
            async with self._slots:
                progress.put(phase=OperationPhase.RUNNING)
                condition = await work(progress)
            if condition is not None:
                progress.put(phase=OperationPhase.WAITING)
                if self._draining:
                    running.leave()
                with progress.step(condition.title, waits=True):
                    await until(self._store, progress.operation.key, condition.look, self._settle)
            progress.finish(OperationPhase.SUCCEEDED, advice=progress.operation.advice)
        except Interrupted as error:
            progress.finish(OperationPhase.INTERRUPTED, error.message, error.advice, cause=error)
        except PortalError as error:
            await self._marked(running)
            fields = self._fields(error) if isinstance(error, ChartError) else None
            progress.finish(OperationPhase.FAILED, error.message, error.advice, fields, error)
        except asyncio.CancelledError:
            if not running.left:
                await self._cancelled(running, condition)
            raise
        except Exception as error:
            operation = progress.operation
            log.exception("operation %s on %s failed", operation.verb, operation.key)
            await self._marked(running)
            progress.finish(
                OperationPhase.FAILED,
                "Something went wrong in the portal itself.",
                "The portal's log has the details; tell an administrator.",
                cause=error,
            )
        finally:
            running.over.set()
            running.changed.set()

    async def _cancelled(self, running: RunningOperation, condition: WaitCondition | None) -> None:
        ending = running.ending or Ending(OperationPhase.CANCELLED, "Cancelled.")
        phase = running.progress.operation.phase
        if phase is OperationPhase.QUEUED:
            advice = "It had not begun: nothing was changed."
        elif phase is OperationPhase.WAITING and condition and condition.stop:
            advice = await _stopped(condition.stop, ending.by)
        elif phase is OperationPhase.WAITING:
            advice = "Helm had finished: only the wait for the pods has ended."
        else:
            marked = await self._marked(running)
            advice = marked or "Look at the release's status, then try again."
        running.progress.finish(ending.phase, ending.error, advice)

    async def _marked(self, running: RunningOperation) -> str:
        """Mark what Helm has left pending as failed; return what was found, in sentences.

        Does nothing unless Helm may have been running. Retries while the API does not answer:
        until then the operation has not ended.
        """
        progress = running.progress
        if progress.operation.phase is not OperationPhase.RUNNING:
            return ""
        while True:
            try:
                return await self._mark_pending_failed(progress.operation, progress.repairs_as)
            except PortalError as error:
                log.warning("%s: %s", progress.operation.key, error)
                if self._draining:
                    running.leave()
                    return ""
            await asyncio.sleep(renewer.RETRY)

    async def _keep(self, running: RunningOperation) -> None:
        collect_audit_ids(False)  # signs of life are no part of the change
        await self._renewer.keep(running)
        if self._holds(running):
            del self._running[running.progress.operation.key]

    def _holds(self, running: RunningOperation) -> bool:
        """Return True if this portal still holds the release for this operation."""
        return self._running.get(running.progress.operation.key) is running


async def _stopped(stop: Callable[[str], Awaitable[str]], by: str) -> str:
    """End what an operation waited for; return what is to be said of that."""
    try:
        return await stop(by)
    except PortalError as error:
        log.warning("stopping what was waited for: %s", error)
        return str(error)


def _cancelled(by: str) -> Ending:
    return Ending(OperationPhase.CANCELLED, f"Cancelled by {by}.", by)
