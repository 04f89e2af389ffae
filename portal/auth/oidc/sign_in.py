"""Sign-in with an authorization code and PKCE, sign-out, and logout by the provider.

Each sign-in has a cookie of its own with its state, nonce and verifier, so that two tabs may sign
in at the same time, and only the browser that began a sign-in can finish it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from msgspec import Struct

from portal.auth.claims import check_logout_token, moment, text
from portal.auth.headers import Headers, Received
from portal.auth.http import Unavailable
from portal.auth.identify import Authenticated
from portal.auth.oidc.cookies import TOGETHER, Cookies
from portal.auth.oidc.provider import Provider
from portal.auth.oidc.sessions import Seal, Session, Sessions, Stale
from portal.domain import audit
from portal.domain.errors import DatabaseUnavailable, Unauthenticated
from portal.domain.identity import Identity

log = logging.getLogger(__name__)

SESSION = "session"
ID_TOKEN = "id-token"
PENDING = "sign-in-"
NOT_SHARED = "not-shared"
"""The cookie after a sign-out that other pods could not be told of."""

PENDING_FOR = 600
"""Seconds for a person to sign in at the provider."""
MOST_PENDING = 5
"""The most sign-ins of one browser that may be under way."""
PENDING_TOGETHER = 3000
"""The most characters of their cookies."""
LONGEST_NEXT = 1000

NOT_SHARED_TEXT = (
    "This browser is signed out. Other pods of the portal could not be told, because its database "
    "does not answer: they are told once it does. If somebody has copied this browser's cookies, "
    "they may be accepted there until the session's next renewal."
)

OWN_PATHS = "/auth/"
DONE = "/auth/signed-in"


class Pending(Struct, frozen=True):
    """A sign-in that has begun, as its cookie holds it."""

    state: str
    nonce: str
    verifier: str
    next: str
    began: int


class Kept(Struct, frozen=True):
    """An ID token that is kept to sign out with."""

    id_token: str


class Step(Struct, frozen=True):
    """An answer to a browser: where it goes next, and its cookies."""

    location: str
    set_cookies: tuple[str, ...]


class SignedOut(Struct, frozen=True):
    """The words after a sign-out, "" for none, and the cookies of the answer."""

    text: str
    set_cookies: tuple[str, ...]


class SignIn:
    """Signs people in and out. Times are in seconds."""

    def __init__(
        self,
        provider: Provider,
        sessions: Sessions,
        cookies: Cookies,
        secret: bytes,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._provider = provider
        self._sessions = sessions
        self._cookies = cookies
        self._pending = Seal(secret, "sign-in")
        self._kept = Seal(secret, "id-token")
        self._clock = clock
        self._used: dict[str, float] = {}
        self._listeners: list[Callable[[str, Identity], None]] = []

    def on_change(self, listener: Callable[[str, Identity], None]) -> None:
        """Call ``listener`` with the audit trail's name of a sign-in or sign-out, and with who."""
        self._listeners.append(listener)

    def _tell(self, action: str, session: Session) -> None:
        log.info(action, extra={"actor": session.user})
        for listener in self._listeners:
            listener(action, session.identity)

    @property
    def issuer(self) -> str:
        """The provider's address, as it spells it."""
        return self._provider.client.issuer

    async def begin(self, wanted: str, headers: Headers) -> Step:
        """Send a browser to the provider; ``wanted`` is the page that it comes back to.

        Raises:
            Unavailable: the provider does not answer.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        url = await self._provider.authorization_url(state=state, nonce=nonce, challenge=challenge)
        pending = Pending(state, nonce, verifier, safe_next(wanted), int(self._clock()))
        sealed, received = self._pending.close(pending), Received(headers).cookies()
        set_pending = self._cookies.set(PENDING + _short(state), sealed, PENDING_FOR)
        ended = self._ended(received)
        session = (self._cookies.read(received, each) for each in (SESSION, ID_TOKEN))
        kept = 0 if ended else sum(map(len, session))
        dropped = self._given_up(received, new=len(sealed), kept=kept)
        return Step(url, (*ended, *dropped, set_pending))

    def _ended(self, received: Mapping[str, str]) -> tuple[str, ...]:
        """Remove the cookies of a session that is over: others need the room."""
        if not self._cookies.read(received, SESSION) or self._goes_on(received):
            return ()
        return (*self._cookies.remove(SESSION), *self._cookies.remove(ID_TOKEN))

    def _given_up(self, received: Mapping[str, str], *, kept: int, new: int = 0) -> list[str]:
        """Remove the oldest cookies of sign-ins that were given up, to make room.

        That is for a ``new`` one, and for the cookies of a session, ``kept``, both in characters.
        """
        room = min(PENDING_TOGETHER, TOGETHER - kept) - new
        found = self._cookies.beginning_with(received, PENDING)
        read = {key: self._pending.open(value, Pending) for key, value in found.items()}
        newest = sorted(
            read, key=lambda key: each.began if (each := read[key]) else 0, reverse=True
        )
        gone: list[str] = []
        for number, key in enumerate(newest, 2):
            room -= len(found[key])
            if number > MOST_PENDING or room < 0:
                gone.append(self._cookies.set(PENDING + key, "", 0))
        return gone

    async def finish(self, query: Mapping[str, str], headers: Headers) -> Step:
        """Finish a sign-in with what the provider sent back through the browser.

        Raises:
            Unauthenticated: it is not this browser's sign-in, or the provider refuses it.
            Unavailable: the provider does not answer.
        """
        state = query.get("state", "")
        name = PENDING + _short(state)
        received = Received(headers).cookies()
        pending = self._pending.open(self._cookies.read(received, name), Pending)
        now = self._clock()
        if pending is None or not hmac.compare_digest(pending.state.encode(), state.encode()):
            if self._goes_on(received):
                return Step("/", ())  # the way back was opened again: Back, or a restored tab
            raise Unauthenticated(
                "This sign-in was not begun in this browser, or has been finished already.",
                "Begin it again.",
            )
        if not -1 <= now - pending.began <= PENDING_FOR:
            raise Unauthenticated("This sign-in took too long.", "Begin it again.")
        self._use_once(state, now)
        await self._check_sender(query)
        if error := query.get("error", ""):
            said = query.get("error_description", "")
            raise Unauthenticated(
                f"The provider refuses the sign-in: {(said or error)[:300]}", "Begin it again."
            )
        tokens = await self._provider.exchange(
            query.get("code", ""), pending.verifier, pending.nonce
        )
        session = self._sessions.begin(tokens)
        hint = self._kept.close(Kept(tokens.id_token)) if tokens.id_token else ""
        cookies = self.session_cookies(session, hint, new=True)
        self._tell(audit.SIGN_IN, session)
        received.pop(self._cookies.name(name), None)
        # Tabs that sign in at the same time and lose theirs come back to the first page.
        dropped = self._given_up(received, kept=sum(map(len, cookies)))
        return Step(pending.next, (self._cookies.set(name, "", 0), *dropped, *cookies))

    def session_cookies(self, session: Session, hint: str, *, new: bool = False) -> tuple[str, ...]:
        """Return the ``Set-Cookie`` headers of a session.

        ``hint`` is the content of the cookie with the ID token for the sign-out: of a ``new``
        session, or the one that the browser has. Where there is no room for both it goes.
        """
        left, sealed = session.ends - self._clock(), self._sessions.sealed(session)
        cookies = self._cookies.set_long(SESSION, sealed, left)
        if len(sealed) + len(hint) > TOGETHER:
            return (*cookies, *self._cookies.remove(ID_TOKEN))
        return (*cookies, *(self._cookies.set_long(ID_TOKEN, hint, left) if new else ()))

    def _goes_on(self, received: Mapping[str, str]) -> bool:
        """Return True if this browser has signed in."""
        try:
            self._sessions.read(self._cookies.read(received, SESSION))
        except Stale:
            return True
        except Unauthenticated:
            return False
        return True

    def _use_once(self, state: str, now: float) -> None:
        for each in [each for each, until in self._used.items() if until <= now]:
            del self._used[each]
        if state in self._used:
            raise Unauthenticated("This sign-in has been finished already.", "Begin it again.")
        self._used[state] = now + 2 * PENDING_FOR

    async def _check_sender(self, query: Mapping[str, str]) -> None:
        """Check which provider answers, against mixed-up ones (RFC 9207)."""
        sender = query.get("iss")
        named = (await self._provider.endpoints()).names_itself
        if sender != self._provider.client.issuer and (sender is not None or named):
            raise Unauthenticated(
                "Another provider answers than the one that was asked.", "Begin the sign-in again."
            )

    async def sign_out(self, headers: Headers) -> Step:
        """End the session of a browser here and at the provider; it goes on to sign out there."""
        received = Received(headers).cookies()
        sealed = self._cookies.read(received, SESSION)
        kept = self._kept.open(self._cookies.read(received, ID_TOKEN), Kept)
        location, shared = "", True
        try:
            session = self._session(sealed)
            shared = await self._end(session)
            self._tell(audit.SIGN_OUT, session)
            await self._provider.revoke(session.refresh_token)
        except (Unauthenticated, Unavailable):
            pass  # it has ended already, or the provider learns of it in the browser
        try:
            location = await self._provider.end_session_url(kept.id_token if kept else "")
        except Unavailable:
            log.warning("the provider does not answer: signed out of the portal alone")
        gone = (*self._cookies.remove(SESSION), *self._cookies.remove(ID_TOKEN))
        # The page that says it comes after the provider's.
        noted = () if shared else (self._cookies.set(NOT_SHARED, "1", PENDING_FOR),)
        return Step(location or self._provider.client.signed_out_uri, (*gone, *noted))

    def _session(self, sealed: str) -> Session:
        """Return the session in a cookie, also if it would have to be renewed to be used."""
        try:
            return self._sessions.read(sealed)
        except Stale as stale:
            return stale.session

    async def _end(self, session: Session) -> bool:
        """End a session; return False if other pods could not be told."""
        try:
            await self._sessions.end(session)
        except DatabaseUnavailable as error:
            log.warning("a sign-out is known to this pod alone: %s", error)
            return False
        return True

    def signed_out(self, headers: Headers) -> SignedOut:
        """Return what a browser is told after a sign-out."""
        if not self._cookies.read(Received(headers).cookies(), NOT_SHARED):
            return SignedOut("", ())
        return SignedOut(NOT_SHARED_TEXT, (self._cookies.set(NOT_SHARED, "", 0),))

    async def back_channel_logout(self, token: str) -> None:
        """End the sessions that a logout token of the provider names.

        Raises:
            Unauthenticated: it is not the provider's, or no logout token.
            Unavailable: the provider's keys cannot be read.
            DatabaseUnavailable: other pods cannot be told.
        """
        claims = await self._provider.claims(token)
        client = self._provider.client
        check_logout_token(claims, issuer=client.issuer, client=client.id, now=self._clock())
        await self._sessions.end_of_provider(
            sid=text(claims, "sid"), sub=text(claims, "sub"), issued=moment(claims, "iat") or 0
        )
        log.info("the provider has ended sessions")


class OidcAuthenticator:
    """The mode ``oidc``: a session's cookie says who is asking."""

    anonymous = False

    def __init__(self, sessions: Sessions, cookies: Cookies, sign_in: SignIn) -> None:
        self.name = f"OpenID provider ({sign_in.issuer})"
        self._sessions = sessions
        self._cookies = cookies
        self._sign_in = sign_in

    async def authenticate(self, headers: Headers) -> Authenticated:
        """Return who is asking, after renewing the session if that is due."""
        received = Received(headers).cookies()
        sealed = self._cookies.read(received, SESSION)
        session, renewed = await self._sessions.current(sealed)
        if not renewed:
            return Authenticated(session.identity)
        hint = self._cookies.read(received, ID_TOKEN)
        return Authenticated(session.identity, self._sign_in.session_cookies(session, hint))

    def identify(self, headers: Headers) -> Identity:
        """Return who is asking, by what is known."""
        sealed = self._cookies.read(Received(headers).cookies(), SESSION)
        return self._sessions.read(sealed).identity


def safe_next(wanted: str) -> str:
    """Return the page of the portal that ``wanted`` names; the first page for anything else."""
    if not (wanted.startswith("/") and wanted.isprintable() and len(wanted) <= LONGEST_NEXT):
        return "/"
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return "/"
    # Browsers take a backslash for a slash, and two slashes for the beginning of a host.
    outside = "\\" in wanted or wanted.startswith("//") or parts.scheme or parts.netloc
    return "/" if outside or _leads_round(wanted) else wanted


def _leads_round(wanted: str) -> bool:
    """Return True for the pages of the sign-in, but for the one that says that it has worked."""
    return wanted.startswith(OWN_PATHS) and wanted != DONE


def _short(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()[:16]
