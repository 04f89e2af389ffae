"""Authentication: the identity of a request, from its headers."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Protocol

from portal.domain.errors import Unauthenticated
from portal.domain.identity import ANONYMOUS, Identity

Headers = Iterable[tuple[str, str]]
"""Name and value of every header, repeated ones included (``request.headers.items()``)."""

_MAX_NAME = 256


class Authenticator(Protocol):
    """Determines the identity of a request."""

    @property
    def name(self) -> str:
        """The name of who vouches for the user, as the audit trail has it."""
        ...

    @property
    def anonymous(self) -> bool:
        """True if all users share one account."""
        ...

    def identify(self, headers: Headers) -> Identity:
        """Return the identity; raises ``Unauthenticated`` if the headers do not prove it."""
        ...


class OpenAuthenticator:
    """The mode ``none``: all users are anonymous and may do everything."""

    anonymous = True
    name = "nobody (open mode)"

    def identify(self, headers: Headers) -> Identity:
        """Return the anonymous identity."""
        return ANONYMOUS


class HeaderAuthenticator:
    """The mode ``header``: a proxy names the user, and authenticates itself with a secret.

    A repeated header is refused: the proxy may have added its own to one from the client.
    """

    anonymous = False

    def __init__(
        self,
        secret: str,
        *,
        user_header: str = "X-Forwarded-User",
        groups_header: str = "X-Forwarded-Groups",
        secret_header: str = "X-Portal-Secret",  # noqa: S107 - the header's name
    ) -> None:
        if not secret:
            raise ValueError("the header mode needs a shared secret")
        self.name = f"proxy ({user_header})"
        self._secret = secret.encode()
        self._user_header = user_header
        self._groups_header = groups_header
        self._secret_header = secret_header

    def identify(self, headers: Headers) -> Identity:
        """Return the user and groups that the proxy names."""
        received: dict[str, list[str]] = {}
        for name, value in headers:
            received.setdefault(name.lower(), []).append(value)
        secret = self._single(received, self._secret_header)
        if not hmac.compare_digest(_as_utf8(secret).encode(), self._secret):
            raise Unauthenticated(
                "This request did not come through the login proxy.",
                "Open the portal at its public address. If you did, an administrator has to check "
                f"that the proxy sends the portal's secret in {self._secret_header}.",
            )
        user = _as_utf8(self._single(received, self._user_header)).strip()
        if not user or len(user) > _MAX_NAME or not user.isprintable():
            raise Unauthenticated(
                "The login proxy did not say who you are.",
                "Sign in again. If that does not help, an administrator has to check that the "
                f"proxy sends the user's name in {self._user_header}.",
            )
        names = _as_utf8(self._single(received, self._groups_header))
        groups = (group.strip() for group in names.split(","))
        return Identity(user, tuple(group for group in groups if group))

    def _single(self, received: dict[str, list[str]], name: str) -> str:
        values = received.get(name.lower(), [])
        if len(values) > 1:
            raise Unauthenticated(
                f"The header {name} arrived more than once.",
                "An administrator has to make the proxy replace what clients send, not add to it.",
            )
        return values[0] if values else ""


def _as_utf8(value: str) -> str:
    """Decode a header as UTF-8, which most proxies send and the server decodes as Latin-1.

    A value that is not valid UTF-8 is returned unchanged.
    """
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
