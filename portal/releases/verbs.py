"""What may be asked of a release that is there: each as a request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from portal.aside import aside
from portal.catalog import dash_app
from portal.catalog.chart import Chart
from portal.domain.errors import Conflict, InvalidInput, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.objects import Release, ReleaseStatus
from portal.domain.operations import DEAD_AFTER, Verb
from portal.domain.owners import Owners, read_entries
from portal.domain.permissions import Permission
from portal.helm_service.errors import busy
from portal.helm_service.helm import HelmClient
from portal.operations.interrupted import GONE
from portal.operations.progress import Progress
from portal.operations.waiting import WaitCondition
from portal.releases.access import Access
from portal.releases.changes import Changes, CurrentRelease, check_ours
from portal.releases.charts import ChartOrder, apply_version, checked_order, version_words
from portal.releases.failed_forms import FailedForms
from portal.releases.forms import Forms, ScaleRequest
from portal.releases.ports import Records
from portal.releases.preconditions import Preconditions
from portal.releases.previews import Previews
from portal.releases.requests import Request
from portal.state.store import Store


class Verbs:
    """Makes the requests; ``Actions`` says what each does and raises."""

    def __init__(
        self,
        helm: HelmClient,
        store: Store,
        access: Access,
        forms: Forms,
        records: Records,
        changes: Changes,
        preconditions: Preconditions,
        previews: Previews,
        failed_forms: FailedForms,
        clock: Callable[[], datetime],
    ) -> None:
        self._helm = helm
        self._store = store
        self._access = access
        self._forms = forms
        self._records = records
        self._changes = changes
        self._preconditions = preconditions
        self._previews = previews
        self._failed_forms = failed_forms
        self._clock = clock

    async def change_version(
        self, identity: Identity, key: Key, chart: Chart, expected_revision: int | None
    ) -> Request:
        """Another version of the release's chart."""

        def check() -> None:
            self._preconditions.free(key)
            self._preconditions.there(key)

        async def order() -> tuple[CurrentRelease, ChartOrder]:
            current = await self._changes.of_chart(key, chart.name)
            self._preconditions.unchanged(current, key, expected_revision)
            return current, await checked_order(key, chart, current.values, self._forms.images)

        async def work(progress: Progress) -> WaitCondition:
            with progress.step("Check the values"):
                current, asked = await order()
            return await apply_version(self._changes, progress, current, asked)

        # Here already, so that a refusal is an answer to the click; and for what history will say.
        await self._access.check(identity, Permission.UPGRADE, key)
        check()
        before, _ = await order()
        words = f"{version_words(before.chart_version, chart)} by {identity.user}"
        return Request(key, Verb.UPGRADE, work, check, words)

    def scale(self, identity: Identity, key: Key, asked: ScaleRequest) -> Request:
        """Another number of replicas, or an autoscaler."""

        async def problems() -> dict[str, str]:
            return self._forms.recheck_scale(asked)

        def check() -> None:
            self._preconditions.free(key)
            existing = self._preconditions.there(key)
            if not existing.ours:
                raise Conflict(
                    f"{key.name} comes from the chart {existing.chart}, which the portal cannot "
                    "scale.",
                    "Use that chart's own values, with helm.",
                )

        async def work(progress: Progress) -> WaitCondition:
            with progress.step("Check the values"):
                current = await self._current(key)
                check_ours(current, key)
                errors = self._forms.recheck_scale(asked, current.values)
                if errors:
                    raise InvalidInput(errors)
                values = await aside(
                    dash_app.scaled, current.values, asked.replicas, asked.autoscaling
                )
            return await self._changes.apply(progress, current, values)

        words = _scale_words(asked, identity)
        return Request(key, Verb.SCALE, work, check, words, problems=problems)

    def rollback(
        self, identity: Identity, key: Key, revision: int, expected_revision: int | None
    ) -> Request:
        """Back to what a revision was."""

        def check() -> None:
            self._preconditions.free(key)
            existing = self._preconditions.there(key)
            if not 1 <= revision < existing.revision:
                raise InvalidInput(
                    {"revision": f"Choose a revision before the present one, {existing.revision}."}
                )

        async def work(progress: Progress) -> WaitCondition:
            with progress.step(f"Look up revision {revision}"):
                current = await self._current(key)
                self._preconditions.unchanged(current, key, expected_revision)
                values = await self._helm.values(key, revision)
            return await self._changes.roll_back(progress, current, revision, values)

        words = f"Rolled back to revision {revision} by {identity.user}"
        return Request(key, Verb.ROLLBACK, work, check, words, expected_revision=expected_revision)

    def uninstall(self, identity: Identity, key: Key) -> Request:
        """The end of it."""

        def check() -> None:
            # One that was left half uninstalled may be uninstalled again.
            self._preconditions.free(key, allow=ReleaseStatus.UNINSTALLING)
            self._preconditions.there(key)

        async def work(progress: Progress) -> WaitCondition:
            # Helm forgets the manifest that tells.
            progress.put(advice=await self._previews.left(identity, key))
            with progress.step("Run helm uninstall"):
                try:
                    result = await self._helm.uninstall(key)
                    progress.put(helm_seconds=result.seconds)
                except NotFound:
                    pass  # what was asked for is so
                self._changes.made(key, 0)
                self._failed_forms.drop(key)
            return GONE

        return Request(key, Verb.UNINSTALL, work, check)

    def unlock(self, identity: Identity, key: Key) -> Request:
        """An end to what Helm has left pending."""
        words = f"Unlocked by {identity.user}"

        def check() -> None:
            self._preconditions.idle(key)
            self._abandoned(key)

        async def work(progress: Progress) -> None:
            revision = self._abandoned(key).revision
            with progress.step(f"Mark revision {revision} as failed"):
                left = await self._records.newest(key)
                if left is None or left.revision != revision or not left.status.pending:
                    raise Conflict(f"Helm has gone on with {key.name} in the meantime.")
                await self._records.mark_failed(key, left, words)

        return Request(key, Verb.UNLOCK, work, check, words)

    def share(self, key: Key, text: str) -> Request:
        """Other people and groups who may change it."""
        shared, problem = read_entries(text)

        async def problems() -> dict[str, str]:
            return {"shared": problem} if problem else {}

        def check() -> None:
            self._preconditions.free(key)
            self._preconditions.there(key)

        async def work(progress: Progress) -> None:
            with progress.step("Write down who may change it"):
                current = await self._current(key)
                await self._records.set_owners(key, Owners(current.owners.owner, shared))

        return Request(key, Verb.SHARE, work, check, problems=problems)

    async def _current(self, key: Key) -> CurrentRelease:
        current = await self._changes.current(key)
        if current is None:
            raise NotFound(f"There is no release {key.name} any more.")
        return current

    def _abandoned(self, key: Key) -> Release:
        """The release that Helm has left pending, and must be dead; raises as ``unlock``."""
        release = self._store.snapshot.app(key).release
        if (
            release is None
            or not release.status.pending
            or release.status is ReleaseStatus.UNINSTALLING
        ):
            raise Conflict(f"Helm has left nothing of {key.name} half way any more.")
        changed = release.updated_at
        if changed is None or (self._clock() - changed).total_seconds() <= DEAD_AFTER:
            raise busy(key, release.status)
        return release


def _scale_words(asked: ScaleRequest, identity: Identity) -> str:
    wanted = asked.autoscaling
    if wanted is None:
        return f"Scaled to {asked.replicas} by {identity.user}"
    return f"Autoscaled {wanted.min_replicas} to {wanted.max_replicas} by {identity.user}"
