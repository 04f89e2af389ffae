"""Puts secrets back where a form has placeholders for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from msgspec.structs import replace

from portal.catalog.draft import Drafting
from portal.domain.errors import InvalidInput
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.launch import LaunchSpec
from portal.domain.permissions import Permission
from portal.domain.placeholders import NO_SECRET, placeholders
from portal.releases.access import Access
from portal.releases.changes import Changes
from portal.releases.charts import ChartOrder
from portal.releases.failed_forms import FailedForms
from portal.releases.forms import Forms

Values = Mapping[str, object]


class Placeholders:
    """The secrets are those of the release that is changed; where there is none, those that the
    same person sent last. Whoever may not change it is ``Forbidden``."""

    def __init__(
        self, access: Access, changes: Changes, forms: Forms, failed_forms: FailedForms
    ) -> None:
        self._access = access
        self._changes = changes
        self._forms = forms
        self._failed_forms = failed_forms

    async def spec(self, identity: Identity, spec: LaunchSpec) -> LaunchSpec:
        """The launch form's request, with its secrets; ``InvalidInput`` if one is not there."""
        if next(placeholders([each.value for each in spec.env]), None) is None:
            return spec
        values = await self._values(identity, spec.key)
        return self._forms.restored(
            spec, self.sent(identity, spec.key) if values is None else values
        )

    async def order(self, identity: Identity, order: ChartOrder) -> ChartOrder:
        """A chart's values, with their secrets; ``InvalidInput`` if one is not there."""
        if next(placeholders(order.values), None) is None:
            return order
        values = await self._values(identity, order.key)
        drafting = Drafting(order.chart, dict(values or {}))
        found = await asyncio.to_thread(drafting.restored, dict(order.values))
        if found.unknown:
            path = ".".join(str(part) for part in found.unknown[0])
            raise InvalidInput({"values": f"{path}: {NO_SECRET}"})
        return replace(order, values=found.values)

    def sent(self, identity: Identity, key: Key) -> Values:
        """The values that the form had which this person sent last for ``key``."""
        raw = self._failed_forms.get(key, identity.user)
        spec = self._forms.check(raw).spec if raw else None
        return self._forms.values(spec, "") if spec else {}

    async def _values(self, identity: Identity, key: Key) -> Values | None:
        await self._access.check(identity, Permission.LAUNCH, key)
        current = await self._changes.current(key)
        return current.values if current else None
