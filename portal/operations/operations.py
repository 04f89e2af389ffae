"""The operations of this portal: run, written down, and finished for portals that stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from msgspec import Struct

from portal.domain.namespaces import NamespaceRules
from portal.domain.operations import LEASE_SECONDS, Operation
from portal.operations.action import Action
from portal.operations.executor import FieldNames, OperationExecutor
from portal.operations.interrupted import InterruptedOperations
from portal.operations.ports import OperationLeases, RevisionRecords
from portal.operations.recovery import RecoveryLoop
from portal.operations.registry import OperationRegistry
from portal.state.store import Store


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


class Timing(Struct, frozen=True):
    """How many operations run at once, and how long is waited for what, in seconds.

    ``settle``: a rollout must stay complete for so long to count as done; watches of different
    kinds are not in step, by a few milliseconds. ``uninstalled_for``: a finished uninstall stays
    to be seen. ``interval``: between two looks for operations that nobody works on any more,
    which is so after ``lease_seconds`` of silence.
    """

    limit: int = 20
    settle: float = 0.5
    uninstalled_for: float = 30.0
    interval: float = 1.0
    lease_seconds: float = LEASE_SECONDS


class Operations:
    """Makes the executor, the registry and the recovery of one portal work together.

    ``holder`` names this process among all portals, and no other ever. Nothing is touched where
    ``rules`` let the portal change nothing. ``fields`` maps what a chart has said of values to
    the form's fields. ``ended`` is told of operations that end here.
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
        timing: Timing | None = None,
    ) -> None:
        timing = timing or Timing()
        self.registry = OperationRegistry(store, holder, patience=timing.lease_seconds)
        """Where the watch of all portals' Leases goes."""
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
            settle=timing.settle,
            ended=ended,
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
        """Say what can be run, before anything is."""
        self._interrupted.declare(actions)

    async def run(self) -> None:
        """Finish what portals that stopped have left, until cancelled."""
        await self._recovery.run()

    async def drain(self, grace: float, patience: float = 0.0) -> None:
        """Hand over what only waits; give Helm ``patience`` seconds to finish, then SIGTERM.

        Within ``grace`` seconds more everything has ended, and is written down.
        """
        await self.executor.drain(grace, patience)
