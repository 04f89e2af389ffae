"""Credentials that nobody gave out: none is accepted, and none is taken for nobody."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import warnings
from collections.abc import Awaitable, Callable, Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey, RSAKey

from portal.auth.alb import AlbAuthenticator, LoadBalancer
from portal.auth.bearer import Bearer, JwtRule, Reviews, WithBearer
from portal.auth.claims import LOGOUT_FOR, ClaimNames
from portal.auth.http import Answer
from portal.auth.identify import Authenticator, HeaderAuthenticator
from portal.auth.oidc.sessions import Seal, Session
from portal.domain.errors import Unauthenticated
from portal.domain.identity import Identity
from tests.unit.auth.provider import (
    EC,
    FOREIGN,
    ISSUER,
    NAMES,
    NOW,
    RSA,
    SECRET,
    Headers,
    OpenIdProvider,
    Portal,
    id_claims,
    signed,
)

AUDIENCE = "portal-api"
ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/portal/0123456789ab"
KID = "6b4a5f0e-7a53-4a0c-8bb0-6a0e2a3d4f11"
BALANCER = ECKey.generate_key("P-256", {"kid": KID}, private=True)
OTHER_BALANCER = ECKey.generate_key("P-256", {"kid": KID}, private=True)


def encoded(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


# The mode "header".

PROXY: Headers = [("x-portal-secret", "s" * 16), ("x-forwarded-user", "ann")]


def with_header(*more: tuple[str, str], without: str = "") -> Headers:
    return [*(each for each in PROXY if each[0] != without), *more]


BY_HEADER: dict[str, Headers] = {
    "no header at all": [],
    "a user without the secret": with_header(without="x-portal-secret"),
    "a wrong secret": with_header(("x-portal-secret", "t" * 16), without="x-portal-secret"),
    "an empty secret": with_header(("x-portal-secret", ""), without="x-portal-secret"),
    "the beginning of the secret": with_header(
        ("x-portal-secret", "s" * 15), without="x-portal-secret"
    ),
    "two secrets": with_header(("x-portal-secret", "s" * 16)),
    "two users": with_header(("x-forwarded-user", "root")),
    "two users in two cases": with_header(("X-FORWARDED-USER", "root")),
    "two lists of groups": with_header(("x-forwarded-groups", "a"), ("x-forwarded-groups", "b")),
    "a user with underscores": with_header(("x_forwarded_user", "root")),
    "only a user with underscores": with_header(
        ("X_Forwarded_User", "root"), without="x-forwarded-user"
    ),
    "a user with one underscore": with_header(("x-forwarded_user", "root")),
    "groups with underscores": with_header(("x_forwarded_groups", "admins")),
    "a secret with underscores": with_header(("x_portal_secret", "s" * 16)),
    "a user with dots": with_header(("x.forwarded.user", "root")),
    "a list of users": with_header(("x-forwarded-user", "ann, root"), without="x-forwarded-user"),
    "a user of Kubernetes' own": with_header(
        ("x-forwarded-user", "system:admin"), without="x-forwarded-user"
    ),
    "a user with a line break": with_header(
        ("x-forwarded-user", "ann\nroot"), without="x-forwarded-user"
    ),
    "a user with a zero byte": with_header(
        ("x-forwarded-user", "ann\0"), without="x-forwarded-user"
    ),
    "an address in place of a secret": [("x-forwarded-for", "127.0.0.1"), PROXY[1]],
}


# Bearer tokens.


def bearer(token: str) -> Headers:
    return [("authorization", f"Bearer {token}")]


def api(**changes: object) -> dict[str, object]:
    return id_claims(NOW, **{"aud": AUDIENCE, **changes})


def unsigned(alg: str) -> str:
    return f"{encoded({'alg': alg, 'typ': 'JWT', 'kid': 'rsa'})}.{encoded(api())}."


def by_shared_secret(secret: bytes, **header: str) -> str:
    """A token signed with the issuer's public key as if that were a shared secret."""
    start = f"{encoded({'alg': 'HS256', 'typ': 'JWT', **header})}.{encoded(api())}"
    return f"{start}.{encoded(hmac.new(secret, start.encode(), hashlib.sha256).digest())}"


def changed(token: str, part: int, text: str) -> str:
    parts = token.split(".")
    parts[part] = text
    return ".".join(parts)


GOOD = signed(api())
PEM = RSA.as_pem(private=False)
FOREIGN_JWK = FOREIGN.as_dict(private=False)
with warnings.catch_warnings(action="ignore"):
    # 1,024 bits, which the issuer lists among its keys.
    SMALL = RSAKey.generate_key(1024, {"kid": "small"}, private=True)

