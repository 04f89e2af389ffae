"""The authorizer by which Kubernetes decides: what each permission needs, and who has it.

A permission on a release is granted to whom Kubernetes allows all that the table ``NEEDS`` lists,
in the namespace of the release. Who launched it does not matter.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import lru_cache

from msgspec import Struct

from portal.domain.errors import Forbidden
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.namespaces import NamespaceRules
from portal.domain.owners import Owners
from portal.domain.permissions import ALL, READING, Permission, Scope
from portal.domain.reviews import ResourceAttributes, Reviews, listed

log = logging.getLogger(__name__)

Attributes = frozenset[ResourceAttributes]


def _on(group: str, resources: str, *verbs: str) -> Attributes:
    return frozenset(
        ResourceAttributes(verb, resource, group)
        for resource in resources.split()
        for verb in verbs
    )


_SEEN: Attributes = (
    _on("", "pods services events resourcequotas", "list")
    | _on("apps", "deployments replicasets statefulsets daemonsets", "list")
    | _on("batch", "jobs cronjobs", "list")
    | _on("autoscaling", "horizontalpodautoscalers", "list")
    | _on("networking.k8s.io", "ingresses", "list")
)
"""Lists of all that pages show of a namespace."""
_RECORD = _on("", "secrets", "get", "list")
"""Helm's record of a release is a Secret, and holds values, manifest and chart."""
_WRITE_RECORD = _RECORD | _on("", "secrets", "create", "update", "patch", "delete")
"""Helm adds a record, marks the one before, and deletes the oldest."""
_OBJECTS = ("apps", "deployments"), ("", "services")
"""The objects that every release of the built-in chart has. The rest depends on the values, and is
asked for when a manifest has been rendered."""


def _objects(*verbs: str) -> Attributes:
    return frozenset[ResourceAttributes]().union(*(_on(*each, *verbs) for each in _OBJECTS))


NEEDS: Mapping[Permission, Attributes] = {
    permission: _SEEN | more
    for permission, more in {
        Permission.SEE: frozenset[ResourceAttributes](),
        Permission.LOGS: _on("", "pods/log", "get"),
        Permission.READ_VALUES: _RECORD,
        Permission.READ_MANIFEST: _RECORD,
        Permission.READ_HISTORY: _RECORD,
        Permission.READ_VERSIONS: _RECORD,
        Permission.PREVIEW: _RECORD | _objects("get"),
        Permission.LAUNCH: _WRITE_RECORD | _objects("get", "create", "patch"),
        Permission.UPGRADE: _WRITE_RECORD | _objects("get", "patch"),
        Permission.SCALE: _WRITE_RECORD | _objects("get", "patch"),
        Permission.LINK: _WRITE_RECORD | _objects("get", "patch"),
        Permission.ROLLBACK: _WRITE_RECORD | _objects("get", "patch"),
        Permission.RESTART: _on("apps", "deployments", "get", "patch"),
        Permission.RESUME: _on("apps", "deployments", "get", "patch"),
        Permission.UNINSTALL: _WRITE_RECORD | _objects("get", "delete"),
        Permission.HAND_OVER: _RECORD | _on("", "secrets", "patch"),
        Permission.GRANT: _on("rbac.authorization.k8s.io", "rolebindings", "list", "create"),
        Permission.UNLOCK: _RECORD | _on("", "secrets", "update"),
        Permission.MAP_APIS: _RECORD | _on("", "secrets", "create", "update"),
        Permission.CANCEL: _WRITE_RECORD,
        Permission.DISMISS: _WRITE_RECORD,
        Permission.EXEC: _on("", "pods", "get") | _on("", "pods/exec", "create"),
    }.items()
}
"""The verbs that Kubernetes has to allow for each permission. ``SHARE`` is not among them:
RoleBindings decide with whom an app is shared."""

ASKED: Attributes = frozenset[ResourceAttributes]().union(*NEEDS.values())
"""All that is asked for."""

