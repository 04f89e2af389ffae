"""The ASGI middleware around all requests: hosts, identity, cross-site rules, headers, metrics.

Dash's own request hooks see only Dash's paths, so this is outside of Dash.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Collection
from contextvars import ContextVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.auth.csrf import cross_site_problem
from portal.auth.hosts import NO_OTHERS, KnownHosts, host_problem
from portal.auth.identify import Authenticator
from portal.domain.errors import Forbidden, NoHost, PortalError, Unauthenticated, UnknownHost
from portal.domain.identity import Identity
from portal.domain.request import RequestInfo, current_request, enter_request, leave_request
from portal.web.metrics import Metrics

log = logging.getLogger(__name__)

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths for probes and Prometheus, which come from the cluster and carry no identity."""

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
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._policy = content_security_policy
        self._metrics = metrics
        self._trusted_origins = trusted_origins
        self._known_hosts = known_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "lifespan" or scope.get("path") in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        request = enter_request(RequestInfo(uuid.uuid4().hex, self._via(scope)))
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
            if problem := host_problem(headers.getlist("host"), self._known_hosts):
                raise problem
            identity = self._authenticator.identify(headers.items())
            foreign = cross_site_problem(
                scope.get("method", "GET"),
                headers,
                websocket=scope["type"] == "websocket",
                trusted_origins=self._trusted_origins,
            )
            if foreign:
                raise Forbidden(f"Refused: {foreign}.", "Open the portal itself and try again.")
        except PortalError as error:
            if scope["type"] == "http":
                await self._http(_refusal(error), scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": error.message})
            return
        token = _identity.set(identity)
        try:
            if scope["type"] == "http":
                await self._http(self._app, scope, receive, send)
            else:
                await self._app(scope, receive, send)
        finally:
            _identity.reset(token)

    async def _http(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with ``app``, add the headers, and measure the time."""
        started = time.perf_counter()
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
                headers.setdefault("Content-Security-Policy", self._policy())
                if request := current_request().id:
                    headers["X-Request-Id"] = request
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


_STATUSES: dict[type[PortalError], int] = {Unauthenticated: 401, NoHost: 400, UnknownHost: 421}


def _refusal(error: PortalError) -> JSONResponse:
    return JSONResponse(
        {"error": error.message, "advice": error.advice},
        status_code=_STATUSES.get(type(error), 403),
    )