BY_TOKEN: dict[str, Headers] = {
    "alg none": bearer(unsigned("none")),
    "alg None": bearer(unsigned("None")),
    "alg nOnE": bearer(unsigned("nOnE")),
    "alg none with a signature": bearer(unsigned("none") + GOOD.split(".")[2]),
    "no alg": bearer(changed(GOOD, 0, encoded({"typ": "JWT", "kid": "rsa"}))),
    "alg as a list": bearer(changed(GOOD, 0, encoded({"alg": ["RS256"], "kid": "rsa"}))),
    "no signature": bearer(changed(GOOD, 2, "")),
    "HS256 with the public key": bearer(by_shared_secret(PEM, kid="rsa")),
    "HS256 with the public key, no kid": bearer(by_shared_secret(PEM)),
    "HS256 with nothing": bearer(by_shared_secret(b"", kid="rsa")),
    "HS256 with the file that a kid names": bearer(by_shared_secret(b"", kid="../../dev/null")),
    "an RSA token that says ES256": bearer(
        changed(GOOD, 0, encoded({"alg": "ES256", "kid": "rsa"}))
    ),
    "another algorithm of the same key": bearer(
        changed(GOOD, 0, encoded({"alg": "PS256", "kid": "rsa"}))
    ),
    "another key under the same kid": bearer(signed(api(), FOREIGN)),
    "another key in jwk": bearer(signed(api(), FOREIGN, header={"jwk": FOREIGN_JWK})),
    "another key at jku": bearer(signed(api(), FOREIGN, header={"jku": "https://evil.example/k"})),
    "another key at x5u": bearer(signed(api(), FOREIGN, header={"x5u": "https://evil.example/c"})),
    "another key without a kid": bearer(signed(api(), FOREIGN, header={"kid": ""})),
    "a kid that is a path": bearer(signed(api(), FOREIGN, header={"kid": "/dev/null"})),
    "a kid that is a query": bearer(signed(api(), FOREIGN, header={"kid": "x' or '1'='1"})),
    "a kid that is no text": bearer(changed(GOOD, 0, encoded({"alg": "RS256", "kid": ["rsa"]}))),
    "a critical header": bearer(
        changed(GOOD, 0, encoded({"alg": "RS256", "kid": "rsa", "crit": ["x"], "x": 1}))
    ),
    "a key that is too small": bearer(signed(api(), SMALL)),
    "claims that were changed": bearer(changed(GOOD, 1, encoded(api(email="root@example.com")))),
    "another issuer": bearer(signed(api(iss="https://evil.example"))),
    "an issuer with a slash more": bearer(signed(api(iss=f"{ISSUER}/"))),
    "no issuer": bearer(signed(api(iss=None))),
    "two issuers": bearer(signed(api(iss=[ISSUER]))),
    "another audience": bearer(signed(api(aud="other"))),
    "an audience that begins alike": bearer(signed(api(aud=f"{AUDIENCE}-2"))),
    "no audience": bearer(signed(api(aud=None))),
    "an audience that is no text": bearer(signed(api(aud={AUDIENCE: True}))),
    "an ID token of the portal's own client": bearer(signed(id_claims(NOW))),
    "a logout token": bearer(signed(api(events={"x": {}}))),
    "expired": bearer(signed(api(exp=int(NOW) - 61))),
    "no expiry": bearer(signed(api(exp=None))),
    "an expiry that is a text": bearer(signed(api(exp="9999999999"))),
    "an expiry that is true": bearer(signed(api(exp=True))),
    "an endless expiry": bearer(signed(api(exp=float("inf")))),
    "not valid yet": bearer(signed(api(nbf=int(NOW) + 61))),
    "issued in the future": bearer(signed(api(iat=int(NOW) + 61))),
    "nobody": bearer(signed(api(sub=None))),
    "no name": bearer(signed(api(email=None))),
    "a name of Kubernetes' own": bearer(signed(api(email="system:admin"))),
    "an address that is not verified": bearer(signed(api(email_verified=False))),
    "an address that is said not to be verified": bearer(signed(api(email_verified="false"))),
    "an address that is verified by a number": bearer(signed(api(email_verified=1))),
    "claims that are a list": bearer(signed(["iss", ISSUER])),  # pyright: ignore[reportArgumentType]
    "two parts": bearer(GOOD.rpartition(".")[0]),
    "four parts": bearer(f"{GOOD}.x"),
    "no base64": bearer("ä.ö.ü"),
    "very long": bearer("a" * 20_000),
    "deep JSON": bearer(f"{encoded(b'[' * 9000)}.{encoded(b'{}')}.x"),
    "another scheme": [("authorization", f"Basic {GOOD}")],
    "no scheme": [("authorization", GOOD)],
    "two tokens in one header": bearer(f"{GOOD}, Bearer {GOOD}"),
    "two headers": [*bearer(GOOD), *bearer(GOOD)],
    "a wrong token beside the proxy's headers": [*bearer("x"), *PROXY],
    "an empty token beside the proxy's headers": [("authorization", "Bearer "), *PROXY],
    "a ServiceAccount's token for another audience": bearer("for-another"),
    "a token that Kubernetes does not know": bearer("unknown"),
}


