"""Launching a release, or changing it to something else: by the form, or from the catalogue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct

from portal.actions.changes import Changes, Current, check_ours
from portal.actions.charts import ChartOrder, apply_chart, order_problems
from portal.actions.drafts import Drafts
from portal.actions.existing import Existing
from portal.actions.forms import Forms
from portal.actions.guards import Guards
from portal.actions.recorder import Recorder
from portal.actions.requests import Request
from portal.actions.volumes import Volumes
from portal.actions.waiting import Goal
from portal.aside import aside
from portal.catalog import dash_app
from portal.domain.errors import Conflict
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.launch import LaunchSpec
from portal.domain.operations import Verb
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
    apply: Callable[[Recorder, Current | None], Awaitable[Goal]]


class Launches:
    """Makes requests of wishes."""

    def __init__(
        self, changes: Changes, forms: Forms, guards: Guards, drafts: Drafts, volumes: Volumes
    ) -> None:
        self._changes = changes
        self._forms = forms
        self._guards = guards
        self._drafts = drafts
        self._volumes = volumes

    def of_form(self, identity: Identity, spec: LaunchSpec) -> Wish:
        """The built-in chart, with what the launch form says."""

        async def problems() -> dict[str, str]:
            return self._forms.recheck(spec) | (await self._volumes.notes(spec)).errors

        async def apply(recorder: Recorder, current: Current | None) -> Goal:
            before = current.values if current else None
            values = await aside(self._forms.values, spec, _owner(current, identity), before)
            goal = await self._changes.apply(recorder, current, values)
            self._drafts.drop(spec.key)
            return goal

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

        async def apply(recorder: Recorder, current: Current | None) -> Goal:
            owner = _owner(current, identity)
            return await apply_chart(self._changes, recorder, current, order, owner)

        return Wish(
            key=order.key,
            chart=order.chart.name,
            look="Look at what is there",
            problems=problems,
            taken=lambda existing: f"{existing.key.name} exists already in {order.key.namespace}.",
            apply=apply,
        )

    def request(
        self, identity: Identity, wish: Wish, *, only_new: bool, since: int | None
    ) -> Request:
        """Ask for ``wish``. With ``only_new`` a release of that name is a ``Conflict``."""
        key = wish.key
        verb = Verb.LAUNCH if self._guards.existing(key) is None else Verb.UPGRADE
        word = "Launched" if verb is Verb.LAUNCH else "Changed"

        async def problems() -> dict[str, str]:
            found = await wish.problems()
            # A name that no namespace can have is not asked for.
            if "namespace" not in found:
                problem = await self._guards.namespace_problem(key.namespace)
                found |= {"namespace": problem} if problem else {}
            return found

        def check() -> None:
            self._guards.free(key)
            existing = self._guards.existing(key)
            if existing is not None and (only_new or existing.chart not in {wish.chart, ""}):
                raise Conflict(
                    wish.taken(existing), "Choose another name, or open that app to change it."
                )

        async def work(recorder: Recorder) -> Goal:
            with recorder.step(wish.look):
                current = await self._changes.current(key)
                if current is None:
                    self._guards.unrecorded(key)
                check_ours(current, key, wish.chart)
                self._guards.unchanged(current, key, since)
                if current is not None and only_new:
                    raise Conflict(f"There is an app named {key.name} already.")
            return await wish.apply(recorder, current)

        return Request(
            key, verb, work, check, f"{word} by {identity.user}", problems=problems, since=since
        )


def _owner(current: Current | None, identity: Identity) -> str:
    """Who is named as the one who launched it: an app keeps the name of whoever did so first."""
    return owner_name(current.owners, current.values) if current else identity.user
