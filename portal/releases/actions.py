"""The entry point of all changes of releases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace

from portal.auth.authorizer import KnownRights
from portal.catalog.chart import Chart
from portal.catalog.launch_fields import field_of
from portal.domain.audit import CANCEL, DISMISS, Event, Outcome, recorded
from portal.domain.charts import BUILT_IN
from portal.domain.errors import ChartError, InvalidInput, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.launch import LaunchSpec
from portal.domain.limits import LIMITS, Limit
from portal.domain.operations import Operation
from portal.domain.owners import Role
from portal.domain.permissions import Permission
from portal.operations.operations import Operations, utc_now
from portal.operations.progress import Progress
from portal.operations.waiting import WaitCondition
from portal.releases.access import Access
from portal.releases.changes import Changes
from portal.releases.existing import Existing
from portal.releases.failed_forms import FailedForms
from portal.releases.forms import ReleaseForms, ScaleRequest
from portal.releases.hand_over import HandOver
from portal.releases.install import Install
from portal.releases.launch import LaunchPlanner
from portal.releases.load_test import (
    LOAD_TEST,
    LoadTestForecast,
    LoadTestOffer,
    LoadTestRequest,
    LoadTests,
)
from portal.releases.map_apis import MapApis
from portal.releases.namespace_roles import NamespaceRoles
from portal.releases.new_owner import HandOverPreview, HandOverRequest
from portal.releases.new_secrets import NewSecrets
from portal.releases.owned_apps import OwnedApps
from portal.releases.placeholders import Placeholders
from portal.releases.plain import PlainAction
from portal.releases.plan import Plan
from portal.releases.ports import ReleasePorts
from portal.releases.preconditions import Preconditions
from portal.releases.previews import Previews
from portal.releases.queries import PrefilledForm, Queries, ReleaseValues
from portal.releases.request import ReleaseRequest
from portal.releases.rollback import Rollback
from portal.releases.root import RootRules
from portal.releases.scale import Scale
from portal.releases.share import Share, share_doubts
from portal.releases.uninstall import Uninstall, UninstallWithoutHooks
from portal.releases.unlock import Unlock
from portal.releases.upgrade import Upgrade
from portal.releases.volumes import Volumes
from portal.state.model import AppState
from portal.state.ownership import known_owners
from portal.state.store import Store

__all__ = ["Actions", "Existing", "PrefilledForm", "ReleaseValues"]

LaunchInput = LaunchSpec | ReleaseRequest
"""A launch by the built-in chart's form, or with a chart of the catalogue."""


