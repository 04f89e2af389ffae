"""The cookies of sessions and sign-ins. Pure.

Over HTTPS their names begin with ``__Host-``, so that browsers take them from this very host alone,
over TLS, and for no other host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from portal.domain.errors import Unauthenticated

PIECE = 3900
"""The most characters of one cookie: browsers keep 4,096 bytes with name and attributes."""
PIECES = 2
"""The most cookies of a session."""
TOGETHER = PIECE * PIECES
"""The most characters of a browser's cookies: proxies take 8 KB of a header."""


class Cookies(Struct, frozen=True):
    """Names and attributes of the portal's cookies; ``secure`` for an address with HTTPS."""

    secure: bool

    def name(self, name: str) -> str:
        """Return the full name of a cookie."""
        return f"{'__Host-' if self.secure else ''}dash-portal-{name}"

    def set(self, name: str, value: str, seconds: float) -> str:
        """Return a ``Set-Cookie`` header; without ``seconds`` the cookie is removed."""
        attributes = f"Path=/; HttpOnly; SameSite=Lax{'; Secure' if self.secure else ''}"
        return f"{self.name(name)}={value}; {attributes}; Max-Age={max(0, int(seconds))}"

    def read(self, received: Mapping[str, str], name: str) -> str:
        """Return the value of a cookie that may be in several pieces, "" if there is none."""
        pieces = (received.get(self.name(each), "") for each in _pieces(name))
        return "".join(pieces)

    def set_long(self, name: str, value: str, seconds: float) -> tuple[str, ...]:
        """Return the ``Set-Cookie`` headers of a value that may need several cookies.

        Raises:
            Unauthenticated: it is too long.
        """
        if len(value) > TOGETHER:
            raise Unauthenticated(
                "Your sign-in is too large to be kept: you are in too many groups.",
                "An administrator has to make the provider send fewer groups to the portal.",
            )
        parts = [value[at * PIECE : (at + 1) * PIECE] for at in range(PIECES)]
        return tuple(
            self.set(each, part, seconds if part else 0)
            for each, part in zip(_pieces(name), parts, strict=True)
        )

    def remove(self, name: str) -> tuple[str, ...]:
        """Return the ``Set-Cookie`` headers that remove a cookie and its pieces."""
        return self.set_long(name, "", 0)

    def beginning_with(self, received: Mapping[str, str], name: str) -> dict[str, str]:
        """Return the cookies whose names go on after ``name``, by what follows."""
        start = self.name(name)
        return {
            each.removeprefix(start): value
            for each, value in received.items()
            if each.startswith(start)
        }


def _pieces(name: str) -> Sequence[str]:
    return [name, *(f"{name}-{number}" for number in range(2, PIECES + 1))]
