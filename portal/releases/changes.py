"""How a change is made: look at what is there, mind the replicas, run Helm, wait for the pods."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from portal.catalog import dash_app
from portal.catalog.chart import Chart
from portal.catalog.values import get
from portal.domain.charts import BUILT_IN, note_of
from portal.domain.errors import ChartError, Conflict, DamagedRecord, FieldConflict, NotFound
from portal.domain.keys import LAUNCHED_BY, OPERATION_LABEL, ORIGIN_LABEL, Key, made_by
from portal.domain.objects import Kind, ReleaseStatus, Workload
from portal.domain.operations import Operation
from portal.domain.owners import NOBODY, Owners
from portal.domain.release import ReleaseRecord, ReleaseRevision
from portal.domain.steering import ReplicaOwnership, without_replicas
from portal.guardrails.manifest import with_owned_hooks
from portal.helm_service.errors import busy
from portal.helm_service.helm import HelmResult
from portal.operations.action import Action
from portal.operations.progress import Progress
from portal.operations.rollout import Wanted, rollout_progress
from portal.operations.waiting import WaitCondition, watched
from portal.releases.handover import Handover
from portal.releases.pinned import own_chart, version_of
from portal.releases.ports import ReleasePorts
from portal.state.ownership import by_name, owners_of, with_annotation
from portal.state.store import Store
from portal.threads import in_thread

Values = Mapping[str, object]

_REPLICAS = ".spec.replicas"
_UPGRADE = "helm upgrade --install"
_AGAIN = " again, taking over the replicas"


class CurrentRelease(Struct, frozen=True):
    """The release as it is before a change."""

    revision: int
    status: str
    chart: str
    values: Values
    chart_version: str = ""
    source: str = ""
    owners: Owners = NOBODY


class ReplicaHandover(Struct):
    """Who decides about the replicas after a change, and what was taken back from autoscalers."""

    who: ReplicaOwnership = ReplicaOwnership()
    taken: tuple[Workload, ...] = ()


class ChartRef(Struct, frozen=True):
    """A chart for Helm to take. ``note`` says where it came from, "" if the release tells that.

    ``source`` is the name of the source that it came from, "" if not known.
    """

    path: Path
    note: str = ""
    source: str = ""

    @classmethod
    def of(cls, chart: Chart) -> ChartRef:
        """One of the catalogue."""
        return cls(chart.path, chart.note, chart.source)


class Changes:
    """The parts that operations are put together from. Each records its own steps."""

    def __init__(
        self, store: Store, ports: ReleasePorts, chart_path: Path, clock: Callable[[], datetime]
    ) -> None:
        self.helm = ports.helm
        self.guardrails = ports.guardrails
        """What releases may consist of."""
        self._store = store
        self._records = ports.records
        self._past = ports.history
        self.handover = Handover(store, ports.replicas)
        """Who decides how many pods there are."""
        self._chart_path = chart_path
        self._clock = clock
        self._made: dict[Key, int] = {}
        """The revision that the portal made last, of each release: the watch may lag behind."""

    async def current(self, key: Key) -> CurrentRelease | None:
        """The release as it is: from the snapshot if that surely is, else from Helm's record."""
        state = self._store.snapshot.app(key)
        release, detail = state.release, state.detail
        made = self._made.get(key, 0)
        shown = release.revision if release else 0
        if shown >= made and watched(self._store, Kind.RELEASE, self._clock()):
            if release is None or release.status is ReleaseStatus.UNINSTALLED:
                return None
            owners = owners_of(state)
            known = detail and not detail.damaged and detail.revision == release.revision
            if detail and known and owners is not None:
                return CurrentRelease(
                    release.revision,
                    release.status,
                    detail.chart,
                    detail.values,
                    detail.chart_version,
                    detail.source,
                    owners,
                )
        found = await self._records.newest(key)
        if made and self._made.get(key) == made:
            # The record knows best: somebody else may have removed it, and begun again from 1.
            self.made(key, found.revision if found else 0)
        if found is None or found.status == ReleaseStatus.UNINSTALLED:
            return None
        return CurrentRelease(
            found.revision,
            found.status,
            found.chart,
            found.values,
            found.chart_version,
            found.source,
            with_annotation(found.owners, found.values),
        )

    async def check_stored_with_objects(self, key: Key) -> None:
        """Raise ``Conflict`` if Helm keeps a release in another namespace than its objects.

        Only its body tells. One that cannot be read is believed to be where it is.
        """
        state = self._store.snapshot.app(key)
        release, detail = state.release, state.detail
        if release is None:
            return
        if detail is None or detail.revision != release.revision:
            with suppress(DamagedRecord):
                release = await self._records.newest(key) or release
        check_stored_with_objects(release)

    async def existing(self, key: Key) -> CurrentRelease:
        """The release as it is; ``NotFound`` if there is none any more."""
        current = await self.current(key)
        if current is None:
            raise NotFound(f"There is no release {key.name} any more.")
        return current

    async def of_chart(self, key: Key, chart: str) -> CurrentRelease:
        """The release as it is, to change it.

        ``NotFound`` if there is none, ``Conflict`` if it is of another chart.
        """
        current = await self.current(key)
        if current is None:
            raise NotFound(f"There is no release {key.name} in {key.namespace}.")
        check_ours(current, key, chart)
        return current

    def made(self, key: Key, revision: int) -> None:
        """Remember which revision Helm made last at our asking; 0 for none, or none any more."""
        if revision > 0:
            self._made[key] = revision
        else:
            self._made.pop(key, None)

    @asynccontextmanager
    async def chart_for(
        self, key: Key, current: CurrentRelease | None, chart: Chart | None = None
    ) -> AsyncGenerator[ChartRef]:
        """The chart that Helm takes for a release, for as long as the block lasts.

        For None it is the built-in one: a release keeps the version that it was made with.
        """
        if chart is not None:
            yield ChartRef.of(chart)
        elif current is None or not self.outdated(current):
            told = version_of(self._chart_path).fingerprint
            note = note_of(BUILT_IN, told) if told else ""
            yield ChartRef(self._chart_path, note, BUILT_IN)
        else:
            async with own_chart(self._records, key) as own:
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
        """Run Helm with ``values``; returns what has to be seen before that is done.

        ``chart`` as in ``chart_for``. Of the built-in one, which it is without one or where
        ``built_in`` says so, the values tell what that is.
        """
        built_in = built_in or chart is None
        command = _UPGRADE if chart is None or built_in else f"{_UPGRADE} with {chart.name}"
        async with self.chart_for(progress.operation.key, current, chart) as ref:
            made = await self.upgrade(progress, current, ref, values, command)
        return rollout(_wanted(values, made) if built_in else Wanted(made, workload=False))

    async def upgrade(
        self,
        progress: Progress,
        current: CurrentRelease | None,
        chart: ChartRef,
        values: Values,
        command: str,
    ) -> int:
        """Run Helm with any chart; returns the revision that it has made.

        What it renders is held against the guardrails, and tells who will decide about the
        replicas, before it is applied. ``command`` is what the step is called.
        """
        operation = progress.operation
        before: Values = current.values if current else {}
        await self.guardrails.check_values(operation.key, chart.source, chart.path, values)
        skip_crds = current is not None or await self.guardrails.skip_crds(
            operation.key, chart.source, chart.path
        )

        async def upgrade(revision: int, force: bool, handed: ReplicaHandover) -> HelmResult:
            async def review(manifest: str) -> str:
                progress.begin_step("Check what it renders")
                await self.guardrails.check(operation.key, chart.source, manifest, values)
                handed.who = await self.handover.applied(operation.key, manifest)
                if not force:
                    handed.taken = await self.handover.settle(progress, before, handed.who)
                progress.begin_step(f"Run {command}{_AGAIN if force else ''}")
                owned = await in_thread(with_owned_hooks, manifest, operation.key)
                return await in_thread(without_replicas, owned, handed.who.numbered)

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
                )

        result = await self._run_helm(current, upgrade)
        self.made(operation.key, result.revision)
        progress.put(revision=result.revision, helm_seconds=result.seconds)
        return result.revision

    async def hooks_problem(self, key: Key) -> str:
        """Why the hooks of a release must not run when it is removed; "" if they may."""
        present = await self._past.newest_and_deployed(key)
        newest = present[0] if present else None
        if newest is None or not newest.hooks:
            return ""
        try:
            await self.guardrails.check(key, newest.source, newest.hooks, newest.values)
        except ChartError as error:
            return error.message
        return ""

    async def rollout_of(self, key: Key, revision: int) -> WaitCondition:
        """The pods of a revision that Helm has finished, whoever asked for it."""
        current = await self.current(key)
        if current is None or current.chart != dash_app.CHART_NAME:
            return rollout(Wanted(revision, workload=False))
        return rollout(_wanted(current.values, revision))

    def outdated(self, current: CurrentRelease) -> bool:
        """Whether a release was made with another version of the chart than the portal has."""
        return current.chart_version not in {"", version_of(self._chart_path).version}

    async def roll_back(
        self, progress: Progress, current: CurrentRelease, revision: int, values: Values
    ) -> WaitCondition:
        """Go back to a revision, which had ``values``."""
        key = progress.operation.key
        past = await self._past.revision(key, revision)
        who = await self.handover.applied(key, past.manifest)
        if who.numbered:
            # Helm would apply the number that this revision has recorded.
            async with own_chart(self._records, key, revision) as chart:
                taken = ChartRef(chart, source=past.source)
                made = await self.upgrade(progress, current, taken, values, _UPGRADE)
            return rollout(Wanted(made, workload=False))
        with progress.step("Check what it goes back to"):
            await self.guardrails.check(key, past.source, past.whole, values)

        # Helm would label what it makes like the revision that it goes back to.
        await self._records.set_owners(key, current.owners)

        async def roll_back(_: int, force: bool, handed: ReplicaHandover) -> HelmResult:
            handed.who = who
            if not force:
                handed.taken = await self.handover.settle(progress, current.values, who)
            with progress.step(f"Run helm rollback{_AGAIN if force else ''}"):
                return await self.helm.rollback(
                    key,
                    revision,
                    description=progress.operation.description,
                    force_conflicts=force,
                )

        done = await self._run_helm(current, roll_back)
        left = await self._records.newest(key)  # Helm does not tell which revision it made
        made = left.revision if left else current.revision + 1
        self.made(key, made)
        progress.put(revision=made, helm_seconds=done.seconds)
        return rollout(Wanted(made, workload=current.chart == dash_app.CHART_NAME))

    async def _run_helm(
        self,
        current: CurrentRelease | None,
        run: Callable[[int, bool, ReplicaHandover], Awaitable[HelmResult]],
    ) -> HelmResult:
        """Run Helm; once more, by force, where it did not get the replicas.

        ``run`` is given the revision that it makes and the force, and tells who decides about the
        replicas.
        """
        before, handed = current.revision if current else 0, ReplicaHandover()
        try:
            result = await run(before + 1, False, handed)
            if not await self.handover.take(handed.taken):
                return result
            # The autoscaler had decided once more before Helm removed it.
        except FieldConflict as conflict:
            if handed.who.scaled or set(conflict.owners) != {_REPLICAS}:
                raise
            # Somebody else (kubectl scale, an autoscaler's last word) set the replicas. A fixed
            # number was asked for here, and nothing else is in the way.
        return await run(before + 2, True, ReplicaHandover())


