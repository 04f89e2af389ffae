"""The claims of tokens: what has to hold for them, and the identity that they name. Pure."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping
from typing import cast

from msgspec import Struct

from portal.domain.errors import Unauthenticated
from portal.domain.identity import Identity

log = logging.getLogger(__name__)

Claims = Mapping[str, object]

SKEW = 60
"""Seconds by which the clocks of the issuer and the portal may differ."""

LONGEST_NAME = 256
RESERVED = "system:"
"""The beginning of names that Kubernetes keeps for itself: no sign-in grants one."""

SIGN_IN_AGAIN = "Sign in again. If this lasts, tell an administrator."


class ClaimNames(Struct, frozen=True):
    """The claims that name user and groups, and what is put before them.

    As ``--oidc-username-claim``, ``--oidc-groups-claim`` and their prefixes at the API server.
    """

    user: str = "sub"
    groups: str = "groups"
    user_prefix: str = ""
    groups_prefix: str = ""


def refused(why: str) -> Unauthenticated:
    """Return the error for a token that is not accepted."""
    return Unauthenticated(f"The token is not accepted: {why}.", SIGN_IN_AGAIN)


def name_problem(name: str) -> str:
    """Return why this cannot be the name of a user or group, "" if it can."""
    if not name:
        return "it is empty"
    if len(name) > LONGEST_NAME:
        return f"it is longer than {LONGEST_NAME} characters"
    if not name.isprintable():
        return "it has characters that cannot be shown"
    if name.lower().startswith(RESERVED):
        return f"names that begin with {RESERVED} belong to Kubernetes"
    return ""


def text(claims: Claims, name: str) -> str:
    """Return a claim that is a text, "" if it is missing or of another type."""
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def moment(claims: Claims, name: str) -> float | None:
    """Return a claim that is a time, in seconds since 1970; None if it is missing.

    Raises:
        Unauthenticated: it is no number.
    """
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise refused(f"its {name} is no time")
    return value


def audiences(claims: Claims) -> frozenset[str]:
    """Return whom a token is for."""
    value = claims.get("aud")
    if isinstance(value, str):
        return frozenset({value})
    if isinstance(value, list):
        return frozenset(each for each in cast("list[object]", value) if isinstance(each, str))
    return frozenset()


def check_times(claims: Claims, now: float, *, needs_iat: bool = True) -> None:
    """Check ``exp``, ``nbf`` and ``iat``, with an allowance of ``SKEW``.

    Raises:
        Unauthenticated: the token is not valid now.
    """
    expires, begins, issued = (moment(claims, name) for name in ("exp", "nbf", "iat"))
    if expires is None:
        raise refused("it does not say when it expires")
    if not now - SKEW < expires:
        raise refused("it has expired")
    if begins is not None and not begins <= now + SKEW:
        raise refused("it is not valid yet")
    if issued is None and needs_iat:
        raise refused("it does not say when it was issued")
    if issued is not None and not issued <= now + SKEW:
        raise refused("it was issued in the future")


def check_issuer(claims: Claims, issuer: str) -> None:
    """Check that ``issuer`` made the token, for somebody.

    Raises:
        Unauthenticated: another one did, or it is for nobody.
    """
    if text(claims, "iss") != issuer:
        raise refused("another issuer made it")
    if not 0 < len(text(claims, "sub")) <= LONGEST_NAME:
        raise refused("it does not say whom it is for")


def check_id_token(
    claims: Claims, *, issuer: str, client: str, nonce: str | None, now: float
) -> None:
    """Check the claims of an ID token; ``nonce`` is None when it was refreshed.

    Raises:
        Unauthenticated: one of them is wrong.
    """
    check_issuer(claims, issuer)
    if client not in audiences(claims):
        raise refused("it is for another application")
    party = claims.get("azp")
    if party != client and (party is not None or len(audiences(claims)) > 1):
        raise refused("it was given to another application")
    check_times(claims, now)
    if nonce is not None and text(claims, "nonce") != nonce:
        raise refused("it belongs to another sign-in")
    if "events" in claims:
        raise refused("it is no ID token")


def check_bearer(claims: Claims, *, issuer: str, allowed: Collection[str], now: float) -> None:
    """Check the claims of a bearer token that an API caller sent.

    Raises:
        Unauthenticated: one of them is wrong.
    """
    check_issuer(claims, issuer)
    if audiences(claims).isdisjoint(allowed):
        raise refused("it is for another audience")
    check_times(claims, now, needs_iat=False)
    if "events" in claims:
        raise refused("it is a logout token")


BACK_CHANNEL = "http://schemas.openid.net/event/backchannel-logout"


def check_logout_token(claims: Claims, *, issuer: str, client: str, now: float) -> None:
    """Check the claims of a token of back-channel logout.

    Raises:
        Unauthenticated: one of them is wrong.
    """
    if text(claims, "iss") != issuer:
        raise refused("another issuer made it")
    if client not in audiences(claims):
        raise refused("it is for another application")
    check_times(claims, now)
    events = claims.get("events")
    if not isinstance(events, dict) or BACK_CHANNEL not in events:
        raise refused("it is no logout token")
    if "nonce" in claims:
        raise refused("a logout token has no nonce")
    if not (text(claims, "sid") or text(claims, "sub")):
        raise refused("it does not say whose session ends")


def identity_of(claims: Claims, names: ClaimNames) -> Identity:
    """Return the identity that claims name.

    Groups that cannot be one, or are Kubernetes' own, are left out.

    Raises:
        Unauthenticated: the user's claim is missing or cannot be a name, or the e-mail address
            that is the user's name is not verified.
    """
    user = names.user_prefix + text(claims, names.user)
    if not text(claims, names.user):
        raise Unauthenticated(
            f"The sign-in does not say who you are: there is no claim {names.user}.",
            "An administrator has to choose another claim, or make the provider send this one.",
        )
    if names.user == "email" and claims.get("email_verified", True) is not True:
        raise Unauthenticated(
            "Your e-mail address has not been verified by the provider.",
            "Verify it there, then sign in again.",
        )
    if problem := name_problem(user):
        raise Unauthenticated(f"The name of the user cannot be used: {problem}.", SIGN_IN_AGAIN)
    value = claims.get(names.groups)
    listed = cast("list[object]", value) if isinstance(value, list) else [value]
    groups = [names.groups_prefix + each for each in listed if isinstance(each, str)]
    usable = tuple(dict.fromkeys(each for each in groups if not name_problem(each)))
    if len(usable) < len(set(groups)):
        log.warning("groups that cannot be used were left out", extra={"actor": user})
    return Identity(user, usable)
