"""What a person can do to a release. How a change goes its way is in ``requests``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from portal.auth.policy import Policy
from portal.catalog import dash_app
from portal.catalog.chart import Chart
from portal.domain.errors import ChartError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.launch import LaunchSpec
from portal.domain.operations import LEASE_SECONDS, Operation
from portal.domain.permissions import Permission
from portal.guardrails.review import Guardrails
from portal.helm_service.helm import HelmClient
from portal.operations.executor import OperationExecutor
from portal.operations.interrupted import Recovery
from portal.operations.ports import OperationLeases
from portal.operations.recovery import RecoveryLoop
from portal.operations.registry import OperationRegistry
from portal.releases.access import Access
from portal.releases.changes import Changes
from portal.releases.charts import ChartOrder
from portal.releases.existing import Existing
from portal.releases.failed_forms import FailedForms
from portal.releases.forms import Forms, ScaleRequest
from portal.releases.launching import LaunchPlanner
from portal.releases.placeholders import Placeholders
from portal.releases.ports import NamespaceLookup, Records, ReleaseHistory, ReplicaOwners
from portal.releases.preconditions import Preconditions
from portal.releases.previews import Previews
from portal.releases.queries import PrefilledForm, Queries, ReleaseValues
from portal.releases.requests import Requests
from portal.releases.verbs import Verbs
from portal.releases.volumes import Volumes
from portal.state.store import Store

__all__ = ["Actions", "Existing", "PrefilledForm", "ReleaseValues"]


def _now() -> datetime:
    return datetime.now(UTC)


class Actions(Queries):
    """Every change goes through here.

    ``launch``, ``scale``, ``rollback`` and ``uninstall`` answer at once with the operation that
    they began; how it goes on is in the snapshot. They raise ``Forbidden``, ``InvalidInput``
    (messages by field id), ``Conflict`` (another operation runs on this release) and
    ``ReleaseBusy`` (Helm is, or was left, in the middle of something) before anything began.
    """

    def __init__(
        self,
        *,
        helm: HelmClient,
        store: Store,
        policy: Policy,
        replicas: ReplicaOwners,
        forms: Forms,
        chart_path: Path,
        leases: OperationLeases,
        records: Records,
        past: ReleaseHistory,
        guardrails: Guardrails,
        holder: str,
        namespaces: NamespaceLookup | None = None,
        clock: Callable[[], datetime] = _now,
        ended: Callable[[Operation], None] = lambda operation: None,
        limit: int = 20,
        settle: float = 0.5,
        remembered: int = 200,
        uninstalled_for: float = 30.0,
        interval: float = 1.0,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """``holder`` names this process among all portals, and no other ever. ``ended`` is told
        of operations that end here; ``limit`` is how many run at once. ``settle``: seconds
        that a rollout must stay complete to count as done; watches of different kinds are not
        in step, by a few milliseconds. ``remembered``: how many forms of launches are kept.
        ``uninstalled_for``: seconds that a finished uninstall stays to be seen. ``interval``:
        seconds between two looks for operations that nobody works on any more, which is so
        after ``lease_seconds`` of silence."""
        self.volumes = Volumes(past.claims)
        """Which volumes an app can mount."""
        self.registry = OperationRegistry(store, holder, patience=lease_seconds)
        """Where the watch of all portals' claims goes."""
        changes = Changes(helm, store, records, past, replicas, guardrails, chart_path, clock)
        recovery = Recovery(helm, records, changes.rollout_of)
        self._executor = OperationExecutor(
            store,
            leases,
            self.registry,
            recovery.mark_pending_failed,
            clock,
            _form_fields,
            holder=holder,
            limit=limit,
            settle=settle,
            ended=ended,
        )
        self._recovery_loop = RecoveryLoop(
            store,
            leases,
            self.registry,
            self._executor,
            recovery,
            clock,
            forms.rules,
            interval=interval,
            uninstalled_for=uninstalled_for,
        )
        preconditions = Preconditions(store, self._executor.check_free, namespaces)
        access, failed_forms = Access(policy, store, changes.current), FailedForms(remembered)
        placeholders = Placeholders(access, changes, forms, failed_forms)
        super().__init__(store, access, forms, changes, preconditions, failed_forms, placeholders)
        self._requests = Requests(access, store, changes, preconditions, self._executor)
        self._launches = LaunchPlanner(
            changes, forms, preconditions, self._failed_forms, self.volumes
        )
        self.previews = Previews(
            helm, store, access, forms, past, changes, preconditions.unchanged, placeholders
        )
        """What changes would make of a release, and its past."""
        self._verbs = Verbs(
            helm,
            store,
            access,
            forms,
            records,
            changes,
            preconditions,
            self.previews,
            self._failed_forms,
            clock,
        )

    # What a person asks for.

    async def launch(
        self,
        identity: Identity,
        spec: LaunchSpec,
        *,
        create_only: bool = False,
        expected_revision: int | None = None,
    ) -> Operation:
        """Install ``spec``, or upgrade the release of that name to it.

        A release keeps the version of the chart that it has, and values that the form does not
        know. With ``create_only`` an existing release is a ``Conflict``, for a person who has not
        been told yet that this would be an upgrade. ``expected_revision`` is the revision that the form
        was filled in from: if it is not the newest any more, a ``Conflict`` says so, instead of
        undoing what somebody else did in between.
        """
        spec = await self._placeholders.spec(identity, spec)
        wish = self._launches.of_form(identity, spec)
        request = self._launches.request(
            identity, wish, create_only=create_only, expected_revision=expected_revision
        )
        operation = await self._requests.begin(identity, request)
        self._failed_forms.keep(spec.key, identity.user, self._forms.refill(spec))
        return operation

    async def launch_chart(
        self,
        identity: Identity,
        order: ChartOrder,
        *,
        create_only: bool = False,
        expected_revision: int | None = None,
    ) -> Operation:
        """Install a chart of the catalogue, or upgrade the release of that name and chart to it.

        ``create_only`` and ``expected_revision`` as in ``launch``.
        """
        order = await self._placeholders.order(identity, order)
        wish = self._launches.of_chart(identity, order)
        request = self._launches.request(
            identity, wish, create_only=create_only, expected_revision=expected_revision
        )
        return await self._requests.begin(identity, request)

    async def change_version(
        self, identity: Identity, key: Key, chart: Chart, *, expected_revision: int | None = None
    ) -> Operation:
        """Move a release to another version of its chart, with just the values that it has.

        ``expected_revision`` as in ``launch``.
        """
        request = await self._verbs.change_version(identity, key, chart, expected_revision)
        return await self._requests.begin(identity, request)

    async def scale(self, identity: Identity, key: Key, request: ScaleRequest) -> Operation:
        """Change the number of replicas, or the autoscaler, of a release; nothing else."""
        return await self._requests.begin(identity, self._verbs.scale(identity, key, request))

    async def rollback(
        self, identity: Identity, key: Key, revision: int, *, expected_revision: int | None = None
    ) -> Operation:
        """Go back to what ``revision`` was, as a new revision.

        ``expected_revision`` as in ``launch``.
        """
        request = self._verbs.rollback(identity, key, revision, expected_revision)
        return await self._requests.begin(identity, request)

    async def uninstall(self, identity: Identity, key: Key) -> Operation:
        """Remove a release and all its objects."""
        return await self._requests.begin(identity, self._verbs.uninstall(identity, key))

    async def unlock(self, identity: Identity, key: Key) -> Operation:
        """Mark as failed what a Helm that must be dead has left pending.

        Nothing that runs is changed. ``Conflict`` if nothing is pending, and ``ReleaseBusy``
        unless it has been so, without a change, for ``DEAD_AFTER`` seconds.
        """
        return await self._requests.begin(identity, self._verbs.unlock(identity, key))

    async def share(self, identity: Identity, key: Key, text: str) -> Operation:
        """Let other people and groups change it: just those in ``text``.

        That is ``user:ann, group:team-a``; ``InvalidInput`` if it says anything else.
        """
        return await self._requests.begin(identity, self._verbs.share(key, text))

    async def cancel(self, identity: Identity, key: Key) -> None:
        """End the operation on this release, in whatever portal it runs.

        Helm gets time to mark the release as failed. ``Conflict`` if nothing is under way, or
        if it is a removal.
        """
        await self._access.check(identity, Permission.CANCEL, key)
        await self._executor.cancel(key, identity.user)

    async def dismiss(self, identity: Identity, key: Key) -> None:
        """Forget the finished operation on this release. One that still runs is a ``Conflict``."""
        await self._access.check(identity, Permission.DISMISS, key)
        await self._executor.dismiss(key)
        self._failed_forms.drop(key)

    # For as long as the portal runs.

    async def run(self) -> None:
        """Finish what portals that stopped have left, until cancelled."""
        await self._recovery_loop.run()

    async def drain(self, grace: float, patience: float = 0.0) -> None:
        """Hand over what only waits; give Helm ``patience`` seconds to finish, then SIGTERM.

        Within ``grace`` seconds more everything has ended, and is written down.
        """
        await self._executor.drain(grace, patience)


def _form_fields(error: ChartError) -> dict[str, str]:
    """What the chart said about values, as messages of the form's fields."""
    fields: dict[str, str] = {}
    for path, sentence in error.values.items():
        field = dash_app.field_of(path)
        if field:
            fields.setdefault(field, sentence)
    return fields
