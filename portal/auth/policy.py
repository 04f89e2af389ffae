"""The policy: who may do what to which release. Kubernetes' RBAC could replace it."""

from __future__ import annotations

from collections.abc import Collection

from portal.domain.errors import Forbidden
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.namespaces import NamespaceRules
from portal.domain.owners import NOBODY, Owners, text_of
from portal.domain.permissions import ALL, READING, Permission, Scope


class Policy:
    """The permissions of users on releases. Pure.

    Every user sees the namespaces that the portal works in, and may launch there. Unless
    ``open_mode`` is on, only its owner, those it is shared with, and members of
    ``admin_groups`` may change a release and read its values.
    """

    def __init__(
        self,
        rules: NamespaceRules,
        *,
        open_mode: bool = True,
        admin_groups: Collection[str] = (),
    ) -> None:
        self._rules = rules
        self._open = open_mode
        self._admins = frozenset(admin_groups)

    def namespaces(self, identity: Identity) -> frozenset[str] | None:
        """Return the namespaces that ``identity`` may see; None for all."""
        return frozenset(self._rules.listed) or None

    def sees(self, identity: Identity, namespace: str) -> bool:
        """Return True if ``identity`` may see a namespace."""
        seen = self.namespaces(identity)
        return seen is None or namespace in seen

    def manages(self, identity: Identity) -> bool:
        """Return True if ``identity`` has the permissions of an administrator."""
        return self._open or not self._admins.isdisjoint(identity.groups)

    def granted(self, identity: Identity, key: Key, owners: Owners | None) -> frozenset[Permission]:
        """Return the permissions of ``identity`` on the release ``key``.

        ``owners`` is None if there is no such release.
        """
        if not self.sees(identity, key.namespace):
            return frozenset()
        here = READING if self._rules.problem(key.namespace) else ALL
        if owners is None or self.manages(identity) or owners.owned_by(identity):
            return here
        return here - {Permission.SHARE} if owners.shared_with(identity) else here & SEEING

    def refusal(
        self, identity: Identity, permission: Permission, key: Key, owners: Owners | None
    ) -> Forbidden | None:
        """Return why ``identity`` may not do this to the release ``key``; None if it may."""
        if permission in self.granted(identity, key, owners):
            return None
        return self._why(identity, permission, key, owners or NOBODY)

    def scope(self, identity: Identity, key: Key, owners: Owners | None) -> Scope:
        """Return the scope of ``identity`` for the page of the release ``key``."""
        granted = self.granted(identity, key, owners)
        refusal = self.refusal(identity, Permission.UPGRADE, key, owners)
        return Scope(permissions=granted, why=str(refusal) if refusal else "")

    def _why(
        self, identity: Identity, permission: Permission, key: Key, owners: Owners
    ) -> Forbidden:
        problem = self._rules.problem(key.namespace)
        if problem and (permission not in READING or not self.sees(identity, key.namespace)):
            return Forbidden(problem)
        if not self.sees(identity, key.namespace):
            return Forbidden(f"You may not look at what is in {key.namespace}.")
        if permission is Permission.SHARE and owners.shared_with(identity):
            return Forbidden(f"{_whose(key, owners)} Only they and administrators can share it.")
        return Forbidden(_whose(key, owners), _advice(owners))


SEEING = frozenset({Permission.SEE})


def _whose(key: Key, owners: Owners) -> str:
    if not owners.owner:
        return f"The owner of {key.name} is not known."
    return f"{text_of(owners.owner) or 'Somebody else'} launched {key.name}."


def _advice(owners: Owners) -> str:
    if not owners.owner:
        return "Administrators can change it."
    return "Ask them to share it with you, or an administrator to change it."
