"""Sessions of people who signed in: in an encrypted cookie, and what the process knows beside it.

The cookie holds all of a session, so that it outlives the portal and any portal pod reads it. The
process remembers which sessions have been renewed, and which have ended before their time. Each
session is renewed at the provider every few minutes, so that what ends there, or in another pod,
ends here within that time.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import secrets
import time
import zlib
from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from portal.auth.claims import (
    SKEW,
    ClaimNames,
    Claims,
    groups_of,
    identity_of,
    moment,
    text,
    value_of,
)
from portal.auth.http import Unavailable
from portal.auth.oidc.provider import Tokens
from portal.domain.errors import Unauthenticated
from portal.domain.identity import Identity

log = logging.getLogger(__name__)

T = TypeVar("T")

GRACE = 300
"""Seconds that a session outlives its renewal, if the provider does not answer or nobody asks."""

PATIENCE = 2.0
"""Seconds that a request waits for a renewal while the session goes on without it."""

COMPRESSED_FROM = 1000
"""Bytes from which on a content is compressed before it is sealed."""

ENDED = "Your session has ended."
SIGN_IN_AGAIN = "Sign in again."


def ended() -> Unauthenticated:
    """Return the error for a session that is over."""
    return Unauthenticated(ENDED, SIGN_IN_AGAIN)


class Session(Struct, frozen=True):
    """One person's sign-in. Times are whole seconds since 1970.

    ``id`` is the portal's own and new with each sign-in; ``sid`` is the provider's.
    """

    id: str
    sub: str
    sid: str
    user: str
    groups: tuple[str, ...]
    began: int
    checked: int
    """The time at which the provider has last confirmed it."""
    ends: int
    refresh_token: str = ""

    @property
    def identity(self) -> Identity:
        """The identity of the person."""
        return Identity(self.user, self.groups)


class Seal:
    """Encrypts and signs what others keep for the portal, for one purpose each.

    What is long is compressed first: a hundred groups named by numbers have room in a cookie then.
    """

    def __init__(self, secret: bytes, purpose: str) -> None:
        derived = HKDF(SHA256(), 32, None, f"dash-portal {purpose}".encode()).derive(secret)
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def close(self, content: Struct) -> str:
        """Return ``content`` as text that nobody else can read or make."""
        plain = msgspec.json.encode(content)
        if len(plain) > COMPRESSED_FROM:
            plain = zlib.compress(plain)
        return self._fernet.encrypt(plain).decode().rstrip("=")

    def open(self, sealed: str, kind: type[T]) -> T | None:
        """Return what was sealed; None if it was not sealed with this key for this purpose."""
        try:
            padded = sealed + "=" * (-len(sealed) % 4)
            plain = self._fernet.decrypt(padded.encode())
            if not plain.startswith(b"{"):
                plain = zlib.decompress(plain)
            return msgspec.json.decode(plain, type=kind)
        except (InvalidToken, ValueError, zlib.error):
            return None


class Renew(Protocol):
    """Renews sessions at the provider."""

    async def refresh(self, refresh_token: str, before: Claims) -> Tokens:
        """Return new tokens for a refresh token."""
        ...


class _Until(Struct, frozen=True):
    """The time before which sessions must have begun to be over, and when that can be forgotten."""

    began_before: float
    forget: float


class Sessions:
    """The sessions of this portal: what their cookies hold, and what is known of them since."""

    def __init__(
        self,
        seal: Seal,
        provider: Renew,
        names: ClaimNames,
        *,
        every: int,
        longest: int,
        clock: Callable[[], float] = time.time,
        patience: float = PATIENCE,
    ) -> None:
        """Sessions are renewed ``every`` so many seconds, and last ``longest`` at most."""
        self._seal = seal
        self._provider = provider
        self._names = names
        self._every = every
        self._longest = longest
        self._clock = clock
        self._patience = patience
        self._newest: dict[str, Session] = {}
        self._over: dict[tuple[str, str], _Until] = {}
        self._renewing: dict[str, asyncio.Task[Session]] = {}
        self._late: set[str] = set()
        """The sessions whose renewal under way takes long: nobody waits for it."""

    def begin(self, tokens: Tokens) -> Session:
        """Return a new session for a sign-in.

        Raises:
            Unauthenticated: the claims name nobody.
        """
        now = int(self._clock())
        identity = identity_of(tokens.claims, self._names)
        ends = now + self._longest
        if not tokens.refresh_token:
            # Nothing would tell the portal that it has ended at the provider. As the token was
            # accepted with this allowance, it would else begin as one that is over.
            ends = min(ends, int(moment(tokens.claims, "exp") or now) + SKEW)
        session = Session(
            id=secrets.token_urlsafe(18),
            sub=text(tokens.claims, "sub"),
            sid=text(tokens.claims, "sid"),
            user=identity.user,
            groups=identity.groups,
            began=now,
            checked=now,
            ends=ends,
            refresh_token=tokens.refresh_token,
        )
        self._remember(session)
        return session

    def sealed(self, session: Session) -> str:
        """Return the content of a session's cookie."""
        return self._seal.close(session)

    def read(self, sealed: str) -> Session:
        """Return the newest state of the session in a cookie.

        Raises:
            Unauthenticated: there is none, or it has ended.
        """
        session = self._seal.open(sealed, Session) if sealed else None
        if session is None:
            raise ended() if sealed else Unauthenticated("You are not signed in.", "Sign in.")
        known = self._newest.get(session.id)
        if known is not None and known.checked > session.checked:
            session = known
        if self._is_over(session) or self._clock() >= session.ends:
            raise ended()
        if session.refresh_token and self._clock() >= session.checked + self._every + GRACE:
            raise Stale(session)
        return session

    async def current(self, sealed: str) -> tuple[Session, bool]:
        """Return the session in a cookie, after renewing it at the provider if that is due.

        The second value is True if the browser needs a new cookie.

        Raises:
            Unauthenticated: there is none, or it has ended here or at the provider.
        """
        try:
            session = self.read(sealed)
        except Stale as stale:
            return await self._renewed(stale.session), True
        if session.refresh_token and self._clock() >= session.checked + self._every:
            session = await self._renewed_soon(session)
        self._remember(session)
        own = self._seal.open(sealed, Session)
        return session, own is None or own.checked < session.checked

    def end(self, session: Session) -> None:
        """End one session."""
        self._end("id", session.id, float("inf"))

    def end_of_provider(self, *, sid: str, sub: str, issued: float) -> None:
        """End the provider's session ``sid``, or without one all of a person's.

        A logout that is sent again later, ``issued`` long ago, does not end newer sessions.
        """
        before = min(self._clock(), issued + SKEW)
        if sid:
            self._end("sid", sid, before)
            self._end("sub without sid", sub, before)
        else:
            self._end("sub", sub, before)

    def end_of_user(self, user: str) -> int:
        """End all present sessions of a user; returns how many this portal had seen."""
        count = sum(each.user == user for each in self.present())
        self._end("user", user, self._clock())
        return count

    def present(self) -> list[Session]:
        """Return the sessions that this portal has seen and that go on, the newest first."""
        self._forget()
        alive = [each for each in self._newest.values() if not self._is_over(each)]
        return sorted(alive, key=lambda each: each.began, reverse=True)

    def _remember(self, session: Session) -> None:
        known = self._newest.get(session.id)
        if known is None or known.checked <= session.checked:
            self._newest[session.id] = session
        if known is None:
            self._forget()

    def _end(self, kind: str, value: str, began_before: float) -> None:
        self._forget()
        self._over[kind, value] = _Until(began_before, self._clock() + self._longest + SKEW)

    def _is_over(self, session: Session) -> bool:
        marks = (
            ("id", session.id),
            ("sid", session.sid) if session.sid else ("sub without sid", session.sub),
            ("sub", session.sub),
            ("user", session.user),
        )
        return any(
            (until := self._over.get(mark)) is not None and session.began < until.began_before
            for mark in marks
        )

    def _forget(self) -> None:
        now = self._clock()
        for mark in [mark for mark, until in self._over.items() if until.forget <= now]:
            del self._over[mark]
        for key in [key for key, each in self._newest.items() if each.ends <= now]:
            del self._newest[key]

    async def _renewed_soon(self, session: Session) -> Session:
        """Renew a session; return it as it is if that fails, or takes long."""
        if session.id in self._late:
            return session
        try:
            async with asyncio.timeout(self._patience):
                return await self._renewed(session)
        except TimeoutError:
            if session.id in self._renewing:
                self._late.add(session.id)
        except Unavailable as error:
            log.warning("a session could not be renewed: %s", error)
        return session

    async def _renewed(self, session: Session) -> Session:
        """Renew a session, sharing a renewal that is under way: a refresh token is used once."""
        task = self._renewing.get(session.id)
        if task is None:
            task = asyncio.ensure_future(self._renew(session))
            self._renewing[session.id] = task
            task.add_done_callback(lambda done: self._renewal_ended(session.id, done))
        renewed = await asyncio.shield(task)
        if self._is_over(renewed):
            raise ended()
        return renewed

    def _renewal_ended(self, id: str, task: asyncio.Task[Session]) -> None:
        self._renewing.pop(id, None)
        self._late.discard(id)
        if not task.cancelled():
            task.exception()  # whoever waits for it is told; nobody may

    async def _renew(self, session: Session) -> Session:
        before = {"sub": session.sub}
        try:
            tokens = await self._provider.refresh(session.refresh_token, before)
            identity = self._identity_after(session, tokens)
        except Unauthenticated as error:
            log.info("a session has ended at the provider", extra={"actor": session.user})
            self.end(session)
            raise ended() from error
        if identity.user != session.user:
            self.end(session)
            raise ended()
        renewed = msgspec.structs.replace(
            session,
            groups=identity.groups,
            checked=int(self._clock()),
            refresh_token=tokens.refresh_token or session.refresh_token,
        )
        self._remember(renewed)
        return renewed

    def _identity_after(self, session: Session, tokens: Tokens) -> Identity:
        """Return whose a renewed session is: a claim that did not come again is as it was."""
        claims, names, user = tokens.claims, self._names, session.user
        if value_of(claims, names.user) is not None:
            user = identity_of(claims, names).user
        told = tokens.id_token or value_of(claims, names.groups) is not None
        return Identity(user, groups_of(claims, names, user) if told else session.groups)


class Stale(Unauthenticated):
    """The session has to be renewed before it is used again."""

    def __init__(self, session: Session) -> None:
        super().__init__(ENDED, SIGN_IN_AGAIN)
        self.session = session


def fingerprint(session: Session) -> str:
    """Return a short name of a session, for pages and logs, that gives no access."""
    return hashlib.sha256(session.id.encode()).hexdigest()[:12]
