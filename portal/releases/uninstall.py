"""Uninstall: remove a release and its objects."""

from __future__ import annotations

from contextlib import suppress

from portal.domain.errors import NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.objects import ReleaseStatus
from portal.domain.operations import Operation, Verb
from portal.domain.permissions import Permission
from portal.domain.release import ReleaseRevision
from portal.operations.action import Action
from portal.operations.outcome import InterruptedOutcome
from portal.operations.progress import Progress
from portal.operations.rollout import gone
from portal.operations.waiting import WaitCondition
from portal.releases.changes import Changes
from portal.releases.failed_forms import FailedForms
from portal.releases.plan import Plan
from portal.releases.preconditions import Preconditions
from portal.releases.previews import Previews

UNINSTALL = Verb("uninstall", "removal", "removing", removes=True)

GONE = WaitCondition("Wait until everything is gone", lambda state, seen: gone(state))


class Uninstall(Action):
    """The removal of a release. Recovery completes an interrupted one."""

    verb = UNINSTALL
    permission = Permission.UNINSTALL
    completes = True

    def __init__(
        self,
        changes: Changes,
        preconditions: Preconditions,
        previews: Previews,
        failed_forms: FailedForms,
    ) -> None:
        self._changes = changes
        self._preconditions = preconditions
        self._previews = previews
        self._failed_forms = failed_forms

    def plan(self, identity: Identity, key: Key) -> Plan:
        """Plan the removal of a release."""

        def check() -> None:
            # An unfinished uninstall may be repeated.
            self._preconditions.check_free(key, allow=ReleaseStatus.UNINSTALLING)
            self._preconditions.require_existing(key)

        async def run(progress: Progress) -> WaitCondition:
            # Determined first: Helm deletes the manifest.
            advice = await self._previews.remaining_volumes(identity, key)
            problem = await self._changes.hooks_problem(key, identity)
            if problem:
                advice = f"Its hooks were not run. {problem} {advice}".strip()
            progress.put(advice=advice)
            with progress.step("Run helm uninstall"):
                try:
                    result = await self._changes.helm.uninstall(
                        key, hooks=not problem, identity=progress.identity
                    )
                    progress.put(helm_seconds=result.seconds)
                except NotFound:
                    pass  # removed already
                self._changes.releases.record_revision(key, 0)
                self._failed_forms.drop(key)
            return GONE

        return Plan(self, key, run, check)

    @staticmethod
    def outcome(operation: Operation, left: ReleaseRevision | None) -> InterruptedOutcome:
        """Return the outcome, by whether a record is left."""
        if left is None or left.status is ReleaseStatus.UNINSTALLED:
            return InterruptedOutcome.FINISHED
        begun = left.status is ReleaseStatus.UNINSTALLING
        return InterruptedOutcome.PENDING if begun else InterruptedOutcome.NOT_BEGUN

    async def complete(self, progress: Progress, left: ReleaseRevision | None) -> WaitCondition:
        """Repeat an unfinished uninstall."""
        if left is not None and left.status is ReleaseStatus.UNINSTALLING:
            with progress.step("Run helm uninstall again"), suppress(NotFound):
                await self._changes.helm.uninstall(
                    progress.operation.key, identity=progress.identity
                )
        return GONE
