"""Who may do what, where."""

from __future__ import annotations

from typing import Protocol

from portal.domain.errors import Forbidden
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.operations import Verb


class Policy(Protocol):
    """Decides. Asked by every action, and by every page before it shows anything."""

    async def check(self, identity: Identity, verb: Verb, key: Key) -> None:
        """Raise ``Forbidden`` if ``identity`` may not do this to the release ``key``."""
        ...

    def sees(self, identity: Identity, namespace: str) -> bool:
        """Whether ``identity`` may look at what is in a namespace."""
        ...


class NamespacePolicy:
    """Everybody may do everything, in the namespaces that the portal works in.

    ``namespaces`` empty means the whole cluster.
    """

    def __init__(self, namespaces: tuple[str, ...] = ()) -> None:
        self._namespaces = frozenset(namespaces)

    async def check(self, identity: Identity, verb: Verb, key: Key) -> None:
        """Is the namespace one of ours?"""
        if not self.sees(identity, key.namespace):
            raise Forbidden(
                f"The portal does not work in the namespace {key.namespace}.",
                f"Choose one of: {', '.join(sorted(self._namespaces))}.",
            )

    def sees(self, identity: Identity, namespace: str) -> bool:
        """Is the namespace one of ours?"""
        return not self._namespaces or namespace in self._namespaces
