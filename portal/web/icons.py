"""Charts' icons, served by the portal itself: a browser is never sent to a stranger's host."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

PATH = "/icons/{source}/{chart:path}"

_HEADERS = {
    # Opened by itself, a picture may hold a script: it is not to do anything here.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Content-Disposition": "attachment",
    "Cache-Control": "private, max-age=3600",
}


class Picture(Protocol):
    """An icon."""

    @property
    def media(self) -> str:
        """Its media type."""
        ...

    @property
    def content(self) -> bytes:
        """Its bytes."""
        ...


def icon_endpoint(
    find: Callable[[str, str], Awaitable[Picture | None]],
) -> Callable[[Request], Awaitable[Response]]:
    """Answers with the icon that ``find`` gives for a source and a chart of it."""

    async def icon(request: Request) -> Response:
        found = await find(request.path_params["source"], request.path_params["chart"])
        if found is None:
            return Response(status_code=404)
        return Response(found.content, media_type=found.media, headers=_HEADERS)

    return icon