_VIEWER = frozenset({Permission.SEE, Permission.LOGS})
_MAINTAINER = frozenset(NEEDS) - {Permission.GRANT}
ROLES: Mapping[str, frozenset[Permission]] = {
    "viewer": _VIEWER,
    "launcher": _MAINTAINER - {Permission.EXEC},
    "maintainer": _MAINTAINER,
    "administrator": frozenset(NEEDS),
}
"""The permissions of the ClusterRoles that the portal's chart brings."""

NOWHERE = "Every-Namespace"
"""A name that no namespace can have, so that no RoleBinding is in it: what is allowed there is
allowed in every namespace."""

AT_ONCE = 20
"""Maximum number of reviews that are asked for at the same time, for all identities together."""
MOST_NAMESPACES = 1000
"""Maximum number of namespaces that are asked about for one identity; others it does not see."""
HIDDEN_FOR = 30.0
"""Seconds for which a namespace in which nothing is allowed is not asked about again: there are
many for most people, and to be late with a yes harms nobody."""


@lru_cache(1024)
def permissions(allowed: Attributes) -> frozenset[Permission]:
    """Return the permissions that follow from what Kubernetes allows."""
    return frozenset(each for each, needed in NEEDS.items() if needed <= allowed)


class KubernetesRights(Struct, frozen=True):
    """The rights of one identity by what Kubernetes allows it.

    ``allowed`` maps namespaces that may be seen to what is allowed there, and ``everywhere`` is
    what is allowed in all of them. ``off`` are the permissions that are switched off in this
    portal.
    """

    rules: NamespaceRules
    allowed: Mapping[str, Attributes]
    everywhere: Attributes = frozenset()
    off: frozenset[Permission] = frozenset()

    @property
    def by_owner(self) -> bool:
        """False: owners do not matter."""
        return False

    @property
    def namespaces(self) -> frozenset[str] | None:
        """The namespaces that may be seen; None for all."""
        if Permission.SEE in permissions(self.everywhere):
            return frozenset(self.rules.listed) or None
        return frozenset(filter(self._seen, self.allowed))

    def granted(self, namespace: str) -> frozenset[Permission]:
        """Return the permissions on releases in a namespace."""
        if not self._seen(namespace):
            return frozenset()
        here = READING if self.rules.problem(namespace) else ALL
        return permissions(self._allowed(namespace)) & here - self.off

    def refusal(self, permission: Permission, key: Key, owners: Owners | None) -> Forbidden | None:
        """Return why this may not be done to the release ``key``; None if it may."""
        if permission in self.granted(key.namespace):
            return None
        if not self._seen(key.namespace):
            # In the same words whether or not there is such a namespace.
            return Forbidden(
                f"There is no namespace {key.namespace} in which you may see apps.",
                "Check the spelling, or ask whoever administers it to give you a role there.",
            )
        problem = self.rules.problem(key.namespace)
        if problem and permission not in READING:
            return Forbidden(problem)
        if permission in self.off:
            what = "Reading logs" if permission is Permission.LOGS else "Running commands in pods"
            return Forbidden(f"{what} is switched off in this portal.")
        if permission is Permission.SHARE:
            return Forbidden(
                "Apps are not shared in this portal: Kubernetes decides who may change them.",
                f"Whoever administers {key.namespace} can give others a role there.",
            )
        missing = NEEDS[permission] - self._allowed(key.namespace)
        return Forbidden(
            f"You may not {permission} {key.name or 'apps'} in {key.namespace}. That needs the "
            f"Kubernetes permission to {listed(missing)}.",
            f"Ask whoever administers {key.namespace} for a role that has it.",
        )

    def scope(self, key: Key, owners: Owners | None) -> Scope:
        """Return the scope for the page of the release ``key``."""
        refusal = self.refusal(Permission.UPGRADE, key, owners)
        return Scope(self.granted(key.namespace), str(refusal) if refusal else "")

    def list_scope(self, own: str | None) -> Scope:
        """Return the scope for a list, with what is granted in all the namespaces that it shows."""
        seen = self.namespaces
        if seen is None:
            return Scope(permissions(self.everywhere) - self.off, own=own)
        common = (self.granted(each) for each in seen)
        granted = frozenset[Permission].intersection(*common) if seen else frozenset[Permission]()
        return Scope(granted, namespaces=seen, own=own)

    def _allowed(self, namespace: str) -> Attributes:
        return self.allowed.get(namespace, frozenset()) | self.everywhere

    def _seen(self, namespace: str) -> bool:
        return self.rules.seen(namespace) and Permission.SEE in permissions(
            self._allowed(namespace)
        )


