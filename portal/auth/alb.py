"""The mode ``alb``: an AWS Application Load Balancer signs people in and vouches for them.

It adds ``x-amzn-oidc-data``, a token that it has signed. That the right load balancer did so is
told by ``signer``, since all of a region share their keys. Where a key is comes from the settings
alone.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from typing import cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec import Struct

from portal.auth.addresses import ARN
from portal.auth.claims import SKEW, ClaimNames, Claims, identity_of, moment, refused, text
from portal.auth.headers import LONGEST_TOKEN, Headers, Received
from portal.auth.http import Ask, Unavailable
from portal.auth.identify import Authenticated
from portal.auth.tokens import decoded, header_of
from portal.domain.errors import Unauthenticated
from portal.domain.identity import Identity

HEADER = "x-amzn-oidc-data"

_KID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{7,63}")

MOST_KEYS = 100
PAUSE = 1.0
"""Seconds between two requests for keys that are not known, which anybody can name."""
CONNECTED_FOR = 3600.0
"""Seconds after the end of a token, which lasts for two minutes, that a connection goes on which
began with it: a WebSocket gets no newer one."""


class LoadBalancer(Struct, frozen=True):
    """The load balancer that is trusted. ``issuer`` and ``client`` are its listener's."""

    arn: str
    issuer: str
    client: str
    keys: str = ""
    """The address of its keys, up to their names; "" for the one of its region."""


def keys_address(balancer: LoadBalancer) -> str:
    """Return the address of a load balancer's keys, up to their names."""
    if balancer.keys:
        return balancer.keys.rstrip("/") + "/"
    found = ARN.fullmatch(balancer.arn)
    partition, region = found.groups() if found else ("aws", "")
    if partition == "aws-us-gov":
        return f"https://s3-{region}.amazonaws.com/aws-elb-public-keys-prod-{region}/"
    if partition == "aws-cn":
        return f"https://s3.{region}.amazonaws.com.cn/aws-elb-public-keys-prod-{region}/"
    return f"https://public-keys.auth.elb.{region}.amazonaws.com/"


class AlbAuthenticator:
    """Verifies what the load balancer says of a request. Times are in seconds."""

    anonymous = False

    def __init__(
        self,
        balancer: LoadBalancer,
        names: ClaimNames,
        ask: Ask,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = f"load balancer ({balancer.arn})"
        self._balancer = balancer
        self._names = names
        self._ask = ask
        self._clock = clock
        self._keys: dict[str, EllipticCurvePublicKey] = {}
        self._reading = asyncio.Lock()
        self._asked = float("-inf")

    async def authenticate(self, headers: Headers) -> Authenticated:
        """Return who is asking, after reading the load balancer's key if it is new."""
        token = _token(headers)
        kid = self._checked_kid(token, 0)
        if kid not in self._keys:
            await self._read(kid)
        return Authenticated(self._identity(token, kid))

    def identify(self, headers: Headers) -> Identity:
        """Return who is asking, for a connection that began with a valid token."""
        token = _token(headers)
        return self._identity(token, self._checked_kid(token, CONNECTED_FOR))

    def _checked_kid(self, token: str, after: float) -> str:
        """Return the key's name in a token, whose other parts are those of the load balancer."""
        header = header_of(token)
        if header.get("alg") != "ES256" or "crit" in header:
            raise refused("its algorithm is not accepted")
        if text(header, "signer") != self._balancer.arn:
            raise refused("another load balancer made it")
        if text(header, "iss") != self._balancer.issuer:
            raise refused("another issuer signed the person in")
        if text(header, "client") != self._balancer.client:
            raise refused("it is for another application")
        now, expires = self._clock(), moment(header, "exp")
        if expires is None or not now - SKEW - after < expires:
            raise refused("it has expired")
        kid = text(header, "kid")
        if not _KID.fullmatch(kid):
            raise refused("it names no key")
        return kid

    def _identity(self, token: str, kid: str) -> Identity:
        key = self._keys.get(kid)
        if key is None:
            raise refused("its key is not known")
        return identity_of(_verified(token, key, self._balancer.issuer), self._names)

    async def _read(self, kid: str) -> None:
        async with self._reading:
            if kid in self._keys:
                return
            if self._clock() - self._asked < PAUSE:
                raise refused("its key is not known")
            self._asked = self._clock()
            answer = await self._ask(keys_address(self._balancer) + kid)
            if answer.status in {403, 404}:
                raise refused("its key is not known")
            try:
                key = load_pem_public_key(answer.body) if answer.status == 200 else None
            except ValueError:
                key = None
            if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
                raise Unavailable("The load balancer's keys cannot be read.")
            while len(self._keys) >= MOST_KEYS:
                del self._keys[next(iter(self._keys))]
            self._keys[kid] = key


def _token(headers: Headers) -> str:
    token = Received(headers).single(HEADER)
    if not token:
        raise Unauthenticated(
            "This request did not come through the load balancer.",
            "Open the portal at its public address.",
        )
    if len(token) > LONGEST_TOKEN or token.count(".") != 2:
        raise refused("it is malformed")
    return token


def _verified(token: str, key: EllipticCurvePublicKey, issuer: str) -> Claims:
    """Return the claims after checking the signature.

    Load balancers leave the padding in the encoded parts, which libraries for tokens refuse.
    """
    signed, _, last = token.rpartition(".")
    signature = decoded(last)
    if len(signature) != 64:
        raise refused("its signature is wrong")
    pair = (int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
    try:
        key.verify(encode_dss_signature(*pair), signed.encode(), ECDSA(SHA256()))
        claims: object = json.loads(decoded(signed.partition(".")[2]))
    except InvalidSignature:
        raise refused("its signature is wrong") from None
    except (ValueError, RecursionError):
        raise refused("it is malformed") from None
    if not isinstance(claims, dict):
        raise refused("it is malformed")
    found = cast("dict[str, object]", claims)
    if text(found, "iss") not in {"", issuer}:
        raise refused("another issuer made it")
    return found
