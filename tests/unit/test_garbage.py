from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest

from portal import garbage


@pytest.fixture
def freezes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    done: list[str] = []
    monkeypatch.setattr(gc, "freeze", lambda: done.append("freeze"))
    yield done
    gc.enable()


@pytest.fixture
def collections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    done: list[str] = []
    monkeypatch.setattr(gc, "collect", lambda: done.append("collect"))
    monkeypatch.setattr(gc, "freeze", lambda: done.append("freeze"))
    return done


@pytest.mark.parametrize("order", [("lists", "pages"), ("pages", "lists")])
def test_garbage_is_collected_once_all_of_the_start_is_done(
    freezes: list[str], order: tuple[str, str]
) -> None:
    garbage.pause()
    done = garbage.resume_after("lists", "pages")
    done(order[0])
    assert (freezes, gc.isenabled()) == ([], False)
    done(order[1])
    assert (freezes, gc.isenabled()) == (["freeze"], True)


async def test_all_garbage_is_collected_now_and_then_while_no_input_is_read(
    collections: list[str],
) -> None:
    happened = collections
    before = gc.get_threshold()
    under_way = [True, True, False, True]

    def busy() -> bool:
        return under_way.pop(0) if under_way else True

    async def sleep(seconds: float) -> None:
        assert gc.get_threshold()[2] > 1_000_000, "not by Python itself"
        happened.append("a minute" if seconds == garbage.EVERY else "a moment")
        if happened.count("a minute") == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await garbage.collect(busy, sleep)
    assert happened[:4] == ["a minute", "a moment", "a moment", "collect"]
    assert happened[4:6] == ["freeze", "a minute"]
    assert happened.count("freeze") == 1
    assert happened[-2:] == ["collect", "a minute"], "however busy it is"
    assert gc.get_threshold() == before
