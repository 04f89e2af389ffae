"""Charts' icons, served by the portal, so that browsers do not load them from other hosts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

PATH = "/icons/{source}/{chart:path}"

_HEADERS = {
    # An SVG that is opened by itself may hold a script, which must not run.
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
    """The handler for ``PATH``; ``find`` returns the icon of a source's chart, or None."""

    async def icon(request: Request) -> Response:
        found = await find(request.path_params["source"], request.path_params["chart"])
        if found is None:
            return Response(status_code=404)
        return Response(found.content, media_type=found.media, headers=_HEADERS)

    return icon
