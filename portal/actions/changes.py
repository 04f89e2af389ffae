"""How a change is made: look at what is there, mind the replicas, run Helm, wait for the pods."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from portal.actions.recorder import Recorder
from portal.actions.rollout import Rollout, Wanted, progress
from portal.actions.seams import ReplicaOwnership
from portal.catalog import dash_app
from portal.catalog.values import get
from portal.domain.errors import Conflict, FieldConflict, NotFound
from portal.domain.keys import Key
from portal.domain.objects import Kind, ReleaseStatus
from portal.domain.operations import OperationPhase
from portal.helm_service.errors import busy
from portal.helm_service.helm import HelmClient, HelmResult
from portal.state.model import AppState
from portal.state.store import Store

Values = Mapping[str, object]

_REPLICAS = ".spec.replicas"


@dataclass(frozen=True, slots=True)
class Current:
    """The release as it is before a change."""

    revision: int
    status: str
    chart: str
    values: Values


class Changes:
    """The parts that operations are put together from. Each records its own steps."""

    def __init__(
        self,
        helm: HelmClient,
        store: Store,
        replicas: ReplicaOwnership,
        chart_path: Path,
        clock: Callable[[], datetime],
        settle: float,
    ) -> None:
        self._helm = helm
        self._store = store
        self._replicas = replicas
        self._chart_path = chart_path
        self._clock = clock
        self._settle = settle
        self._made: dict[Key, int] = {}
        """The revision that the portal made last, of each release: the watch may lag behind."""

    async def current(self, key: Key) -> Current | None:
        """The release as it is: from the snapshot if that is surely current, else from Helm."""
        state = self._store.snapshot.app(key)
        release, detail = state.release, state.detail
        made = self._made.get(key, 0)
        if self._watched() and (release.revision if release else 0) >= made:
            if release is None or release.status is ReleaseStatus.UNINSTALLED:
                return None
            if detail and not detail.damaged and detail.revision == release.revision:
                return Current(release.revision, release.status, detail.chart, detail.values)
        try:
            found = await self._helm.release(key)
        except NotFound:
            found = None
        if made and self._made.get(key) == made:
            # Helm knows best: somebody else may have removed it, and begun again from 1.
            self.made(key, found.revision if found else 0)
        if found is None or found.status == ReleaseStatus.UNINSTALLED:
            return None
        return Current(found.revision, found.status, found.chart, found.values)

    def made(self, key: Key, revision: int) -> None:
        """Remember which revision Helm made last at our asking; 0 for none, or none any more."""
        if revision > 0:
            self._made[key] = revision
        else:
            self._made.pop(key, None)

    def _watched(self) -> bool:
        """Whether the snapshot tells of releases as they are, a moment's delay aside."""
        source = self._store.snapshot.sources.get(str(Kind.RELEASE))
        if source is None or not source.synced or not source.available or source.error:
            return False
        return not source.stale(self._clock())

    async def apply(
        self, recorder: Recorder, current: Current | None, values: Values, description: str
    ) -> None:
        """Run Helm with ``values``, and wait until the pods are there."""
        key = recorder.operation.key
        await self.settle_replicas(recorder, current, values)
        result = await self._upgrade(recorder, values, description)
        self.made(key, result.revision)
        recorder.put(revision=result.revision, helm_seconds=result.seconds)
        await self.wait(recorder, _wanted(key, values, result.revision))

    async def settle_replicas(
        self, recorder: Recorder, current: Current | None, values: Values
    ) -> None:
        """See to it that the number of live pods survives a change of who decides it.

        Measured without: going from 3 fixed replicas to an autoscaler drops to 1 ready pod.
        """
        key = recorder.operation.key
        state = self._store.snapshot.app(key)
        had_hpa = bool(state.hpas) or (current is not None and _autoscaled(current.values))
        deployments = [each for each in state.workloads if each.kind is Kind.DEPLOYMENT]
        if _autoscaled(values) and not state.hpas:
            # At 0 an autoscaler does nothing; let go of, the number becomes 1.
            standing = [each.key for each in deployments if each.desired > 0]
            if standing:
                with recorder.step("Hand the replicas to the autoscaler"):
                    for each in standing:
                        await self._replicas.hand_over(each)
        elif had_hpa and not _autoscaled(values) and deployments:
            with recorder.step("Take the replicas back from the autoscaler"):
                for each in deployments:
                    await self._replicas.release(each.key)

    async def _upgrade(self, recorder: Recorder, values: Values, description: str) -> HelmResult:
        key = recorder.operation.key
        try:
            with recorder.step("Run helm upgrade --install"):
                return await self._helm.upgrade_install(
                    key, self._chart_path, values, description=description
                )
        except FieldConflict as conflict:
            if _autoscaled(values) or set(conflict.owners) != {_REPLICAS}:
                raise
            # Somebody else (kubectl scale, an autoscaler's last word) set the replicas. A fixed
            # number was asked for here, and nothing else is in the way.
        with recorder.step("Run helm upgrade --install again, taking over the replicas"):
            return await self._helm.upgrade_install(
                key,
                self._chart_path,
                values,
                description=description,
                force_conflicts=True,
            )

    async def wait(self, recorder: Recorder, wanted: Wanted) -> None:
        """Wait until the pods are as wanted, however long that takes."""
        recorder.put(phase=OperationPhase.WAITING)
        with recorder.step("Wait for the rollout"):
            await self.until(
                recorder.operation.key, lambda state, seen: progress(state, wanted, seen)
            )

    async def until(self, key: Key, look: Callable[[AppState, bool], Rollout]) -> None:
        """Wait, for as long as it takes, until what ``look`` sees is done and stays so."""
        changed = asyncio.Event()

        def tell(keys: frozenset[Key]) -> None:
            if key in keys:
                changed.set()

        seen = False
        stop = self._store.on_change(tell)
        try:
            while True:
                changed.clear()
                state = self._store.snapshot.app(key)
                rollout = look(state, seen)
                seen = seen or state.release is not None
                if rollout.lost:
                    raise Conflict(rollout.lost)
                try:
                    async with asyncio.timeout(self._settle if rollout.done else None):
                        await changed.wait()
                except TimeoutError:
                    return
        finally:
            stop()


def check_ours(current: Current | None, key: Key) -> None:
    """Raise unless this is a release of the built-in chart, and nobody is changing it."""
    if current is None:
        return
    if current.status.startswith("pending-") or current.status == ReleaseStatus.UNINSTALLING:
        raise busy(key, current.status)
    if current.chart != dash_app.CHART_NAME:
        raise Conflict(
            f"{key.name} is a release of another chart ({current.chart}).",
            "Choose another name, or change that release with helm.",
        )


def _autoscaled(values: Values) -> bool:
    return dash_app.is_autoscaled(values)


def _wanted(key: Key, values: Values, revision: int) -> Wanted:
    image = dash_app.image(values)
    if _autoscaled(values):
        low, high = get(values, "autoscaling.minReplicas"), get(values, "autoscaling.maxReplicas")
        bounds = (low, high) if isinstance(low, int) and isinstance(high, int) else None
        return Wanted(revision, image, bounds=bounds)
    replicas = get(values, "replicaCount", 1)
    return Wanted(revision, image, replicas=replicas if isinstance(replicas, int) else None)
