"""Rollback: a new revision with the content of an earlier one."""

from __future__ import annotations

from portal.catalog import dash_app
from portal.domain.errors import InvalidInput, UnknownKind
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.operations import Operation, Verb
from portal.domain.permissions import Permission
from portal.domain.release import ReleaseRevision
from portal.guardrails.review import Guardrails
from portal.helm_service.errors import removed_from_past
from portal.helm_service.helm import HelmResult
from portal.operations.outcome import InterruptedOutcome, labelled, revision_outcome
from portal.operations.progress import Progress
from portal.operations.rollout import RolloutTarget
from portal.operations.waiting import WaitCondition
from portal.releases.changes import UPGRADE, Changes, ChartRef, RevisionAction, Values, rollout
from portal.releases.current import CurrentRelease
from portal.releases.pinned import own_chart
from portal.releases.plan import Plan
from portal.releases.preconditions import Preconditions
from portal.releases.replica_transfer import AGAIN, Transferred

ROLLBACK = Verb("rollback", "rollback", "rolling back")


class Rollback(RevisionAction):
    """The rollback of a release of any chart."""

    verb = ROLLBACK
    permission = Permission.ROLLBACK

    def __init__(self, changes: Changes, preconditions: Preconditions) -> None:
        super().__init__(changes)
        self._preconditions = preconditions

    def plan(
        self, identity: Identity, key: Key, revision: int, expected_revision: int | None
    ) -> Plan:
        """Plan a rollback to ``revision``."""

        def check() -> None:
            self._preconditions.check_free(key)
            existing = self._preconditions.require_existing(key)
            if not 1 <= revision < existing.revision:
                raise InvalidInput(
                    {"revision": f"Choose a revision before the present one, {existing.revision}."}
                )

        async def run(progress: Progress) -> WaitCondition:
            with progress.step(f"Look up revision {revision}"):
                current = await self.changes.releases.existing(key)
                self._preconditions.check_unchanged(current, key, expected_revision)
                values = await self.changes.helm.values(key, revision, identity=progress.identity)
            return await self._roll_back(progress, current, revision, values)

        words = f"Rolled back to revision {revision} by {identity.user}"
        return Plan(self, key, run, check, words, expected_revision=expected_revision)

    async def _roll_back(
        self, progress: Progress, current: CurrentRelease, revision: int, values: Values
    ) -> WaitCondition:
        """Roll back to a revision, which had ``values``; return the completing condition."""
        changes, records = self.changes, self.changes.records
        key, identity = progress.operation.key, progress.identity
        past = await changes.history.revision(key, revision, identity=identity)
        ownership = await changes.replica_transfer.ownership_after(key, past.manifest)
        if ownership.conflicting:
            # Helm would apply the replicas recorded in this revision.
            async with own_chart(records, key, revision, identity=identity) as chart:
                ref = ChartRef(chart, source=past.source)
                made = await changes.upgrade(progress, current, ref, values, UPGRADE)
            return rollout(RolloutTarget(made, workload=False))
        with progress.step("Check what it goes back to"):
            await check_past(changes.guardrails, key, past, identity)

        await progress.applies(current.values, values)
        # Helm copies the labels of the revision that it rolls back to.
        owners = (await changes.releases.read(key) or current).owners
        await records.set_owners(key, owners, identity=identity)

        async def roll_back(_: int, force: bool, transferred: Transferred) -> HelmResult:
            transferred.ownership = ownership
            if not force:
                transferred.reclaimed = await changes.replica_transfer.transfer(
                    progress, current.values, ownership
                )
            with progress.step(f"Run helm rollback{AGAIN if force else ''}"):
                return await changes.helm.rollback(
                    key,
                    revision,
                    description=progress.operation.description,
                    force_conflicts=force,
                    identity=identity,
                )

        done = await changes.replica_transfer.run(identity, current.revision, roll_back)
        left = await records.newest(key)  # Helm does not report the new revision
        made = left.revision if left else current.revision + 1
        changes.releases.record_revision(key, made)
        progress.put(revision=made, helm_seconds=done.seconds)
        return rollout(RolloutTarget(made, workload=current.chart == dash_app.CHART_NAME))

    @staticmethod
    def outcome(operation: Operation, left: ReleaseRevision | None) -> InterruptedOutcome:
        """Return the outcome, by label or by description: see ``_made_by``."""
        return revision_outcome(operation, left, _made_by)


async def check_past(
    guardrails: Guardrails, key: Key, past: ReleaseRevision, identity: Identity | None
) -> None:
    """Check a revision before ``identity`` rolls back to it.

    Raises:
        ChartError: the guardrails refuse it.
        Forbidden: Kubernetes does not let ``identity`` make its objects.
        RemovedApi: it has a kind that the cluster no longer serves.
    """
    await guardrails.check_chart(key, past.source, past.chart)
    try:
        await guardrails.check(key, past.source, past.whole, past.values, identity=identity)
    except UnknownKind as error:
        raise removed_from_past(error.api) from error


def _made_by(operation: Operation, left: ReleaseRevision) -> bool:
    """Return True if this operation made a revision.

    Helm copies the labels of the revision that it rolls back to, so the label may be another
    operation's; but it writes the description at once.
    """
    return labelled(operation, left) or (
        left.revision in {operation.base + 1, operation.base + 2}
        and (not left.status.pending or left.description == operation.description)
    )
