"""The pages of signing in and out, which are there for people who have not signed in.

``GET /auth/sign-in?next=PATH`` leads to the provider, ``GET /auth/callback`` back from it, and
``POST /auth/sign-out`` answers with the address at which the sign-out goes on. The provider posts
to ``/auth/back-channel-logout`` when it ends a session.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from portal.auth.headers import Headers
from portal.auth.http import Unavailable
from portal.domain.errors import DatabaseUnavailable, Forbidden, PortalError
from portal.web.plain_page import NO_STORE, plain_page

log = logging.getLogger(__name__)

SIGN_IN_PATH = "/auth/sign-in"
CALLBACK_PATH = "/auth/callback"
SIGN_OUT_PATH = "/auth/sign-out"
SIGNED_OUT_PATH = "/auth/signed-out"
SIGNED_IN_PATH = "/auth/signed-in"
BACK_CHANNEL_PATH = "/auth/back-channel-logout"
SESSION_PATH = "/auth/session"
"""Says who is signed in, and renews the session; for those who are."""

END_PATH = "/auth/sessions/end"
"""Ends all sessions of ``user``; for administrators."""

LONGEST_FORM = 32 * 1024


class Step(Protocol):
    """An answer that sends a browser on."""

    @property
    def location(self) -> str:
        """The address."""
        ...

    @property
    def set_cookies(self) -> Sequence[str]:
        """The ``Set-Cookie`` headers."""
        ...


class SignedOut(Protocol):
    """The words after a sign-out."""

    @property
    def text(self) -> str:
        """The text, "" for nothing."""
        ...

    @property
    def set_cookies(self) -> Sequence[str]:
        """The ``Set-Cookie`` headers."""
        ...


class SignIn(Protocol):
    """Signs people in and out; see ``portal.auth.oidc.sign_in.SignIn``."""

    async def begin(self, wanted: str, headers: Headers) -> Step:
        """Send a browser to the provider."""
        ...

    async def finish(self, query: Mapping[str, str], headers: Headers) -> Step:
        """Finish a sign-in."""
        ...

    async def sign_out(self, headers: Headers) -> Step:
        """End a browser's session."""
        ...

    def signed_out(self, headers: Headers) -> SignedOut:
        """Return what a browser is told after a sign-out."""
        ...

    async def back_channel_logout(self, token: str) -> None:
        """End the sessions that a logout token names."""
        ...


class SignInPages:
    """The ASGI application for ``paths``. ``head`` is HTML that loads style sheets and theme."""

    def __init__(self, sign_in: SignIn, head: str) -> None:
        self._sign_in = sign_in
        self._head = head
        self._pages: dict[tuple[str, str], Callable[[Request], Awaitable[Response]]] = {
            ("GET", SIGN_IN_PATH): self._begin,
            ("GET", CALLBACK_PATH): self._finish,
            ("GET", SIGNED_IN_PATH): self._signed_in,
            ("GET", SIGNED_OUT_PATH): self._signed_out,
            ("POST", SIGN_OUT_PATH): self._sign_out,
            ("POST", BACK_CHANNEL_PATH): self._back_channel,
        }
        self.paths = frozenset(path for _, path in self._pages)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        page = self._pages.get((scope["method"], scope["path"]))
        if page is None:
            answer = JSONResponse({"error": "This method is not allowed."}, status_code=405)
        else:
            try:
                answer = await page(Request(scope, receive))
            except PortalError as error:
                log.warning("a sign-in failed: %s", error)
                answer = self._failed(error)
        await answer(scope, receive, send)

    async def _begin(self, request: Request) -> Response:
        wanted = request.query_params.get("next", "/")
        return _redirect(await self._sign_in.begin(wanted, request.headers.items()))

    async def _finish(self, request: Request) -> Response:
        items = request.query_params.multi_items()
        query = dict(items)
        if len(items) != len(query):
            query = {}  # a parameter that is there twice: nobody knows which one counts
        return _redirect(await self._sign_in.finish(query, request.headers.items()))

    async def _sign_out(self, request: Request) -> Response:
        step = await self._sign_in.sign_out(request.headers.items())
        answer = JSONResponse(
            {"location": step.location}, headers={**NO_STORE, "Clear-Site-Data": '"cache"'}
        )
        return _with_cookies(answer, step.set_cookies)

    async def _back_channel(self, request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > LONGEST_FORM:
                return JSONResponse({"error": "invalid_request"}, 413, headers=NO_STORE)
        tokens = parse_qs(body.decode("latin-1"), max_num_fields=10).get("logout_token", [])
        if len(tokens) != 1:
            return JSONResponse({"error": "invalid_request"}, 400, headers=NO_STORE)
        try:
            await self._sign_in.back_channel_logout(tokens[0])
        except (Unavailable, DatabaseUnavailable) as error:
            log.warning("a logout by the provider failed: %s", error)
            return JSONResponse({"error": error.message}, 503, headers=NO_STORE)
        except PortalError as error:
            log.warning("a logout by the provider was refused: %s", error)
            told = {"error": "invalid_request", "error_description": error.message}
            return JSONResponse(told, 400, headers=NO_STORE)
        return Response(status_code=200, headers=NO_STORE)

    async def _signed_in(self, _: Request) -> Response:
        return self._page(
            "You are signed in",
            "Close this tab and go on in the one that you came from.",
            "/",
            "Open the portal",
        )

    async def _signed_out(self, request: Request) -> Response:
        done = self._sign_in.signed_out(request.headers.items())
        answer = self._page("You have signed out", done.text, "/", "Sign in again")
        return _with_cookies(answer, done.set_cookies)

    def _failed(self, error: PortalError) -> Response:
        status = 503 if isinstance(error, Unavailable) else 401
        text = f"{error.message} {error.advice}".strip()
        return self._page("The sign-in has failed", text, SIGN_IN_PATH, "Sign in", status)

    def _page(self, title: str, text: str, href: str, link: str, status: int = 200) -> Response:
        return plain_page(self._head, title, text, link=(href, link), status=status)


def _redirect(step: Step) -> Response:
    answer = RedirectResponse(step.location, 303, headers=NO_STORE)
    return _with_cookies(answer, step.set_cookies)


def _with_cookies(answer: Response, set_cookies: Sequence[str]) -> Response:
    for each in set_cookies:
        answer.headers.append("Set-Cookie", each)
    return answer


def end_endpoint(
    end_of_user: Callable[[str], Awaitable[int]],
) -> Callable[[Request], Awaitable[Response]]:
    """The handler for ``END_PATH``; ``end_of_user`` returns how many sessions of a user ended.

    It raises ``Forbidden`` for who may not, and another ``PortalError`` if it cannot be recorded.
    """

    async def end(request: Request) -> Response:
        user = request.query_params.get("user", "")
        try:
            ended = await end_of_user(user) if user else 0
        except Forbidden as error:
            return JSONResponse({"error": error.message, "advice": ""}, 403, headers=NO_STORE)
        except PortalError as error:
            told = {"error": error.message, "advice": error.advice}
            return JSONResponse(told, 503, headers=NO_STORE)
        if not user:
            told = {"error": "Whose sessions?", "advice": "Give the name as user=NAME."}
            return JSONResponse(told, 400, headers=NO_STORE)
        return JSONResponse({"user": user, "ended": ended}, headers=NO_STORE)

    return end


def session_endpoint(user: Callable[[], str]) -> Callable[[Request], Awaitable[Response]]:
    """The handler for ``SESSION_PATH``; ``user`` returns the name of the present user."""

    async def session(_: Request) -> Response:
        return JSONResponse({"user": user()}, headers=NO_STORE)

    return session