def record_labels(operation: Operation, revision: int, note: str) -> dict[str, str]:
    """The labels of the record of a revision that an operation makes.

    Without a ``note`` the label that tells where the chart came from stays as it is.
    """
    noted = {ORIGIN_LABEL: note} if note else {}
    return {OPERATION_LABEL: made_by(operation.id, revision), **noted}


def _owner_label(operation: Operation, current: CurrentRelease | None) -> dict[str, str]:
    """The label that says who launched a release: whoever did so first stays its owner."""
    owners = current.owners if current else by_name(operation.actor)
    return {LAUNCHED_BY: owners.owner} if owners.owner else {}


def rollout(wanted: Wanted) -> WaitCondition:
    """The wait until the pods are as wanted, however long that takes."""
    return WaitCondition(
        "Wait for the rollout", lambda state, seen: rollout_progress(state, wanted, seen)
    )


def check_stored_with_objects(record: ReleaseRecord) -> None:
    """Raise ``Conflict`` if Helm keeps a release in another namespace than its objects.

    Helm's command line has one namespace for both: called for the one it would not find the record,
    called for the other it would forget the record and leave the objects.
    """
    if record.storage_namespace:
        raise Conflict(
            f"Helm's records of {record.key.name} are in the namespace {record.storage_namespace}, "
            f"and its objects in {record.key.namespace}: the portal shows it, but cannot change it "
            "without losing one or the other.",
            "Change it where it is managed, such as in its Flux HelmRelease (storageNamespace).",
        )


