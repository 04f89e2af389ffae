"""When Python collects the garbage that reference counts do not free.

A full collection stops every thread, for a time that grows with the number of objects. By Python's
own rule it runs just while a large input is parsed, and scans all of that: 31 to 45 ms (bar: 20 ms
that the loop is held up, ``benchmarks/RESULTS.md``). So it is run from here, more often, so that
there is little to free, and between such inputs.
"""

from __future__ import annotations

import asyncio
import gc

from portal import threads

DUE = 1
"""Collections of the middle generation after which a full one is due. Five left up to 38,000
objects to free, in 65 ms."""
LOOK = 0.05
"""Seconds between two looks whether one is due."""
PATIENCE = 100
"""Looks after which a full collection that is due runs whatever is being processed."""
NEVER = 2**31 - 1


def pause() -> None:
    """Turn garbage collection off while the portal starts, whose objects stay alive.

    Scanning them takes a quarter of a second (bar: 3 s until a thousand releases are shown).
    """
    gc.disable()


async def collect(started: asyncio.Event) -> None:
    """Turn garbage collection on once ``started`` is set, and run the full collections.

    Objects made so far stay alive; frozen, they do not lengthen full collections.
    """
    await started.wait()
    gc.freeze()
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)
    gc.enable()
    waited = 0
    try:
        while True:
            await asyncio.sleep(LOOK)
            if gc.get_count()[2] < DUE:
                continue
            waited += 1
            if not threads.under_way() or waited > PATIENCE:
                waited = 0
                gc.collect()
    finally:
        gc.set_threshold(young, middle, old)
