"""Looks after the leases of all portals: what nobody works on any more is finished or forgotten."""

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
"""How long the operation of a release that does not exist is kept."""


class RecoveryLoop:
    """Every portal has one; which of them adopts an operation is decided by its lease.

    Nothing is touched where ``rules`` let the portal change nothing. ``uninstalled_for``: seconds
    that a finished uninstall stays to be seen; ``interval``: seconds between two looks.
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
        """Look after them until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            if not watched(self._store, Kind.LEASE, self._clock()):
                self._registry.look_away()
                continue
            for lease in self._registry:
                try:
                    await self._look_after(lease)
                except Conflict:
                    continue  # somebody was faster
                except PortalError as error:
                    log.warning("%s: %s", lease.operation.key, error)

    async def _look_after(self, lease: OperationLease) -> None:
        key = lease.operation.key
        if self._executor.works_on(key) or self._rules.problem(key.namespace):
            return
        if self._registry.abandoned(lease):
            if not self._interrupted.knows(lease.operation.verb):
                return
            await self._executor.adopt(lease, self._interrupted.resume)
        elif self._outlived(lease):
            await self._leases.delete(lease)
            self._registry.forget(key)

    def _outlived(self, lease: OperationLease) -> bool:
        """Whether nobody needs the record of a finished operation any more."""
        operation = lease.operation
        if not operation.phase.terminal or not watched(self._store, Kind.RELEASE, self._clock()):
            return False
        if self._store.snapshot.app(operation.key).release is not None:
            return False
        removed = operation.verb.removes and operation.phase is OperationPhase.SUCCEEDED
        kept = self._uninstalled_for if removed else REMEMBERED
        return self._clock() - operation.updated_at > kept
