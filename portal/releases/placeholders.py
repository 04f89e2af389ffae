"""Replacement of placeholders in requests by their secrets."""

from __future__ import annotations

import asyncio

from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.permissions import Permission
from portal.releases.access import Access
from portal.releases.changes import Changes
from portal.releases.failed_forms import FailedForms
from portal.releases.request import ReleaseRequest, Values


class Placeholders:
    """Restores secrets from the release that is changed or, without one, from the user's last form.

    Users without permission to launch get ``Forbidden``.
    """

    def __init__(self, access: Access, changes: Changes, failed_forms: FailedForms) -> None:
        self._access = access
        self._changes = changes
        self._failed_forms = failed_forms

    async def restored(self, identity: Identity, request: ReleaseRequest) -> ReleaseRequest:
        """Return the request with its secrets; raises ``InvalidInput`` if one is missing."""
        if not request.has_placeholders:
            return request
        await self._access.check(identity, Permission.LAUNCH, request.key)
        current = await self._changes.releases.find(request.key)
        real = current.values if current else self.last_sent_values(identity, request.key)
        return await asyncio.to_thread(request.restored, real)

    def last_sent_values(self, identity: Identity, key: Key) -> Values:
        """Return the values that this user last sent for ``key``."""
        sent = self._failed_forms.get(key, identity.user)
        return sent.values if sent else {}
