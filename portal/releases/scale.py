"""Scale: change the replicas or the autoscaler of a release, and nothing else."""

from __future__ import annotations

from portal.catalog import dash_app
from portal.domain.errors import Conflict, InvalidInput
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.operations import Verb
from portal.domain.permissions import Permission
from portal.operations.progress import Progress
from portal.operations.waiting import WaitCondition
from portal.releases.changes import Changes, RevisionAction
from portal.releases.current import check_ours
from portal.releases.forms import ReleaseForms, ScaleRequest
from portal.releases.plan import Plan
from portal.releases.preconditions import Preconditions
from portal.threads import in_thread

SCALE = Verb("scale", "change of scale", "scaling")


class Scale(RevisionAction):
    """The scaling of a release of the built-in chart."""

    verb = SCALE
    permission = Permission.SCALE

    def __init__(self, changes: Changes, forms: ReleaseForms, preconditions: Preconditions) -> None:
        super().__init__(changes)
        self._forms = forms
        self._preconditions = preconditions

    def plan(self, identity: Identity, key: Key, asked: ScaleRequest) -> Plan:
        """Plan the change that is ``asked`` for."""

        async def problems() -> dict[str, str]:
            return self._forms.recheck_scale(asked)

        def check() -> None:
            self._preconditions.check_free(key)
            self._preconditions.check_scaled_here(key)
            existing = self._preconditions.require_existing(key)
            if not existing.ours:
                raise Conflict(
                    f"{key.name} comes from the chart {existing.chart}, which the portal cannot "
                    "scale.",
                    "Change its values under Edit, if the catalogue has that chart.",
                )

        async def run(progress: Progress) -> WaitCondition:
            with progress.step("Check the values"):
                current = await self.changes.releases.existing(key)
                check_ours(current, key)
                errors = self._forms.recheck_scale(asked, current.values)
                if errors:
                    raise InvalidInput(errors)
                values = await in_thread(
                    dash_app.scaled, current.values, asked.replicas, asked.autoscaling
                )
            return await self.changes.apply(progress, current, values)

        words = f"{_words(asked)} by {identity.user}"
        return Plan(self, key, run, check, words, problems=problems)


def _words(asked: ScaleRequest) -> str:
    wanted = asked.autoscaling
    if wanted is None:
        return f"Scaled to {asked.replicas}"
    return f"Autoscaled {wanted.min_replicas} to {wanted.max_replicas}"
