from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from portal import garbage, threads


class Python:
    """Python's garbage collector, recorded.

    ``busy`` is how many large inputs are processed at each look.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.middle = garbage.DUE
        self.busy: list[int] = []
        self.looked = asyncio.Event()
        self.collected = asyncio.Event()
        monkeypatch.setattr(garbage, "LOOK", 0)
        monkeypatch.setattr(threads, "under_way", self.under_way)
        monkeypatch.setattr(gc, "freeze", lambda: self.done.append("freeze"))
        monkeypatch.setattr(gc, "get_count", self.count)
        monkeypatch.setattr(gc, "collect", self.collect)

    def under_way(self) -> int:
        self.done.append("look")
        return self.busy.pop(0) if self.busy else 0

    def count(self) -> tuple[int, int, int]:
        self.looked.set()
        return 0, 0, self.middle

    def collect(self) -> None:
        self.done.append("collect")
        self.collected.set()


@pytest.fixture
async def python(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Python]:
    yield Python(monkeypatch)
    gc.enable()


async def seen(event: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await event.wait()


async def test_a_full_collection_waits_for_large_inputs(python: Python) -> None:
    garbage.pause()
    before, started = gc.get_threshold(), asyncio.Event()
    python.busy = [1, 2]
    collecting = asyncio.create_task(garbage.collect(started))
    await asyncio.sleep(0)
    assert (python.done, gc.isenabled()) == ([], False)

    started.set()
    await seen(python.collected)
    assert python.done[:5] == ["freeze", "look", "look", "look", "collect"]
    assert gc.isenabled()
    assert gc.get_threshold() == (*before[:2], garbage.NEVER), "none comes by itself"

    collecting.cancel()
    await asyncio.wait([collecting])
    assert gc.get_threshold() == before


async def test_it_does_not_wait_for_ever(python: Python, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "PATIENCE", 2)
    python.busy = [1] * 5
    started = asyncio.Event()
    started.set()
    collecting = asyncio.create_task(garbage.collect(started))
    await seen(python.collected)
    assert python.done[:5] == ["freeze", "look", "look", "look", "collect"]
    collecting.cancel()
    await asyncio.wait([collecting])


async def test_there_is_none_while_little_is_made(python: Python) -> None:
    python.middle = garbage.DUE - 1
    started = asyncio.Event()
    started.set()
    collecting = asyncio.create_task(garbage.collect(started))
    await seen(python.looked)
    python.looked.clear()
    await seen(python.looked)
    assert python.done == ["freeze"]
    collecting.cancel()
    await asyncio.wait([collecting])
