"""Python's garbage collection: not during the start, and never while a large input is read."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable

EVERY = 60.0
"""Seconds between full collections."""
PATIENCE = 60.0
LOOK_EVERY = 0.05
_NEVER = 2**31 - 1


def pause() -> None:
    """Turn garbage collection off while the portal starts, whose objects stay alive.

    Scanning them takes a quarter of a second (bar: 3 s until a thousand releases are shown).
    """
    gc.disable()


def resume_after(*parts: str) -> Callable[[str], None]:
    """Return a function that is called with each of ``parts`` of the start as it is done.

    The last call turns garbage collection on. Objects made so far stay alive; frozen, they do not
    lengthen full collections.
    """
    left = set(parts)

    def done(part: str) -> None:
        left.discard(part)
        if not left:
            gc.freeze()
            gc.enable()

    return done


async def collect(
    busy: Callable[[], bool], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Collect all garbage once a minute, at a moment when the portal is not ``busy``.

    Python would do so whenever there are a quarter more objects: in the middle of a large input,
    through all of whose objects it then looks, and no thread runs meanwhile (bar: 20 ms that the
    loop is held up). A portal that is always busy does it after ``PATIENCE`` seconds. The first
    time freezes all that has been read by then, such as the records of releases.
    """
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, _NEVER)
    first = True
    try:
        while True:
            await sleep(EVERY)
            waited = 0.0
            while busy() and waited < PATIENCE:
                await sleep(LOOK_EVERY)
                waited += LOOK_EVERY
            gc.collect()
            if first:
                gc.freeze()
            first = False
    finally:
        gc.set_threshold(young, middle, old)