class _Hidden(Struct):
    """The namespaces that give one identity nothing, and until when they are not asked about."""

    at: float
    until: dict[str, float]


class KubernetesAuthorizer:
    """Asks Kubernetes, by one review for each namespace, as the person.

    ``namespaces`` returns the names of the namespaces that the portal works in. ``allow_exec`` and
    ``allow_logs`` are as in ``Policy``.
    """

    def __init__(
        self,
        reviews: Reviews,
        namespaces: Callable[[], Awaitable[Collection[str]]],
        rules: NamespaceRules,
        *,
        allow_exec: bool = False,
        allow_logs: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reviews = reviews
        self._namespaces = namespaces
        self._rules = rules
        off = {Permission.EXEC: not allow_exec, Permission.LOGS: not allow_logs}
        self._off = frozenset(permission for permission, is_off in off.items() if is_off)
        self._clock = clock
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._hidden: dict[Identity, _Hidden] = {}

    async def rights(self, identity: Identity) -> KubernetesRights:
        """Return the rights of ``identity``; raises a ``PortalError`` if they are not known."""
        everywhere: Attributes = frozenset()
        names = self._rules.listed
        if not names:
            everywhere = await self._allowed(identity, "", ASKED)
            if everywhere == ASKED:
                return KubernetesRights(self._rules, {}, everywhere, self._off)
            names = sorted(await self._namespaces())
        if len(names) > MOST_NAMESPACES:
            log.warning("%s is asked about in %d namespaces only", identity.user, MOST_NAMESPACES)
        hidden, now = self._hidden_from(identity), self._clock()
        asked = [each for each in names[:MOST_NAMESPACES] if hidden.until.get(each, 0.0) <= now]
        wanted = ASKED - everywhere
        try:
            async with asyncio.TaskGroup() as group:
                answers = [
                    group.create_task(self._allowed(identity, each, wanted)) for each in asked
                ]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        allowed: dict[str, Attributes] = {}
        for name, answer in zip(asked, answers, strict=True):
            found = answer.result()
            if found and Permission.SEE in permissions(found | everywhere):
                allowed[name] = found
            else:
                hidden.until[name] = now + HIDDEN_FOR
        return KubernetesRights(self._rules, allowed, everywhere, self._off)

    def forget(self) -> None:
        """Ask about hidden namespaces again: roles have changed."""
        self._hidden.clear()

    async def _allowed(self, identity: Identity, namespace: str, wanted: Attributes) -> Attributes:
        """Return what is allowed in a namespace, or ("") in all of them.

        What the rules do not tell is asked one by one, if the namespace may be seen.
        """
        async with self._slots:
            rules = await self._reviews.rules(identity, namespace or NOWHERE)
        found = rules.allowed(wanted)
        if rules.incomplete:
            for each in sorted(_SEEN & wanted - found):
                if not await self._is_allowed(identity, each, namespace):
                    return found
                found |= {each}
            for each in sorted(wanted - found):
                if await self._is_allowed(identity, each, namespace):
                    found |= {each}
        return found

    async def _is_allowed(
        self, identity: Identity, asked: ResourceAttributes, namespace: str
    ) -> bool:
        async with self._slots:
            return await self._reviews.allowed(identity, asked, namespace)

    def _hidden_from(self, identity: Identity) -> _Hidden:
        """Return what is hidden from an identity; that of others who have left is forgotten."""
        now = self._clock()
        gone = [each for each, kept in self._hidden.items() if kept.at < now - HIDDEN_FOR]
        for each in gone:
            del self._hidden[each]
        kept = self._hidden.setdefault(identity, _Hidden(now, {}))
        kept.at = now
        return kept
