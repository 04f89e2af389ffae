"""Launching a release, or changing it to something else: by the form, or from the catalogue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct

from portal.aside import aside
from portal.catalog import dash_app
from portal.domain.errors import Conflict
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.launch import LaunchSpec
from portal.domain.operations import Verb
from portal.operations.progress import Progress
from portal.operations.waiting import WaitCondition
from portal.releases.changes import Changes, CurrentRelease, check_ours
from portal.releases.charts import ChartOrder, apply_chart, order_problems
from portal.releases.existing import Existing
from portal.releases.failed_forms import FailedForms
from portal.releases.forms import Forms
from portal.releases.preconditions import Preconditions
from portal.releases.requests import Request
from portal.releases.volumes import Volumes
from portal.state.ownership import owner_name


class Wish(Struct, frozen=True):
    """A release as it is to be, of the ``chart`` of that name.

    ``look`` is the title of the step that looks at what is there. ``problems`` tells by field what
    is wrong with the wish alone, ``taken`` in words that its name belongs to something else, and
    ``apply`` runs Helm.
    """

    key: Key
    chart: str
    look: str
    problems: Callable[[], Awaitable[dict[str, str]]]
    taken: Callable[[Existing], str]
    apply: Callable[[Progress, CurrentRelease | None], Awaitable[WaitCondition]]


class LaunchPlanner:
    """Makes requests of wishes."""

    def __init__(
        self,
        changes: Changes,
        forms: Forms,
        preconditions: Preconditions,
        failed_forms: FailedForms,
        volumes: Volumes,
    ) -> None:
        self._changes = changes
        self._forms = forms
        self._preconditions = preconditions
        self._failed_forms = failed_forms
        self._volumes = volumes

    def of_form(self, identity: Identity, spec: LaunchSpec) -> Wish:
        """The built-in chart, with what the launch form says."""

        async def problems() -> dict[str, str]:
            return self._forms.recheck(spec) | (await self._volumes.notes(spec)).errors

        async def apply(progress: Progress, current: CurrentRelease | None) -> WaitCondition:
            before = current.values if current else None
            values = await aside(self._forms.values, spec, _owner(current, identity), before)
            condition = await self._changes.apply(progress, current, values)
            self._failed_forms.drop(spec.key)
            return condition

        return Wish(
            key=spec.key,
            chart=dash_app.CHART_NAME,
            look="Check the values",
            problems=problems,
            taken=lambda existing: existing.sentence,
            apply=apply,
        )

    def of_chart(self, identity: Identity, order: ChartOrder) -> Wish:
        """A chart of the catalogue."""
        forms = self._forms

        async def problems() -> dict[str, str]:
            return await aside(order_problems, order, forms.rules, forms.images)

        async def apply(progress: Progress, current: CurrentRelease | None) -> WaitCondition:
            owner = _owner(current, identity)
            return await apply_chart(self._changes, progress, current, order, owner)

        return Wish(
            key=order.key,
            chart=order.chart.name,
            look="Look at what is there",
            problems=problems,
            taken=lambda existing: f"{existing.key.name} exists already in {order.key.namespace}.",
            apply=apply,
        )

    def request(
        self, identity: Identity, wish: Wish, *, create_only: bool, expected_revision: int | None
    ) -> Request:
        """Ask for ``wish``. With ``create_only`` a release of that name is a ``Conflict``."""
        key = wish.key
        verb = Verb.LAUNCH if self._preconditions.existing(key) is None else Verb.UPGRADE
        word = "Launched" if verb is Verb.LAUNCH else "Changed"

        async def problems() -> dict[str, str]:
            found = await wish.problems()
            # A name that no namespace can have is not asked for.
            if "namespace" not in found:
                problem = await self._preconditions.namespace_problem(key.namespace)
                found |= {"namespace": problem} if problem else {}
            return found

        def check() -> None:
            self._preconditions.free(key)
            existing = self._preconditions.existing(key)
            if existing is not None and (create_only or existing.chart not in {wish.chart, ""}):
                raise Conflict(
                    wish.taken(existing), "Choose another name, or open that app to change it."
                )

        async def work(progress: Progress) -> WaitCondition:
            with progress.step(wish.look):
                current = await self._changes.current(key)
                check_ours(current, key, wish.chart)
                self._preconditions.unchanged(current, key, expected_revision)
                if current is not None and create_only:
                    raise Conflict(f"There is an app named {key.name} already.")
            return await wish.apply(progress, current)

        return Request(
            key,
            verb,
            work,
            check,
            f"{word} by {identity.user}",
            problems=problems,
            expected_revision=expected_revision,
        )


def _owner(current: CurrentRelease | None, identity: Identity) -> str:
    """Who is named as the one who launched it: an app keeps the name of whoever did so first."""
    return owner_name(current.owners, current.values) if current else identity.user
