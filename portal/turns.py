"""Turns at what holds up others, such as a processor: a person's things wait for each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager


class Turns:
    """The turns of one person: so many at once, each for a limited time."""

    def __init__(self, most: int, longest: float) -> None:
        """A turn is over after ``longest`` seconds: what takes longer waits for something else."""
        self._seats = asyncio.Semaphore(most)
        self._longest = longest

    @property
    def taken(self) -> bool:
        """True if the next one has to wait."""
        return self._seats.locked()

    async def begin(self) -> Callable[[], None]:
        """Wait for a turn, and return what ends it; called again, or too late, it does nothing."""
        await self._seats.acquire()
        here = True

        def leave() -> None:
            nonlocal here
            timer.cancel()
            if here:
                here = False
                self._seats.release()

        timer = asyncio.get_running_loop().call_later(self._longest, leave)
        return leave

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait for a turn, and take it for the block or for the longest time."""
        leave = await self.begin()
        try:
            yield
        finally:
            leave()
