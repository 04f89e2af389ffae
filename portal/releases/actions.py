"""What a person can do to a release: the one way that every change goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path

from portal.auth.policy import Policy
from portal.catalog.chart import Chart
from portal.catalog.launch_fields import field_of
from portal.domain.errors import ChartError, InvalidInput, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.launch import LaunchSpec
from portal.domain.operations import Operation
from portal.domain.permissions import Permission
from portal.operations.operations import Operations, utc_now
from portal.operations.progress import Progress
from portal.operations.waiting import WaitCondition
from portal.releases.access import Access
from portal.releases.changes import Changes
from portal.releases.existing import Existing
from portal.releases.failed_forms import FailedForms
from portal.releases.forms import ReleaseForms, ScaleRequest
from portal.releases.install import Install
from portal.releases.launch import LaunchPlanner
from portal.releases.placeholders import Placeholders
from portal.releases.plain import PlainAction
from portal.releases.plan import Plan
from portal.releases.ports import ReleasePorts
from portal.releases.preconditions import Preconditions
from portal.releases.previews import Previews
from portal.releases.queries import PrefilledForm, Queries, ReleaseValues
from portal.releases.request import ReleaseRequest
from portal.releases.rollback import Rollback
from portal.releases.scale import Scale
from portal.releases.share import Share
from portal.releases.uninstall import Uninstall
from portal.releases.unlock import Unlock
from portal.releases.upgrade import Upgrade
from portal.releases.volumes import Volumes
from portal.state.store import Store

__all__ = ["Actions", "Existing", "PrefilledForm", "ReleaseValues"]

Asked = LaunchSpec | ReleaseRequest
"""What is to be launched: by the built-in chart's form, or with a chart of the catalogue."""


