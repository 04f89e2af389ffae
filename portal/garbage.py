"""Python's garbage collection around the start of the portal."""

from __future__ import annotations

import gc
from collections.abc import Callable


def pause() -> None:
    """Turn garbage collection off while the portal starts, whose objects stay alive.

    Scanning them takes a quarter of a second (bar: 3 s until a thousand releases are shown).
    """
    gc.disable()


def resume_after(*parts: str) -> Callable[[str], None]:
    """Return a function that is called with each of ``parts`` of the start as it is done.

    The last call turns garbage collection on. Objects made so far stay alive; frozen, they do not
    lengthen full collections (bar: 20 ms that the loop is held up).
    """
    left = set(parts)

    def done(part: str) -> None:
        left.discard(part)
        if not left:
            gc.freeze()
            gc.enable()

    return done
