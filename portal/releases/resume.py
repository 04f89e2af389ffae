"""Resume: rolls out the changes that paused Deployments of a release hold back."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from portal.domain.errors import Conflict
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.objects import Kind, Workload
from portal.domain.operations import Operation, Verb
from portal.domain.permissions import Permission
from portal.domain.release import ReleaseRevision
from portal.operations.outcome import InterruptedOutcome
from portal.operations.progress import Progress
from portal.operations.waiting import WaitCondition
from portal.releases.plain import PlainAction
from portal.releases.preconditions import Preconditions
from portal.releases.restart import restarted
from portal.state.model import AppState
from portal.state.store import Store

RESUME = Verb("resume", "resumption", "resuming")


class DeploymentPauses(Protocol):
    """Resumes single Deployments."""

    async def resume(self, key: Key, *, identity: Identity | None) -> int:
        """Resume a Deployment, idempotently; return the generation of its spec."""
        ...


class Resume(PlainAction):
    """The equivalent of ``kubectl rollout resume``; values and revision do not change."""

    verb = RESUME
    permission = Permission.RESUME
    label = "Resume"
    icon = "launch"
    completes = True
    remedy = True

    def __init__(self, store: Store, pauses: DeploymentPauses) -> None:
        self._store = store
        self._pauses = pauses

    def offered(self, state: AppState, now: datetime) -> bool:
        """Return True if a Deployment is paused, and nothing is under way."""
        idle = state.operation is None or state.operation.phase.terminal
        return state.release is not None and idle and bool(_paused(state))

    def check(self, key: Key, preconditions: Preconditions) -> None:
        """Raise ``PortalError`` unless the release has a paused Deployment and is not in use."""
        super().check(key, preconditions)
        self._with_paused(key)

    def _with_paused(self, key: Key) -> tuple[Workload, ...]:
        found = _paused(self._store.snapshot.app(key))
        if not found:
            raise Conflict(f"{key.name} has no paused Deployment, so nothing to resume.")
        return found

    async def preview(self, key: Key, identity: Identity) -> tuple[str, ...]:
        """Describe which Deployments are resumed."""
        found = self._with_paused(key)
        names = ", ".join(each.key.name for each in found)
        who = f"The Deployment {names} goes" if len(found) == 1 else f"The Deployments {names} go"
        return (
            f"{who} on: changes that were held back are rolled out, and missing pods are created.",
            "If the chart's values pause it, the next upgrade pauses it again: change them too.",
        )

    async def run(self, progress: Progress) -> WaitCondition:
        """Resume each paused Deployment."""
        key = progress.operation.key
        wanted: dict[tuple[Kind, Key], int] = {}
        for each in _paused(self._store.snapshot.app(key)):
            with progress.step(f"Resume {each.kind} {each.key.name}"):
                generation = await self._pauses.resume(each.key, identity=progress.identity)
                wanted[each.kind, each.key] = generation
        return WaitCondition(
            "Wait for the rollout", lambda state, seen: restarted(state, wanted, seen)
        )

    @staticmethod
    def outcome(operation: Operation, left: ReleaseRevision | None) -> InterruptedOutcome:
        """Return PENDING: what is paused still is resumed, what is not is left alone."""
        return InterruptedOutcome.PENDING if left else InterruptedOutcome.NOT_BEGUN

    async def complete(self, progress: Progress, left: ReleaseRevision | None) -> WaitCondition:
        """Resume the remaining Deployments."""
        return await self.run(progress)


def _paused(state: AppState) -> tuple[Workload, ...]:
    return tuple(each for each in state.workloads if each.paused)