class Actions(Queries):
    """Every change goes through here.

    ``launch``, ``scale``, ``rollback`` and their like answer at once with the operation that
    they began; how it goes on is in the snapshot. They raise ``Forbidden``, ``InvalidInput``
    (messages by field id), ``Conflict`` (another operation runs on this release) and
    ``ReleaseBusy`` (Helm is, or was left, in the middle of something) before anything began.
    """

    def __init__(
        self,
        store: Store,
        ports: ReleasePorts,
        operations: Operations,
        policy: Policy,
        forms: ReleaseForms,
        chart_path: Path,
        *,
        clock: Callable[[], datetime] = utc_now,
        remembered: int = 200,
        plain: Iterable[PlainAction] = (),
    ) -> None:
        """``remembered``: how many forms of launches are kept. ``plain``: what app pages offer."""
        self.plain: Mapping[str, PlainAction] = {each.verb.name: each for each in plain}
        """What an app's page offers by itself, by name."""
        self.volumes = volumes = Volumes(ports.history.claims)
        """Which volumes an app can mount."""
        self.operations = operations
        """What is under way, and for as long as the portal runs."""
        changes = Changes(store, ports, chart_path, clock)
        access, failed_forms = Access(policy, store, changes.current), FailedForms(remembered)
        preconditions = Preconditions(store, operations.executor.check_free, ports.namespaces)
        placeholders = Placeholders(access, changes, failed_forms)
        super().__init__(store, access, forms, changes, preconditions, failed_forms, placeholders)
        self.previews = Previews(
            store, access, forms, ports.history, changes, preconditions.unchanged, placeholders
        )
        """What changes would make of a release, and its past."""
        install, upgrade = (
            Install(changes),
            Upgrade(changes, access, preconditions, forms.images),
        )
        self._launches = LaunchPlanner(
            install, upgrade, changes, forms, preconditions, failed_forms, volumes
        )
        self._upgrade = upgrade
        self._scale = Scale(changes, forms, preconditions)
        self._rollback = Rollback(changes, preconditions)
        self._uninstall = Uninstall(changes, preconditions, self.previews, failed_forms)
        self._unlock = Unlock(store, ports.records, preconditions, clock)
        self._share = Share(changes, ports.records, preconditions)
        operations.declare(
            (
                install,
                upgrade,
                self._scale,
                self._rollback,
                self._uninstall,
                self._unlock,
                self._share,
                *self.plain.values(),
            )
        )

    async def _begin(self, identity: Identity, plan: Plan) -> Operation:
        """Authorise, validate, lock, run, record.

        Answers as soon as the release is the operation's own; it goes on by itself.
        """
        key, needed = plan.key, plan.action.permission
        await self._access.check(identity, needed, key)
        problems = await plan.problems()
        if problems:
            raise InvalidInput(problems)
        plan.check()
        # The work looks again. Here already, so that the person still has the form when refused.
        if plan.expected_revision is not None:
            current = await self._changes.current(key)
            self._preconditions.unchanged(current, key, plan.expected_revision)
        release = self._store.snapshot.app(key).release

        async def work(progress: Progress) -> WaitCondition | None:
            await self._access.recheck(identity, needed, key)
            await self._changes.check_stored_with_objects(key)
            return await plan.run(progress)

        return await self.operations.executor.begin(
            key,
            plan.action.verb,
            identity.user,
            work,
            base=release.revision if release else 0,
            description=plan.description,
        )

    # What a person asks for.

    async def launch(
        self,
        identity: Identity,
        asked: Asked,
        *,
        create_only: bool = False,
        expected_revision: int | None = None,
    ) -> Operation:
        """Install what is ``asked`` for, or upgrade the release of that name and chart to it.

        With ``create_only`` an existing release is a ``Conflict``, for a person who has not been
        told yet that this would be an upgrade. ``expected_revision`` is the one that the form was
        filled in from: if it is not the newest any more, a ``Conflict`` says so, instead of
        undoing what somebody else did in between.
        """
        request = await self._placeholders.restored(identity, self._forms.requested(asked))
        plan = self._launches.plan(
            identity, request, create_only=create_only, expected_revision=expected_revision
        )
        operation = await self._begin(identity, plan)
        self._failed_forms.keep(request.key, identity.user, request)
        return operation

    async def change_version(
        self, identity: Identity, key: Key, chart: Chart, *, expected_revision: int | None = None
    ) -> Operation:
        """Move a release to another version of its chart, with just the values that it has.

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
        """Go back to what ``revision`` was, as a new revision.

        ``expected_revision`` as in ``launch``.
        """
        plan = self._rollback.plan(identity, key, revision, expected_revision)
        return await self._begin(identity, plan)

    async def uninstall(self, identity: Identity, key: Key) -> Operation:
        """Remove a release and all its objects."""
        return await self._begin(identity, self._uninstall.plan(identity, key))

    async def unlock(self, identity: Identity, key: Key) -> Operation:
        """Mark as failed what a Helm that must be dead has left pending.

        Nothing that runs is changed. ``Conflict`` if nothing is pending, and ``ReleaseBusy``
        unless it has been so, without a change, for ``DEAD_AFTER`` seconds.
        """
        return await self._begin(identity, self._unlock.plan(identity, key))

    async def share(self, identity: Identity, key: Key, text: str) -> Operation:
        """Let other people and groups change it: just those in ``text``.

        That is ``user:ann, group:team-a``; ``InvalidInput`` if it says anything else.
        """
        return await self._begin(identity, self._share.plan(key, text))

    async def preview_plain(self, identity: Identity, name: str, key: Key) -> tuple[str, ...]:
        """What one of the ``plain`` actions would do, in sentences."""
        action = self._plain(name)
        await self._access.check(identity, action.permission, key)
        return action.preview(key)

    async def begin_plain(self, identity: Identity, name: str, key: Key) -> Operation:
        """Do what one of the ``plain`` actions does."""
        plan = self._plain(name).plan(identity, key, self._preconditions)
        return await self._begin(identity, plan)

    def _plain(self, name: str) -> PlainAction:
        if name not in self.plain:
            raise NotFound("There is no such action.", "Reload the page.")
        return self.plain[name]

    async def cancel(self, identity: Identity, key: Key) -> None:
        """End the operation on this release, in whatever portal it runs.

        Helm gets time to mark the release as failed. ``Conflict`` if nothing is under way, or
        if it is a removal.
        """
        await self._access.check(identity, Permission.CANCEL, key)
        await self.operations.executor.cancel(key, identity.user)

    async def dismiss(self, identity: Identity, key: Key) -> None:
        """Forget the finished operation on this release. One that still runs is a ``Conflict``."""
        await self._access.check(identity, Permission.DISMISS, key)
        await self.operations.executor.dismiss(key)
        self._failed_forms.drop(key)


def form_fields(error: ChartError) -> dict[str, str]:
    """What the built-in chart said about values, as messages of the form's fields."""
    fields: dict[str, str] = {}
    for path, sentence in error.values.items():
        field = field_of(path)
        if field:
            fields.setdefault(field, sentence)
    return fields
