"""Reads a list of the API an item at a time, in turns short enough for a shared event loop.

A page of 500 pods is some 6 MB of JSON: parsed and decoded in one go it would hold up everything
else for 150 ms, and be 40 MB of dictionaries meanwhile. A thread would not help, since parsing
keeps the interpreter's lock.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

from portal.cluster.raw import Raw

T = TypeVar("T")

TURN = 0.005
"""Seconds of work after which others get their turn."""

_SPACE = re.compile(r"\s*")
_NEXT = re.compile(r"\s*([,\]}])\s*")
_value = json.JSONDecoder().raw_decode


class Turns:
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


def elements(text: str, rest: Raw) -> Generator[Raw, None, None]:
    """Each of the ``items`` in a JSON object; the object's other fields go into ``rest``.

    Raises:
        ValueError: it is not such an object, perhaps cut off.
    """
    at = _after(text, 0, "{")
    while not text.startswith("}", at):
        name, at = _value(text, at)
        at = _after(text, at, ":")
        if name == "items" and text.startswith("[", at):
            at = _after(text, at, "[")
            while not text.startswith("]", at):
                item, at = _value(text, at)
                yield item
                at = _after_comma(text, at, "]")
            at += 1
        else:
            rest[name], at = _value(text, at)
        at = _after_comma(text, at, "}")


def _after(text: str, at: int, sign: str) -> int:
    """Behind ``sign``, which has to come next, and the space around it."""
    at = _space(text, at)
    if not text.startswith(sign, at):
        raise ValueError(f"Expected {sign} at {at} of {len(text)}.")
    return _space(text, at + 1)


def _after_comma(text: str, at: int, end: str) -> int:
    """Behind a comma, or at ``end``."""
    found = _NEXT.match(text, at)
    if found is None or found[1] not in {",", end}:
        raise ValueError(f"Expected , or {end} at {at} of {len(text)}.")
    return found.end() if found[1] == "," else found.start(1)


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
