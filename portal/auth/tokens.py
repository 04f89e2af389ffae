"""Signed tokens (JWT): their signature, by keys that are known beforehand. Pure.

Keys and algorithms are the portal's own choice. Nothing in a token names where a key comes from:
``jku``, ``x5u``, ``jwk`` and ``x5c`` are not read, and ``kid`` only chooses among known keys. No
algorithm with a shared secret is on the list, nor ``none``.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import cast

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, RSAKey

from portal.auth.claims import Claims, refused
from portal.auth.headers import LONGEST_TOKEN
from portal.domain.errors import Unauthenticated

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512"),
)

SMALLEST_RSA = 2048
MOST_KEYS = 100

_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC"}

Key = RSAKey | ECKey


class UnknownKey(Exception):
    """The token names a key that is not in the set: the issuer may have new ones."""


class Keys:
    """The public keys of an issuer that may sign."""

    def __init__(self, keys: tuple[tuple[str, str, Key], ...] = ()) -> None:
        self._keys = keys

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._keys)

    @classmethod
    def read(cls, key_set: object) -> Keys:
        """Return the keys of a JWK set; those that cannot be used are left out."""
        listed = (
            cast("dict[str, object]", key_set).get("keys") if isinstance(key_set, dict) else None
        )
        found: list[tuple[str, str, Key]] = []
        for each in cast("list[object]", listed)[:MOST_KEYS] if isinstance(listed, list) else []:
            if isinstance(each, dict):
                data = cast("dict[str, object]", each)
                key = _key(data)
                if key is not None:
                    found.append((str(data.get("kid", "")), str(data.get("alg", "")), key))
        return cls(tuple(found))

    def find(self, kid: str, algorithm: str) -> Key:
        """Return the key for a token.

        Without ``kid`` it is the only key that fits the algorithm.

        Raises:
            UnknownKey: there is none.
        """
        fitting = [
            (name, key)
            for name, own, key in self._keys
            if key.key_type == _TYPES[algorithm[:2]] and own in {"", algorithm}
        ]
        chosen = [key for name, key in fitting if name == kid] if kid else [k for _, k in fitting]
        if len(chosen) != 1:
            raise UnknownKey
        return chosen[0]


def _key(data: Mapping[str, object]) -> Key | None:
    if data.get("use", "sig") != "sig":
        return None
    names = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y")}.get(str(data.get("kty")), ())
    try:
        if "n" in names and _bits(str(data["n"])) < SMALLEST_RSA:
            return None
        # The public part alone, and nothing that says how a key is to be used.
        key = JWKRegistry.import_key({name: str(data[name]) for name in names})
    except (JoseError, ValueError, KeyError, TypeError, Unauthenticated):
        return None
    return key if isinstance(key, RSAKey | ECKey) else None


def _bits(number: str) -> int:
    return int.from_bytes(decoded(number)).bit_length()


def header_of(token: str) -> dict[str, object]:
    """Return the header of a token, which nothing proves yet.

    Raises:
        Unauthenticated: this is no token.
    """
    return _object(token.split(".")[0])


def unproven_claims(token: str) -> dict[str, object]:
    """Return the claims of a token before its signature is checked, to choose who checks it.

    Raises:
        Unauthenticated: this is no token.
    """
    parts = token.split(".")
    return _object(parts[1]) if len(parts) == 3 else {}


def algorithm_of(header: Mapping[str, object]) -> str:
    """Return the algorithm that a token's header names.

    Raises:
        Unauthenticated: it is not one that is accepted.
    """
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise refused("its algorithm is not accepted")
    return algorithm


def verified(token: str, keys: Keys) -> Claims:
    """Return the claims of a token after checking its signature.

    Raises:
        Unauthenticated: the token is malformed, or nobody in ``keys`` signed it.
        UnknownKey: it names a key that is not there.
    """
    if len(token) > LONGEST_TOKEN:
        raise refused("it is too long, which is mostly for too many groups in it")
    if token.count(".") != 2:
        raise refused("it is malformed")
    header = header_of(token)
    algorithm = algorithm_of(header)
    kid = header.get("kid", "")
    if not isinstance(kid, str) or "crit" in header or "b64" in header:
        raise refused("it is malformed")
    key = keys.find(kid, algorithm)
    try:
        signed = jws.deserialize_compact(token, key, algorithms=[algorithm])
        claims: object = json.loads(signed.payload or b"")
    except (JoseError, ValueError, RecursionError):
        raise refused("its signature is wrong") from None
    if not isinstance(claims, dict):
        raise refused("it is malformed")
    return cast("dict[str, object]", claims)


def decoded(part: str) -> bytes:
    """Decode a part of a token.

    Raises:
        Unauthenticated: it is malformed.
    """
    try:
        return base64.b64decode(
            part.rstrip("=") + "=" * (-len(part.rstrip("=")) % 4), altchars=b"-_", validate=True
        )
    except (ValueError, binascii.Error):
        raise refused("it is malformed") from None


def _object(part: str) -> dict[str, object]:
    try:
        value: object = json.loads(decoded(part[:LONGEST_TOKEN]))
    except (ValueError, RecursionError):
        raise refused("it is malformed") from None
    if not isinstance(value, dict):
        raise refused("it is malformed")
    return cast("dict[str, object]", value)
