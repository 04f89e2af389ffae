"""The pages of read-only links, which are there for whoever has one.

``GET /shared`` is the same page for everybody. The token stands behind the ``#`` of its address,
which browsers send to nobody: neither to the portal, nor to proxies and their logs, nor as a
referrer. Its script posts the token to ``/shared/view``, every few seconds, for what it shows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from portal.domain.errors import DatabaseUnavailable, NotFound, PortalError
from portal.links.token import PATH
from portal.web.plain_page import document

VIEW_PATH = f"{PATH}/view"

LONGEST_BODY = 4096

_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
}


class Shown(Struct, frozen=True):
    """The app of a link: HTML text, its name, and when the link expires, in Unix seconds."""

    html: str
    title: str
    expires: int


class _Asked(Struct, forbid_unknown_fields=True):
    token: str


Show = Callable[[str], Awaitable[Shown]]
"""Returns what a token shows.

Raises ``NotFound`` if it shows nothing, and another ``PortalError`` if that cannot be found out.
"""


_BODY = """<main>
      <div class="page" id="shared" aria-busy="true"><p>Loading …</p></div>
      <noscript>This page needs JavaScript.</noscript>
      <p class="words quiet-text" id="shared-state" role="status"></p>
    </main>"""


class LinkPages:
    """The ASGI application for ``paths``.

    ``head`` is HTML that loads style sheets and theme, and ``script`` the address of the script.
    """

    def __init__(self, show: Show, head: str, script: str) -> None:
        self._show = show
        self._head = head
        self._script = script
        self.paths = frozenset({PATH, VIEW_PATH})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        request = Request(scope, receive)
        answer = await (self._view(request) if scope["path"] == VIEW_PATH else self._page(request))
        await answer(scope, receive, send)

    async def _page(self, request: Request) -> Response:
        if request.method != "GET":
            return _refused(405, "Only GET is allowed.", "")
        head = f"""<meta name="referrer" content="no-referrer">
    {self._head}
    <script src="{self._script}" defer></script>"""
        return HTMLResponse(document("Shared app", head, _BODY), headers=_HEADERS)

    async def _view(self, request: Request) -> Response:
        if request.method != "POST":
            return _refused(405, "Only POST is allowed.", "")
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > LONGEST_BODY:
                return _refused(413, "The request is too large.", "")
        try:
            asked = msgspec.json.decode(body, type=_Asked)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _refused(400, "The request is not complete.", "")
        try:
            shown = await self._show(asked.token)
        except NotFound as error:
            return _refused(410, error.message, error.advice)
        except DatabaseUnavailable as error:
            return _refused(503, error.message, error.advice)
        except PortalError as error:
            return _refused(503, "The link cannot be checked at the moment.", error.advice)
        return JSONResponse(msgspec.to_builtins(shown), headers=_HEADERS)


def _refused(status: int, error: str, advice: str) -> Response:
    return JSONResponse({"error": error, "advice": advice}, status, headers=_HEADERS)
