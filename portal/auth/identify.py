"""Authentication: the identity of a request, from its headers."""

from __future__ import annotations

import hmac
from typing import Protocol

from msgspec import Struct

from portal.auth.headers import Headers, Received, as_utf8
from portal.domain.errors import Unauthenticated
from portal.domain.identity import ANONYMOUS, Identity
from portal.domain.impersonation import name_problem


class Authenticated(Struct, frozen=True):
    """The identity of a request, and the ``Set-Cookie`` headers to answer with."""

    identity: Identity
    set_cookies: tuple[str, ...] = ()


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

    async def authenticate(self, headers: Headers) -> Authenticated:
        """Return the identity, asking others if necessary.

        Raises:
            Unauthenticated: the headers do not prove it. A wrong credential is never anonymous.
        """
        ...

    def identify(self, headers: Headers) -> Identity:
        """Return the identity of a connection that was authenticated before, without waiting.

        Raises:
            Unauthenticated: it is not valid any more.
        """
        ...


class OpenAuthenticator:
    """The mode ``none``: all users are anonymous and may do everything."""

    anonymous = True
    name = "nobody (open mode)"

    async def authenticate(self, headers: Headers) -> Authenticated:
        """Return the anonymous identity."""
        return Authenticated(ANONYMOUS)

    def identify(self, headers: Headers) -> Identity:
        """Return the anonymous identity."""
        return ANONYMOUS


class HeaderAuthenticator:
    """The mode ``header``: a proxy names the user, and authenticates itself with a secret.

    No proxy is trusted by its address. A header that is repeated, or spelled with underscores, and
    a list in place of a user are refused.
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

    async def authenticate(self, headers: Headers) -> Authenticated:
        """Return the user and groups that the proxy names."""
        return Authenticated(self.identify(headers))

    def identify(self, headers: Headers) -> Identity:
        """Return the user and groups that the proxy names."""
        received = Received(headers)
        secret = received.single(self._secret_header)
        if not hmac.compare_digest(as_utf8(secret).encode(), self._secret):
            raise Unauthenticated(
                "This request did not come through the login proxy.",
                "Open the portal at its public address. If you did, an administrator has to check "
                f"that the proxy sends the portal's secret in {self._secret_header}.",
            )
        user = as_utf8(received.single(self._user_header)).strip()
        if name_problem(user) or "," in user:
            raise Unauthenticated(
                "The login proxy did not say who you are.",
                "Sign in again. If that does not help, an administrator has to check that the "
                f"proxy sends the name of one user in {self._user_header}.",
            )
        names = as_utf8(received.single(self._groups_header))
        groups = (group.strip() for group in names.split(","))
        return Identity(user, tuple(group for group in groups if not name_problem(group)))
