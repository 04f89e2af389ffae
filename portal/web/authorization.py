"""ASGI middleware that looks up the rights of the caller before a request is handled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from portal.domain.identity import Identity
from portal.web.middleware import OPEN_PATHS, current_identity


class Authorization:
    """Waits until the rights of the caller, which are mostly cached, are known.

    Handlers then read them without waiting. Other requests are handled meanwhile.
    """

    def __init__(self, app: ASGIApp, ask: Callable[[Identity], Awaitable[object]]) -> None:
        self._app = app
        self._ask = ask

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] in {"http", "websocket"} and scope["path"] not in OPEN_PATHS:
            await self._ask(current_identity())
        await self._app(scope, receive, send)
