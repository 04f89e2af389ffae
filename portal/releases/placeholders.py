"""Puts secrets back where a request has placeholders for them."""

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
    """The secrets are those of the release that is changed; where there is none, those that the
    same person sent last. Whoever may not change it is ``Forbidden``."""

    def __init__(self, access: Access, changes: Changes, failed_forms: FailedForms) -> None:
        self._access = access
        self._changes = changes
        self._failed_forms = failed_forms

    async def restored(self, identity: Identity, request: ReleaseRequest) -> ReleaseRequest:
        """The request, with its secrets; ``InvalidInput`` if one is not there."""
        if not request.has_placeholders:
            return request
        await self._access.check(identity, Permission.LAUNCH, request.key)
        current = await self._changes.current(request.key)
        real = current.values if current else self.sent(identity, request.key)
        return await asyncio.to_thread(request.restored, real)

    def sent(self, identity: Identity, key: Key) -> Values:
        """The values that this person sent last for ``key``."""
        sent = self._failed_forms.get(key, identity.user)
        return sent.values if sent else {}