# An AWS load balancer.


def alb(
    key: ECKey = BALANCER,
    claims: Mapping[str, object] | None = None,
    signature: bytes | None = None,
    **header: object,
) -> Headers:
    """The header of a load balancer, with its padding."""
    told: dict[str, object] = {
        "typ": "JWT",
        "kid": KID,
        "alg": "ES256",
        "iss": ISSUER,
        "client": "alb-client",
        "signer": ARN,
        "exp": int(NOW) + 120,
        **header,
    }
    content = claims or {"sub": "u-1", "email": "ann@example.com", "iss": ISSUER}
    parts = [
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode() for each in (told, content)
    ]
    start = ".".join(parts)
    if signature is None:
        r, s = decode_dss_signature(key.private_key.sign(start.encode(), ECDSA(SHA256())))  # pyright: ignore
        signature = r.to_bytes(32) + s.to_bytes(32)
    return [("x-amzn-oidc-data", f"{start}.{base64.urlsafe_b64encode(signature).decode()}")]


BY_ALB: dict[str, Headers] = {
    "nothing": [],
    "the identity without its proof": [("x-amzn-oidc-identity", "u-1")],
    "another load balancer": alb(signer=ARN.replace("portal", "other")),
    "no load balancer": alb(signer=None),
    "another account": alb(signer=ARN.replace("123456789012", "999999999999")),
    "another key": alb(OTHER_BALANCER),
    "a key that is not there": alb(kid="00000000-0000-0000-0000-000000000000"),
    "a key elsewhere": alb(kid="../../evil.example/key"),
    "a key at a whole address": alb(kid="https://evil.example/key"),
    "no key": alb(kid=None),
    "alg none": alb(alg="none", signature=b""),
    "alg HS256": alb(alg="HS256"),
    "a signature of zeros": alb(signature=bytes(64)),
    "a short signature": alb(signature=bytes(10)),
    "expired": alb(exp=int(NOW) - 61),
    "no expiry": alb(exp=None),
    "another issuer": alb(iss="https://evil.example"),
    "another issuer in the claims": alb(claims={"sub": "u", "email": "a@b", "iss": "https://evil"}),
    "another client": alb(client="other"),
    "no name": alb(claims={"sub": "u-1"}),
    "twice": [*alb(), *alb()],
    "with underscores": [*alb(), ("x_amzn_oidc_data", "x")],
    "the access token in its place": [("x-amzn-oidc-data", GOOD)],
}


class Kubernetes:
    """Knows one ServiceAccount."""

    async def review(self, token: str, audiences: tuple[str, ...]) -> Identity | None:
        known = {"account": "portal", "for-another": "other"}.get(token)
        return Identity("system:serviceaccount:apps:ci") if known in audiences else None


async def keys_of_the_region(url: str, **_: object) -> Answer:
    """The keys of a region, at one address."""
    region = "https://public-keys.auth.elb.eu-central-1.amazonaws.com/"
    if url != region + KID:
        assert url.startswith(region)
        return Answer(404, b"")
    return Answer(200, BALANCER.as_pem(private=False))


def by_header() -> Authenticator:
    return HeaderAuthenticator("s" * 16)


def by_token() -> Authenticator:
    idp = OpenIdProvider()
    idp.keys = [RSA, EC, SMALL]
    rule = JwtRule(ISSUER, frozenset({AUDIENCE}), NAMES)
    reviews = Reviews(Kubernetes(), ["portal"])
    provider = Portal(idp).provider
    return WithBearer(
        by_header(), Bearer(issuer=(provider, rule), reviews=reviews, clock=idp.clock)
    )


def by_alb() -> Authenticator:
    balancer = LoadBalancer(ARN, ISSUER, "alb-client")
    names = ClaimNames(user="email")
    return AlbAuthenticator(balancer, names, keys_of_the_region, clock=lambda: NOW)


