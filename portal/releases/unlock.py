"""Unlock: mark a revision left pending by a stopped Helm as failed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from portal.domain.errors import Conflict
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.objects import ReleaseStatus
from portal.domain.operations import DEAD_AFTER, Operation, Verb
from portal.domain.permissions import Permission
from portal.domain.release import ReleaseRecord, ReleaseRevision
from portal.helm_service.errors import busy
from portal.operations.action import Action
from portal.operations.outcome import InterruptedOutcome
from portal.operations.progress import Progress
from portal.releases.current import check_stored_with_objects
from portal.releases.plan import Plan
from portal.releases.ports import Records
from portal.releases.preconditions import Preconditions
from portal.state.store import Store

UNLOCK = Verb("unlock", "unlocking", "unlocking")


class Unlock(Action):
    """The unlocking of a release. Running pods are not changed."""

    verb = UNLOCK
    permission = Permission.UNLOCK

    def __init__(
        self,
        store: Store,
        records: Records,
        preconditions: Preconditions,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._records = records
        self._preconditions = preconditions
        self._clock = clock

    def plan(self, identity: Identity, key: Key) -> Plan:
        """Plan to mark the pending revision as failed."""
        words = f"Unlocked by {identity.user}"

        def check() -> None:
            self._preconditions.check_idle(key)
            self._abandoned(key)

        async def run(progress: Progress) -> None:
            revision = self._abandoned(key).revision
            with progress.step(f"Mark revision {revision} as failed"):
                left = await self._records.newest(key)
                if left is None or left.revision != revision or not left.status.pending:
                    raise Conflict(f"Helm has gone on with {key.name} in the meantime.")
                await self._records.mark_failed(key, left, words, identity=identity)

        return Plan(self, key, run, check, words)

    def _abandoned(self, key: Key) -> ReleaseRecord:
        """Return the record of a release pending for ``DEAD_AFTER`` seconds; raises otherwise."""
        release = self._store.snapshot.app(key).release
        if (
            release is None
            or not release.status.pending
            or release.status is ReleaseStatus.UNINSTALLING
        ):
            raise Conflict(f"{key.name} is not pending any more.")
        check_stored_with_objects(release)
        changed = release.updated_at
        if changed is None or (self._clock() - changed).total_seconds() <= DEAD_AFTER:
            raise busy(key, release.status)
        return release

    @staticmethod
    def outcome(operation: Operation, left: ReleaseRevision | None) -> InterruptedOutcome:
        """Return the outcome, by whether the release is still pending."""
        pending = left is not None and left.status.pending
        return InterruptedOutcome.NOT_BEGUN if pending else InterruptedOutcome.FINISHED
