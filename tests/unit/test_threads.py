"""Work beside the loop: few at once, and of what is large one."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar

import pytest

from portal import threads
from portal.threads import busy, in_single_thread, in_thread

told: ContextVar[str] = ContextVar("told")


async def test_it_knows_who_is_asking() -> None:
    told.set("ann")
    assert await in_thread(told.get) == "ann"
    assert await in_single_thread(lambda: (told.get(), threading.current_thread().name)) == (
        "ann",
        "large_0",
    )


async def test_what_it_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 1, 0)


async def test_it_is_known_while_it_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_WORK", set())  # what other tests have left
    begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(5)

    working = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(begun.wait, 5)
    assert busy()
    go_on.set()
    await working
    assert not busy()
