"""Permission checks on releases; refusals are logged."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

from portal.auth.authorizer import KnownRights, Rights
from portal.domain.audit import UNRECORDED, Event, Outcome, Recorder
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.owners import NOBODY, Owners, Role
from portal.domain.permissions import Permission
from portal.releases.current import CurrentRelease
from portal.state.model import AppState
from portal.state.ownership import owners_of
from portal.state.store import Store

log = logging.getLogger(__name__)

AGAIN = 60.0
"""Seconds in which the same refusal is recorded once; the log has each."""
MOST_REFUSED = 1_000

_ROLES = {
    Role.OWN: Permission.SHARE,
    Role.OPERATE: Permission.UPGRADE,
    Role.VIEW: Permission.READ_VALUES,
}
"""A permission that each role has, and the one below has not."""


class Access:
    """Checks permissions of all actions and queries with the authorizer's answers.

    ``may`` and ``refusal_reason`` use the newest known answer and do not wait, ``check`` uses a
    fresh one, and ``recheck`` asks again. ``current`` reads a release reliably, from the snapshot
    or from Helm's record. ``recorder`` gets each refusal by the last two.
    """

    def __init__(
        self,
        rights: KnownRights,
        store: Store,
        current: Callable[[Key], Awaitable[CurrentRelease | None]],
        recorder: Recorder = UNRECORDED,
    ) -> None:
        self._recorder = recorder
        self._refused: dict[tuple[Identity, Permission, Key], float] = {}
        self._rights = rights
        self._store = store
        self._current = current

    def may(self, identity: Identity, permission: Permission, key: Key) -> bool:
        """Return True if the snapshot shows that ``identity`` may do this."""
        state = self._store.snapshot.app(key)
        owners = _shown(state, permission)
        if owners is None and state.release is not None:
            owners = NOBODY
        return self._rights.known(identity).refusal(permission, key, owners) is None

    def refusal_reason(self, identity: Identity, permission: Permission, key: Key) -> str:
        """Return why ``identity`` may not do this to a release in the snapshot.

        "" if it may, or if that depends on an owner who is not known.
        """
        state = self._store.snapshot.app(key)
        owners = owners_of(state)
        rights = self._rights.known(identity)
        if rights.by_owner and (state.release is None or owners is None):
            return ""
        refusal = rights.refusal(permission, key, owners)
        return str(refusal) if refusal else ""

    def by_owner(self, identity: Identity) -> bool:
        """Return True if owners decide, False if Kubernetes does."""
        return self._rights.known(identity).by_owner

    def role_with(self, identity: Identity, key: Key, owners: Owners) -> Role | None:
        """Return the role that the rights of ``identity`` amount to, if these are the owners."""
        rights = self._rights.known(identity)
        return next(
            (
                role
                for role, needed in _ROLES.items()
                if rights.refusal(needed, key, owners) is None
            ),
            None,
        )

    async def launch_refusal(self, identity: Identity, namespace: str) -> str:
        """Return why ``identity`` may not launch in a namespace, "" if it may."""
        rights = await self._rights.ask(identity)
        refusal = rights.refusal(Permission.LAUNCH, Key(namespace, ""), None)
        return str(refusal) if refusal else ""

    def launchable(self, identity: Identity) -> tuple[str, ...] | None:
        """Return the namespaces in which ``identity`` may launch, by the newest known answer.

        None if that need not be told apart: who may launch anywhere may do so everywhere.
        """
        rights = self._rights.known(identity)
        seen = rights.namespaces
        if rights.by_owner or seen is None:
            return None
        asked = ((each, rights.refusal(Permission.LAUNCH, Key(each, ""), None)) for each in seen)
        return tuple(sorted(name for name, refusal in asked if refusal is None))

    async def check(self, identity: Identity, permission: Permission, key: Key) -> None:
        """Raise ``Forbidden`` unless ``identity`` may do this to the release ``key``."""
        rights = await self._rights.ask(identity)
        if rights.refusal(permission, key, NOBODY) is None:
            return  # allowed whoever owns the release
        if not rights.by_owner:
            # At once: how long it takes must not tell whether there is such a release.
            self._refuse(rights, identity, permission, key, NOBODY)
        state = self._store.snapshot.app(key)
        owners = _shown(state, permission)
        if owners is None:
            current = await self._current(key)
            absent = None if state.release is None else NOBODY
            owners = current.owners if current else absent
        self._refuse(rights, identity, permission, key, owners)

    async def recheck(self, identity: Identity, permission: Permission, key: Key) -> None:
        """Check again with the lease held: rights or the release may have changed in between."""
        rights = await self._rights.ask_again(identity)
        if rights.refusal(permission, key, NOBODY) is None:
            return
        current = await self._current(key) if rights.by_owner else None
        self._refuse(rights, identity, permission, key, current.owners if current else None)

    async def still_may(self, identity: Identity, permission: Permission, key: Key) -> bool:
        """Ask whether somebody who is not there may still do this to a release.

        A refusal is not recorded: nobody has asked for anything.
        """
        rights = await self._rights.ask(identity)
        owners = None
        if rights.by_owner:
            current = await self._current(key)
            owners = current.owners if current else None
            if owners is None:
                return False
        return rights.refusal(permission, key, owners or NOBODY) is None

    def _refuse(
        self,
        rights: Rights,
        identity: Identity,
        permission: Permission,
        key: Key,
        owners: Owners | None,
    ) -> None:
        """Raise the refusal, if there is one, after it is logged and noted."""
        refusal = rights.refusal(permission, key, owners)
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
        if self._is_new((identity, permission, key)):
            detail = {"reason": refusal.message}
            name = permission.name.lower().replace("_", "-")
            self._recorder.note(Event(name, Outcome.REFUSED, identity, key, detail=detail))
        raise refusal

    def _is_new(self, refused: tuple[Identity, Permission, Key]) -> bool:
        """Return True unless the same was refused within ``AGAIN``: an open page asks on."""
        now = time.monotonic()
        known = {each: at for each, at in self._refused.items() if now - at < AGAIN}
        self._refused = known if len(known) < MOST_REFUSED else {}
        return self._refused.setdefault(refused, now) == now


def _shown(state: AppState, permission: Permission) -> Owners | None:
    """Return the owners that the snapshot shows; None if it does not.

    A name whose launch has made no release is free to launch.
    """
    if state.release is None and (state.operation is None or permission is Permission.LAUNCH):
        return None
    return owners_of(state)
