"""An OpenID provider behind the portal's own seam for requests, and tokens that it never made."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, KeySet, RSAKey

from portal.auth.claims import ClaimNames
from portal.auth.http import Answer, Unavailable
from portal.auth.oidc.cookies import Cookies
from portal.auth.oidc.provider import Client, Provider
from portal.auth.oidc.sessions import PATIENCE, Seal, Sessions
from portal.auth.oidc.sign_in import OidcAuthenticator, SignIn, Step
from portal.domain.sessions import ALONE, SharedSessions

ISSUER = "https://login.example.com"
CLIENT = "dash-portal"
PORTAL = "https://portal.example.com"
NOW = 1_800_000_000.0
SECRET = b"k" * 32
NAMES = ClaimNames(user="email", groups="groups")
EVERY, LONGEST = 300, 12 * 3600

RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}, private=True)
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"}, private=True)
FOREIGN = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}, private=True)

Headers = list[tuple[str, str]]


def signed(
    claims: Mapping[str, object],
    key: RSAKey | ECKey = RSA,
    alg: str = "RS256",
    header: Mapping[str, object] | None = None,
) -> str:
    """Return a token; ``header`` replaces or adds to the usual one."""
    protected: dict[str, Any] = {"alg": alg, "kid": key.kid, "typ": "JWT", **(header or {})}
    registry = jws.JWSRegistry(strict_check_header=False)
    return jws.serialize_compact(
        protected, json.dumps(claims).encode(), key, algorithms=[alg], registry=registry
    )


def id_claims(now: float, **changes: object) -> dict[str, object]:
    """Return the claims of a good ID token, but for ``changes``; None leaves a claim out."""
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": CLIENT,
        "sub": "u-1",
        "email": "ann@example.com",
        "email_verified": True,
        "groups": ["data", "admins"],
        "sid": "s-1",
        "iat": int(now),
        "exp": int(now) + 300,
    }
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


class OpenIdProvider:
    """Answers the portal's requests. ``now`` is the time of both; tests change what is here."""

    def __init__(self) -> None:
        self.now = NOW
        self.keys: list[RSAKey | ECKey] = [RSA, EC]
        self.signing: RSAKey | ECKey = RSA
        self.document: dict[str, object] = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
            "revocation_endpoint": f"{ISSUER}/revoke",
            "end_session_endpoint": f"{ISSUER}/logout",
        }
        self.changes: dict[str, object] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.refresh_tokens = True
        self.rotates = True
        self.access_tokens = False
        self.userinfo = Answer(200, b"{}")
        self.valid: set[str] = set()
        self.used: set[str] = set()
        self.ends_reused = True
        """Whether a refresh token that comes twice ends the session."""
        self.refused: list[str] = []
        """The refresh tokens that were refused."""
        self.going_on = asyncio.Event()
        """Set while renewals are answered."""
        self.going_on.set()
        self.down = False
        self.asked: list[str] = []
        self._number = 0

    def clock(self) -> float:
        return self.now

    async def __call__(
        self,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        path = urlsplit(url).path
        self.asked.append(path)
        if self.down:
            raise Unavailable("The sign-in service does not answer.")
        form = form or {}
        if path == "/.well-known/openid-configuration":
            return answer(self.document)
        if path == "/keys":
            return answer(KeySet(list(self.keys)).as_dict(private=False))
        if path == "/token" and form["grant_type"] == "authorization_code":
            asked = self.codes.pop(form["code"], None)
            return answer(self.tokens(asked["nonce"])) if asked else answer(INVALID, 400)
        if path == "/userinfo":
            return self.userinfo
        if path == "/token":
            return await self._renewal(form["refresh_token"])
        if path == "/revoke":
            self.valid.discard(form["token"])
            return answer({})
        return answer(INVALID, 400)

    async def _renewal(self, token: str) -> Answer:
        await self.going_on.wait()
        if token in self.used and self.ends_reused:
            self.valid.clear()
        if token not in self.valid:
            self.refused.append(token)
            return answer(INVALID, 400)
        told = self.tokens(None)
        if not self.rotates:
            self.valid.discard(str(told.pop("refresh_token")))
            return answer(told)
        self.valid.discard(token)
        self.used.add(token)
        return answer(told)

    def tokens(self, nonce: str | None) -> dict[str, object]:
        claims = id_claims(self.now, **{"nonce": nonce, **self.changes})
        alg = "RS256" if isinstance(self.signing, RSAKey) else "ES256"
        told: dict[str, object] = {"id_token": signed(claims, self.signing, alg)}
        if self.access_tokens:
            told["access_token"] = "a"
        if self.refresh_tokens:
            self._number += 1
            told["refresh_token"] = f"r-{self._number}"
            self.valid.add(f"r-{self._number}")
        return told

    def sign_in_at(self, url: str) -> dict[str, str]:
        """Sign somebody in at the address that the portal leads to; returns what comes back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self._number += 1
        code = f"c-{self._number}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}


INVALID = {"error": "invalid_grant"}


def answer(content: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(content).encode())


class Portal:
    """The portal's part of the mode ``oidc``, over one provider; ``jar`` is a browser's cookies."""

    def __init__(
        self,
        idp: OpenIdProvider | None = None,
        secret: bytes = SECRET,
        shared: SharedSessions = ALONE,
        *,
        names: ClaimNames = NAMES,
        patience: float = PATIENCE,
    ) -> None:
        self.idp = idp or OpenIdProvider()
        client = Client(
            issuer=ISSUER,
            id=CLIENT,
            secret="the-secret-of-the-client",
            redirect_uri=f"{PORTAL}/auth/callback",
            signed_out_uri=f"{PORTAL}/auth/signed-out",
        )
        clock = self.idp.clock
        self.provider = Provider(client, self.idp, clock=clock, wants=names.wanted)
        self.sessions = Sessions(
            Seal(secret, "session"),
            self.provider,
            names,
            every=EVERY,
            longest=LONGEST,
            clock=clock,
            shared=shared,
            patience=patience,
        )
        self.cookies = Cookies(secure=True)
        self.sign_in = SignIn(self.provider, self.sessions, self.cookies, secret, clock=clock)
        self.authenticator = OidcAuthenticator(self.sessions, self.cookies, self.sign_in)
        self.jar: dict[str, str] = {}

    def take(self, set_cookies: tuple[str, ...]) -> None:
        """Keep cookies as a browser does."""
        for each in set_cookies:
            pair, *attributes = each.split("; ")
            name, _, value = pair.partition("=")
            if "Max-Age=0" in attributes:
                self.jar.pop(name, None)
            else:
                self.jar[name] = value

    def headers(self) -> Headers:
        return [("cookie", "; ".join(f"{name}={value}" for name, value in self.jar.items()))]

    async def begin(self, wanted: str = "/") -> Step:
        step = await self.sign_in.begin(wanted, self.headers())
        self.take(step.set_cookies)
        return step

    async def finish(self, query: Mapping[str, str]) -> Step:
        step = await self.sign_in.finish(query, self.headers())
        self.take(step.set_cookies)
        return step

    async def signed_in(self, wanted: str = "/") -> Step:
        return await self.finish(self.idp.sign_in_at((await self.begin(wanted)).location))

    async def who(self) -> str:
        """Return who the browser's cookies say is asking."""
        found = await self.authenticator.authenticate(self.headers())
        self.take(found.set_cookies)
        return found.identity.user
