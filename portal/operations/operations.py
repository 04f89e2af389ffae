"""The operations of this portal: running, recording and recovering them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from msgspec import Struct

from portal.domain.audit import UNRECORDED, Recorder
from portal.domain.limits import LIMITS, Limit
from portal.domain.namespaces import NamespaceRules
from portal.domain.operations import LEASE_SECONDS, Operation
from portal.operations.action import Action
from portal.operations.executor import FieldNames, OperationExecutor
from portal.operations.interrupted import InterruptedOperations
from portal.operations.ports import IdentitySeal, OperationLeases, RevisionRecords
from portal.operations.recovery import RecoveryLoop
from portal.operations.registry import OperationRegistry
from portal.state.store import Store


def utc_now() -> datetime:
    """Return the current time in UTC, timezone-aware."""
    return datetime.now(UTC)


class OperationTiming(Struct, frozen=True):
    """Limits on operations; all but ``limit`` are in seconds.

    ``limit``: operations that run at once. ``settle``: time for which a rollout must stay complete
    to count as done, since watches of different kinds differ by milliseconds. ``uninstalled_for``:
    time for which a finished uninstall stays visible. ``interval``: time between two searches for
    abandoned operations. ``lease_seconds``: time without renewal after which a lease is abandoned.
    """

    limit: int = 20
    settle: float = 0.5
    uninstalled_for: float = 30.0
    interval: float = 1.0
    lease_seconds: float = LEASE_SECONDS


class Operations:
    """Connects the executor, the registry and the recovery loop of one portal.

    ``holder`` is an identity unique to this process. Namespaces in which ``rules`` allow no change
    are left alone. ``fields`` maps a chart's errors about values to form fields. ``ended`` is
    called with each operation that ends here. ``seal`` notes for whom operations run, so that
    another portal can repair Helm's record for them. ``limit_of_one`` is the limit of one person.
    """

    def __init__(
        self,
        store: Store,
        leases: OperationLeases,
        records: RevisionRecords,
        rules: NamespaceRules,
        *,
        holder: str,
        fields: FieldNames,
        clock: Callable[[], datetime] = utc_now,
        ended: Callable[[Operation], None] = lambda operation: None,
        timing: OperationTiming | None = None,
        recorder: Recorder = UNRECORDED,
        seal: IdentitySeal | None = None,
        limit_of_one: Limit = LIMITS.operations,
    ) -> None:
        self.recorder = recorder
        """The recorder of all changes."""
        timing = timing or OperationTiming()
        self.registry = OperationRegistry(store, holder, patience=timing.lease_seconds)
        """The sink of the watch of all portals' Leases."""
        self._interrupted = InterruptedOperations(records)
        self.executor = OperationExecutor(
            store,
            leases,
            self.registry,
            self._interrupted.mark_pending_failed,
            clock,
            fields,
            holder=holder,
            limit=timing.limit,
            limit_of_one=limit_of_one,
            settle=timing.settle,
            ended=ended,
            recorder=recorder,
            seal=seal,
        )
        self._recovery = RecoveryLoop(
            store,
            leases,
            self.registry,
            self.executor,
            self._interrupted,
            clock,
            rules,
            interval=timing.interval,
            uninstalled_for=timing.uninstalled_for,
        )

    def declare(self, actions: Iterable[Action]) -> None:
        """Register the actions that can run, before the first operation."""
        self._interrupted.declare(actions)

    async def run(self) -> None:
        """Recover operations of stopped portals until cancelled."""
        await self._recovery.run()

    async def drain(self, grace: float, patience: float = 0.0) -> None:
        """Hand over operations that only wait; give Helm ``patience`` seconds, then SIGTERM.

        After at most ``grace`` further seconds what has not ended is cancelled.
        """
        await self.executor.drain(grace, patience)
