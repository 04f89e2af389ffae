"""Icons of charts: small PNG or SVG pictures, fetched from a source's allowed hosts only."""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from msgspec import Struct

from portal.catalog.sources import Source
from portal.registry.fetch import Answer, FetchError

MAX_ICON = 64 * 1024
"""Bytes of an icon."""
MAX_SIDE = 2048
"""Pixels of a PNG's longer side: a few bytes can encode very many pixels."""
MAX_KEPT = 200
"""Icons in memory."""

PNG, SVG = "image/png", "image/svg+xml"

_PNG_START = b"\x89PNG\r\n\x1a\n"
_SVG_START = re.compile(
    rb"\s*(<\?xml[^>]{0,200}>\s*)?(<!DOCTYPE svg[^>\[]{0,300}>\s*)?"
    rb"(<!--[^>]{0,500}-->\s*){0,3}<svg[\s>]"
)


class Icon(Struct, frozen=True):
    """A picture, with its media type as told by its content, not by its server."""

    media: str
    content: bytes


def icon_of(content: bytes) -> Icon | None:
    """The icon in these bytes; None if they are not an acceptable picture."""
    if len(content) > MAX_ICON:
        return None
    if content.startswith(_PNG_START) and len(content) > 24:
        width, height = struct.unpack(">II", content[16:24])
        return Icon(PNG, content) if max(width, height) <= MAX_SIDE else None
    text = content.removeprefix(b"\xef\xbb\xbf")
    if _SVG_START.match(text) and b"<!ENTITY" not in text:  # one entity can stand for gigabytes
        return Icon(SVG, content)
    return None


def is_allowed(source: Source, url: str) -> bool:
    """Return True if an icon's address is on one of the source's allowed hosts."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and parts.netloc.lower() in source.allowed_hosts


class Icons:
    """A cache of icons, fetched on demand by ``ask(source, url, limit)``, ``limit`` in bytes."""

    def __init__(self, ask: Callable[[Source, str, int], Awaitable[Answer]]) -> None:
        self._ask = ask
        self._known: dict[tuple[str, str], Icon | None] = {}
        self._asking: dict[tuple[str, str], asyncio.Lock] = {}

    async def get(self, source: Source, url: str) -> Icon | None:
        """The icon at an address; None if it cannot be fetched or shown."""
        if not is_allowed(source, url):
            return None
        key = (source.name, url)
        async with self._asking.setdefault(key, asyncio.Lock()):
            if key not in self._known:
                try:
                    answer = await self._ask(source, url, MAX_ICON)
                    self._known[key] = icon_of(answer.body) if answer.status == 200 else None
                except FetchError:
                    self._known[key] = None
                while len(self._known) > MAX_KEPT:
                    del self._known[next(iter(self._known))]
            return self._known.get(key)

    def forget_failures(self) -> None:
        """Forget which icons could not be fetched, so that they are tried again on demand."""
        self._known = {key: icon for key, icon in self._known.items() if icon}
