"""Turns at something that few can do at once, such as using a processor, for each person alike."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager


class Turns:
    """Lets ``most`` work at once; those who wait are taken one from each person, in rotation."""

    def __init__(self, most: int, longest: float) -> None:
        """A turn is over after ``longest`` seconds: who works on waits for something else then."""
        self._free = most
        self._longest = longest
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def turn(self, person: str) -> AsyncGenerator[None]:
        """Wait for a turn, and take it for the block or for the longest time."""
        if self._free:
            self._free -= 1
        else:
            await self._called(person)
        with for_a_while(self._longest, self._next):
            yield

    async def _called(self, person: str) -> None:
        mine = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(person, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():  # called in the same moment
                self._next()
            raise

    def _next(self) -> None:
        """Call whoever is next, and put that person behind the others."""
        while self._waiting:
            person = next(iter(self._waiting))
            line = self._waiting.pop(person)
            first = line.popleft()
            if line:
                self._waiting[person] = line
            if not first.cancelled():
                first.set_result(None)
                return
        self._free += 1


@contextmanager
def for_a_while(longest: float, leave: Callable[[], None]) -> Generator[None]:
    """Call ``leave`` once: at the end of the block, or after ``longest`` seconds within it."""
    here = True

    def once() -> None:
        nonlocal here
        if here:
            here = False
            leave()

    timer = asyncio.get_running_loop().call_later(longest, once)
    try:
        yield
    finally:
        timer.cancel()
        once()
