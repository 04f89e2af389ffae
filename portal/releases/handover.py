"""Who decides how many pods there are, before a change and after: the number must survive it."""

from __future__ import annotations

from collections.abc import Mapping

from portal.catalog import dash_app
from portal.domain.keys import Key
from portal.domain.objects import Hpa, Workload
from portal.domain.steering import ReplicaOwnership, named, steering
from portal.operations.progress import Progress
from portal.releases.ports import ReplicaOwners
from portal.state.store import Store
from portal.threads import in_thread

Values = Mapping[str, object]


class Handover:
    """Finds out who will decide, and passes ownership of the live number to them."""

    def __init__(self, store: Store, replicas: ReplicaOwners) -> None:
        self._store = store
        self._replicas = replicas

    async def applied(self, key: Key, manifest: str) -> ReplicaOwnership:
        """Who decides once ``manifest`` is applied. Only live workloads have a number to leave."""
        state = self._store.snapshot.app(key)
        live = {_name(each) for each in state.workloads if each.desired > 0}
        others = [_target(hpa) for hpa in state.hpas if hpa.release != key.name]
        who = await in_thread(steering, manifest, key.namespace, others)
        return ReplicaOwnership(who.scaled, who.numbered & live)

    async def settle(
        self, progress: Progress, before: Values, who: ReplicaOwnership
    ) -> tuple[Workload, ...]:
        """Pass on the number of live pods; returns what was taken back from an autoscaler.

        ``before`` are the values that the release has had.
        Measured without: going from 3 fixed replicas to an autoscaler drops to 1 ready pod.
        """
        key = progress.operation.key
        state = self._store.snapshot.app(key)
        workloads = {_name(each): each for each in state.workloads}
        scaled = {_target(hpa) for hpa in state.hpas}
        if not scaled and dash_app.is_autoscaled(before):
            scaled = set(workloads)
        # What its own autoscaler has already Helm does not own, unless the chart renders it.
        settled = {_target(hpa) for hpa in state.hpas if hpa.release == key.name} - who.numbered
        # At 0 an autoscaler does nothing; let go of, the number becomes 1.
        given = [
            each
            for name, each in workloads.items()
            if name in who.scaled - settled and each.desired > 0
        ]
        if given:
            with progress.step("Hand the replicas to the autoscaler"):
                for each in given:
                    await self._replicas.hand_over(each.key, kind=each.kind)
        taken = tuple(each for name, each in workloads.items() if name in scaled - who.scaled)
        if taken:
            with progress.step("Take the replicas back from the autoscaler"):
                await self.take(taken)
        return taken

    async def take(self, workloads: tuple[Workload, ...]) -> bool:
        """Drop owners of nothing but the number of pods; whether there were any."""
        dropped = [await self._replicas.release(each.key, kind=each.kind) for each in workloads]
        return any(dropped)


def _name(workload: Workload) -> str:
    return named(workload.kind, workload.key.name)


def _target(hpa: Hpa) -> str:
    return named(hpa.target_kind, hpa.target_name)
