"""People: who has which role in an app's namespace, and giving roles, where Kubernetes decides.

Everything is done as the person who asks, so the API server decides, and nobody gives a role that
allows more than they have themselves. Whoever may not list and make RoleBindings sees none.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from msgspec import Struct

from portal.domain.audit import ROLE_GRANT, ROLE_REVOKE, Event, Outcome, Recorder, recorded
from portal.domain.errors import Conflict, InvalidInput, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.permissions import Permission
from portal.domain.role_bindings import ROLES, Subject, read_subject
from portal.releases.access import Access
from portal.releases.namespace_roles import NamespaceRoles

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


class HeldRole(Struct, frozen=True, order=True):
    """A role that somebody has in a namespace, and the RoleBinding that gives it.

    ``role`` is one of the portal's ``ROLES``, or another Role's own name. ``made``: the portal has
    made the binding, so it can be taken back here.
    """

    subject: Subject
    role: str
    binding: str
    made: bool


class People:
    """The roles of people in the namespaces of apps.

    ``groups`` are those that Kubernetes is told of when the portal acts for a member.
    """

    def __init__(
        self,
        access: Access,
        roles: NamespaceRoles,
        recorder: Recorder,
        groups: Collection[str] = (),
    ) -> None:
        self._access = access
        self._roles = roles
        self._recorder = recorder
        self._groups = frozenset(groups)

    async def listed(self, identity: Identity, key: Key) -> list[HeldRole]:
        """Return who has which role in the namespace of a release, in order.

        Raises:
            Forbidden: ``identity`` may not give roles there, or not list RoleBindings.
        """
        await self._access.check(identity, Permission.GRANT, key)
        found = await self._roles.listed(key.namespace, identity=identity)
        return sorted(
            HeldRole(subject, self._roles.role(each), each.name, each.made)
            for each in found
            for subject in each.subjects
        )

    async def grant(self, identity: Identity, key: Key, role: str, who: str) -> None:
        """Give a role in the namespace of a release to a user or group.

        Raises:
            InvalidInput: by ``role`` and ``who``.
            Forbidden: ``identity`` may not give roles there, or not that one.
            Conflict: they have it.
        """
        await self._access.check(identity, Permission.GRANT, key)
        subject, problem = read_subject(who)
        problems = {"who": problem} if problem else {}
        if role not in ROLES:
            problems["role"] = "Choose one of the roles."
        if subject is not None and subject.kind == "group" and subject.name not in self._groups:
            problems["who"] = (
                "The portal does not tell Kubernetes of that group: an administrator can list it "
                "(authorization.groups)."
            )
        if problems or subject is None:
            raise InvalidInput(problems)
        binding = self._roles.binding(role, subject)
        detail: dict[str, object] = {"role": role, "to": str(subject), "binding": binding.name}
        event = Event(ROLE_GRANT, Outcome.BEGUN, identity, key, detail=detail)
        try:
            async with recorded(self._recorder, event):
                await self._roles.bind(key.namespace, binding, identity=identity)
        except Conflict:
            raise Conflict(f"{subject} is {role} in {key.namespace} already.") from None

    async def revoke(self, identity: Identity, key: Key, name: str) -> None:
        """Take back a role by its RoleBinding, if the portal has made it.

        Raises:
            Forbidden: ``identity`` may not give roles there, or not delete RoleBindings.
            NotFound: there is no such RoleBinding, or the portal has not made it.
        """
        await self._access.check(identity, Permission.GRANT, key)
        if not _NAME.fullmatch(name):
            raise NotFound("There is no such RoleBinding.")
        event = Event(ROLE_REVOKE, Outcome.BEGUN, identity, key, detail={"binding": name})
        async with recorded(self._recorder, event):
            await self._roles.unbind(key.namespace, name, identity=identity)
