"""Transfer of ``spec.replicas`` between Helm and autoscalers, keeping the live number of pods."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from portal.catalog import dash_app
from portal.domain.errors import Conflict, FieldConflict
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.manifests import Ref, Tree, objects
from portal.domain.objects import Hpa, Unreadable, Workload
from portal.domain.replica_ownership import (
    SCALABLE,
    ReplicaOwnership,
    hpas,
    replica_ownership,
    scaled_objects,
    workload_name,
)
from portal.domain.scalers import ScaledObject
from portal.helm_service.helm import HelmResult
from portal.operations.progress import Progress
from portal.releases.ports import ReplicaOwners
from portal.state.model import AppState
from portal.state.store import Store
from portal.state.workloads import unreadable_hpas
from portal.threads import in_thread

Values = Mapping[str, object]


_REPLICAS = ".spec.replicas"
AGAIN = " again, taking over the replicas"
"""The end of the name of a step that runs Helm for the second time."""


class Transferred(Struct):
    """The ownership of replicas after a change, and workloads reclaimed from autoscalers."""

    ownership: ReplicaOwnership = ReplicaOwnership()
    reclaimed: tuple[Workload, ...] = ()


class ReplicaTransfer:
    """Determines who will own the replicas, and transfers the ownership of the live number."""

    def __init__(self, store: Store, replicas: ReplicaOwners) -> None:
        self._store = store
        self._replicas = replicas

    async def ownership_after(self, key: Key, manifest: str) -> ReplicaOwnership:
        """Return who owns the replicas once ``manifest`` is applied.

        Raises:
            PortalError: the manifest cannot be read.
        """
        return await in_thread(lambda: self.ownership_with(key, objects(manifest, key.namespace)))

    def ownership_with(self, key: Key, found: Mapping[Ref, Tree]) -> ReplicaOwnership:
        """Return who owns the replicas once the objects ``found`` are applied.

        Only workloads with replicas now can conflict, or those that KEDA scales: for others there
        is no number to keep at 0.

        Raises:
            Conflict: it would give a workload that KEDA scales an autoscaler beside KEDA's.
        """
        state = self._store.snapshot.app(key)
        live = {_name(each) for each in state.workloads if each.desired > 0}
        keda = {_target(each) for each in state.scaled_objects if each.release != key.name}
        _check_alone(found, keda, state)
        others = [_target(hpa) for hpa in state.hpas if hpa.release != key.name]
        others += [
            name
            for each in unreadable_hpas(state)
            if each.release != key.name
            for name in _possible_targets(each, live)
        ]
        ownership = replica_ownership(found, others, keda)
        kept = live | ownership.scaled_to_zero
        return replace(ownership, conflicting=ownership.conflicting & kept)

    async def transfer(
        self, progress: Progress, before: Values, ownership: ReplicaOwnership
    ) -> tuple[Workload, ...]:
        """Transfer the ownership of the live replicas; return those reclaimed from autoscalers.

        ``before`` are the previous values of the release. Without the transfer, going from 3
        fixed replicas to an autoscaler was measured to drop to 1 ready pod.
        """
        key = progress.operation.key
        state = self._store.snapshot.app(key)
        workloads = {_name(each): each for each in state.workloads if each.kind in SCALABLE}
        scaled = {_target(each) for each in (*state.hpas, *state.scaled_objects)}
        for each in unreadable_hpas(state):
            scaled |= _possible_targets(each, workloads)
        if not scaled and dash_app.is_autoscaled(before):
            scaled = set(workloads)
        # Helm does not own what the release's autoscaler has, unless the chart renders it.
        scalers = (*state.hpas, *state.scaled_objects, *unreadable_hpas(state))
        own = (each for each in scalers if each.release == key.name)
        settled = {_target(each) for each in own} - ownership.conflicting
        # Other autoscalers than KEDA ignore workloads at 0, which Helm then sets.
        transferred = [
            each
            for name, each in workloads.items()
            if name in ownership.autoscaled - settled
            and (each.desired > 0 or name in ownership.scaled_to_zero)
        ]
        if transferred:
            with progress.step("Hand the replicas to the autoscaler"):
                for each in transferred:
                    await self._replicas.hand_over(
                        each.key, kind=each.kind, identity=progress.identity
                    )
        reclaimed = tuple(
            each for name, each in workloads.items() if name in scaled - ownership.autoscaled
        )
        if reclaimed:
            with progress.step("Take the replicas back from the autoscaler"):
                await self.reclaim(reclaimed, progress.identity)
        return reclaimed

    async def reclaim(self, workloads: tuple[Workload, ...], identity: Identity | None) -> bool:
        """Remove field managers that own only the replicas; return True if there were any."""
        dropped = [
            await self._replicas.release(each.key, kind=each.kind, identity=identity)
            for each in workloads
        ]
        return any(dropped)

    async def run(
        self,
        identity: Identity | None,
        before: int,
        run: Callable[[int, bool, Transferred], Awaitable[HelmResult]],
    ) -> HelmResult:
        """Run Helm, and a second time with force if another manager kept the replicas.

        ``before`` is the present revision, 0 if there is none. ``run`` gets the revision that it
        makes, whether to force, and a ``Transferred`` to fill in.
        """
        transferred = Transferred()
        try:
            result = await run(before + 1, False, transferred)
            if not await self.reclaim(transferred.reclaimed, identity):
                return result
            # The autoscaler has scaled once more before Helm removed it.
        except FieldConflict as conflict:
            if transferred.ownership.autoscaled or set(conflict.owners) != {_REPLICAS}:
                raise
            # Another manager (kubectl scale, the removed autoscaler) has set the replicas. This
            # change asks for a fixed number, and no other field conflicts.
        return await run(before + 2, True, Transferred())


def _name(workload: Workload) -> str:
    return workload_name(workload.kind, workload.key.name)


def _target(scaler: Hpa | ScaledObject | Unreadable) -> str:
    return workload_name(scaler.target_kind, scaler.target_name)


def _check_alone(found: Mapping[Ref, Tree], keda: Collection[str], state: AppState) -> None:
    """Raise ``Conflict`` for a new HPA beside a ScaledObject: each would undo the other's work.

    Where both are there already, a change may be what mends it.
    """
    there = {_target(hpa) for hpa in state.hpas if not hpa.scaled_object}
    both = hpas(found).keys() & {*keda, *scaled_objects(found)}
    for name in sorted(both - there):
        raise Conflict(
            f"KEDA scales {name.replace('/', ' ')} already (a ScaledObject): with a "
            "HorizontalPodAutoscaler as well, each would override the other's decisions.",
            "Switch autoscaling off in the values and leave it to KEDA, or remove the ScaledObject "
            "first.",
        )


def _possible_targets(hpa: Unreadable, workloads: Iterable[str]) -> set[str]:
    """Return the workloads that an unreadable HPA may scale: all, if its target is not known."""
    return {_target(hpa)} if hpa.target_name else set(workloads)
