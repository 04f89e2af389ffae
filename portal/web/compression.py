"""Compression of dynamic responses, and the choice of an encoding.

Static files are compressed ahead of time (``portal.web.static``).
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

SMALLEST = 860
"""Bytes of the shortest response that is compressed: shorter ones fit into one packet."""

LEVEL = 5
"""The gzip level: a page's 60 kB take 1 ms of the loop. Level 9 takes twice that for 2 % less."""

_OURS = frozenset({None, "same-origin", "none"})


def accepted(header: str | None, offered: Sequence[str]) -> str | None:
    """The encoding to use, of those ``offered`` (the best first); None for no encoding.

    ``header`` is the request's ``Accept-Encoding``.
    """
    weights: dict[str, float] = {}
    for part in (header or "").split(","):
        name, *parameters = (each.strip().lower() for each in part.split(";"))
        weights[name] = next(
            (_weight(each[2:]) for each in parameters if each.startswith("q=")), 1.0
        )
    other = weights.get("*", 0.0)
    # No encoding is always acceptable unless "*" says otherwise; use one that is preferred to it.
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
    """ASGI middleware that compresses responses.

    The length of a compressed response reveals something of its content to an attacker who can
    insert chosen text and sees the length on the wire (BREACH). Other sites could make a browser
    send such requests, so cross-site requests, which browsers mark, get uncompressed responses.
    Responses hold no secrets anyway: those are hidden on the server.
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
