"""The recovery loop: finishes abandoned operations of all portals, and deletes outdated leases."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from portal.domain.errors import Conflict, PortalError
from portal.domain.namespaces import NamespaceRules
from portal.domain.objects import Kind
from portal.domain.operations import OperationLease, OperationPhase
from portal.operations.executor import OperationExecutor
from portal.operations.interrupted import InterruptedOperations
from portal.operations.ports import OperationLeases
from portal.operations.registry import OperationRegistry
from portal.operations.waiting import watched
from portal.state.store import Store

log = logging.getLogger(__name__)

REMEMBERED = timedelta(days=1)
"""Time for which the operation of a release that does not exist is kept."""


class RecoveryLoop:
    """Adopts abandoned operations. Every portal runs one; the lease decides which adopts.

    Namespaces in which ``rules`` allow no change are left alone. ``uninstalled_for``: seconds for
    which a finished uninstall stays visible; ``interval``: seconds between two searches.
    """

    def __init__(
        self,
        store: Store,
        leases: OperationLeases,
        registry: OperationRegistry,
        executor: OperationExecutor,
        interrupted: InterruptedOperations,
        clock: Callable[[], datetime],
        rules: NamespaceRules,
        *,
        interval: float = 1.0,
        uninstalled_for: float = 30.0,
    ) -> None:
        self._store = store
        self._leases = leases
        self._registry = registry
        self._executor = executor
        self._interrupted = interrupted
        self._clock = clock
        self._rules = rules
        self._interval = interval
        self._uninstalled_for = timedelta(seconds=uninstalled_for)

    async def run(self) -> None:
        """Recover abandoned operations until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            if not watched(self._store, Kind.LEASE, self._clock()):
                self._registry.restart_silence()
                continue
            for lease in self._registry:
                try:
                    await self._recover(lease)
                except Conflict:
                    continue  # another portal was faster
                except PortalError as error:
                    log.warning("%s: %s", lease.operation.key, error)

    async def _recover(self, lease: OperationLease) -> None:
        key = lease.operation.key
        if self._executor.works_on(key) or self._rules.problem(key.namespace):
            return
        if self._registry.abandoned(lease):
            if not self._interrupted.supports(lease.operation.verb):
                return
            await self._executor.adopt(lease, self._interrupted.resume)
        elif self._outdated(lease):
            await self._leases.delete(lease)
            self._registry.forget(key)

    def _outdated(self, lease: OperationLease) -> bool:
        """Return True if the record of a finished operation is no longer needed."""
        operation = lease.operation
        if not operation.phase.terminal or not watched(self._store, Kind.RELEASE, self._clock()):
            return False
        if self._store.snapshot.app(operation.key).release is not None:
            return False
        removed = operation.verb.removes and operation.phase is OperationPhase.SUCCEEDED
        kept = self._uninstalled_for if removed else REMEMBERED
        return self._clock() - operation.updated_at > kept
