"""Looks after the claims of all portals: what nobody works on any more is finished or forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from portal.actions.board import Board
from portal.actions.desk import Desk
from portal.actions.recovery import Recovery
from portal.actions.seams import Claims
from portal.actions.waiting import watched
from portal.domain.errors import Conflict, PortalError
from portal.domain.namespaces import NamespaceRules
from portal.domain.objects import Kind
from portal.domain.operations import Claim, OperationPhase, Verb
from portal.state.store import Store

log = logging.getLogger(__name__)

REMEMBERED = timedelta(days=1)
"""How long the operation of a release that does not exist is kept."""


class Caretaker:
    """Every portal has one; which of them adopts an operation is decided by its claim.

    Nothing is touched where ``rules`` let the portal change nothing. ``uninstalled_for``: seconds
    that a finished uninstall stays to be seen; ``interval``: seconds between two looks.
    """

    def __init__(
        self,
        store: Store,
        claims: Claims,
        board: Board,
        desk: Desk,
        recovery: Recovery,
        clock: Callable[[], datetime],
        rules: NamespaceRules,
        *,
        interval: float = 1.0,
        uninstalled_for: float = 30.0,
    ) -> None:
        self._store = store
        self._claims = claims
        self._board = board
        self._desk = desk
        self._recovery = recovery
        self._clock = clock
        self._rules = rules
        self._interval = interval
        self._uninstalled_for = timedelta(seconds=uninstalled_for)

    async def run(self) -> None:
        """Look after them until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            if not watched(self._store, Kind.LEASE, self._clock()):
                self._board.look_away()
                continue
            for claim in self._board:
                try:
                    await self._look_after(claim)
                except Conflict:
                    continue  # somebody was faster
                except PortalError as error:
                    log.warning("%s: %s", claim.operation.key, error)

    async def _look_after(self, claim: Claim) -> None:
        key = claim.operation.key
        if self._desk.works_on(key) or self._rules.problem(key.namespace):
            return
        if self._board.abandoned(claim):
            await self._desk.adopt(claim, self._recovery.resume)
        elif self._outlived(claim):
            await self._claims.drop(claim)
            self._board.forget(key)

    def _outlived(self, claim: Claim) -> bool:
        """Whether nobody needs the record of a finished operation any more."""
        operation = claim.operation
        if not operation.phase.terminal or not watched(self._store, Kind.RELEASE, self._clock()):
            return False
        if self._store.snapshot.app(operation.key).release is not None:
            return False
        removed = operation.verb is Verb.UNINSTALL and operation.phase is OperationPhase.SUCCEEDED
        kept = self._uninstalled_for if removed else REMEMBERED
        return self._clock() - operation.updated_at > kept