class Actions(Queries):
    """All changes of releases.

    ``launch``, ``scale``, ``rollback`` and the others return the operation as soon as it has begun;
    the snapshot shows its progress. Before anything begins they raise ``Forbidden``,
    ``InvalidInput`` (messages by field id), ``Conflict`` (another operation runs on this release)
    and ``ReleaseBusy`` (an operation of Helm is, or was left, unfinished).
    """

    def __init__(
        self,
        store: Store,
        ports: ReleasePorts,
        operations: Operations,
        rights: KnownRights,
        forms: ReleaseForms,
        chart_path: Path,
        *,
        clock: Callable[[], datetime] = utc_now,
        remembered: int = 200,
        plain: Iterable[PlainAction] = (),
        load_tests: LoadTests | None = None,
        apps: Limit = LIMITS.apps,
        roles: NamespaceRoles | None = None,
    ) -> None:
        """Set it up; ``remembered``: forms of launches kept. ``plain``: actions on app pages.

        ``apps`` is the limit of the apps that one person owns. ``roles`` are those in namespaces
        that people give each other, None if they do not.
        """
        self._owned = OwnedApps(store, apps)
        self._load_tests = load_tests
        self.root = root = RootRules(
            lambda namespace: ports.guardrails.allowances(namespace, BUILT_IN).pod_security,
            ports.namespaces,
        )
        """The rules for apps that run as root."""
        self.volumes = volumes = Volumes(ports.history.claims)
        """The volume claims that an app can mount."""
        self.operations = operations
        """The operations of this portal."""
        changes = Changes(store, ports, chart_path, clock)
        access = Access(rights, store, changes.releases.find, operations.recorder)
        failed_forms = FailedForms(remembered)
        preconditions = Preconditions(store, operations.executor.check_free, ports.namespaces)
        placeholders = Placeholders(access, changes, failed_forms)
        map_apis = MapApis(changes.releases, ports.records, ports.history, ports.apis)
        super().__init__(store, access, forms, changes, preconditions, failed_forms, placeholders)
        self.previews = Previews(
            store,
            access,
            forms,
            ports.history,
            changes,
            preconditions,
            placeholders,
            ports.apis,
            map_apis.note,
        )
        """Previews of changes, and the history of releases."""
        install, upgrade = (
            Install(changes),
            Upgrade(changes, access, preconditions, forms.images),
        )
        self._launches = LaunchPlanner(
            install,
            upgrade,
            changes,
            forms,
            preconditions,
            failed_forms,
            volumes,
            ports.records,
            root,
            NewSecrets(ports.env_secrets),
            self._owned,
        )
        self._upgrade = upgrade
        self._scale = Scale(changes, forms, preconditions)
        self._rollback = Rollback(changes, preconditions)
        self._uninstall = uninstall = Uninstall(
            changes, preconditions, self.previews, map_apis, failed_forms
        )
        remedies = (UninstallWithoutHooks(uninstall, store), map_apis)
        self.plain: Mapping[str, PlainAction] = {
            each.verb.name: each for each in (*plain, *remedies)
        }
        """The plain actions on an app's page, by name."""
        self._unlock = Unlock(store, ports.records, preconditions, clock)
        self._share = Share(changes, ports.records, preconditions)
        self._hand_over = HandOver(
            store, access, changes, ports.records, preconditions, self._owned, roles
        )
        operations.declare(
            (
                install,
                upgrade,
                self._scale,
                self._rollback,
                self._uninstall,
                self._unlock,
                self._share,
                self._hand_over,
                *self.plain.values(),
                *([load_tests] if load_tests else []),
            )
        )

    async def _begin(self, identity: Identity, plan: Plan) -> Operation:
        """Authorise, validate, acquire the lease, and start the operation.

        Returns as soon as the lease is acquired; the work continues in a task.
        """
        key, needed = plan.key, plan.action.permission
        await self._access.check(identity, needed, key)
        problems = await plan.problems()
        if problems:
            raise InvalidInput(problems)
        plan.check()
        # Checked again by the work. Here, so that the form is still open when refused.
        if plan.expected_revision is not None:
            current = await self._changes.releases.find(key)
            self._preconditions.check_unchanged(current, key, plan.expected_revision)
        release = self._store.snapshot.app(key).release

        async def work(progress: Progress) -> WaitCondition | None:
            await self._access.recheck(identity, needed, key)
            await self._changes.releases.check_stored_with_objects(key)
            return await plan.run(progress)

        return await self.operations.executor.begin(
            key,
            plan.action.verb,
            identity,
            work,
            base=release.revision if release else 0,
            description=plan.description,
            asked=plan.asked,
        )

    # Actions.

    async def launch(
        self,
        identity: Identity,
        asked: LaunchInput,
        *,
        create_only: bool = False,
        expected_revision: int | None = None,
    ) -> Operation:
        """Install what is ``asked`` for, or upgrade the release of that name and chart to it.

        With ``create_only`` an existing release is a ``Conflict``, for users who were not told
        that this would be an upgrade. ``expected_revision`` is the revision that the form was
        filled in from: if it is no longer the newest, ``Conflict`` is raised rather than
        overwriting another user's change.
        """
        request = await self._placeholders.restored(identity, self._forms.requested(asked))
        plan = self._launches.plan(
            identity, request, create_only=create_only, expected_revision=expected_revision
        )
        try:
            operation = await self._begin(identity, plan)
        finally:
            self._owned.release(request.key)
        self._failed_forms.keep(request.key, identity.user, replace(request, secrets=()))
        return operation

    async def change_version(
        self, identity: Identity, key: Key, chart: Chart, *, expected_revision: int | None = None
    ) -> Operation:
        """Move a release to another version of its chart, keeping its values.

        ``expected_revision`` as in ``launch``.
        """
        plan = await self._upgrade.to_version(identity, key, chart, expected_revision)
        return await self._begin(identity, plan)

    async def scale(self, identity: Identity, key: Key, request: ScaleRequest) -> Operation:
        """Change the number of replicas, or the autoscaler, of a release; nothing else."""
        return await self._begin(identity, self._scale.plan(identity, key, request))

    async def rollback(
        self, identity: Identity, key: Key, revision: int, *, expected_revision: int | None = None
    ) -> Operation:
        """Roll back to ``revision``, as a new revision.

        ``expected_revision`` as in ``launch``.
        """
        plan = self._rollback.plan(identity, key, revision, expected_revision)
        return await self._begin(identity, plan)

    async def uninstall(self, identity: Identity, key: Key) -> Operation:
        """Remove a release and all its objects."""
        return await self._begin(identity, self._uninstall.plan(identity, key))

    async def unlock(self, identity: Identity, key: Key) -> Operation:
        """Mark a revision left pending by a stopped Helm as failed.

        Running pods are not changed. Raises ``Conflict`` if nothing is pending, and
        ``ReleaseBusy`` unless it has been pending, unchanged, for ``DEAD_AFTER`` seconds.
        """
        return await self._begin(identity, self._unlock.plan(identity, key))

    async def share(self, identity: Identity, key: Key, asked: Mapping[Role, str]) -> Operation:
        """Share a release with exactly the users and groups that are ``asked`` for, by role.

        The form is ``user:ann, group:team-a``; raises ``InvalidInput`` for any other.
        """
        return await self._begin(identity, self._share.plan(key, asked))

    def share_doubts(self, asked: Mapping[Role, str]) -> dict[str, str]:
        """Return what is doubtful about whom a release is shared with, by role."""
        return share_doubts(asked, known_owners(self._store.snapshot.apps.values()))

    async def preview_hand_over(
        self, identity: Identity, key: Key, asked: HandOverRequest, *, links: bool = False
    ) -> HandOverPreview:
        """Describe what handing a release over would change.

        ``links`` is True if people make read-only links. Raises ``InvalidInput`` by the fields.
        """
        await self._access.check(identity, Permission.HAND_OVER, key)
        return await self._hand_over.preview(identity, key, asked, links=links)

    async def hand_over(self, identity: Identity, key: Key, asked: HandOverRequest) -> Operation:
        """Make somebody else the owner of a release; raises ``InvalidInput`` by the fields."""
        return await self._begin(identity, self._hand_over.plan(identity, key, asked))

    def offered(self, state: AppState, now: datetime) -> frozenset[str]:
        """Return the names of the ``plain`` actions that the page of an app offers."""
        return frozenset(name for name, each in self.plain.items() if each.offered(state, now))

    async def preview_plain(self, identity: Identity, name: str, key: Key) -> tuple[str, ...]:
        """Describe what one of the ``plain`` actions would do, in sentences."""
        action = self._plain(name)
        await self._access.check(identity, Permission.PREVIEW, key)
        return await action.preview(key, identity)

    async def begin_plain(self, identity: Identity, name: str, key: Key) -> Operation:
        """Begin one of the ``plain`` actions."""
        plan = self._plain(name).plan(identity, key, self._preconditions)
        return await self._begin(identity, plan)

    async def load_test_offer(self, identity: Identity, key: Key) -> LoadTestOffer:
        """Return what a load test of a release may be."""
        await self._access.check(identity, Permission.UPGRADE, key)
        return self._require_load_tests().offer(identity, key)

    async def load_test_forecast(
        self, identity: Identity, key: Key, asked: LoadTestRequest
    ) -> LoadTestForecast:
        """Return what a load test would be, or what is wrong with it by field."""
        await self._access.check(identity, Permission.UPGRADE, key)
        return self._require_load_tests().forecast(identity, key, asked)

    async def load_test(self, identity: Identity, key: Key, asked: LoadTestRequest) -> Operation:
        """Begin a load test of a release, which does not change."""
        plan = self._require_load_tests().plan(identity, key, asked, self._preconditions)
        return await self._begin(identity, plan)

    async def stop_load_test(self, identity: Identity, key: Key) -> None:
        """Stop the load test of a release, in whichever portal it was begun."""
        await self._access.check(identity, Permission.UPGRADE, key)
        operation = self._store.snapshot.app(key).operation
        if operation and operation.verb.name == LOAD_TEST.name and not operation.phase.terminal:
            await self.operations.executor.cancel(key, identity.user)
        else:
            await self._require_load_tests().stop(identity, key)

    def _require_load_tests(self) -> LoadTests:
        if self._load_tests is None or not self._load_tests.on:
            raise NotFound(
                "Load tests are switched off in this portal.",
                "An administrator can set an image for them.",
            )
        return self._load_tests

    def _plain(self, name: str) -> PlainAction:
        if name not in self.plain:
            raise NotFound("There is no such action.", "Reload the page.")
        return self.plain[name]

    async def cancel(self, identity: Identity, key: Key) -> None:
        """Cancel the operation on this release, in whichever portal it runs.

        Helm gets time to mark the release as failed. Raises ``Conflict`` if no operation is
        under way, or if it is a removal.
        """
        await self._access.check(identity, Permission.CANCEL, key)
        async with self._recorded(CANCEL, identity, key):
            await self.operations.executor.cancel(key, identity.user)

    async def dismiss(self, identity: Identity, key: Key) -> None:
        """Remove the finished operation on this release; raises ``Conflict`` if it still runs."""
        await self._access.check(identity, Permission.DISMISS, key)
        async with self._recorded(DISMISS, identity, key):
            await self.operations.executor.dismiss(key)
        self._failed_forms.drop(key)

    def _recorded(
        self, action: str, identity: Identity, key: Key
    ) -> AbstractAsyncContextManager[None]:
        """Record what is done to the operation on a release."""
        operation = self._store.snapshot.app(key).operation
        event = Event(
            action,
            Outcome.BEGUN,
            identity,
            key,
            detail={"of": operation.id, "verb": operation.verb.name} if operation else {},
        )
        return recorded(self.operations.recorder, event)


def form_fields(error: ChartError) -> dict[str, str]:
    """Map the built-in chart's errors about values to fields of its form."""
    fields: dict[str, str] = {}
    for path, sentence in error.values.items():
        field = field_of(path)
        if field:
            fields.setdefault(field, sentence)
    return fields
