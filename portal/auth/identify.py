"""Who is asking: from a request's headers to an identity."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Protocol

from portal.domain.errors import Unauthenticated
from portal.domain.identity import ANONYMOUS, Identity

Headers = Iterable[tuple[str, str]]
"""Name and value of every header, repeated ones too (Starlette: ``request.headers.items()``)."""

_MAX_NAME = 256


class Authenticator(Protocol):
    """Tells who is asking. ``anonymous`` modes tell nobody apart, and pages say so."""

    @property
    def anonymous(self) -> bool:
        """Whether everybody is the same user."""
        ...

    def identify(self, headers: Headers) -> Identity:
        """Raises ``Unauthenticated`` if the headers do not prove who is asking."""
        ...


class OpenAuthenticator:
    """The mode ``none``: everybody is anonymous and may do everything."""

    anonymous = True

    def identify(self, headers: Headers) -> Identity:
        """Everybody is the same."""
        return ANONYMOUS


class HeaderAuthenticator:
    """The mode ``header``: a proxy names the user, and proves with a secret that it is the proxy.

    A header that arrives twice is refused: the proxy may have added its own to one that the
    client had made up.
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
        self._secret = secret.encode()
        self._user_header = user_header
        self._groups_header = groups_header
        self._secret_header = secret_header

    def identify(self, headers: Headers) -> Identity:
        """The user and groups that the proxy names."""
        given: dict[str, list[str]] = {}
        for name, value in headers:
            given.setdefault(name.lower(), []).append(value)
        secret = self._single(given, self._secret_header)
        if not hmac.compare_digest(_meant(secret).encode(), self._secret):
            raise Unauthenticated(
                "This request did not come through the login proxy.",
                "Open the portal at its public address. If you did, an administrator has to check "
                f"that the proxy sends the portal's secret in {self._secret_header}.",
            )
        user = _meant(self._single(given, self._user_header)).strip()
        if not user or len(user) > _MAX_NAME or not user.isprintable():
            raise Unauthenticated(
                "The login proxy did not say who you are.",
                "Sign in again. If that does not help, an administrator has to check that the "
                f"proxy sends the user's name in {self._user_header}.",
            )
        told = _meant(self._single(given, self._groups_header))
        groups = (group.strip() for group in told.split(","))
        return Identity(user, tuple(group for group in groups if group))

    def _single(self, given: dict[str, list[str]], name: str) -> str:
        values = given.get(name.lower(), [])
        if len(values) > 1:
            raise Unauthenticated(
                f"The header {name} arrived more than once.",
                "An administrator has to make the proxy replace what clients send, not add to it.",
            )
        return values[0] if values else ""


def _meant(value: str) -> str:
    """What the proxy wrote: bytes, which the server decodes as Latin-1, and most proxies mean as
    UTF-8. What is not UTF-8 stays as it is."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
