"""Bearer tokens of API callers: of the configured issuer, or of ServiceAccounts."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Collection
from typing import Protocol

from msgspec import Struct

from portal.auth.claims import ClaimNames, Claims, check_bearer, identity_of, refused, text
from portal.auth.headers import LONGEST_TOKEN, Headers, Received
from portal.auth.identify import Authenticated, Authenticator
from portal.auth.tokens import unproven_claims
from portal.domain.errors import Unauthenticated
from portal.domain.identity import Identity

REVIEWED_FOR = 60.0
"""Seconds that Kubernetes' answer about a token counts."""
REFUSED_FOR = 10.0
MOST_REVIEWS = 1000


class Issuer(Protocol):
    """Knows the keys of an issuer; raises ``Unauthenticated`` for tokens of others."""

    async def claims(self, token: str) -> Claims:
        """Return the claims of a token, reading the keys if necessary."""
        ...

    def known_claims(self, token: str) -> Claims:
        """Return the claims of a token by the keys that are known."""
        ...


class TokenReviewer(Protocol):
    """Asks Kubernetes whose token this is (``TokenReview``)."""

    async def review(self, token: str, audiences: tuple[str, ...]) -> Identity | None:
        """Return the identity of a token that is valid for one of ``audiences``; None otherwise.

        Raises a ``PortalError`` if there is no answer.
        """
        ...


class JwtRule(Struct, frozen=True):
    """The tokens of one issuer that are accepted."""

    url: str
    audiences: frozenset[str]
    names: ClaimNames


class Bearer:
    """Says who sends a bearer token. One that is wrong is refused; nobody is anonymous by it."""

    def __init__(
        self,
        *,
        issuer: tuple[Issuer, JwtRule] | None = None,
        reviews: Reviews | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuer = issuer
        self._reviews = reviews
        self._clock = clock

    async def identity(self, header: str) -> Identity:
        """Return the sender, by the value of an ``Authorization`` header.

        Raises:
            Unauthenticated: the token is not accepted.
        """
        token = token_of(header)
        issuer = self._issuer_of(token)
        if issuer is not None:
            keys, rule = issuer
            return self._by_claims(await keys.claims(token), rule)
        if self._reviews is None:
            raise refused("another issuer made it")
        return await self._reviews.identity(token)

    def known_identity(self, header: str) -> Identity:
        """Return the sender of a token that was accepted before, without waiting.

        Raises:
            Unauthenticated: the token is not accepted any more.
        """
        token = token_of(header)
        issuer = self._issuer_of(token)
        if issuer is not None:
            keys, rule = issuer
            return self._by_claims(keys.known_claims(token), rule)
        if self._reviews is None:
            raise refused("another issuer made it")
        return self._reviews.known_identity(token)

    def _issuer_of(self, token: str) -> tuple[Issuer, JwtRule] | None:
        """Return the issuer that a token names, if it is the configured one."""
        if self._issuer is None:
            return None
        named = text(unproven_claims(token), "iss")
        return self._issuer if named == self._issuer[1].url else None

    def _by_claims(self, claims: Claims, rule: JwtRule) -> Identity:
        check_bearer(claims, issuer=rule.url, allowed=rule.audiences, now=self._clock())
        return identity_of(claims, rule.names)


class _Review(Struct, frozen=True):
    identity: Identity | None
    at: float


class Reviews:
    """Kubernetes' answers about tokens, kept for a minute by the tokens' digests."""

    def __init__(
        self,
        reviewer: TokenReviewer,
        audiences: Collection[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reviewer = reviewer
        self._audiences = tuple(audiences)
        self._clock = clock
        self._known: dict[str, _Review] = {}
        self._asking: dict[str, asyncio.Task[Identity | None]] = {}

    async def identity(self, token: str) -> Identity:
        """Return whose token this is.

        Raises:
            Unauthenticated: it is nobody's, or for another audience.
        """
        digest = _digest(token)
        known = self._known.get(digest)
        if known is not None and self._age(known) < (
            REVIEWED_FOR / 2 if known.identity else REFUSED_FOR
        ):
            return _accepted(known.identity)
        return _accepted(await asyncio.shield(self._ask(token, digest)))

    def known_identity(self, token: str) -> Identity:
        """Return whose token this is by the last answer, and ask again when that grows old.

        Raises:
            Unauthenticated: there is no answer, or it is too old.
        """
        digest = _digest(token)
        known = self._known.get(digest)
        if known is None or self._age(known) >= REVIEWED_FOR:
            raise refused("nobody knows it")
        if self._age(known) >= REVIEWED_FOR / 3:
            self._ask(token, digest)
        return _accepted(known.identity)

    def _age(self, review: _Review) -> float:
        return self._clock() - review.at

    def _ask(self, token: str, digest: str) -> asyncio.Task[Identity | None]:
        """Ask, sharing a question about the same token that is under way."""
        task = self._asking.get(digest)
        if task is None:
            task = self._asking[digest] = asyncio.ensure_future(self._review(token, digest))
            task.add_done_callback(lambda done: self._asked(digest, done))
        return task

    def _asked(self, digest: str, task: asyncio.Task[Identity | None]) -> None:
        self._asking.pop(digest, None)
        if not task.cancelled():
            task.exception()  # whoever waits for it is told; nobody may

    async def _review(self, token: str, digest: str) -> Identity | None:
        identity = await self._reviewer.review(token, self._audiences)
        self._known.pop(digest, None)
        self._known[digest] = _Review(identity, self._clock())
        while len(self._known) > MOST_REVIEWS:
            del self._known[next(iter(self._known))]
        return identity


class WithBearer:
    """An authenticator that accepts bearer tokens beside another one, which people use."""

    anonymous = False

    def __init__(self, people: Authenticator, bearer: Bearer) -> None:
        self.name = f"{people.name}, or a bearer token"
        self._people = people
        self._bearer = bearer

    async def authenticate(self, headers: Headers) -> Authenticated:
        """Return who is asking: by a bearer token if there is one, whatever else is there."""
        headers = list(headers)
        if token := Received(headers).single("Authorization"):
            return Authenticated(await self._bearer.identity(token))
        return await self._people.authenticate(headers)

    def identify(self, headers: Headers) -> Identity:
        """Return who is asking, by what is known."""
        headers = list(headers)
        if token := Received(headers).single("Authorization"):
            return self._bearer.known_identity(token)
        return self._people.identify(headers)


def token_of(header: str) -> str:
    """Return the token of an ``Authorization`` header.

    Raises:
        Unauthenticated: it holds none.
    """
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN or " " in token:
        raise Unauthenticated(
            "The Authorization header holds no bearer token.", "Send it as “Bearer TOKEN”."
        )
    return token


def _accepted(identity: Identity | None) -> Identity:
    if identity is None:
        raise refused("Kubernetes does not know it, or it is for another audience")
    return identity


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
