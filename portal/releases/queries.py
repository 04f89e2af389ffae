"""Read-only queries of the pages about releases."""

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
from portal.releases.changes import Changes
from portal.releases.current import CurrentRelease, check_ours
from portal.releases.existing import Existing
from portal.releases.failed_forms import FailedForms
from portal.releases.forms import FormFields, ReleaseForms
from portal.releases.placeholders import Placeholders
from portal.releases.preconditions import Preconditions
from portal.releases.request import ReleaseRequest
from portal.state.store import Store

Values = Mapping[str, object]


class PrefilledForm(Struct, frozen=True):
    """The launch form filled in from a ``revision`` of a release."""

    raw: FormFields
    revision: int


class ReleaseValues(Struct, frozen=True):
    """The user-supplied values of a ``revision`` of a release."""

    values: Values
    revision: int


class Queries:
    """The read-only part of ``Actions``."""

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
    def access(self) -> Access:
        """The permission checks of all actions and queries."""
        return self._access

    @property
    def forms(self) -> ReleaseForms:
        """The rules of the forms."""
        return self._forms

    def launchable(self, identity: Identity) -> tuple[str, ...] | None:
        """Return the namespaces in which ``identity`` may launch; None if that is not told."""
        return self._access.launchable(identity)

    def existing(self, identity: Identity, key: Key) -> Existing | None:
        """Return the release that has this name in the snapshot; cheap.

        None if there is none, or if it may not be seen.
        """
        return (
            self._preconditions.existing(key) if self._may(identity, Permission.SEE, key) else None
        )

    def overwrite_problem(self, identity: Identity, key: Key) -> str:
        """Return why an existing app may not be overwritten; "" if it may, or there is none."""
        if refusal := self._access.refusal_reason(identity, Permission.UPGRADE, key):
            return refusal
        elsewhere = self._preconditions.taken_elsewhere(key)
        return str(elsewhere) if elsewhere else ""

    def _may(self, identity: Identity, permission: Permission, key: Key) -> bool:
        return self._access.may(identity, permission, key)

    async def check(self, identity: Identity, permission: Permission, key: Key) -> None:
        """Raise ``Forbidden`` unless ``identity`` may do this to a release."""
        await self._access.check(identity, permission, key)

    async def kubernetes_problem(self, wanted: str) -> str:
        """Return an error if this Kubernetes is not among the versions ``wanted``, else ""."""
        return await self._preconditions.kubernetes_problem(wanted)

    async def namespace_problem(self, identity: Identity, namespace: str) -> str:
        """Return why ``identity`` cannot launch in a namespace, "" if that is not known.

        Whether it exists is told only to those who may launch there.
        """
        refusal = await self._access.launch_refusal(identity, namespace)
        return refusal or await self._preconditions.namespace_problem(namespace)

    async def values(self, identity: Identity, key: Key) -> Values | None:
        """Return the user-supplied values of the newest revision; None without a release.

        Raises ``Conflict`` if it is of another chart. They contain secrets, and must not be sent
        to a browser.
        """
        await self._access.check(identity, Permission.READ_VALUES, key)
        current = await self._changes.releases.find(key)
        check_ours(current, key)
        return None if current is None else current.values

    def known_values(self, identity: Identity, key: Key) -> Values | None:
        """Return the values of a release of the built-in chart from the snapshot.

        Reads no record and never raises: None if they are not known or may not be read. They
        contain secrets, as those of ``values``.
        """
        if not self._may(identity, Permission.READ_VALUES, key):
            return None
        state = self._store.snapshot.app(key)
        detail = state.detail
        if state.release is None or detail is None or detail.damaged:
            return None
        return detail.values if detail.chart == dash_app.CHART_NAME else None

    def placeholder_problems(self, identity: Identity, spec: LaunchSpec) -> dict[str, str]:
        """Return errors about placeholders in a form, by field, from the snapshot."""
        known = self.known_values(identity, spec.key)
        if known is None and self.existing(identity, spec.key) is not None:
            return {}
        sent = self._placeholders.last_sent_values(identity, spec.key)
        try:
            self._forms.request(spec).restored(sent if known is None else known)
        except InvalidInput as error:
            return error.fields
        return {}

    async def own_values(self, identity: Identity, key: Key) -> Values:
        """Return the values of a release of any chart, for use on the server.

        Without a release they are those that this user last sent. They contain secrets, as those
        of ``values``.
        """
        await self._access.check(identity, Permission.UPGRADE, key)
        current = await self._changes.releases.find(key)
        return current.values if current else self._placeholders.last_sent_values(identity, key)

    async def chart_values(self, identity: Identity, key: Key, chart: str) -> ReleaseValues:
        """Return the values of a release of a chart for editing, with secrets.

        Raises ``NotFound`` if there is no such release, ``Conflict`` if it is of another chart.
        """
        current = await self._changeable(identity, key, chart)
        return ReleaseValues(current.values, current.revision)

    async def edit_form(self, identity: Identity, key: Key) -> PrefilledForm:
        """Return the launch form filled in from a release, with placeholders for secrets.

        Raises ``NotFound`` if there is no such release, ``Conflict`` if it is of another chart.
        """
        current = await self._changeable(identity, key, dash_app.CHART_NAME)
        return PrefilledForm(self._forms.shown(key, current.values), current.revision)

    async def _changeable(self, identity: Identity, key: Key, chart: str) -> CurrentRelease:
        await self._access.check(identity, Permission.UPGRADE, key)
        return await self._changes.releases.of_chart(key, chart)

    async def failed_form(self, identity: Identity, key: Key) -> FormFields | None:
        """Return the launch form as this user last sent it, if no release resulted from it.

        It has placeholders for secrets. None if there is a release, or no kept form.
        """
        sent = await self.failed_request(identity, key)
        if sent is None or sent.chart is not None:
            return None
        raw = self._forms.prefill(key, sent.values)
        return raw | {"env": self._forms.shown(key, sent.values)["env"]}

    async def failed_request(self, identity: Identity, key: Key) -> ReleaseRequest | None:
        """Return the request that this user last sent, if no release resulted from it.

        It contains secrets, and must not be sent to a browser.
        """
        await self._access.check(identity, Permission.LAUNCH, key)
        if self._preconditions.existing(key):
            return None
        return self._failed_forms.get(key, identity.user)

    def last_chart_errors(self, identity: Identity, spec: LaunchSpec) -> dict[str, str]:
        """Return the chart's errors at the last attempt, for fields that are unchanged since."""
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
