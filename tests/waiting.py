"""Waiting for what tells nobody that it has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it does not hold within so many seconds.
    """
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing could set an event
            await asyncio.sleep(0.001)


async def settled() -> None:
    """Let all tasks get as far as they do without a timer or another thread."""
    for _ in range(20):
        await asyncio.sleep(0)
