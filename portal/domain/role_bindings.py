"""RoleBindings: who has which role in a namespace, as Kubernetes decides by them."""

from __future__ import annotations

import hashlib
import re
from typing import Protocol

from msgspec import Struct

from portal.domain.identity import Identity
from portal.domain.impersonation import name_problem

ROLES = ("viewer", "launcher", "maintainer", "administrator")
"""The ClusterRoles for people that the portal's chart brings; each may what those before may."""

_SUBJECT = re.compile(r"(user|group):\s*(\S.*)")


class Subject(Struct, frozen=True, order=True):
    """Somebody who has a role; ``kind`` is ``user``, ``group`` or ``serviceaccount``."""

    kind: str
    name: str

    def __str__(self) -> str:
        """Return it as people write it: ``user:ann``."""
        return f"{self.kind}:{self.name}"


class RoleBinding(Struct, frozen=True):
    """A RoleBinding; ``made`` is True if the portal has made it for somebody."""

    name: str
    role: str
    subjects: tuple[Subject, ...]
    made: bool = False


class RoleBindings(Protocol):
    """The RoleBindings of namespaces, read and written as the person who asks.

    All raise ``Forbidden`` if that person may not: the API server lets nobody give more than they
    have.
    """

    async def listed(self, namespace: str, *, identity: Identity) -> list[RoleBinding]:
        """Return all of a namespace."""
        ...

    async def bind(self, namespace: str, binding: RoleBinding, *, identity: Identity) -> None:
        """Make a binding to a ClusterRole; raises ``Conflict`` if there is one of that name."""
        ...

    async def unbind(self, namespace: str, name: str, *, identity: Identity) -> None:
        """Delete a binding that the portal has made; raises ``NotFound`` for any other."""
        ...


def read_subject(text: str) -> tuple[Subject | None, str]:
    """Parse ``user:ann`` or ``group:team-a``; return it and what is wrong ("" if valid).

    >>> read_subject("user: ann")[0]
    Subject(kind='user', name='ann')
    """
    match = _SUBJECT.fullmatch(text.strip())
    if match is None:
        return None, "Write user:NAME or group:NAME."
    if problem := name_problem(match[2]):
        return None, f"The name {problem}."
    return Subject(match[1], match[2]), ""


def binding_name(role: str, subject: Subject) -> str:
    """Return the name of the portal's RoleBinding of a role for somebody: always the same."""
    digest = hashlib.sha256(str(subject).encode(errors="surrogatepass")).hexdigest()[:12]
    return f"dash-portal-{role}-{digest}"
