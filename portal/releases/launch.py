"""Planning of launches: installs and upgrades."""

from __future__ import annotations

import asyncio

from portal.domain.errors import Conflict
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.operations.progress import Progress
from portal.operations.waiting import WaitCondition
from portal.releases.changes import Changes
from portal.releases.current import CurrentRelease, check_ours
from portal.releases.existing import taken_over
from portal.releases.failed_forms import FailedForms
from portal.releases.forms import ReleaseForms
from portal.releases.install import Install
from portal.releases.new_secrets import NewSecrets
from portal.releases.owned_apps import OwnedApps
from portal.releases.plan import Plan
from portal.releases.ports import Records
from portal.releases.preconditions import Preconditions
from portal.releases.request import ReleaseRequest, chart_problems
from portal.releases.root import RootRules
from portal.releases.upgrade import Upgrade
from portal.releases.volumes import Volumes
from portal.state.ownership import owner_name
from portal.threads import in_thread


class LaunchPlanner:
    """Plans an install or an upgrade, depending on whether the release exists."""

    def __init__(
        self,
        install: Install,
        upgrade: Upgrade,
        changes: Changes,
        forms: ReleaseForms,
        preconditions: Preconditions,
        failed_forms: FailedForms,
        volumes: Volumes,
        records: Records,
        root: RootRules,
        secrets: NewSecrets,
        owned: OwnedApps,
    ) -> None:
        self._install = install
        self._upgrade = upgrade
        self._changes = changes
        self._forms = forms
        self._preconditions = preconditions
        self._failed_forms = failed_forms
        self._volumes = volumes
        self._records = records
        self._root = root
        self._secrets = secrets
        self._owned = owned

    def plan(
        self,
        identity: Identity,
        request: ReleaseRequest,
        *,
        create_only: bool,
        expected_revision: int | None,
    ) -> Plan:
        """Plan a launch. With ``create_only`` an existing release is a ``Conflict``."""
        key = request.key
        new = self._preconditions.existing(key) is None

        def check() -> None:
            self._preconditions.check_free(key)
            existing = self._preconditions.existing(key)
            if existing is not None and (
                create_only or existing.chart not in {request.chart_name, ""}
            ):
                words = f"{key.name} exists already in {key.namespace}."
                raise Conflict(
                    existing.sentence if request.chart is None else words,
                    "Choose another name, or open that app to change it.",
                )
            if existing is None:
                self._owned.reserve(identity, key)

        async def run(progress: Progress) -> WaitCondition:
            with progress.step("Check the values"):
                current = await self._changes.releases.find(key)
                if current is None and (error := self._preconditions.taken_elsewhere(key)):
                    raise error
                check_ours(current, key, request.chart_name)
                self._preconditions.check_unchanged(current, key, expected_revision)
                if current is not None and create_only:
                    raise Conflict(f"There is an app named {key.name} already.")
            before = current.values if current else None
            values = await in_thread(request.new_values, before, _owner(current, identity))
            async with self._secrets.kept(identity, request, values) as values:
                condition = await self._changes.apply(progress, current, values, request.chart)
            self._failed_forms.drop(key)
            return condition

        async def problems() -> dict[str, str]:
            return await self._problems(identity, request)

        return Plan(
            self._install if new else self._upgrade,
            key,
            run,
            check,
            f"{'Launched' if new else 'Changed'} by {identity.user}",
            problems,
            expected_revision,
        )

    async def _problems(self, identity: Identity, request: ReleaseRequest) -> dict[str, str]:
        """Return what is wrong with a request, by field."""
        if request.chart is None:
            checked = self._forms.check_values(request.key, request.values)
            found = dict(checked.errors)
            if checked.spec:
                found |= (await self._volumes.notes(identity, checked.spec)).errors
                found |= await self._root.problems(checked.spec)
            found |= self._secrets.problems(request)
        else:
            found = await in_thread(chart_problems, request, self._forms.rules, self._forms.images)
            wanted = request.chart.content.kube_version
            problem = await self._preconditions.kubernetes_problem(wanted)
            found |= {"chart": problem} if problem else {}
        # A name that no namespace can have is not asked for.
        if "namespace" not in found:
            problem, taken = await asyncio.gather(
                self._preconditions.namespace_problem(request.key.namespace),
                self._taken_elsewhere(request.key, valid="name" not in found),
            )
            if problem:
                found["namespace"] = problem
            elif taken is not None:
                found["name"] = str(taken)
        return found

    async def _taken_elsewhere(self, key: Key, *, valid: bool) -> Conflict | None:
        """Return the error for a name that belongs to a release managed elsewhere, else None.

        A name that is not valid belongs to none.
        """
        if not valid:
            return None
        error = self._preconditions.taken_elsewhere(key)
        if error is not None or self._preconditions.existing(key) is not None:
            return error
        record = await self._records.other_record(key)
        return taken_over(key, record, record=True) if record else None


def _owner(current: CurrentRelease | None, identity: Identity) -> str:
    """Return the owner to record: an app keeps the user who first launched it."""
    return owner_name(current.owners, current.values) if current else identity.user
