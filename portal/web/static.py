"""Serves the static files: compressed ahead of time, and kept by browsers for a year."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from portal.web.compression import accepted
from portal.web.revalidation import unchanged

ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""The encodings on offer, the smallest first, and the suffixes of files in them."""

FOR_A_YEAR = "public, max-age=31536000, immutable"

_QUALITY = 9
"""The Brotli quality at first use. The image's files have 11, which takes ten times as long."""


class File(Protocol):
    """A static file."""

    @property
    def path(self) -> Path:
        """The path of the file. The same path with a suffix of ``ENCODINGS`` may exist."""
        ...

    @property
    def digest(self) -> str:
        """The part of its address that changes with its content."""
        ...

    @property
    def media(self) -> str:
        """Its media type."""
        ...


class StaticServer:
    """ASGI middleware that answers for ``<prefix><digest>/<name>``.

    Only files in the table are served. They are read at first use and kept: all of them together
    are some 2 MB.
    """

    def __init__(self, app: ASGIApp, prefix: str, files: Mapping[str, File]) -> None:
        self._app = app
        self._prefix = prefix
        self._files = files
        self._read: dict[tuple[str, str | None], asyncio.Future[bytes]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        app = self._app
        if scope["type"] == "http" and scope["path"].startswith(self._prefix):
            app = await self._answer(scope["method"], scope["path"], Headers(scope=scope))
        await app(scope, receive, send)

    async def _answer(self, method: str, address: str, asked: Headers) -> Response:
        digest, _, name = address.removeprefix(self._prefix).partition("/")
        file = self._files.get(name)
        if file is None:
            return PlainTextResponse("There is no such file.", status_code=404)
        if method not in {"GET", "HEAD"}:
            return PlainTextResponse(
                "Only GET and HEAD are allowed.", status_code=405, headers={"Allow": "GET, HEAD"}
            )
        encoding = accepted(asked.get("accept-encoding"), list(ENCODINGS))
        etag = f'"{file.digest}-{encoding}"' if encoding else f'"{file.digest}"'
        headers = {
            # A tab that was opened before an update gets the new file, uncached.
            "Cache-Control": FOR_A_YEAR if digest == file.digest else "no-store",
            "ETag": etag,
            "Vary": "Accept-Encoding",
            # Ranges would be of one encoding only; whole files are small enough.
            "Accept-Ranges": "none",
        }
        if unchanged(asked.get("if-none-match"), etag):
            return Response(status_code=304, headers=headers)
        if encoding:
            headers["Content-Encoding"] = encoding
        content = await self._content(name, file.path, encoding)
        headers["Content-Length"] = str(len(content))
        return Response(
            b"" if method == "HEAD" else content, media_type=file.media, headers=headers
        )

    async def _content(self, name: str, path: Path, encoding: str | None) -> bytes:
        """The encoded file, read or compressed once for all requests."""
        if (name, encoding) not in self._read:
            made = asyncio.ensure_future(asyncio.to_thread(read, path, encoding))
            self._read[name, encoding] = made
        try:
            return await asyncio.shield(self._read[name, encoding])
        except OSError:
            self._read.pop((name, encoding), None)  # the next request tries again
            raise


def read(path: Path, encoding: str | None) -> bytes:
    """Read a file in an encoding, compressed ahead of time or now."""
    if encoding is None:
        return path.read_bytes()
    ready = path.with_name(path.name + ENCODINGS[encoding])
    if ready.exists():
        return ready.read_bytes()
    return compress(path.read_bytes(), encoding, _QUALITY)


def compress(content: bytes, encoding: str, quality: int) -> bytes:
    """Return ``content`` compressed."""
    if encoding == "gzip":
        return gzip.compress(content, 9, mtime=0)
    import brotli  # not loaded if all files were compressed ahead of time

    return cast(bytes, brotli.compress(content, quality=quality))
