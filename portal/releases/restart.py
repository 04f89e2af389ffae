"""Restart: a rolling restart of all workloads of a release; nothing else changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from portal.domain.errors import Conflict
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.objects import Kind
from portal.domain.operations import Operation, Verb
from portal.domain.permissions import Permission
from portal.domain.release import ReleaseRevision
from portal.operations.outcome import InterruptedOutcome
from portal.operations.progress import Progress
from portal.operations.rollout import Rollout
from portal.operations.waiting import WaitCondition
from portal.releases.plain import PlainAction
from portal.releases.preconditions import Preconditions
from portal.state.model import AppState
from portal.state.rollouts import rollouts
from portal.state.store import Store
from portal.state.workloads import endless

RESTART = Verb("restart", "restart", "restarting")

NAMED = 10
"""Maximum number of pods that the preview lists."""


class WorkloadRestarts(Protocol):
    """Restarts single workloads."""

    async def restart(
        self, key: Key, kind: Kind, at: datetime, *, identity: Identity | None
    ) -> int:
        """Replace a workload's pods, idempotently for ``at``; return the generation of its spec."""
        ...


class Restart(PlainAction):
    """The equivalent of ``kubectl rollout restart``; values and revision do not change."""

    verb = RESTART
    permission = Permission.RESTART
    label = "Restart"
    icon = "busy"
    completes = True

    def __init__(self, store: Store, restarts: WorkloadRestarts) -> None:
        self._store = store
        self._restarts = restarts

    def check(self, key: Key, preconditions: Preconditions) -> None:
        """Raise ``PortalError`` unless the release has workloads and is not in use."""
        super().check(key, preconditions)
        self._with_workloads(key)

    def _with_workloads(self, key: Key) -> AppState:
        state = self._store.snapshot.app(key)
        if not state.workloads:
            raise Conflict(
                f"{key.name} has no Deployment, StatefulSet or DaemonSet, so nothing to restart."
            )
        return state

    async def preview(self, key: Key, identity: Identity) -> tuple[str, ...]:
        """Describe which pods are replaced."""
        state = self._with_workloads(key)
        names = sorted(
            each.key.name for each in state.pods if each.deleting_since is None and endless(each)
        )
        if not names:
            return ("No pod runs now: there is nothing to replace.",)
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        count = "1 pod is" if len(names) == 1 else f"{len(names)} pods are"
        return (
            f"{count} replaced: {', '.join(names[:NAMED])}{more}.",
            "Kubernetes does so as each workload's update strategy says: by default it is a "
            "rolling update. Values, version and revision stay as they are.",
        )

    async def run(self, progress: Progress) -> WaitCondition:
        """Restart each workload, marked with the time of the request."""
        operation = progress.operation
        wanted: dict[tuple[Kind, Key], int] = {}
        for each in self._store.snapshot.app(operation.key).workloads:
            with progress.step(f"Restart {each.kind} {each.key.name}"):
                wanted[each.kind, each.key] = await self._restarts.restart(
                    each.key, each.kind, operation.created_at, identity=progress.identity
                )
        return WaitCondition(
            "Wait for the rollout", lambda state, seen: restarted(state, wanted, seen)
        )

    @staticmethod
    def outcome(operation: Operation, left: ReleaseRevision | None) -> InterruptedOutcome:
        """Return PENDING: the restart is idempotent, and is repeated with the same time."""
        return InterruptedOutcome.PENDING if left else InterruptedOutcome.NOT_BEGUN

    async def complete(self, progress: Progress, left: ReleaseRevision | None) -> WaitCondition:
        """Restart the remaining workloads."""
        return await self.run(progress)


def restarted(state: AppState, wanted: Mapping[tuple[Kind, Key], int], seen: bool) -> Rollout:
    """Return the state of a restart; ``wanted`` are the generations that must be rolled out."""
    if seen and state.release is None:
        return Rollout(False, "The release was removed by somebody else in the meantime.")
    found = {(each.workload.kind, each.workload.key): each for each in rollouts(state)}
    gone = next((f"{kind} {key.name}" for kind, key in wanted if (kind, key) not in found), "")
    if gone:
        return Rollout(False, f"{gone} was removed by somebody else in the meantime.")
    return Rollout(
        all(
            found[each].workload.generation >= generation and found[each].complete
            for each, generation in wanted.items()
        )
    )
