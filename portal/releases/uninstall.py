"""Uninstall: remove a release and its objects."""

from __future__ import annotations

from datetime import datetime

from portal.domain.errors import ChartError, NotFound, PortalError
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
from portal.releases.map_apis import MapApis
from portal.releases.plain import PlainAction
from portal.releases.plan import Plan
from portal.releases.preconditions import Preconditions
from portal.releases.previews import Previews
from portal.state.failed_removal import removal_failed
from portal.state.model import AppState
from portal.state.store import Store

UNINSTALL = Verb("uninstall", "removal", "removing", removes=True)
UNINSTALL_WITHOUT_HOOKS = Verb(
    "uninstall-without-hooks", "removal without hooks", "removing", removes=True
)

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
        map_apis: MapApis,
        failed_forms: FailedForms,
    ) -> None:
        self._changes = changes
        self._preconditions = preconditions
        self._previews = previews
        self._map_apis = map_apis
        self._failed_forms = failed_forms

    def plan(self, identity: Identity, key: Key) -> Plan:
        """Plan the removal of a release."""
        return Plan(self, key, self.remove, lambda: self.check(key))

    def check(self, key: Key) -> None:
        """Raise ``PortalError`` unless the release may be removed."""
        # An unfinished uninstall may be repeated.
        self._preconditions.check_free(key, allow=ReleaseStatus.UNINSTALLING)
        self._preconditions.require_existing(key)

    async def remaining(self, key: Key, identity: Identity) -> str:
        """Describe what a removal without hooks leaves; "" if nothing, or if unknown."""
        return await self._previews.remaining(key, identity, hooks=False)

    async def remove(self, progress: Progress, *, hooks: bool = True) -> WaitCondition:
        """Remove a release; without ``hooks`` its delete hooks do not run."""
        key, identity = progress.operation.key, progress.identity
        # Determined first: Helm deletes the manifest.
        advice = await self._previews.remaining(key, identity, hooks=hooks)
        present = await self._present(key, identity, needed=hooks)
        problem = ""
        if present is not None:
            newest, deployed = present
            await progress.applies(deployed.values, {})
            problem = await self._hooks_problem(key, newest, identity) if hooks else ""
        if problem or not hooks:
            advice = " ".join(filter(None, ("Its hooks were not run.", problem, advice)))
        progress.put(advice=advice)
        await self._map_record(progress)
        with progress.step(f"Run helm uninstall{'' if hooks else ' without hooks'}"):
            try:
                result = await self._changes.helm.uninstall(
                    key, hooks=hooks and not problem, identity=identity
                )
                progress.put(helm_seconds=result.seconds)
            except NotFound:
                pass  # removed already
            self._changes.releases.record_revision(key, 0)
            self._failed_forms.drop(key)
        return GONE

    async def _present(
        self, key: Key, identity: Identity | None, *, needed: bool
    ) -> tuple[ReleaseRevision, ReleaseRevision] | None:
        """Return the newest and the deployed revision; None if there is none.

        None, too, if they cannot be read and are not ``needed``.
        """
        try:
            return await self._changes.history.newest_and_deployed(key, identity=identity)
        except PortalError:
            if needed:
                raise
            return None

    async def _hooks_problem(
        self, key: Key, newest: ReleaseRevision, identity: Identity | None
    ) -> str:
        """Return why the hooks of a release must not run on uninstall, "" if they may."""
        if not newest.hooks:
            return ""
        try:
            await self._changes.guardrails.check(
                key, newest.source, newest.hooks, newest.values, identity=identity
            )
        except ChartError as error:
            return error.message
        return ""

    async def _map_record(self, progress: Progress) -> None:
        """Map the record to the cluster's APIs, if Helm could not read its objects otherwise.

        An object of a kind that the cluster no longer serves would keep all others from being
        deleted.
        """
        try:
            found = await self._map_apis.find(
                progress.operation.key, progress.identity, removal=True
            )
        except PortalError:
            return  # Helm says what is wrong with the record
        if found is not None:
            await self._map_apis.write(progress, found)

    @staticmethod
    def outcome(operation: Operation, left: ReleaseRevision | None) -> InterruptedOutcome:
        """Return the outcome, by whether a record is left."""
        if left is None or left.status is ReleaseStatus.UNINSTALLED:
            return InterruptedOutcome.FINISHED
        begun = left.status is ReleaseStatus.UNINSTALLING
        return InterruptedOutcome.PENDING if begun else InterruptedOutcome.NOT_BEGUN

    async def complete(
        self, progress: Progress, left: ReleaseRevision | None, *, hooks: bool = True
    ) -> WaitCondition:
        """Repeat an unfinished uninstall."""
        if left is not None and left.status is ReleaseStatus.UNINSTALLING:
            return await self.remove(progress, hooks=hooks)
        return GONE


class UninstallWithoutHooks(PlainAction):
    """The way out for a release whose delete hooks fail."""

    verb = UNINSTALL_WITHOUT_HOOKS
    permission = Permission.UNINSTALL
    label = "Remove without hooks"
    icon = "trash"
    remedy = True
    completes = True
    outcome = staticmethod(Uninstall.outcome)

    def __init__(self, uninstall: Uninstall, store: Store) -> None:
        self._uninstall = uninstall
        self._store = store

    def offered(self, state: AppState, now: datetime) -> bool:
        """Return True if a removal has failed, and there are hooks to leave out."""
        hooks = state.detail.delete_hooks if state.detail else ()
        return bool(hooks) and removal_failed(state, now)

    def check(self, key: Key, preconditions: Preconditions) -> None:
        """Raise ``PortalError`` unless the release may be removed."""
        self._uninstall.check(key)

    async def preview(self, key: Key, identity: Identity) -> tuple[str, ...]:
        """Describe what is deleted, and which hooks do not run."""
        detail = self._store.snapshot.app(key).detail
        hooks = dict.fromkeys(
            f"{each} ({each.event})" for each in (detail.delete_hooks if detail else ())
        )
        skipped = f"These hooks do not run: {', '.join(hooks)}." if hooks else "No hooks run."
        left = await self._uninstall.remaining(key, identity)
        return (
            f"Helm deletes the release {key.name}, its history and its objects.",
            f"{skipped} What they were to do, such as a last backup, or deleting what the app has "
            "made elsewhere, is not done.",
            *([left] if left else []),
        )

    async def run(self, progress: Progress) -> WaitCondition:
        """Remove the release."""
        return await self._uninstall.remove(progress, hooks=False)

    async def complete(self, progress: Progress, left: ReleaseRevision | None) -> WaitCondition:
        """Repeat an unfinished uninstall, without hooks as well."""
        return await self._uninstall.complete(progress, left, hooks=False)
