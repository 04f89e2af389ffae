"""Turns: as many at once as are allowed, each given back once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from portal.turns import Turns
from tests.waiting import settled, until

LONG = 60.0


class Work:
    """Pieces of work, each of which ends when it is told to."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.at_work: list[str] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._over: dict[str, asyncio.Event] = {}

    async def begin(self, *names: str) -> None:
        for name in names:
            self._over[name] = asyncio.Event()
            self._tasks[name] = asyncio.create_task(self._work(name))
        await settled()

    async def end(self, name: str) -> None:
        self._over[name].set()
        await self._tasks[name]
        await settled()

    async def cancel(self, name: str) -> None:
        self._tasks[name].cancel()
        with suppress(asyncio.CancelledError):
            await self._tasks[name]
        await settled()

    async def _work(self, name: str) -> None:
        async with self._turns.turn():
            self.at_work.append(name)
            try:
                await self._over[name].wait()
            finally:
                self.at_work.remove(name)

    async def over(self) -> None:
        for event in self._over.values():
            event.set()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


@pytest.fixture
async def work() -> AsyncIterator[Work]:
    made = Work(Turns(2, LONG))
    yield made
    await made.over()


async def test_so_many_at_once_and_the_first_to_wait_next(work: Work) -> None:
    await work.begin("a", "b", "c", "d")
    assert work.at_work == ["a", "b"]
    await work.end("a")
    await work.end("b")
    assert work.at_work == ["c", "d"]


async def test_work_that_is_ended_leaves_its_turn(work: Work) -> None:
    await work.begin("a", "b", "c", "d")
    await work.cancel("a")
    await work.cancel("d")  # while it waits
    assert work.at_work == ["b", "c"]
    await work.end("b")
    await work.begin("e", "f")
    assert work.at_work == ["c", "e"]


async def test_a_turn_is_over_after_its_time_and_given_back_once() -> None:
    work = Work(Turns(1, 0.01))
    await work.begin("a", "b")
    await until(lambda: len(work.at_work) == 2)
    await work.over()
    work._turns._longest = LONG
    await work.begin("c", "d")
    assert work.at_work == ["c"]
    await work.over()
