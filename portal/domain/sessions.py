"""Ends and renewals of sessions that portals share, and the interface to share them by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol

from msgspec import Struct


class SessionEnd(Struct, frozen=True):
    """The end of the sessions of one hash that began before a time.

    ``hash`` is a keyed hash of the identifier that they share, such as the provider's session.
    Times are whole seconds since 1970; from ``forget`` on no such session is valid anyway.
    """

    hash: str
    began_before: int
    forget: int


class TokenLease(Enum):
    """The lease of a refresh token, as a portal finds it that is about to use the token."""

    OURS = "ours"
    """No other portal uses it."""
    TAKEN = "taken"
    """Another portal is using it."""
    UNKNOWN = "unknown"
    """Portals cannot tell each other."""


class SharedSessions(Protocol):
    """The ends and renewals of sessions that portals share. ``token`` is a keyed hash of one."""

    def on_ends(self, listener: Callable[[Sequence[SessionEnd]], None]) -> None:
        """Call ``listener`` with ends of all portals, this one's and known ones among them."""
        ...

    async def end(self, ends: Sequence[SessionEnd]) -> None:
        """Return once other portals can know of ends.

        Raises:
            DatabaseUnavailable: they cannot yet. It is tried again by itself.
        """
        ...

    async def take_lease(self, token: str) -> TokenLease | int:
        """Take the lease of a refresh token.

        A number is the time at which another portal has used the token up.
        """
        ...

    async def release_lease(self, token: str, used: int | None) -> None:
        """Give up a lease; ``used`` is the time at which the token was used up, None if it was not.

        It raises nothing.
        """
        ...


class Alone:
    """The sessions of a portal without a database: it tells nobody."""

    def on_ends(self, listener: Callable[[Sequence[SessionEnd]], None]) -> None:
        """Do nothing."""

    async def end(self, ends: Sequence[SessionEnd]) -> None:
        """Do nothing."""

    async def take_lease(self, token: str) -> TokenLease | int:
        """Return that it is unknown whether another portal uses the token."""
        return TokenLease.UNKNOWN

    async def release_lease(self, token: str, used: int | None) -> None:
        """Do nothing."""


ALONE = Alone()
