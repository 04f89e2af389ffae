"""A running operation of this portal, and the renewer of its lease."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from msgspec import Struct, field
from msgspec.structs import replace

from portal.domain.errors import Conflict, NotFound, PortalError
from portal.domain.operations import LEASE_SECONDS, OperationLease, OperationPhase
from portal.operations.ports import OperationLeases
from portal.operations.progress import Progress
from portal.operations.registry import OperationRegistry

log = logging.getLogger(__name__)

RENEW = LEASE_SECONDS / 4
"""Seconds after which an unchanged lease is renewed."""
PAUSE = 0.2
"""Minimum seconds between two writes of a lease: quick steps are written together."""
FENCE = LEASE_SECONDS - 4
"""Seconds without a successful write after which Helm is stopped: another portal may take over."""
RETRY = 1.0
"""Seconds between two attempts while the API does not answer."""


class Ending(Struct, frozen=True):
    """The phase and error of an operation that is ended from outside, ``by`` a user or nobody."""

    phase: OperationPhase
    error: str
    by: str = ""


class RunningOperation(Struct, eq=False):
    """An operation that runs in this portal. ``left``: it was handed over or replaced."""

    progress: Progress
    lease: OperationLease
    changed: asyncio.Event
    over: asyncio.Event = field(default_factory=asyncio.Event)
    ending: Ending | None = None
    left: bool = False
    task: asyncio.Task[None] | None = None
    renewer: asyncio.Task[None] | None = None

    def end(self, ending: Ending) -> None:
        """Cancel the operation with this ending; the first call counts."""
        if self.ending is None and self.task is not None:
            self.ending = ending
            self.task.cancel()

    def leave(self) -> None:
        """Stop working on the operation without ending it: it is handed over or replaced."""
        self.left = True
        self.progress.leave()
        if self.task is not None:
            self.task.cancel()


class LeaseRenewer:
    """Writes the progress of operations into their leases, which also renews these.

    ``holds`` returns True while this portal holds the release for an operation.
    """

    def __init__(
        self,
        leases: OperationLeases,
        registry: OperationRegistry,
        holder: str,
        holds: Callable[[RunningOperation], bool],
    ) -> None:
        self._leases = leases
        self._registry = registry
        self._holder = holder
        self._holds = holds

    async def keep(self, running: RunningOperation) -> None:
        """Write the operation into its lease until it ends or this portal loses the lease."""
        progress, key = running.progress, running.progress.operation.key
        renewed = time.monotonic()
        while True:
            await _within(running.changed, RENEW)
            await _within(running.over, PAUSE)
            running.changed.clear()
            over = running.over.is_set()
            if not self._holds(running):
                return
            sent = time.monotonic()
            try:
                await self._write(running, "" if over else self._holder)
                renewed = sent
                if over:
                    return
            except (Conflict, NotFound):
                if not await self._reread(running):
                    return
            except (PortalError, TimeoutError) as error:
                log.warning("%s: cannot write its lease: %s", key, error or "no answer")
                working = progress.operation.phase is OperationPhase.RUNNING
                if working and time.monotonic() - renewed > FENCE:
                    running.end(
                        Ending(
                            OperationPhase.INTERRUPTED,
                            f"The cluster did not answer the portal for {FENCE:.0f} seconds.",
                        )
                    )
                await asyncio.sleep(RETRY)
                running.changed.set()

    async def _write(self, running: RunningOperation, holder: str) -> None:
        async with asyncio.timeout(RENEW):
            running.lease = await self._leases.put(
                replace(running.lease, operation=running.progress.operation, holder=holder)
            )
        self._registry.note(running.lease)

    async def _reread(self, running: RunningOperation) -> bool:
        """Read the lease after a conflict; return True if it still belongs to this operation."""
        progress = running.progress
        try:
            async with asyncio.timeout(RENEW):
                latest = await self._leases.read(progress.operation.key)
        except (PortalError, TimeoutError):
            await asyncio.sleep(RETRY)
            running.changed.set()
            return True
        if latest is None:
            running.lease = replace(running.lease, version="")
        else:
            self._registry.note(latest)  # ends this operation if it has lost the lease
            running.lease = latest
        running.changed.set()
        return self._holds(running)


async def _within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
