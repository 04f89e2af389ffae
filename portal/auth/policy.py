"""The authorizer that decides by the owners of releases, without asking any other service."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

from portal.domain.errors import Forbidden
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.namespaces import NamespaceRules
from portal.domain.owners import NOBODY, Owners, Role, text_of
from portal.domain.permissions import ALL, READING, Permission, Scope

SEEING = frozenset({Permission.SEE})

OF_OBJECTS = frozenset({Permission.EXEC, Permission.LOGS, Permission.READ_MANIFEST})
"""The permissions on what runs, which may be there without a release: under a name that is free to
launch, Helm may keep its record elsewhere, or pods may still end."""


OF_OWNERS = frozenset({Permission.SHARE, Permission.LINK, Permission.HAND_OVER, Permission.GRANT})
"""The permissions to show an app to others, to let them change it, or to give it away."""


class Policy:
    """Decides by owners and administrators. Pure.

    Every user sees the namespaces that the portal works in, and may launch there. Unless
    ``open_mode`` is on, only its owner, those it is shared with, each in a role, and members of
    ``admin_groups`` may change a release and read its values and logs. With ``allow_exec``, those
    who may change a release may also run commands in its pods; without ``allow_logs`` nobody may
    read logs.
    """

    def __init__(
        self,
        rules: NamespaceRules,
        *,
        open_mode: bool = True,
        admin_groups: Collection[str] = (),
        allow_exec: bool = False,
        allow_logs: bool = True,
    ) -> None:
        self._rules = rules
        self._open = open_mode
        self._admins = frozenset(admin_groups)
        off = {Permission.EXEC: not allow_exec, Permission.LOGS: not allow_logs}
        self._all = ALL - {permission for permission, is_off in off.items() if is_off}

    async def rights(self, identity: Identity) -> OwnerRights:
        """Return the rights of ``identity``; never fails."""
        return self.of(identity)

    def of(self, identity: Identity) -> OwnerRights:
        """Return the rights of ``identity``."""
        manages = self._open or not self._admins.isdisjoint(identity.groups)
        return OwnerRights(identity, self._rules, manages, self._all)


class OwnerRights(Struct, frozen=True):
    """The rights of one identity by the owners of releases.

    ``manages`` is True for administrators, who have all permissions on every release.
    ``everything`` are the permissions that can be granted in this portal.
    """

    identity: Identity
    rules: NamespaceRules
    manages: bool
    everything: frozenset[Permission] = ALL

    @property
    def namespaces(self) -> frozenset[str] | None:
        """The namespaces that ``identity`` may see; None for all."""
        return frozenset(self.rules.listed) or None

    @property
    def by_owner(self) -> bool:
        """True: owners decide."""
        return True

    def granted(self, key: Key, owners: Owners | None) -> frozenset[Permission]:
        """Return the permissions on the release ``key``.

        ``owners`` is None if there is no such release, so that everybody may launch it.
        """
        if not self.rules.seen(key.namespace):
            return frozenset()
        here = self.everything & (READING if self.rules.problem(key.namespace) else ALL)
        if self.manages:
            return here
        if owners is None:
            return here - OF_OBJECTS
        match owners.role(self.identity):
            case Role.OWN:
                return here
            case Role.OPERATE:
                return here - OF_OWNERS
            case Role.VIEW:
                return here & READING
            case None:
                return here & SEEING

    def refusal(self, permission: Permission, key: Key, owners: Owners | None) -> Forbidden | None:
        """Return why this may not be done to the release ``key``; None if it may."""
        if permission in self.granted(key, owners):
            return None
        return self._why(permission, key, owners or NOBODY)

    def scope(self, key: Key, owners: Owners | None) -> Scope:
        """Return the scope for the page of the release ``key``."""
        granted = self.granted(key, owners)
        refusal = self.refusal(Permission.UPGRADE, key, owners)
        return Scope(permissions=granted, why=str(refusal) if refusal else "")

    def list_scope(self, own: str | None) -> Scope:
        """Return the scope for a list; ``own`` is the user whose apps it shows (None: all)."""
        # Owners see all of their own apps; for others' apps that takes an administrator.
        full = own is not None or self.manages
        return Scope(
            permissions=self.everything if full else SEEING, namespaces=self.namespaces, own=own
        )

    def _why(self, permission: Permission, key: Key, owners: Owners) -> Forbidden:
        problem = self.rules.problem(key.namespace)
        if problem and (permission not in READING or not self.rules.seen(key.namespace)):
            return Forbidden(problem)
        if permission is Permission.EXEC and Permission.EXEC not in self.everything:
            return Forbidden("Running commands in pods is switched off in this portal.")
        if permission is Permission.LOGS and Permission.LOGS not in self.everything:
            return Forbidden("Reading logs is switched off in this portal.")
        role = owners.role(self.identity)
        if permission in OF_OWNERS and role is Role.OPERATE:
            return Forbidden(
                f"{_whose(key, owners)} Only owners and administrators can share it.",
                "Ask one of them, also to hand it over.",
            )
        if role is Role.VIEW:
            return Forbidden(
                f"{_whose(key, owners)} It is shared with you to look at only.",
                "Ask an owner to let you change it.",
            )
        return Forbidden(_whose(key, owners), _advice(owners))


def _whose(key: Key, owners: Owners) -> str:
    if not owners.owner:
        return f"The owner of {key.name} is not known."
    return f"{key.name} belongs to {text_of(owners.owner) or 'somebody else'}."


def _advice(owners: Owners) -> str:
    if not owners.owner:
        return "Administrators can change it."
    return "Ask them to share it with you, or an administrator to change it."
