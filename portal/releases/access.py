"""Asks the policy, with what is known of whose a release is; refusals go into the log."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from portal.auth.policy import Policy
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.owners import NOBODY, Owners
from portal.domain.permissions import Permission
from portal.releases.changes import CurrentRelease
from portal.state.model import AppState
from portal.state.ownership import owners_of
from portal.state.store import Store

log = logging.getLogger(__name__)


class Access:
    """Every action and every question goes through here. ``current`` knows each release as it
    surely is, from the snapshot or from Helm's record."""

    def __init__(
        self,
        policy: Policy,
        store: Store,
        current: Callable[[Key], Awaitable[CurrentRelease | None]],
    ) -> None:
        self._policy = policy
        self._store = store
        self._current = current

    def may(self, identity: Identity, permission: Permission, key: Key) -> bool:
        """Whether ``identity`` may do this by what the snapshot shows: no while it is not known."""
        state = self._store.snapshot.app(key)
        owners = _shown(state, permission)
        if owners is None and state.release is not None:
            owners = NOBODY
        return self._policy.refusal(identity, permission, key, owners) is None

    def why_not(self, identity: Identity, permission: Permission, key: Key) -> str:
        """Why ``identity`` may not do this to a release that the snapshot shows; "" if it may, or
        while that is not known."""
        state = self._store.snapshot.app(key)
        owners = owners_of(state)
        if state.release is None or owners is None:
            return ""
        refusal = self._policy.refusal(identity, permission, key, owners)
        return str(refusal) if refusal else ""

    async def check(self, identity: Identity, permission: Permission, key: Key) -> None:
        """Raise ``Forbidden`` unless ``identity`` may do this to the release ``key``."""
        if self._policy.refusal(identity, permission, key, NOBODY) is None:
            return  # whosever it is
        state = self._store.snapshot.app(key)
        owners = _shown(state, permission)
        if owners is None:
            current = await self._current(key)
            absent = None if state.release is None else NOBODY
            owners = current.owners if current else absent
        self._raise(identity, permission, key, owners)

    async def recheck(self, identity: Identity, permission: Permission, key: Key) -> None:
        """As ``check``, once the release is held: somebody may have been faster."""
        if self._policy.refusal(identity, permission, key, NOBODY) is None:
            return
        current = await self._current(key)
        self._raise(identity, permission, key, current.owners if current else None)

    def _raise(
        self, identity: Identity, permission: Permission, key: Key, owners: Owners | None
    ) -> None:
        refusal = self._policy.refusal(identity, permission, key, owners)
        if refusal is None:
            return
        log.warning(
            "refused: %s may not %s %s: %s",
            identity.user,
            permission,
            key,
            refusal.message,
            extra={
                "actor": identity.user,
                "groups": ",".join(identity.groups),
                "permission": permission.name.lower(),
                "namespace": key.namespace,
                "release": key.name,
                "reason": refusal.message,
            },
        )
        raise refusal


def _shown(state: AppState, permission: Permission) -> Owners | None:
    """Whose the snapshot says it is; None where it does not tell, or shows nothing.

    A name under which nothing has come of a launch is free.
    """
    if state.release is None and (state.operation is None or permission is Permission.LAUNCH):
        return None
    return owners_of(state)
