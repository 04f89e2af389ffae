"""Reads a list of the API an item at a time, in turns short enough for a shared event loop.

A page of 500 pods is some 6 MB of JSON: decoded in one go it would hold up everything else for
100 ms, and be 40 MB of dictionaries meanwhile. A thread would not help, since parsing
keeps the interpreter's lock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from portal.cluster.api_types import ListMeta, ObjectList

T = TypeVar("T")

TURN = 0.005
"""Seconds of work after which others get their turn."""


class TimeSlicer:
    """Shares one thread: who works in turns works alone, for ``TURN`` seconds at a time.

    However many lists arrive at once, the loop is held up by one turn and no more.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._mine = asyncio.Lock()

    async def collect(self, work: Iterable[T]) -> list[T]:
        """All that ``work`` yields; making each is what takes the time."""
        found: list[T] = []
        todo = iter(work)
        while True:
            async with self._mine:
                end = self._clock() + TURN
                for item in todo:
                    found.append(item)
                    if self._clock() > end:
                        break
                else:
                    return found
            await asyncio.sleep(0)


class Page(Struct, frozen=True):
    """One page of a list."""

    items: Sequence[Raw]
    """Each as JSON; to be decoded in turns."""
    version: str
    """The list's resource version, "" if it has none."""
    rest: str
    """What the next page is asked for with, "" if there is none."""


def page(body: bytes) -> Page:
    """Read a page as the API sends it; finding where its items begin and end costs little.

    Raises:
        ValueError: it is no such object, perhaps cut off.
    """
    found = _read(body)
    meta = found.metadata or ListMeta()
    return Page(found.items or (), meta.resource_version, meta.rest)


_read = msgspec.json.Decoder(ObjectList).decode
