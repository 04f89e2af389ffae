"""The claims of tokens: what has to hold for them, and the identity that they name. Pure."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import cast

from msgspec import Struct

from portal.domain.errors import Unauthenticated
from portal.domain.identity import Identity
from portal.domain.impersonation import LONGEST, name_problem

log = logging.getLogger(__name__)

Claims = Mapping[str, object]

SKEW = 60
"""Seconds by which the clocks of the issuer and the portal may differ."""

SIGN_IN_AGAIN = "Sign in again. If this lasts, tell an administrator."


class ClaimNames(Struct, frozen=True):
    """The claims that name user and groups, and what is put before them.

    As ``--oidc-username-claim``, ``--oidc-groups-claim`` and their prefixes at the API server. A
    claim within others is named with dots: ``realm_access.roles``.
    """

    user: str = "sub"
    groups: str = "groups"
    user_prefix: str = ""
    groups_prefix: str = ""

    @property
    def wanted(self) -> frozenset[str]:
        """The claims that are read."""
        return frozenset({self.user, self.groups})


def refused(why: str) -> Unauthenticated:
    """Return the error for a token that is not accepted."""
    return Unauthenticated(f"The token is not accepted: {why}.", SIGN_IN_AGAIN)


def text(claims: Claims, name: str) -> str:
    """Return a claim that is a text, "" if it is missing or of another type."""
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def value_of(claims: Claims, name: str) -> object:
    """Return the claim of a name, or of a path with dots; None if it is missing.

    A claim whose own name has dots in it, as addresses have, comes first.
    """
    if name in claims:
        return claims[name]
    for at in (at for at, char in enumerate(name) if char == "."):
        inner = claims.get(name[:at])
        if isinstance(inner, dict):
            found = value_of(cast("dict[str, object]", inner), name[at + 1 :])
            if found is not None:
                return found
    return None


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
    if not 0 < len(text(claims, "sub")) <= LONGEST:
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


LOGOUT_FOR = 120
"""Seconds for which a logout token counts that does not say when it expires."""

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
    # Some providers leave ``exp`` out, which the specification did not ask for at first.
    issued = moment(claims, "iat")
    check_times({"exp": None if issued is None else issued + LOGOUT_FOR, **claims}, now)
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
    named = value_of(claims, names.user)
    if not isinstance(named, str) or not named:
        raise Unauthenticated(
            f"The sign-in does not say who you are: there is no claim {names.user}.",
            "An administrator has to choose another claim, or make the provider send this one.",
        )
    verified = claims.get("email_verified", True)
    # Amazon Cognito, and so a load balancer with it, writes the truth value as a text.
    if names.user == "email" and verified is not True and verified != "true":
        raise Unauthenticated(
            "Your e-mail address has not been verified by the provider.",
            "Verify it there, then sign in again.",
        )
    user = names.user_prefix + named
    if problem := name_problem(user):
        raise Unauthenticated(f"The name of the user cannot be used: it {problem}.", SIGN_IN_AGAIN)
    return Identity(user, groups_of(claims, names, user))


def groups_of(claims: Claims, names: ClaimNames, user: str) -> tuple[str, ...]:
    """Return the groups that claims name for ``user``, without those that cannot be one."""
    groups, problem = _groups(claims, names)
    if problem:
        _warn(user, problem)
    return groups


def _groups(claims: Claims, names: ClaimNames) -> tuple[tuple[str, ...], str]:
    """Return the groups that claims name, and what is wrong with them, "" if nothing is."""
    value = value_of(claims, names.groups)
    if value is None:
        elsewhere = claims.get("_claim_names")
        if isinstance(elsewhere, dict) and names.groups in elsewhere:
            return (), "the provider sends no groups: there are too many for a token"
        return (), ""
    listed = cast("list[object]", value) if isinstance(value, list) else [value]
    texts = [names.groups_prefix + each for each in listed if isinstance(each, str)]
    usable = tuple(dict.fromkeys(each for each in texts if not name_problem(each)))
    whole = len(texts) == len(listed) and len(usable) == len(set(texts))
    return usable, "" if whole else "groups that cannot be used were left out"


@lru_cache(1000)
def _warn(user: str, problem: str) -> None:
    """Log a problem of somebody's groups: once, since some claims are read with each request."""
    log.warning(problem, extra={"actor": user})
