"""Sessions of people who signed in: in an encrypted cookie, and what the process knows beside it.

The cookie holds all of a session, so that it outlives the portal and any portal pod reads it. The
process remembers which sessions have been renewed, and which have ended before their time. Other
pods are told of ends through ``SharedSessions``, where there is a database. Each session is renewed
at the provider every few minutes, so that what ends there ends here within that time.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import math
import secrets
import time
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NoReturn, Protocol, TypeVar

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
from portal.domain.errors import DatabaseUnavailable, Unauthenticated
from portal.domain.identity import Identity
from portal.domain.sessions import ALONE, SessionEnd, SharedSessions, TokenLease

log = logging.getLogger(__name__)

T = TypeVar("T")

GRACE = 300
"""Seconds that a session outlives its renewal, if the provider does not answer or nobody asks."""

WAIT = 0.2
"""Seconds between two looks at a renewal by another pod."""
LOOKS = 50
"""The most looks at it: the provider may take ten seconds."""
PATIENCE = 2.0
"""Seconds that a request waits for a renewal while the session goes on without it."""

COMPRESSED_FROM = 1000
"""Bytes from which on a content is compressed before it is sealed."""

ENDED = "Your session has ended."
SIGN_IN_AGAIN = "Sign in again."
NOT_SHARED = "It has ended in this pod of the portal; other pods could not be told."
SHARED_LATER = (
    "They are told once the portal's database answers, and believe a session until its next "
    "renewal at most. End it at the identity provider, too."
)


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
        def derived(info: str) -> bytes:
            return HKDF(SHA256(), 32, None, info.encode()).derive(secret)

        self._fernet = Fernet(base64.urlsafe_b64encode(derived(f"dash-portal {purpose}")))
        self._hashing = derived(f"dash-portal {purpose} hashes")

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

    def hash(self, kind: str, value: str) -> str:
        """Return a keyed hash of an identifier: who lacks the secret cannot try out names."""
        text = f"{kind}\0{value}".encode()
        return hashlib.blake2b(text, key=self._hashing, digest_size=32).hexdigest()


class Renew(Protocol):
    """Renews sessions at the provider."""

    async def refresh(self, refresh_token: str, before: Claims) -> Tokens:
        """Return new tokens for a refresh token."""
        ...


class _Refused(Struct, frozen=True):
    """The state of a session that the provider does not renew, and when that is forgotten."""

    checked: int
    forget: int


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
        shared: SharedSessions = ALONE,
        patience: float = PATIENCE,
    ) -> None:
        """Sessions are renewed ``every`` so many seconds, and last ``longest`` at most."""
        self._seal = seal
        self._provider = provider
        self._names = names
        self._every = every
        self._longest = longest
        self._clock = clock
        self._shared = shared
        self._patience = patience
        self._newest: dict[str, Session] = {}
        self._over: dict[str, SessionEnd] = {}
        self._refused: dict[str, _Refused] = {}
        self._elsewhere: dict[str, int] = {}
        """The times at which other pods renewed sessions whose new cookies are not known here."""
        self._renewing: dict[str, asyncio.Task[Session]] = {}
        self._late: set[str] = set()
        """The sessions whose renewal under way takes long: nobody waits for it."""
        shared.on_ends(self.learn)

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
        stale = max(session.checked + self._every + GRACE, self._renewed_until(session))
        if session.refresh_token and self._clock() >= stale:
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
            session = await self._renewed(stale.session)
        if self._is_due(session):
            session = await self._renewed_soon(session)
        self._remember(session)
        own = self._seal.open(sealed, Session)
        return session, own is None or own.checked < session.checked

    async def end(self, session: Session) -> None:
        """End one session.

        Raises:
            DatabaseUnavailable: it has ended in this pod; others cannot know of it yet.
        """
        await self._end(("id", session.id, math.inf))

    async def end_of_provider(self, *, sid: str, sub: str, issued: float) -> None:
        """End the provider's session ``sid``, or without one all of a person's; raises as ``end``.

        A logout that is sent again later, ``issued`` long ago, does not end newer sessions.
        """
        before = max(0.0, min(self._clock(), issued + SKEW))
        if sid:
            await self._end(("sid", sid, before), ("sub without sid", sub, before))
        else:
            await self._end(("sub", sub, before))

    async def end_of_user(self, user: str) -> int:
        """End all present sessions of a user; return how many this pod had seen.

        Raises as ``end``.
        """
        count = sum(each.user == user for each in self.present())
        await self._end(("user", user, self._clock()))
        return count

    def learn(self, ends: Iterable[SessionEnd]) -> None:
        """Take over ends, which other pods may have brought about."""
        for end in ends:
            known = self._over.get(end.hash, end)
            self._over[end.hash] = SessionEnd(
                end.hash,
                max(end.began_before, known.began_before),
                max(end.forget, known.forget),
            )

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

    async def _end(self, *ended: tuple[str, str, float]) -> None:
        """End sessions by kinds and values of identifiers, here first: it holds in any case."""
        self._forget()
        forget = math.ceil(self._clock()) + self._longest + SKEW
        ends = [
            # Sessions begin on whole seconds: before 9.5 is before 10.
            SessionEnd(self._seal.hash(kind, value), math.ceil(min(before, forget)), forget)
            for kind, value, before in ended
        ]
        self.learn(ends)
        try:
            await self._shared.end(ends)
        except DatabaseUnavailable as error:
            raise DatabaseUnavailable(NOT_SHARED, SHARED_LATER) from error

    def _is_over(self, session: Session) -> bool:
        refused = self._refused.get(session.id)
        if refused is not None and session.checked <= refused.checked:
            return True
        identifiers = (
            ("id", session.id),
            ("sid", session.sid) if session.sid else ("sub without sid", session.sub),
            ("sub", session.sub),
            ("user", session.user),
        )
        return bool(self._over) and any(
            (end := self._over.get(self._seal.hash(*each))) is not None
            and session.began < end.began_before
            for each in identifiers
        )

    def _is_due(self, session: Session) -> bool:
        """Return True if a session has to be renewed by this pod."""
        due = max(session.checked + self._every, self._renewed_until(session))
        return bool(session.refresh_token) and self._clock() >= due

    def _renewed_until(self, session: Session) -> float:
        """Return how long a state goes on because another pod has a newer one; 0 if none has."""
        at = self._elsewhere.get(session.id, 0)
        return at + GRACE if at > session.checked else 0

    def _forget(self) -> None:
        now = self._clock()
        for known in (self._over, self._refused):
            for key in [key for key, each in known.items() if each.forget <= now]:
                del known[key]
        for key in [key for key, each in self._newest.items() if each.ends <= now]:
            del self._newest[key]
        for key in [key for key, at in self._elsewhere.items() if at + GRACE <= now]:
            del self._elsewhere[key]

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
        """Renew a session with its refresh token, unless another pod does or has done.

        Many providers take a refresh token once, and end the session if it comes twice.
        """
        token = self._seal.hash("refresh token", session.refresh_token)
        if not await self._take_lease(token, session):
            return session
        used = None
        try:
            renewed = await self._ask(session)
            if renewed.refresh_token != session.refresh_token:
                used = renewed.checked
        finally:
            await self._shared.release_lease(token, used)
        self._remember(renewed)
        return renewed

    async def _take_lease(self, token: str, session: Session) -> bool:
        """Return True if a refresh token is this pod's to use, False if another pod has used it.

        Raises:
            Unauthenticated: that was so long ago that this cookie is a copy.
            Unavailable: another pod is using it for too long.
        """
        for _ in range(LOOKS):
            found = await self._shared.take_lease(token)
            if isinstance(found, int):
                # The browser has the new cookie from there; this pod does not have its content.
                if self._clock() >= found + GRACE:
                    await self._end_copied(session)
                self._elsewhere[session.id] = max(found, self._elsewhere.get(session.id, 0))
                return False
            if found is not TokenLease.TAKEN:
                return True
            await asyncio.sleep(WAIT)
        raise Unavailable("Another pod of the portal is renewing this session.")

    async def _end_copied(self, session: Session) -> NoReturn:
        """End a session of which an old cookie came back, as providers do for a refresh token.

        Somebody has copied it. Who has used which one first is not known.
        """
        log.warning("an old cookie came back: its session ends", extra={"actor": session.user})
        with suppress(DatabaseUnavailable):
            await self.end(session)
        raise ended()

    async def _ask(self, session: Session) -> Session:
        """Return the session as the provider renews it."""
        try:
            tokens = await self._provider.refresh(session.refresh_token, {"sub": session.sub})
            identity = self._identity_after(session, tokens)
        except Unauthenticated as error:
            log.info("a session is not renewed by the provider", extra={"actor": session.user})
            # Of this state alone: another pod may have renewed it with the same token.
            self._refused[session.id] = _Refused(session.checked, session.ends)
            raise ended() from error
        if identity.user != session.user:
            with suppress(DatabaseUnavailable):
                await self.end(session)
            raise ended()
        return msgspec.structs.replace(
            session,
            groups=identity.groups,
            checked=int(self._clock()),
            refresh_token=tokens.refresh_token or session.refresh_token,
        )

    def _identity_after(self, session: Session, tokens: Tokens) -> Identity:
        """Return whose a renewed session is; a user name that did not come again is as it was.

        So are groups, unless there is a new ID token: without groups in it, there are none.
        """
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
