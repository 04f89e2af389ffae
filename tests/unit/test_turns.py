"""Turns: as many at once as are allowed, and no person waits for all of another's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from portal.turns import Turns, for_a_while

LONG = 60.0


class Work:
    """Work of several people, each piece of which ends when it is told to."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.at_work: list[str] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._over: dict[str, asyncio.Event] = {}

    async def begin(self, *names: str) -> None:
        """Begin pieces of work; the first letter is the person."""
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
        async with self._turns.turn(name[0]):
            self.at_work.append(name)
            try:
                await self._over[name].wait()
            finally:
                self.at_work.remove(name)

    async def over(self) -> None:
        for event in self._over.values():
            event.set()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def work() -> AsyncIterator[Work]:
    made = Work(Turns(2, LONG))
    yield made
    await made.over()


async def test_people_take_turns(work: Work) -> None:
    await work.begin("b1", "b2", "b3", "b4", "b5", "a1", "c1", "a2")
    assert work.at_work == ["b1", "b2"]
    began: list[str] = []
    for _ in range(6):
        await work.end(work.at_work[0])
        began.append(work.at_work[-1])
    assert began == ["b3", "a1", "c1", "b4", "a2", "b5"]


async def test_a_turn_that_nobody_waits_for_is_free_again(work: Work) -> None:
    await work.begin("a1", "b1")
    await work.end("a1")
    await work.end("b1")
    await work.begin("c1", "c2", "c3")
    assert work.at_work == ["c1", "c2"]


async def test_who_gives_up_takes_no_turn(work: Work) -> None:
    await work.begin("a1", "a2", "b1", "c1")
    await work.cancel("b1")
    await work.end("a1")
    assert work.at_work == ["a2", "c1"]


async def test_who_gives_up_when_called_passes_the_turn_on(work: Work) -> None:
    await work.begin("a1", "a2", "b1", "c1")
    work._over["a1"].set()
    await asyncio.sleep(0)
    assert work.at_work == ["a2"]  # b1 has been called, and has not gone on yet
    await work.cancel("b1")
    assert work.at_work == ["a2", "c1"]


async def test_work_that_fails_or_is_ended_leaves_its_turn(work: Work) -> None:
    await work.begin("a1", "a2", "b1")
    await work.cancel("a1")
    assert work.at_work == ["a2", "b1"]


async def test_a_turn_does_not_last_longer_than_it_may() -> None:
    work = Work(Turns(1, 0.01))
    await work.begin("a1", "b1")
    async with asyncio.timeout(20):
        while len(work.at_work) < 2:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
    await work.over()
    await work.begin("a2", "b2")
    assert work.at_work == ["a2"]  # no turn was given back twice
    await work.over()


async def test_it_is_left_once() -> None:
    left: list[int] = []
    with for_a_while(0.0, lambda: left.append(1)):
        async with asyncio.timeout(20):
            while not left:  # noqa: ASYNC110
                await asyncio.sleep(0)
    with for_a_while(LONG, lambda: left.append(2)):
        assert left == [1]
    assert left == [1, 2]
