"""Previews of changes, and the history of releases. Read-only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path

from portal.catalog.chart import Chart
from portal.catalog.env_keys import with_secrets
from portal.catalog.launch_fields import field_of
from portal.domain.errors import ChartError, InvalidInput, NotFound, PortalError, RemovedApi
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.launch import LaunchSpec
from portal.domain.objects import ReleaseStatus
from portal.domain.permissions import Permission
from portal.domain.proposals import CrdDifference, Proposal, Removal
from portal.domain.release import ReleaseRevision
from portal.domain.removals import remains, summary
from portal.domain.replica_ownership import without_replicas
from portal.guardrails.crds import Definition, definitions, kinds_in
from portal.releases.access import Access
from portal.releases.changes import Changes
from portal.releases.current import CurrentRelease, check_ours
from portal.releases.forms import ReleaseForms
from portal.releases.placeholders import Placeholders
from portal.releases.ports import ReleaseHistory, ServedApis
from portal.releases.preconditions import Preconditions
from portal.releases.request import ReleaseRequest
from portal.releases.rollback import check_past
from portal.releases.upgrade import version_request
from portal.state.ownership import owner_name
from portal.state.store import Store
from portal.threads import in_thread


class Previews:
    """Previews from Helm's records and from charts rendered without installing them.

    All methods raise ``Forbidden``, and ``NotFound`` if the release or revision does not exist.
    """

    def __init__(
        self,
        store: Store,
        access: Access,
        forms: ReleaseForms,
        past: ReleaseHistory,
        changes: Changes,
        preconditions: Preconditions,
        placeholders: Placeholders,
        apis: ServedApis,
        note_removed_api: Callable[[Key, int], None],
    ) -> None:
        self._store = store
        self._access = access
        self._forms = forms
        self._past = past
        self._changes = changes
        self._preconditions = preconditions
        self._placeholders = placeholders
        self._apis = apis
        self._note_removed_api = note_removed_api

    async def upgrade(
        self,
        identity: Identity,
        asked: LaunchSpec | ReleaseRequest,
        *,
        expected_revision: int | None = None,
    ) -> Proposal:
        """Preview ``Actions.launch`` for an existing release.

        Raises what that would, as far as it is known before: ``InvalidInput`` with the chart's
        own errors by form field, ``ChartError``, ``Conflict``, ``ReleaseBusy``.
        """
        request = self._forms.requested(asked)
        key, chart = request.key, request.chart
        await self._access.check(identity, Permission.PREVIEW, key)
        request = await self._placeholders.restored(identity, request)
        # For other charts Helm checks the schema.
        if chart is None:
            checked = self._forms.check_values(key, request.values)
            if checked.errors:
                raise InvalidInput(checked.errors)
        newest, runs = await self._present(key, identity)
        current = _current(newest)
        check_ours(current, key, request.chart_name)
        self._preconditions.check_unchanged(current, key, expected_revision)
        owner = owner_name(newest.owners, newest.values)
        values = await in_thread(request.new_values, newest.values, owner)
        upcoming = ()
        if request.secrets:
            upcoming = (f"{key.name}-env-new",)
            values = with_secrets(values, upcoming[0], (each.name for each in request.secrets))
        try:
            async with self._changes.chart_for(key, current, chart, identity=identity) as ref:
                manifest = await self._rendered(
                    identity, key, ref.path, ref.source, values, upcoming
                )
                crds = await self._crds(runs, ref.path)
        except ChartError as error:
            fields = {field_of(path): sentence for path, sentence in error.values.items()}
            if chart or not fields or "" in fields:
                raise
            raise InvalidInput(fields) from error
        manifest = await self._applied(key, manifest)
        return self._proposal(key, newest, runs, manifest, values, crds)

    async def version(
        self, identity: Identity, key: Key, chart: Chart, *, expected_revision: int | None = None
    ) -> Proposal:
        """Preview ``Actions.change_version``."""
        await self._access.check(identity, Permission.PREVIEW, key)
        newest, runs = await self._present(key, identity)
        current = _current(newest)
        check_ours(current, key, chart.name)
        self._preconditions.check_unchanged(current, key, expected_revision)
        request = await version_request(key, chart, newest.values, self._forms.images)
        manifest = await self._rendered(identity, key, chart.path, chart.source, request.values)
        crds = await self._crds(runs, chart.path)
        return self._proposal(key, newest, runs, manifest, request.values, crds)

    async def rollback(self, identity: Identity, key: Key, revision: int) -> Proposal:
        """Preview ``Actions.rollback``, which applies the manifest that Helm has kept."""
        await self._access.check(identity, Permission.PREVIEW, key)
        newest, runs = await self._present(key, identity)
        back = _read(await self._past.revision(key, revision, identity=identity))
        await check_past(self._changes.guardrails, key, back, identity)
        manifest = await self._applied(key, back.manifest)
        return self._proposal(key, newest, runs, manifest, back.values)

    async def history(self, identity: Identity, key: Key) -> tuple[ReleaseRevision, ...]:
        """Return all revisions that Helm keeps, newest first."""
        await self._access.check(identity, Permission.READ_HISTORY, key)
        return await self._past.revisions(key, identity=identity)

    async def newest(self, identity: Identity, key: Key) -> ReleaseRevision:
        """Return the newest revision, with its secrets."""
        await self._access.check(identity, Permission.READ_MANIFEST, key)
        newest, _ = await self._present(key, identity)
        return newest

    async def removal(self, identity: Identity, key: Key) -> Removal:
        """Return the proposed uninstall, from which follows what it would leave."""
        await self._access.check(identity, Permission.PREVIEW, key)
        return await self._removal(key, identity)

    async def _removal(self, key: Key, identity: Identity | None) -> Removal:
        newest, _ = await self._present(key, identity)
        claims, objects = await asyncio.gather(
            self._past.claims(key.namespace, identity=identity),
            self._past.objects(key.namespace, identity=identity),
        )
        defined = await in_thread(kinds_in, newest.crds)
        served = [each for each in defined if await self._served(each) != ()]
        return Removal(
            key,
            newest.manifest,
            claims,
            newest.hooks,
            tuple(each.ref.name for each in served),
            objects,
        )

    async def remaining(self, key: Key, identity: Identity | None, *, hooks: bool = True) -> str:
        """Describe what an uninstall would leave; "" if nothing, or if unknown."""
        try:
            removal = await self._removal(key, identity)
            left = await in_thread(partial(remains, removal, hooks=hooks))
        except PortalError:
            return ""
        return summary(left, key.namespace)

    async def _served(self, defined: Definition) -> tuple[str, ...] | None:
        """Return the versions in which the cluster serves a kind; None if that is unknown."""
        try:
            return await self._apis.versions(defined.group, defined.kind)
        except PortalError:
            return None

    async def _crds(self, runs: ReleaseRevision, chart: Path) -> tuple[CrdDifference, ...]:
        """Return how ``crds/`` of a chart differs from what the cluster has.

        The cluster's definitions are taken to be those of the recorded chart, as far as that has
        them; besides, they have to serve every version.
        """
        known = await in_thread(kinds_in, runs.crds)
        before = {each.ref.name: each for each in known}
        found: list[CrdDifference] = []
        for each in await in_thread(definitions, chart):
            served = await self._served(each)
            old = before.get(each.ref.name)
            if served == ():
                found.append(CrdDifference(each.ref.name, missing=True))
            elif (old is not None and old != each) or not set(each.served) <= set(
                each.served if served is None else served
            ):
                found.append(CrdDifference(each.ref.name))
        return tuple(found)

    async def _rendered(
        self,
        identity: Identity,
        key: Key,
        chart: Path,
        source: str,
        values: Mapping[str, object],
        upcoming: Collection[str] = (),
    ) -> str:
        """Render a chart; raises ``ChartError`` if the guardrails refuse it."""
        await self._changes.guardrails.check_values(key, source, chart, values)
        try:
            rendering = await self._changes.helm.render(key, chart, values, identity=identity)
        except RemovedApi:
            release = self._store.snapshot.app(key).release
            if release is not None:
                self._note_removed_api(key, release.revision)
            raise
        await self._changes.guardrails.check(
            key, source, rendering.whole, values, upcoming, identity=identity
        )
        return rendering.manifest

    async def _applied(self, key: Key, manifest: str) -> str:
        """Return the part of a manifest that is applied: without replicas set by autoscalers."""
        conflicting = (
            await self._changes.replica_transfer.ownership_after(key, manifest)
        ).conflicting
        return await in_thread(without_replicas, manifest, conflicting)

    async def _present(
        self, key: Key, identity: Identity | None
    ) -> tuple[ReleaseRevision, ReleaseRevision]:
        found = await self._past.newest_and_deployed(key, identity=identity)
        if found is None or found[0].status is ReleaseStatus.UNINSTALLED:
            raise NotFound(f"There is no release {key.name} in {key.namespace}.")
        newest, runs = found
        return _read(newest), _read(runs)

    def _proposal(
        self,
        key: Key,
        newest: ReleaseRevision,
        runs: ReleaseRevision,
        manifest: str,
        values: Mapping[str, object],
        crds: tuple[CrdDifference, ...] = (),
    ) -> Proposal:
        return Proposal(
            key=key,
            since=newest.revision,
            manifest=runs.manifest,
            new_manifest=manifest,
            values=runs.values,
            new_values=values,
            live={each.key.name: each.desired for each in self._store.snapshot.app(key).workloads},
            compared=runs.revision,
            crds=crds,
        )


def _current(newest: ReleaseRevision) -> CurrentRelease:
    return CurrentRelease(
        newest.revision, newest.status, newest.chart, newest.values, owners=newest.owners
    )


def _read(revision: ReleaseRevision) -> ReleaseRevision:
    """Return the revision; raises ``PortalError`` if it could not be read."""
    if revision.damaged:
        raise PortalError(
            f"Helm's record of revision {revision.revision} cannot be read: {revision.damaged}",
            "An administrator has to repair or delete its Secret.",
        )
    return revision
