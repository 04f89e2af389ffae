"""Charts' icons: fetched from a source's own hosts, small, and pictures; anything else is none."""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from msgspec import Struct

from portal.catalog.fetch import Answer, FetchError
from portal.catalog.sources import Source

MAX_ICON = 64 * 1024
"""Bytes."""
MAX_SIDE = 2048
"""Pixels of a PNG: few bytes can be very many of them."""
MAX_KEPT = 200
"""Icons in memory."""

PNG, SVG = "image/png", "image/svg+xml"

_PNG_START = b"\x89PNG\r\n\x1a\n"
_SVG_START = re.compile(
    rb"\s*(<\?xml[^>]{0,200}>\s*)?(<!DOCTYPE svg[^>\[]{0,300}>\s*)?"
    rb"(<!--[^>]{0,500}-->\s*){0,3}<svg[\s>]"
)


class Icon(Struct, frozen=True):
    """A picture, as it came, and what it is: by its content, not by what its server says."""

    media: str
    content: bytes


def icon_of(content: bytes) -> Icon | None:
    """The icon that these bytes are; None if they are not one that is shown."""
    if len(content) > MAX_ICON:
        return None
    if content.startswith(_PNG_START) and len(content) > 24:
        width, height = struct.unpack(">II", content[16:24])
        return Icon(PNG, content) if max(width, height) <= MAX_SIDE else None
    text = content.removeprefix(b"\xef\xbb\xbf")
    if _SVG_START.match(text) and b"<!ENTITY" not in text:  # one entity can stand for gigabytes
        return Icon(SVG, content)
    return None


def may_be_asked(source: Source, url: str) -> bool:
    """Whether an icon lies where a source may be asked."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and parts.netloc.lower() in source.allowed_hosts


class Icons:
    """Icons that somebody has looked at. ``ask`` gets one from a source, within so many bytes."""

    def __init__(self, ask: Callable[[Source, str, int], Awaitable[Answer]]) -> None:
        self._ask = ask
        self._known: dict[tuple[str, str], Icon | None] = {}
        self._asking: dict[tuple[str, str], asyncio.Lock] = {}

    async def get(self, source: Source, url: str) -> Icon | None:
        """The icon at an address; None if there is none that may be shown."""
        if not may_be_asked(source, url):
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

    def try_again(self) -> None:
        """Ask again for those that could not be had, when somebody looks."""
        self._known = {key: icon for key, icon in self._known.items() if icon}
