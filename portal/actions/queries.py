"""What pages ask before anybody changes anything."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from portal.actions.changes import Changes, Current, check_ours
from portal.actions.drafts import Drafts
from portal.actions.existing import Existing
from portal.actions.forms import Forms, Raw
from portal.actions.guards import Guards
from portal.auth.policy import Policy
from portal.catalog import dash_app
from portal.domain.errors import PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.launch import LaunchSpec
from portal.domain.operations import OperationPhase, Verb
from portal.state.store import Store

Values = Mapping[str, object]


class Filled(Struct, frozen=True):
    """The launch form filled in from a release, and which ``revision`` of it that was."""

    raw: Raw
    revision: int


class Given(Struct, frozen=True):
    """The values that a ``revision`` of a release was given."""

    values: Values
    revision: int


class Queries:
    """The questions that ``Actions`` answers, beside doing what it is asked for."""

    def __init__(
        self,
        store: Store,
        policy: Policy,
        forms: Forms,
        changes: Changes,
        guards: Guards,
        drafts: Drafts,
    ) -> None:
        self._store = store
        self._policy = policy
        self._forms = forms
        self._changes = changes
        self._guards = guards
        self._drafts = drafts

    @property
    def forms(self) -> Forms:
        """The rules of the forms that this accepts."""
        return self._forms

    def existing(self, key: Key) -> Existing | None:
        """What already has this name, from the snapshot: cheap enough for every keystroke."""
        return self._guards.existing(key)

    async def namespace_problem(self, namespace: str) -> str:
        """Why nothing can be launched in a namespace; "" if nothing is known against it."""
        return await self._guards.namespace_problem(namespace)

    async def values(self, identity: Identity, key: Key) -> Values | None:
        """The values given to the newest revision, as they are; None if there is no such release.

        ``Conflict`` if it is of another chart: which of its values are secret is not known here.
        """
        await self._policy.check(identity, Verb.UPGRADE, key)
        current = await self._changes.current(key)
        check_ours(current, key)
        return None if current is None else current.values

    async def known_values(self, identity: Identity, key: Key) -> Values | None:
        """The values of a release of the built-in chart, as far as the snapshot has them.

        Never asks Helm, and never raises: None wherever they are not known for sure.
        """
        try:
            await self._policy.check(identity, Verb.UPGRADE, key)
        except PortalError:
            return None
        state = self._store.snapshot.app(key)
        detail = state.detail
        if state.release is None or detail is None or detail.damaged:
            return None
        return detail.values if detail.chart == dash_app.CHART_NAME else None

    async def chart_values(self, identity: Identity, key: Key, chart: str) -> Given:
        """What a release of a chart was given, to change it.

        ``NotFound`` if there is no such release, ``Conflict`` if it is of another chart.
        """
        current = await self._changeable(identity, key, chart)
        return Given(current.values, current.revision)

    async def edit_form(self, identity: Identity, key: Key) -> Filled:
        """The launch form filled in with what the release has now.

        ``NotFound`` if there is no such release, ``Conflict`` if it is of another chart.
        """
        current = await self._changeable(identity, key, dash_app.CHART_NAME)
        return Filled(self._forms.prefill(key, current.values), current.revision)

    async def _changeable(self, identity: Identity, key: Key, chart: str) -> Current:
        await self._policy.check(identity, Verb.UPGRADE, key)
        return await self._changes.of_chart(key, chart)

    async def asked_form(self, identity: Identity, key: Key) -> Raw | None:
        """The launch form as it was last sent, where no release has come of it.

        None if there is a release by now, or nothing was asked for lately.
        """
        await self._policy.check(identity, Verb.LAUNCH, key)
        return None if self.existing(key) else self._drafts.get(key)

    def complaints(self, spec: LaunchSpec) -> dict[str, str]:
        """What the chart said of fields when they were last sent, where they are as they were."""
        operation = self._store.snapshot.app(spec.key).operation
        if operation is None or operation.phase is not OperationPhase.FAILED:
            return {}
        sent, now = self._drafts.get(spec.key), self._forms.refill(spec)
        return {
            field: f"The last try failed here: {sentence}"
            for field, sentence in operation.fields.items()
            if sent is None or sent.get(field) == now.get(field)
        }
