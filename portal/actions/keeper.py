"""An operation under way in this portal, and the keeper of its claim."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from msgspec import Struct, field
from msgspec.structs import replace

from portal.actions.board import Board
from portal.actions.recorder import Recorder
from portal.actions.seams import Claims
from portal.domain.errors import Conflict, NotFound, PortalError
from portal.domain.operations import LEASE_SECONDS, Claim, OperationPhase

log = logging.getLogger(__name__)

RENEW = LEASE_SECONDS / 4
"""Seconds after which a claim is written again though nothing has changed."""
PAUSE = 0.2
"""Seconds between two writes of a claim: steps that follow each other quickly go together."""
FENCE = LEASE_SECONDS - 4
"""Seconds without a successful write after which Helm is ended: another portal may take over."""
RETRY = 1.0
"""Seconds between two tries while the API does not answer."""


class Ending(Struct, frozen=True):
    """How an operation ends that is not left to end by itself."""

    phase: OperationPhase
    error: str


class Running(Struct, eq=False):
    """An operation under way in this portal. ``left``: it goes on elsewhere."""

    recorder: Recorder
    claim: Claim
    changed: asyncio.Event
    over: asyncio.Event = field(default_factory=asyncio.Event)
    ending: Ending | None = None
    left: bool = False
    task: asyncio.Task[None] | None = None
    keeper: asyncio.Task[None] | None = None

    def end(self, ending: Ending) -> None:
        """Cancel it, once, with these words."""
        if self.ending is None and self.task is not None:
            self.ending = ending
            self.task.cancel()

    def leave(self) -> None:
        """Stop without an end: somebody else goes on with it, or has replaced it."""
        self.left = True
        self.recorder.leave()
        if self.task is not None:
            self.task.cancel()


class Keeper:
    """Writes what recorders say into the claims, and so shows that this portal is alive.

    ``holds`` tells whether an operation is still the one of its release, in this portal.
    """

    def __init__(
        self, claims: Claims, board: Board, holder: str, holds: Callable[[Running], bool]
    ) -> None:
        self._claims = claims
        self._board = board
        self._holder = holder
        self._holds = holds

    async def keep(self, running: Running) -> None:
        """Write the operation into its claim, until it has ended or gone elsewhere."""
        recorder, key = running.recorder, running.recorder.operation.key
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
                log.warning("%s: cannot write its claim: %s", key, error or "no answer")
                working = recorder.operation.phase is OperationPhase.RUNNING
                if working and time.monotonic() - renewed > FENCE:
                    running.end(
                        Ending(
                            OperationPhase.INTERRUPTED,
                            f"The cluster did not answer the portal for {FENCE:.0f} seconds.",
                        )
                    )
                await asyncio.sleep(RETRY)
                running.changed.set()

    async def _write(self, running: Running, holder: str) -> None:
        async with asyncio.timeout(RENEW):
            running.claim = await self._claims.put(
                replace(running.claim, operation=running.recorder.operation, holder=holder)
            )
        self._board.note(running.claim)

    async def _reread(self, running: Running) -> bool:
        """Take in what somebody else wrote into the claim; whether it is still this one's."""
        recorder = running.recorder
        try:
            async with asyncio.timeout(RENEW):
                latest = await self._claims.read(recorder.operation.key)
        except (PortalError, TimeoutError):
            await asyncio.sleep(RETRY)
            running.changed.set()
            return True
        if latest is None:
            running.claim = replace(running.claim, version="")
        else:
            self._board.note(latest)  # which ends this one if it is not its own any more
            running.claim = latest
        running.changed.set()
        return self._holds(running)


async def _within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
