"""A project as people see it: its name, people, quota, defaults, Pod Security and network."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from portal.auth.kubernetes import ROLES
from portal.domain.projects import AppLimits
from portal.guardrails.rules import Level

ROLE_NAMES = tuple(ROLES)
"""The roles that people may have in a project, the least first."""

KUBERNETES_ROLES: Mapping[str, str] = {
    "viewer": "view",
    "launcher": "edit",
    "maintainer": "edit",
    "administrator": "admin",
}
"""Kubernetes' own ClusterRoles, for a portal without roles of its own."""

QUOTA: Mapping[str, str] = {
    "quota_cpu": "requests.cpu",
    "quota_memory": "requests.memory",
    "quota_cpu_limits": "limits.cpu",
    "quota_memory_limits": "limits.memory",
    "quota_pods": "pods",
    "quota_storage": "requests.storage",
    "quota_claims": "persistentvolumeclaims",
    "quota_load_balancers": "services.loadbalancers",
}
"""The fields of a form for a quota, with the resources that a ResourceQuota limits."""

CONTAINER: Mapping[str, tuple[str, str]] = {
    "cpu_request": ("defaultRequest", "cpu"),
    "memory_request": ("defaultRequest", "memory"),
    "cpu_limit": ("default", "cpu"),
    "memory_limit": ("default", "memory"),
}
"""The fields of a form for the defaults of containers, with their places in a LimitRange."""


class Member(Struct, frozen=True, order=True):
    """A person or a group. ``kind`` is ``user`` or ``group``."""

    kind: str
    name: str

    def __str__(self) -> str:
        """Return it as people write it: ``user:ann``."""
        return f"{self.kind}:{self.name}"


class Project(Struct, frozen=True):
    """A project.

    ``members`` are by role, ``quota`` and ``defaults`` amounts by the names of ``QUOTA`` and
    ``CONTAINER``. ``level`` is the Pod Security level. With ``restricted`` pods reach nothing
    outside of the project but DNS. ``personal_of`` is the user of a personal project.
    """

    name: str
    purpose: str = ""
    members: Mapping[str, tuple[Member, ...]] = field(default_factory=dict[str, tuple[Member, ...]])
    quota: Mapping[str, str] = field(default_factory=dict[str, str])
    defaults: Mapping[str, str] = field(default_factory=dict[str, str])
    level: Level = Level.RESTRICTED
    restricted: bool = False
    limits: AppLimits = AppLimits()
    personal_of: str = ""


class ProjectSite(Struct, frozen=True):
    """The settings of projects.

    ``role_prefix`` begins the names of the ClusterRoles of the portal's chart; "" for Kubernetes'
    own. ``own_namespace`` is the portal's, and ``ingress_namespaces`` are those of ingress
    controllers: traffic from these is let in. ``by_role`` is False where roles in a namespace do
    not matter to the portal. ``groups`` are those that Kubernetes is told of.
    """

    role_prefix: str = ""
    own_namespace: str = ""
    ingress_namespaces: tuple[str, ...] = ()
    by_role: bool = True
    groups: frozenset[str] = frozenset()
    sizes: tuple[str, ...] = ()

    def cluster_role(self, role: str) -> str:
        """Return the name of the ClusterRole of a role."""
        return f"{self.role_prefix}-{role}" if self.role_prefix else KUBERNETES_ROLES[role]
