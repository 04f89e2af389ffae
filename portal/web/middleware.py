"""The ASGI middleware around all requests: hosts, identity, cross-site rules, headers, metrics.

Dash's own request hooks see only Dash's paths, so this is outside of Dash.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Collection
from contextvars import ContextVar
from urllib.parse import quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.auth.csrf import (
    SECURE_TOKEN_COOKIE,
    TOKEN_COOKIE,
    cross_site_problem,
    is_token,
    token_cookie,
    token_problem,
)
from portal.auth.hosts import NO_OTHERS, KnownHosts, host_problem
from portal.auth.http import Unavailable
from portal.auth.identify import Authenticated, Authenticator
from portal.auth.transport import Transport
from portal.domain.errors import Forbidden, NoHost, PortalError, Unauthenticated, UnknownHost
from portal.domain.identity import Identity
from portal.domain.request import RequestInfo, current_request, enter_request, leave_request
from portal.web.link_pages import LinkPages
from portal.web.metrics import Metrics
from portal.web.peer import check_peer
from portal.web.sign_in import SIGN_IN_PATH, SignInPages

log = logging.getLogger(__name__)

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths for probes and Prometheus, which come from the cluster and carry no identity."""

STRICT_TRANSPORT = "max-age=31536000"
"""A year of HTTPS for this host. What else there is below its domain is not the portal's to say."""

_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

_identity: ContextVar[Identity] = ContextVar("identity")


def current_identity() -> Identity:
    """Return the identity of the current request.

    Raises:
        LookupError: called outside of a request.
    """
    return _identity.get()


class RequestMiddleware:
    """Refuses unknown host names and cross-site writes, identifies the caller, adds security
    headers, and measures.
    """

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Authenticator,
        content_security_policy: Callable[[], str],
        metrics: Metrics,
        trusted_origins: Collection[str] = (),
        known_hosts: KnownHosts = NO_OTHERS,
        sign_in: SignInPages | None = None,
        links: LinkPages | None = None,
        public: str = "",
        proxy_names: frozenset[str] = frozenset(),
        transport: Transport = Transport(),  # noqa: B008 - it is frozen
        untokened: Collection[str] = (),
    ) -> None:
        """Create it around ``app``.

        ``public`` is the beginning of the paths of files that pages for everybody need.
        Of ``proxy_names``, if there are any, each connection's client certificate must have one.
        ``untokened`` are the paths that browsers post to by themselves, so without a token.
        """
        self._app = app
        self._authenticator = authenticator
        self._policy = content_security_policy
        self._metrics = metrics
        self._trusted_origins = trusted_origins
        self._known_hosts = known_hosts
        self._sign_in = sign_in
        self._links = links
        self._public = public
        self._proxy_names = proxy_names
        self._transport = transport
        # What a link shows is asked for with the link's own token, and for nobody's login.
        self._untokened = frozenset(untokened) | (links.paths if links else frozenset())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "lifespan" or scope.get("path") in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        https = self._transport.is_https(scope.get("scheme", ""), Headers(scope=scope))
        request = enter_request(RequestInfo(uuid.uuid4().hex, self._via(scope), https))
        try:
            await self._handle(scope, receive, send)
        finally:
            leave_request(request)

    def _via(self, scope: Scope) -> str:
        """Return who vouches for the user, and from where the request came."""
        client = scope.get("client")
        return f"{self._authenticator.name} from {client[0] if client else 'an unknown address'}"

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on with its identity."""
        headers = Headers(scope=scope)
        try:
            found = await self._checked(scope, headers)
        except PortalError as error:
            if scope["type"] == "http":
                answer = self._refusal(error, scope, headers)
                await self._http(answer, scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": error.message})
            return
        if found is None:
            await self._http(self._open_pages(scope) or self._app, scope, receive, send)
            return
        token = _identity.set(found.identity)
        send = _with_cookies(send, found.set_cookies)
        try:
            if scope["type"] == "http":
                await self._http(self._app, scope, receive, send)
            else:
                await self._app(scope, receive, send)
        finally:
            _identity.reset(token)

    async def _checked(self, scope: Scope, headers: Headers) -> Authenticated | None:
        """Return who makes a request that may be answered; None for what is there for everybody.

        Raises:
            PortalError: it may not.
        """
        check_peer(scope, self._proxy_names)
        if problem := host_problem(headers.getlist("host"), self._known_hosts):
            raise problem
        found = None
        if not (self._open_pages(scope) or self._is_public(scope)):
            found = await self._authenticator.authenticate(headers.items())
        foreign = cross_site_problem(
            scope.get("method", "GET"),
            headers,
            websocket=scope["type"] == "websocket",
            https=current_request().https,
            trusted_origins=self._trusted_origins,
        )
        if foreign:
            raise Forbidden(f"Refused: {foreign}.", "Open the portal itself and try again.")
        if scope["type"] == "http" and scope["path"] not in self._untokened:
            tokenless = token_problem(scope["method"], headers, _token(headers))
            if tokenless:
                raise Forbidden(f"Refused: {tokenless}.", "Reload the page and try again.")
        return found

    def _open_pages(self, scope: Scope) -> SignInPages | LinkPages | None:
        """Return the pages that are there for everybody and have this path, None otherwise."""
        if scope["type"] != "http":
            return None
        both = (self._sign_in, self._links)
        return next((each for each in both if each and scope["path"] in each.paths), None)

    def _is_public(self, scope: Scope) -> bool:
        if not (self._sign_in or self._links) or not self._public or scope["type"] != "http":
            return False
        return scope["path"].startswith(self._public)

    def _refusal(self, error: PortalError, scope: Scope, headers: Headers) -> Response:
        """Return the answer to a request that is refused: to sign in, if somebody opens a page."""
        told = {"error": error.message, "advice": error.advice}
        status = _STATUSES.get(type(error), 403)
        if isinstance(error, Unauthenticated):
            status = 401
            if self._sign_in is not None:
                if opens_a_page(scope, headers):
                    return RedirectResponse(sign_in_address(scope), 303)
                told["signIn"] = SIGN_IN_PATH
        return JSONResponse(told, status_code=status)

    async def _http(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with ``app``, add the headers, and measure the time."""
        started = time.perf_counter()
        status = 500
        asked = Headers(scope=scope)
        needs_token = opens_a_page(scope, asked) and not _token(asked)

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Referrer-Policy", "same-origin")
                headers.setdefault("Content-Security-Policy", self._policy())
                if self._sign_in is not None and _is_page(headers):
                    headers["Cache-Control"] = "no-store"  # for Back, after a sign-out
                request = current_request()
                if request.id:
                    headers["X-Request-Id"] = request.id
                if request.https:
                    headers["Strict-Transport-Security"] = STRICT_TRANSPORT
                if needs_token:
                    headers.append("Set-Cookie", token_cookie(https=request.https))
            await send(message)

        try:
            await app(scope, receive, send_with_headers)
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            raise
        finally:
            elapsed = time.perf_counter() - started
            # A client may send any method, and labels are kept for ever.
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(method, str(status)).observe(elapsed)


