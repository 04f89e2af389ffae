"""As whom Kubernetes is asked for somebody: the user and groups of Impersonate headers. Pure."""

from __future__ import annotations

from msgspec import Struct

from portal.domain.errors import Forbidden
from portal.domain.identity import Identity

SYSTEM = "system:"
"""Beginning of the names of Kubernetes' own users and groups, which nobody is impersonated as."""

OPERATION = "dash-portal.io/operation"
"""Extra attribute of an impersonated user: the id of the operation that is run for them. It tells
entries of the API server's audit log apart, and gives nobody a right."""

LONGEST = 256
"""Characters of the longest name."""

_ADVICE = "An administrator of the sign-in has to give another name."


class Impersonated(Struct, frozen=True):
    """A user, and the groups that Kubernetes is told of."""

    user: str
    groups: tuple[str, ...] = ()


class Impersonation(Struct, frozen=True):
    """The rules for impersonating people.

    ``groups`` are the names of groups that Kubernetes may be told of; others are left out. Rights
    are only ever added by a group, so that leaving one out gives nobody more.
    """

    groups: frozenset[str] = frozenset()

    def of(self, identity: Identity) -> Impersonated:
        """Return as whom Kubernetes is asked for ``identity``.

        Raises:
            Forbidden: nobody has signed in, or the name of the user or of a group is one of
                Kubernetes' own, or cannot be sent in a header as it is.
        """
        if identity.anonymous:
            raise Forbidden("Nobody has signed in, so Kubernetes cannot be asked.")
        for what, name in (
            ("user", identity.user),
            *(("group", each) for each in identity.groups),
        ):
            if problem := name_problem(name):
                raise Forbidden(f"The name of your {what} {problem}.", _ADVICE)
        kept = sorted(self.groups.intersection(identity.groups))
        return Impersonated(identity.user, tuple(kept))


def name_problem(name: str) -> str:
    """Return why nobody has this name of a user or group, "" if somebody may."""
    if not name:
        return "is empty"
    if len(name) > LONGEST:
        return f"is longer than {LONGEST} characters"
    if name != name.strip():
        return "begins or ends with a space"  # which is not part of a header's value
    if not name.isprintable():
        return "has characters that cannot be seen"
    if name.casefold().startswith(SYSTEM):
        return f"begins with “{SYSTEM}”, as Kubernetes' own do"
    return ""
