"""An operation under way in this portal, and the renewer of its lease."""

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
"""Seconds after which a lease is written again though nothing has changed."""
PAUSE = 0.2
"""Seconds between two writes of a lease: steps that follow each other quickly go together."""
FENCE = LEASE_SECONDS - 4
"""Seconds without a successful write after which Helm is ended: another portal may take over."""
RETRY = 1.0
"""Seconds between two tries while the API does not answer."""


class Ending(Struct, frozen=True):
    """How an operation ends that is not left to end by itself."""

    phase: OperationPhase
    error: str


class RunningOperation(Struct, eq=False):
    """An operation under way in this portal. ``left``: it goes on elsewhere."""

    progress: Progress
    lease: OperationLease
    changed: asyncio.Event
    over: asyncio.Event = field(default_factory=asyncio.Event)
    ending: Ending | None = None
    left: bool = False
    task: asyncio.Task[None] | None = None
    renewer: asyncio.Task[None] | None = None

    def end(self, ending: Ending) -> None:
        """Cancel it, once, with these words."""
        if self.ending is None and self.task is not None:
            self.ending = ending
            self.task.cancel()

    def leave(self) -> None:
        """Stop without an end: somebody else goes on with it, or has replaced it."""
        self.left = True
        self.progress.leave()
        if self.task is not None:
            self.task.cancel()


class LeaseRenewer:
    """Writes what recorders say into the leases, and so shows that this portal is alive.

    ``holds`` tells whether an operation is still the one of its release, in this portal.
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
        """Write the operation into its lease, until it has ended or gone elsewhere."""
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
        """Take in what somebody else wrote into the lease; whether it is still this one's."""
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
            self._registry.note(latest)  # which ends this one if it is not its own any more
            running.lease = latest
        running.changed.set()
        return self._holds(running)


async def _within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
