"""Failures to fetch something: a kind for programs, and words for people."""

from __future__ import annotations

from enum import StrEnum


class Failure(StrEnum):
    """Kinds of failure, from the connection up to the content."""

    ADDRESS = "address"
    """The address is none that can be asked."""
    NOT_ALLOWED = "not-allowed"
    """It leads to a host or a network that may not be asked."""
    UNKNOWN_HOST = "unknown-host"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    TIMEOUT = "timeout"
    BUSY = "busy"
    """The portal is asking too many others already."""
    TOO_LARGE = "too-large"
    SIGN_IN = "sign-in"
    """It wants a sign-in, and there is none."""
    WRONG_SIGN_IN = "wrong-sign-in"
    """It does not accept the user name and the password."""
    CREDENTIALS = "credentials"
    """The user name and the password that are meant for it cannot be had."""
    NO_ACCESS = "no-access"
    """Signed in, and still refused."""
    TOKEN_HOST = "token-host"
    """It gives out tokens at a host that the password may not go to."""
    NOT_FOUND = "not-found"
    THROTTLED = "throttled"
    SERVER = "server"
    """It answers with an error of its own."""
    MALFORMED = "malformed"
    """Its answer is not what the protocol says."""
    UNSUPPORTED = "unsupported"
    """A form of content that is no longer, or not yet, understood."""


class FetchError(Exception):
    """Something could not be fetched; the message says why, for an administrator to read.

    ``retry_after``: seconds after which the server says to ask again; None if it does not say.
    """

    def __init__(
        self,
        message: str,
        failure: Failure = Failure.MALFORMED,
        *,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.failure = failure
        self.retry_after = retry_after