_STATUSES: dict[type[PortalError], int] = {NoHost: 400, UnknownHost: 421, Unavailable: 503}


def opens_a_page(scope: Scope, headers: Headers) -> bool:
    """Return True if a browser asks for a page to show, rather than a script for data."""
    return (
        scope["method"] in {"GET", "HEAD"}
        and headers.get("sec-fetch-mode", "navigate") == "navigate"
        and "text/html" in headers.get("accept", "")
    )


def _token(headers: Headers) -> str:
    """Return the token in a request's cookies, "" without a valid one."""
    name = SECURE_TOKEN_COOKIE if current_request().https else TOKEN_COOKIE
    found = cookie_parser(headers.get("cookie", "")).get(name, "")
    return found if is_token(found) else ""


def _is_page(headers: MutableHeaders) -> bool:
    return headers.get("content-type", "").startswith("text/html")


def sign_in_address(scope: Scope) -> str:
    """Return the address to sign in at, to come back to the page that ``scope`` asks for."""
    query = scope.get("query_string", b"").decode("latin-1")
    wanted = f"{quote(scope['path'])}{f'?{query}' if query else ''}"
    return f"{SIGN_IN_PATH}?{urlencode({'next': wanted})}"


def _with_cookies(send: Send, cookies: tuple[str, ...]) -> Send:
    """Add ``Set-Cookie`` headers to an answer, or to the handshake of a WebSocket."""
    if not cookies:
        return send

    async def send_with_cookies(message: Message) -> None:
        if message["type"] in {"http.response.start", "websocket.accept"}:
            message = {**message, "headers": list(message.get("headers", []))}
            headers = MutableHeaders(scope=message)
            for each in cookies:
                headers.append("Set-Cookie", each)
        await send(message)

    return send_with_cookies
