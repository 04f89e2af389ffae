"""What pages ask before anybody changes anything."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from portal.catalog import dash_app
from portal.domain.errors import InvalidInput
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.launch import LaunchSpec
from portal.domain.operations import OperationPhase
from portal.domain.permissions import Permission
from portal.releases.access import Access
from portal.releases.changes import Changes, CurrentRelease, check_ours
from portal.releases.existing import Existing
from portal.releases.failed_forms import FailedForms
from portal.releases.forms import FormFields, ReleaseForms
from portal.releases.placeholders import Placeholders
from portal.releases.preconditions import Preconditions
from portal.releases.request import ReleaseRequest
from portal.state.store import Store

Values = Mapping[str, object]


class PrefilledForm(Struct, frozen=True):
    """The launch form filled in from a release, and which ``revision`` of it that was."""

    raw: FormFields
    revision: int


class ReleaseValues(Struct, frozen=True):
    """The values that a ``revision`` of a release was given."""

    values: Values
    revision: int


class Queries:
    """The questions that ``Actions`` answers, beside doing what it is asked for."""

    def __init__(
        self,
        store: Store,
        access: Access,
        forms: ReleaseForms,
        changes: Changes,
        preconditions: Preconditions,
        failed_forms: FailedForms,
        placeholders: Placeholders,
    ) -> None:
        self._store = store
        self._access = access
        self._forms = forms
        self._changes = changes
        self._preconditions = preconditions
        self._failed_forms = failed_forms
        self._placeholders = placeholders

    @property
    def forms(self) -> ReleaseForms:
        """The rules of the forms that this accepts."""
        return self._forms

    def existing(self, identity: Identity, key: Key) -> Existing | None:
        """What already has this name, from the snapshot: cheap enough for every keystroke.

        None where it may not be seen.
        """
        return (
            self._preconditions.existing(key) if self._may(identity, Permission.SEE, key) else None
        )

    def taken(self, identity: Identity, key: Key) -> str:
        """Why an app of this name cannot be launched over; "" if it can, or there is none."""
        return self._access.why_not(identity, Permission.UPGRADE, key)

    def _may(self, identity: Identity, permission: Permission, key: Key) -> bool:
        return self._access.may(identity, permission, key)

    async def check(self, identity: Identity, permission: Permission, key: Key) -> None:
        """Raise ``Forbidden`` unless ``identity`` may do this to a release."""
        await self._access.check(identity, permission, key)

    async def namespace_problem(self, namespace: str) -> str:
        """Why nothing can be launched in a namespace; "" if nothing is known against it."""
        return await self._preconditions.namespace_problem(namespace)

    async def values(self, identity: Identity, key: Key) -> Values | None:
        """The values given to the newest revision, as they are; None if there is no such release.

        ``Conflict`` if it is of another chart. They hold secrets: they are not for a browser.
        """
        await self._access.check(identity, Permission.READ_VALUES, key)
        current = await self._changes.current(key)
        check_ours(current, key)
        return None if current is None else current.values

    def known_values(self, identity: Identity, key: Key) -> Values | None:
        """The values of a release of the built-in chart, as far as the snapshot has them.

        Never asks Helm, and never raises: None wherever they are not known for sure. They hold
        secrets, as those of ``values``.
        """
        if not self._may(identity, Permission.READ_VALUES, key):
            return None
        state = self._store.snapshot.app(key)
        detail = state.detail
        if state.release is None or detail is None or detail.damaged:
            return None
        return detail.values if detail.chart == dash_app.CHART_NAME else None

    def placeholder_problems(self, identity: Identity, spec: LaunchSpec) -> dict[str, str]:
        """What is wrong with placeholders in a form, as far as the snapshot tells."""
        existing = self.existing(identity, spec.key)
        if existing is not None and self.known_values(identity, spec.key) is None:
            return {}
        known = self.known_values(identity, spec.key)
        sent = self._placeholders.sent(identity, spec.key)
        try:
            self._forms.request(spec).restored(sent if known is None else known)
        except InvalidInput as error:
            return error.fields
        return {}

    async def own_values(self, identity: Identity, key: Key) -> Values:
        """The values of a release of any chart, for what is made of them here.

        Without one they are those that this person sent last. They hold secrets, as those of
        ``values``.
        """
        await self._access.check(identity, Permission.UPGRADE, key)
        current = await self._changes.current(key)
        return current.values if current else self._placeholders.sent(identity, key)

    async def chart_values(self, identity: Identity, key: Key, chart: str) -> ReleaseValues:
        """What a release of a chart was given, to change it: with its secrets.

        ``NotFound`` if there is no such release, ``Conflict`` if it is of another chart.
        """
        current = await self._changeable(identity, key, chart)
        return ReleaseValues(current.values, current.revision)

    async def edit_form(self, identity: Identity, key: Key) -> PrefilledForm:
        """The launch form filled in with what the release has now, placeholders for secrets.

        ``NotFound`` if there is no such release, ``Conflict`` if it is of another chart.
        """
        current = await self._changeable(identity, key, dash_app.CHART_NAME)
        return PrefilledForm(self._forms.shown(key, current.values), current.revision)

    async def _changeable(self, identity: Identity, key: Key, chart: str) -> CurrentRelease:
        await self._access.check(identity, Permission.UPGRADE, key)
        return await self._changes.of_chart(key, chart)

    async def asked_form(self, identity: Identity, key: Key) -> FormFields | None:
        """The launch form as this person last sent it, where no release has come of it.

        With placeholders for secrets. None if there is a release by now, or nothing was asked for
        lately.
        """
        sent = await self.failed_request(identity, key)
        if sent is None or sent.chart is not None:
            return None
        raw = self._forms.prefill(key, sent.values)
        return raw | {"env": self._forms.shown(key, sent.values)["env"]}

    async def failed_request(self, identity: Identity, key: Key) -> ReleaseRequest | None:
        """What this person last asked for under a name, where no release has come of it.

        With its secrets: it is not for a browser.
        """
        await self._access.check(identity, Permission.LAUNCH, key)
        if self._preconditions.existing(key):
            return None
        return self._failed_forms.get(key, identity.user)

    def complaints(self, identity: Identity, spec: LaunchSpec) -> dict[str, str]:
        """What the chart said of fields when they were last sent, where they are as they were."""
        operation = self._store.snapshot.app(spec.key).operation
        if operation is None or operation.phase is not OperationPhase.FAILED:
            return {}
        if not self._may(identity, Permission.UPGRADE, spec.key):
            return {}
        sent = self._failed_forms.get(spec.key, identity.user)
        before = self._forms.prefill(spec.key, sent.values) if sent else None
        now = self._forms.prefill(spec.key, self._forms.request(spec).values)
        return {
            field: f"The last try failed here: {sentence}"
            for field, sentence in operation.fields.items()
            if before is None or before.get(field) == now.get(field)
        }
