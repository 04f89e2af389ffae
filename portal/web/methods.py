"""The allowed HTTP methods, the same for every path; HEAD is GET without a body.

Load balancers send HEAD, which Dash's own paths would answer in different ways.
"""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALLOWED = ("GET", "HEAD", "POST")


class Methods:
    """ASGI middleware that answers HEAD and refuses other methods."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        method = scope.get("method", "GET")
        if scope["type"] != "http" or method in {"GET", "POST"}:
            await self._app(scope, receive, send)
        elif method == "HEAD":
            await self._app({**scope, "method": "GET"}, receive, _without_body(send))
        else:
            await _REFUSAL(scope, receive, send)


_REFUSAL = JSONResponse(
    {"error": "This method is not allowed.", "advice": "Use GET, HEAD or POST."},
    status_code=405,
    headers={"Allow": ", ".join(ALLOWED)},
)


def _without_body(send: Send) -> Send:
    async def bare(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return bare
