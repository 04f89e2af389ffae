"""Compression of what is sent: which encoding a browser takes, and answers that are made anew.

Static files are compressed ahead of time (``portal.web.static``).
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

SMALLEST = 860
"""Bytes below which compression does not pay: the answer is one packet either way."""

LEVEL = 5
"""Of gzip: a page's 60 kB take 1 ms of the loop. Level 9 takes twice that for 2 % less."""

_OURS = frozenset({None, "same-origin", "none"})


def accepted(header: str | None, offered: Sequence[str]) -> str | None:
    """The encoding to send, of those ``offered`` (the best first); None: as it is.

    ``header`` is the request's ``Accept-Encoding``.
    """
    weights: dict[str, float] = {}
    for part in (header or "").split(","):
        name, *parameters = (each.strip().lower() for each in part.split(";"))
        weights[name] = next(
            (_weight(each[2:]) for each in parameters if each.startswith("q=")), 1.0
        )
    other = weights.get("*", 0.0)
    # What nobody names may be sent as it is, unless "*" says otherwise; only what is liked better
    # than that replaces it.
    plain = weights.get("identity", 0.0)
    best = max(offered, key=lambda name: weights.get(name, other), default=None)
    if best is None:
        return None
    weight = weights.get(best, other)
    return best if weight > 0 and weight >= plain else None


def _weight(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0


class Compression:
    """ASGI middleware that compresses answers.

    How long a compressed answer is tells something about what is in it to somebody who may put
    text of their own beside it and sees the length on the wire (BREACH). Who is no page of the
    portal could make a browser ask with text of their choice, so those requests, which browsers
    mark, are answered as they are. Nothing secret is in answers anyway: secrets are hidden on the
    server, and the token against cross-site requests is in a cookie only.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._gzip = GZipMiddleware(app, minimum_size=SMALLEST, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        app = self._app
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            wanted = accepted(headers.get("accept-encoding"), ["gzip"])
            if wanted and headers.get("sec-fetch-site") in _OURS:
                app = self._gzip
        await app(scope, receive, send)
