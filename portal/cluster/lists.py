"""Decodes lists of the API item by item, in time slices that do not block the event loop.

A page of 500 pods is some 6 MB of JSON: decoded in one go it would block the loop for 100 ms, and
take 40 MB as dictionaries. A thread would not help, since parsing holds the interpreter's lock.
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
"""Seconds of work after which the event loop serves others."""


class TimeSlicer:
    """Does work in slices of ``TURN`` seconds, one slice at a time across all callers.

    However many lists arrive at once, they block the event loop for one slice at a time.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._mine = asyncio.Lock()

    async def collect(self, work: Iterable[T]) -> list[T]:
        """The items of ``work``, an iterator that computes each when asked for it."""
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
    """The items as JSON, to be decoded in slices."""
    version: str
    """The list's resource version, "" if it has none."""
    rest: str
    """The continue token of the next page, "" if there is none."""


def page(body: bytes) -> Page:
    """A page of a list from the API's bytes; splitting it into items is cheap.

    Raises:
        ValueError: it is not a list, or cut off.
    """
    found = _read(body)
    meta = found.metadata or ListMeta()
    return Page(found.items or (), meta.resource_version, meta.rest)


_read = msgspec.json.Decoder(ObjectList).decode
