from __future__ import annotations

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