class RevisionAction(Action):
    """An action of which Helm makes a revision."""

    def __init__(self, changes: Changes) -> None:
        self.changes = changes

    async def complete(
        self, progress: Progress, left: ReleaseRevision | None
    ) -> WaitCondition | None:
        """Go on waiting for the pods of the revision."""
        if left is None:
            return None
        progress.put(revision=left.revision)
        return await self.changes.rollout_of(progress.operation.key, left.revision)


def check_ours(current: CurrentRelease | None, key: Key, chart: str = dash_app.CHART_NAME) -> None:
    """Raise unless this is a release of that chart, and nobody is changing it."""
    if current is None:
        return
    if current.status.startswith("pending-") or current.status == ReleaseStatus.UNINSTALLING:
        raise busy(key, current.status)
    if current.chart != chart:
        raise Conflict(
            f"{key.name} is a release of another chart ({current.chart}).",
            "Choose another name, or change that release with helm.",
        )


def _autoscaled(values: Values) -> bool:
    return dash_app.is_autoscaled(values)


def _wanted(values: Values, revision: int) -> Wanted:
    image = dash_app.image(values)
    if _autoscaled(values):
        low, high = get(values, "autoscaling.minReplicas"), get(values, "autoscaling.maxReplicas")
        bounds = (low, high) if isinstance(low, int) and isinstance(high, int) else None
        return Wanted(revision, image, bounds=bounds)
    replicas = get(values, "replicaCount", 1)
    return Wanted(revision, image, replicas=replicas if isinstance(replicas, int) else None)
