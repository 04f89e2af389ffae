"""Roles in namespaces where Kubernetes decides, by RoleBindings to the chart's ClusterRoles."""

from __future__ import annotations

from portal.domain.identity import Identity
from portal.domain.role_bindings import (
    ROLES,
    RoleBinding,
    RoleBindings,
    Subject,
    binding_name,
)


class NamespaceRoles:
    """The RoleBindings of namespaces to the ClusterRoles named ``prefix`` and the role.

    All is done as the person who asks; see ``RoleBindings`` for what it raises.
    """

    def __init__(self, bindings: RoleBindings, prefix: str) -> None:
        self._bindings = bindings
        self._prefix = f"{prefix}-"

    async def listed(self, namespace: str, *, identity: Identity) -> list[RoleBinding]:
        """Return all RoleBindings of a namespace."""
        return await self._bindings.listed(namespace, identity=identity)

    def role(self, binding: RoleBinding) -> str:
        """Return which of the ``ROLES`` a binding gives, or the name of another Role."""
        role = binding.role.removeprefix(self._prefix)
        return role if role in ROLES and role != binding.role else binding.role

    def binding(self, role: str, subject: Subject) -> RoleBinding:
        """Return the binding by which the portal gives a role to somebody."""
        name = binding_name(role, subject)
        return RoleBinding(name, f"{self._prefix}{role}", (subject,), made=True)

    async def bind(self, namespace: str, binding: RoleBinding, *, identity: Identity) -> None:
        """Make a binding; raises ``Conflict`` if there is one of that name."""
        await self._bindings.bind(namespace, binding, identity=identity)

    async def unbind(self, namespace: str, name: str, *, identity: Identity) -> None:
        """Delete a binding that the portal has made; raises ``NotFound`` for any other."""
        await self._bindings.unbind(namespace, name, identity=identity)