@pytest.mark.parametrize(
    ("make", "headers", "user"),
    [
        (by_header, PROXY, "ann"),
        (by_token, PROXY, "ann"),
        (by_token, bearer(GOOD), "ann@example.com"),
        (by_token, bearer(signed(api(), EC, "ES256")), "ann@example.com"),
        (by_token, bearer(signed(api(aud=["other", AUDIENCE]))), "ann@example.com"),
        (by_token, bearer(signed(api(exp=int(NOW) - 59))), "ann@example.com"),
        (by_token, bearer(signed(api(nbf=int(NOW) + 59, iat=int(NOW) + 59))), "ann@example.com"),
        (by_token, bearer("account"), "system:serviceaccount:apps:ci"),
        (by_alb, alb(), "ann@example.com"),
        (by_alb, alb(exp=int(NOW) - 59), "ann@example.com"),
    ],
)
async def test_a_credential_that_was_given_out_is_accepted(
    make: Callable[[], Authenticator], headers: Headers, user: str
) -> None:
    authenticator = make()
    assert (await authenticator.authenticate(headers)).identity.user == user
    assert authenticator.identify(headers).user == user


@pytest.mark.parametrize(
    ("make", "headers"),
    [
        pytest.param(make, headers, id=f"{make.__name__}: {name}")
        for make, forged in ((by_header, BY_HEADER), (by_token, BY_TOKEN), (by_alb, BY_ALB))
        for name, headers in forged.items()
    ],
)
async def test_a_forged_credential_is_refused(
    make: Callable[[], Authenticator], headers: Headers
) -> None:
    authenticator = make()
    with pytest.raises(Unauthenticated) as refused:
        await authenticator.authenticate(headers)
    assert refused.value.advice or refused.value.message
    with pytest.raises(Unauthenticated):
        authenticator.identify(headers)


# Sessions and sign-ins.

NAME = "__Host-dash-portal-session"

Forge = Callable[[Portal], Awaitable[Headers]]


def cookie(name: str, value: str) -> Headers:
    return [("cookie", f"{name}={value}")]


def made_up(**changes: object) -> Session:
    given: dict[str, object] = {
        "id": "x", "sub": "u-1", "sid": "", "user": "root", "groups": ("admins",),
        "began": int(NOW), "checked": int(NOW), "ends": int(NOW) + 3600, **changes,
    }  # fmt: skip
    return Session(**given)  # pyright: ignore[reportArgumentType]


async def tampered(portal: Portal, at: int) -> Headers:
    value = portal.jar[NAME]
    other = "A" if value[at] != "A" else "B"
    return cookie(NAME, value[:at] + other + (value[at + 1 :] if at != -1 else ""))


async def signed_out(portal: Portal) -> Headers:
    before = portal.headers()
    await portal.sign_in.sign_out(before)
    return before


ABSENT = object()


async def logged_out(portal: Portal, **claims: object) -> Headers:
    event = {"http://schemas.openid.net/event/backchannel-logout": {}}
    told = {"iat": int(NOW), "exp": int(NOW) + 60, "jti": "j", "iss": ISSUER, "aud": "dash-portal"}
    portal.idp.now += 2
    changed = {**told, "events": event, **claims}
    token = {name: value for name, value in changed.items() if value is not ABSENT}
    await portal.sign_in.back_channel_logout(signed(token))
    return portal.headers()


async def ended_by_an_administrator(portal: Portal) -> Headers:
    portal.idp.now += 2
    assert await portal.sessions.end_of_user("ann@example.com") == 1
    return portal.headers()


async def expired(portal: Portal) -> Headers:
    before = portal.headers()
    portal.idp.valid.clear()
    portal.idp.now += 12 * 3600
    return before


async def ended_at_the_provider(portal: Portal) -> Headers:
    portal.idp.valid.clear()
    portal.idp.now += 301
    return portal.headers()


async def of_the_pending(portal: Portal) -> Headers:
    await portal.begin()
    pending = next(value for name, value in portal.jar.items() if "sign-in" in name)
    return cookie(NAME, pending)


def sealed(secret: bytes, purpose: str = "session", **changes: object) -> Forge:
    async def forge(_: Portal) -> Headers:
        return cookie(NAME, Seal(secret, purpose).close(made_up(**changes)))

    return forge


def plain(value: str, name: str = NAME) -> Forge:
    async def forge(_: Portal) -> Headers:
        return cookie(name, value)

    return forge


