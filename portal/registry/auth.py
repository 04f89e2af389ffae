"""Signing in to a registry: what it asks for, and what is then said to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from portal.registry.credentials import Login
from portal.registry.failure import Failure, FetchError
from portal.registry.fetch import Fetch, check_host, origin

MAX_TOKEN = 64 * 1024
"""Bytes of an answer with a token."""

_BEARER = re.compile(r"(?i)\bbearer\s+(.*)", re.DOTALL)
_BASIC = re.compile(r"(?i)\bbasic\b")
_PARAMETER = re.compile(r'\b(\w+)="([^"]*)"')

_WANTED = "The registry wants a sign-in."
_REFUSED = "The registry does not accept the user name and the password."


class Reach(Struct, frozen=True):
    """The hosts that may be asked on the way to a registry, and where a password may go.

    ``hosts`` (``host[:port]``) may be asked in any way, ``public`` allows all others over https at
    public addresses. ``trusts`` tells whether the password may go to an address that gives out
    tokens; the registry's own gets it without being asked about.
    """

    hosts: Collection[str]
    trusts: Callable[[str], bool]
    public: bool = False


class _Token(Struct, frozen=True):
    """The answer of a token server."""

    token: str | None = None
    access_token: str | None = None


def refusal(login: Login | None, *, signed_in: bool = False) -> FetchError:
    """Return the error for a refused request: without, with wrong, or with good credentials."""
    if login is None:
        return FetchError(_WANTED, Failure.SIGN_IN)
    if signed_in:
        words = "The registry refuses this to the user name that it has accepted."
        return FetchError(words, Failure.NO_ACCESS)
    return FetchError(_REFUSED, Failure.WRONG_SIGN_IN)


def is_bearer(challenge: str) -> bool:
    """Return True if a ``WWW-Authenticate`` header asks for a token."""
    return _BEARER.search(challenge) is not None


async def authorization(challenge: str, login: Login | None, fetch: Fetch, reach: Reach) -> str:
    """Return what to say to a registry that has asked who is there: a token, or the password.

    ``challenge`` is its ``WWW-Authenticate`` header. Without a ``login`` a token is asked for that
    everybody may have.

    Raises:
        FetchError: it does not let us in, or asks for something that is not given away.
    """
    bearer = _BEARER.search(challenge)
    if bearer is not None:
        # The first of each name: another scheme may follow.
        asked = dict(reversed(_PARAMETER.findall(bearer[1])))
        return f"Bearer {await _token(asked, login, fetch, reach)}"
    if login is None:
        raise refusal(None)
    if not _BASIC.search(challenge):
        words = "The registry asks for a sign-in of a kind that is not understood."
        raise FetchError(words, Failure.UNSUPPORTED)
    return login.basic


async def _token(asked: Mapping[str, str], login: Login | None, fetch: Fetch, reach: Reach) -> str:
    realm = asked.get("realm", "")
    query = urlencode({name: asked[name] for name in ("service", "scope") if name in asked})
    url = f"{realm}{'&' if '?' in realm else '?'}{query}"
    check_host(url, reach.hosts, public=reach.public)
    headers: dict[str, str] = {}
    if login is not None:
        if not reach.trusts(url):
            at = "://".join(origin(url))[:100]
            raise FetchError(f"It gives out tokens at {at}.", Failure.TOKEN_HOST)
        headers["Authorization"] = login.basic
    answer = await fetch(
        url, hosts=reach.hosts, limit=MAX_TOKEN, headers=headers, public=reach.public
    )
    if answer.status in {400, 401, 403}:
        raise refusal(login)
    answer.raise_for_trouble()
    try:
        given = msgspec.json.decode(answer.body, type=_Token)
    except (ValueError, RecursionError):
        raise FetchError("It gives out no token that can be read.") from None
    token = given.token or given.access_token or ""
    if not token or not token.isascii() or not token.isprintable():
        raise FetchError("It gives out no token that can be read.")
    return token
