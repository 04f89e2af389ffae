"""Revalidation of responses by ETag: they are sent again only when they have changed."""

from __future__ import annotations

import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_KEPT = ("text/html", "application/json")


def unchanged(header: str | None, etag: str) -> bool:
    """Return True if a request's ``If-None-Match`` names ``etag``."""
    named = [each.strip() for each in (header or "").split(",")]
    return "*" in named or etag.removeprefix("W/") in [each.removeprefix("W/") for each in named]


class Revalidation:
    """ASGI middleware that adds ETags to pages and data, and answers 304 if they are unchanged.

    It applies to responses to GET in one piece and without a ``Cache-Control`` of their own.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope).get("if-none-match")
        start: Message | None = None

        async def send_if_changed(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _may_be_kept(message):
                start = message
                return
            if start is not None:
                body = message.get("body", b"")
                if not message.get("more_body", False) and body:
                    etag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
                    headers = MutableHeaders(scope=start)
                    headers["ETag"] = etag
                    headers["Cache-Control"] = "private, no-cache"
                    if unchanged(asked, etag):
                        start["status"] = 304
                        del headers["Content-Length"]
                        del headers["Content-Type"]
                        message = {**message, "body": b""}
                await send(start)
                start = None
            await send(message)

        await self._app(scope, receive, send_if_changed)


def _may_be_kept(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    media = headers.get("content-type", "").partition(";")[0]
    return start["status"] == 200 and media in _KEPT and "cache-control" not in headers