BY_SESSION: dict[str, Forge] = {
    "no cookie": plain("x", "other"),
    "an empty cookie": plain(""),
    "a cookie that is no secret": plain(encoded({"user": "root", "ends": 2**40})),
    "a token in place of a session": plain(signed(id_claims(NOW))),
    "a cookie of another key": sealed(b"x" * 32),
    "a cookie of an empty key": sealed(b""),
    "a cookie for another purpose": sealed(SECRET, "sign-in"),
    "a sign-in that has only begun": of_the_pending,
    "a session that is over": sealed(SECRET, ends=int(NOW)),
    "the first character changed": lambda portal: tampered(portal, 0),
    "a character changed in the middle": lambda portal: tampered(portal, 60),
    "the last character changed": lambda portal: tampered(portal, -2),
    "the cookie under the name for HTTP": lambda portal: renamed(portal, "dash-portal-session"),
    "two cookies of one name": lambda portal: twice(portal),
    "the cookie of somebody who signed out": signed_out,
    "the cookie of a session that the provider ended": lambda p: logged_out(p, sid="s-1"),
    "the cookie of a person whom the provider signed out": lambda p: logged_out(p, sub="u-1"),
    "the cookie of a session that an administrator ended": ended_by_an_administrator,
    "the cookie of a session that was too long": expired,
    "the cookie of a session that cannot be renewed": ended_at_the_provider,
}


async def renamed(portal: Portal, name: str) -> Headers:
    return cookie(name, portal.jar[NAME])


async def twice(portal: Portal) -> Headers:
    return [("cookie", f"{NAME}={portal.jar[NAME]}; {NAME}={portal.jar[NAME]}")]


@pytest.mark.parametrize(
    "forge", [pytest.param(each, id=name) for name, each in BY_SESSION.items()]
)
async def test_a_forged_or_ended_session_is_refused(forge: Forge) -> None:
    portal = Portal()
    await portal.signed_in()
    assert await portal.who() == "ann@example.com"
    headers = await forge(portal)
    with pytest.raises(Unauthenticated):
        await portal.authenticator.authenticate(headers)
    with pytest.raises(Unauthenticated):
        portal.authenticator.identify(headers)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": ["n"]},
        {"aud": "other"},
        {"aud": ["dash-portal", "other"]},
        {"aud": ["dash-portal", "other"], "azp": "other"},
        {"azp": "other"},
        {"iss": "https://evil.example"},
        {"exp": int(NOW) - 61},
        {"exp": None},
        {"iat": None},
        {"iat": int(NOW) + 61},
        {"nbf": int(NOW) + 61},
        {"sub": None},
        {"sub": "x" * 300},
        {"email": None},
        {"email": "system:masters"},
        {"email_verified": False},
        {"events": {}},
    ],
)
async def test_a_wrong_id_token_signs_nobody_in(claims: dict[str, object]) -> None:
    portal = Portal()
    portal.idp.changes = claims
    with pytest.raises(Unauthenticated):
        await portal.signed_in()
    assert NAME not in portal.jar
    with pytest.raises(Unauthenticated):
        await portal.who()


async def test_an_id_token_of_another_key_signs_nobody_in() -> None:
    portal = Portal()
    portal.idp.signing = FOREIGN
    with pytest.raises(Unauthenticated, match="signature"):
        await portal.signed_in()


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "other"},
        {"events": None},
        {"events": {"other": {}}},
        {"events": "http://schemas.openid.net/event/backchannel-logout"},
        {"nonce": "n"},
        {"sid": None, "sub": None},
        {"exp": int(NOW) - 61},
        {"exp": None},
        {"iat": None},
        {"exp": ABSENT, "iat": int(NOW) - LOGOUT_FOR - 60},
    ],
)
async def test_a_wrong_logout_token_signs_nobody_out(claims: dict[str, object]) -> None:
    portal = Portal()
    await portal.signed_in()
    changes = {"sid": "s-1", **claims}
    with pytest.raises(Unauthenticated):
        await logged_out(portal, **changes)
    assert await portal.who() == "ann@example.com"


async def test_a_logout_token_need_not_say_when_it_expires() -> None:
    # Keycloak before 22.0.8, authentik before 2025.8.2 and Ory Hydra leave it out.
    portal = Portal()
    await portal.signed_in()
    await logged_out(portal, sid="s-1", exp=ABSENT)
    with pytest.raises(Unauthenticated):
        await portal.who()


async def test_an_id_token_is_no_logout_token() -> None:
    portal = Portal()
    await portal.signed_in()
    with pytest.raises(Unauthenticated, match="no logout token"):
        await portal.sign_in.back_channel_logout(signed(id_claims(NOW)))
    with pytest.raises(Unauthenticated, match="signature"):
        await portal.sign_in.back_channel_logout(signed(id_claims(NOW), FOREIGN))
    assert await portal.who() == "ann@example.com"
