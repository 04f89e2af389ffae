"""Upgrades by Helm: render, check, transfer the replicas, apply, and wait for the rollout."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from portal.catalog import dash_app
from portal.catalog.chart import Chart
from portal.catalog.values import get
from portal.domain.charts import BUILT_IN, note_of
from portal.domain.identity import Identity
from portal.domain.keys import LAUNCHED_BY, OPERATION_LABEL, ORIGIN_LABEL, Key, made_by
from portal.domain.operations import Operation
from portal.domain.release import ReleaseRevision
from portal.domain.replica_ownership import without_replicas
from portal.guardrails.manifest import Rendered, with_owned_hooks
from portal.helm_service.helm import HelmResult
from portal.operations.action import Action
from portal.operations.progress import Progress
from portal.operations.rollout import RolloutTarget, rollout_progress
from portal.operations.waiting import WaitCondition
from portal.releases.current import CurrentRelease, CurrentReleases
from portal.releases.existing import taken_over
from portal.releases.pinned import own_chart, version_of
from portal.releases.ports import ReleasePorts
from portal.releases.replica_transfer import AGAIN, ReplicaTransfer, Transferred
from portal.state.ownership import by_name
from portal.state.store import Store
from portal.threads import in_thread

Values = Mapping[str, object]

HEAD_START = 0.02
"""Seconds that Helm has to start before the cluster is asked anything meanwhile."""

UPGRADE = "helm upgrade --install"
"""The command of an upgrade, as steps name it."""


class ChartRef(Struct, frozen=True):
    """A chart on disk for Helm.

    ``note`` is the label that records its source, "" if the release has one already. ``source`` is
    the name of its source, "" if unknown.
    """

    path: Path
    note: str = ""
    source: str = ""

    @classmethod
    def of(cls, chart: Chart) -> ChartRef:
        """Return the reference to a chart of the catalogue."""
        return cls(chart.path, chart.note, chart.source)


class Changes:
    """The upgrade by Helm that actions share, and what they need for it; it records its steps."""

    def __init__(
        self, store: Store, ports: ReleasePorts, chart_path: Path, clock: Callable[[], datetime]
    ) -> None:
        self.helm = ports.helm
        self.guardrails = ports.guardrails
        """The guardrails on what releases may contain."""
        self.releases = CurrentReleases(store, ports.records, clock)
        """The releases as they are now."""
        self.records = ports.records
        """Helm's records of releases."""
        self.history = ports.history
        """The revisions of releases."""
        self.replica_transfer = ReplicaTransfer(store, ports.replicas)
        """The transfer of replica ownership."""
        self._chart_path = chart_path

    @asynccontextmanager
    async def chart_for(
        self,
        key: Key,
        current: CurrentRelease | None,
        chart: Chart | None = None,
        *,
        identity: Identity | None,
    ) -> AsyncGenerator[ChartRef]:
        """Provide the chart for Helm for the duration of the block.

        For None that is the built-in chart, in the version that the release was made with.
        """
        if chart is not None:
            yield ChartRef.of(chart)
        elif current is None or not self.outdated(current):
            known = version_of(self._chart_path).fingerprint
            note = note_of(BUILT_IN, known) if known else ""
            yield ChartRef(self._chart_path, note, BUILT_IN)
        else:
            async with own_chart(self.records, key, identity=identity) as own:
                yield ChartRef(own, source=current.source)

    async def apply(
        self,
        progress: Progress,
        current: CurrentRelease | None,
        values: Values,
        chart: Chart | None = None,
        *,
        built_in: bool = False,
    ) -> WaitCondition:
        """Run Helm with ``values``; return the condition that completes the change.

        ``chart`` is as in ``chart_for``. For the built-in chart (None, or ``built_in``) the
        condition is derived from the values.
        """
        built_in = built_in or chart is None
        command = UPGRADE if chart is None or built_in else f"{UPGRADE} with {chart.name}"
        key, identity = progress.operation.key, progress.identity
        async with self.chart_for(key, current, chart, identity=identity) as ref:
            made = await self.upgrade(progress, current, ref, values, command)
        return rollout(_wanted(values, made) if built_in else RolloutTarget(made, workload=False))

    async def upgrade(
        self,
        progress: Progress,
        current: CurrentRelease | None,
        chart: ChartRef,
        values: Values,
        command: str,
    ) -> int:
        """Run Helm with any chart; return the revision that it made.

        Before the manifest is applied, it is checked against the guardrails, and the ownership
        of the replicas is determined from it. ``command`` names the step.
        """
        operation = progress.operation
        before: Values = current.values if current else {}
        await self.guardrails.check_values(operation.key, chart.source, chart.path, values)
        skip_crds = current is not None or await self.guardrails.skip_crds(
            operation.key, chart.source, chart.path
        )

        await progress.applies(before, values)

        async def upgrade(revision: int, force: bool, transferred: Transferred) -> HelmResult:
            async def review(manifest: str) -> str:
                progress.begin_step("Check what it renders")
                found = await self._checked(progress, chart.source, manifest, values, current)
                transferred.ownership = self.replica_transfer.ownership_with(
                    operation.key, {each.ref: each.tree for each in found}
                )
                if not force:
                    transferred.reclaimed = await self.replica_transfer.transfer(
                        progress, before, transferred.ownership
                    )
                progress.begin_step(f"Run {command}{AGAIN if force else ''}")
                owned = await in_thread(with_owned_hooks, manifest, found, operation.key)
                return await in_thread(without_replicas, owned, transferred.ownership.conflicting)

            with progress.step("Render the chart"):
                return await self.helm.upgrade_install(
                    operation.key,
                    chart.path,
                    values,
                    description=operation.description,
                    labels=record_labels(operation, revision, chart.note)
                    | _owner_label(operation, current),
                    force_conflicts=force,
                    skip_crds=skip_crds,
                    review=review,
                    identity=progress.identity,
                )

        async with _beside(self._prepare(operation.key, chart.source)):
            result = await self.replica_transfer.run(
                progress.identity, revision_of(current), upgrade
            )
        self.releases.record_revision(operation.key, result.revision)
        progress.put(revision=result.revision, helm_seconds=result.seconds)
        return result.revision

    async def _prepare(self, key: Key, source: str) -> None:
        await asyncio.sleep(HEAD_START)
        await self.guardrails.prepare(key, source)

    async def _checked(
        self,
        progress: Progress,
        source: str,
        manifest: str,
        values: Values,
        current: CurrentRelease | None,
    ) -> tuple[Rendered, ...]:
        """Return the objects of a manifest that Helm may apply.

        Raises:
            ChartError: the guardrails refuse it.
            Forbidden: Kubernetes does not let the person make its objects.
            Conflict: the release is new, and has a record elsewhere, or would take over objects
                marked as its own.
        """
        key, identity = progress.operation.key, progress.identity
        if current is not None:
            checked = await self.guardrails.check(key, source, manifest, values, identity=identity)
            return checked.objects
        # Asked here again, while Helm waits for the answers of the guardrails anyway.
        found, record = await asyncio.gather(
            self.guardrails.check(key, source, manifest, values, new=True, identity=identity),
            self.records.other_record(key),
        )
        if record:
            raise taken_over(key, record, record=True)
        if there := found.taken_over(key):
            raise taken_over(key, str(there))
        return found.objects

    async def rollout_of(self, key: Key, revision: int) -> WaitCondition:
        """Return the condition that a revision which Helm has finished is rolled out."""
        current = await self.releases.find(key)
        if current is None or current.chart != dash_app.CHART_NAME:
            return rollout(RolloutTarget(revision, workload=False))
        return rollout(_wanted(current.values, revision))

    def outdated(self, current: CurrentRelease) -> bool:
        """Return True if a release was made with another version of the built-in chart."""
        return current.chart_version not in {"", version_of(self._chart_path).version}


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None]) -> AsyncGenerator[None]:
    """Do ``work`` while the block goes on, and no longer."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def revision_of(current: CurrentRelease | None) -> int:
    """Return the revision of a release, 0 if there is none."""
    return current.revision if current else 0


def record_labels(operation: Operation, revision: int, note: str) -> dict[str, str]:
    """Return the labels of the record of a revision that an operation makes.

    Without a ``note`` the label of the chart's source is left unchanged.
    """
    noted = {ORIGIN_LABEL: note} if note else {}
    return {OPERATION_LABEL: made_by(operation.id, revision), **noted}


def _owner_label(operation: Operation, current: CurrentRelease | None) -> dict[str, str]:
    """Return the label of a release's owner, {} if its record has one, which Helm copies.

    The owner that is known here may be one who has just handed it over.
    """
    if current and current.labelled:
        return {}
    owners = current.owners if current else by_name(operation.actor)
    return {LAUNCHED_BY: owners.owner} if owners.owner else {}


def rollout(wanted: RolloutTarget) -> WaitCondition:
    """Return the condition that the rollout has reached its target, without a time limit."""
    return WaitCondition(
        "Wait for the rollout", lambda state, seen: rollout_progress(state, wanted, seen)
    )


class RevisionAction(Action):
    """An action that makes a revision with Helm."""

    def __init__(self, changes: Changes) -> None:
        self.changes = changes

    async def complete(
        self, progress: Progress, left: ReleaseRevision | None
    ) -> WaitCondition | None:
        """Return the condition that the revision is rolled out."""
        if left is None:
            return None
        progress.put(revision=left.revision)
        return await self.changes.rollout_of(progress.operation.key, left.revision)


def _wanted(values: Values, revision: int) -> RolloutTarget:
    image = dash_app.image(values)
    if dash_app.is_autoscaled(values):
        low, high = get(values, "autoscaling.minReplicas"), get(values, "autoscaling.maxReplicas")
        bounds = (low, high) if isinstance(low, int) and isinstance(high, int) else None
        return RolloutTarget(revision, image, bounds=bounds)
    replicas = get(values, "replicaCount", 1)
    return RolloutTarget(revision, image, replicas=replicas if isinstance(replicas, int) else None)
