"""Seals for whom an operation runs into its Lease, and tells whether a portal has written that.

Who may write Leases can put anybody's name there, so a name counts only where the portals' own key
was used, for this very operation, and not long ago.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct

from portal.auth.oidc.sessions import Seal
from portal.domain.identity import Identity
from portal.domain.operations import Operation

LONGEST = 24 * 3600
"""Seconds for which a sealed identity counts: longer than any operation runs."""


class _Sealed(Struct, frozen=True):
    """The identity, and what ties it to one operation; ``at`` is in seconds since 1970."""

    identity: Identity
    operation: tuple[str, str, str, str, int]
    at: int


class OperationIdentities:
    """Seals identities with a key that all portals share, and nobody else has.

    Args:
        key: the secret that the key is derived from.
        clock: seconds since 1970.
    """

    def __init__(self, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._seal = Seal(key, "operation identity")
        self._clock = clock

    def close(self, operation: Operation, identity: Identity) -> str:
        """Return the identity for the Lease of an operation, as text that only portals read."""
        return self._seal.close(_Sealed(identity, _bound(operation), int(self._clock())))

    def open(self, operation: Operation, sealed: str) -> Identity | None:
        """Return the identity; None if it is another operation's, too old, or not a portal's."""
        found = self._seal.open(sealed, _Sealed)
        if found is None or found.operation != _bound(operation):
            return None
        fresh = found.at <= self._clock() + 60 and self._clock() - found.at <= LONGEST
        return found.identity if fresh and found.identity.user == operation.actor else None


def _bound(operation: Operation) -> tuple[str, str, str, str, int]:
    key = operation.key
    return operation.id, key.namespace, key.name, operation.verb.name, operation.base
