"""Upgrade: change the values or the chart version of a release."""

from __future__ import annotations

from portal.catalog import dash_app
from portal.catalog.chart import Chart
from portal.domain.charts import version_order
from portal.domain.errors import InvalidInput
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.namespaces import NamespaceRules
from portal.domain.operations import Verb
from portal.domain.permissions import Permission
from portal.operations.progress import Progress
from portal.operations.waiting import WaitCondition
from portal.releases.access import Access
from portal.releases.changes import Changes, RevisionAction
from portal.releases.current import CurrentRelease
from portal.releases.plan import Plan
from portal.releases.preconditions import Preconditions
from portal.releases.request import ReleaseRequest, Values, chart_problems
from portal.state.ownership import owner_name
from portal.threads import in_thread

UPGRADE = Verb("upgrade", "update", "updating")


class Upgrade(RevisionAction):
    """The upgrade of a release. ``LaunchPlanner`` plans changes of values, this class versions."""

    verb = UPGRADE
    permission = Permission.UPGRADE

    def __init__(
        self,
        changes: Changes,
        access: Access,
        preconditions: Preconditions,
        images: tuple[str, ...],
    ) -> None:
        super().__init__(changes)
        self._access = access
        self._preconditions = preconditions
        self._images = images

    async def to_version(
        self, identity: Identity, key: Key, chart: Chart, expected_revision: int | None
    ) -> Plan:
        """Plan an upgrade to another version of the release's chart."""

        def check() -> None:
            self._preconditions.check_free(key)
            self._preconditions.require_existing(key)

        async def request() -> tuple[CurrentRelease, ReleaseRequest]:
            current = await self.changes.releases.of_chart(key, chart.name)
            wanted = chart.content.kube_version
            if problem := await self._preconditions.kubernetes_problem(wanted):
                raise InvalidInput({"chart": problem})
            self._preconditions.check_unchanged(current, key, expected_revision)
            return current, await version_request(key, chart, current.values, self._images)

        async def run(progress: Progress) -> WaitCondition:
            with progress.step("Check the values"):
                current, asked = await request()
            if chart.name == dash_app.CHART_NAME:  # whose pods the portal knows how to wait for
                values, built_in = asked.values, True
            else:
                owner = owner_name(current.owners, current.values)
                values, built_in = await in_thread(asked.new_values, None, owner), False
            return await self.changes.apply(progress, current, values, chart, built_in=built_in)

        # Checked before the operation begins, so that a refusal answers the click.
        await self._access.check(identity, self.permission, key)
        check()
        before, _ = await request()
        words = f"{_words(before.chart_version, chart)} by {identity.user}"
        return Plan(self, key, run, check, words)


async def version_request(
    key: Key, chart: Chart, values: Values, images: tuple[str, ...]
) -> ReleaseRequest:
    """Return a request for another version; raises ``InvalidInput`` if it refuses ``values``."""
    request = ReleaseRequest(key, chart, dict(values))
    problems = await in_thread(chart_problems, request, NamespaceRules(), images)
    if problems:
        raise InvalidInput(problems)
    return request


def _words(before: str, chart: Chart) -> str:
    """Describe a change of version for the release's history."""
    after = chart.version.version
    down = version_order(after) < version_order(before)
    return f"{'Downgraded' if down else 'Upgraded'} to chart {after}"
