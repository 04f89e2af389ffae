"""Work beside the loop: few at once, and of what is large one."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest

from portal.threads import counted, in_single_thread, in_thread, under_way

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


async def test_work_under_way_is_counted() -> None:
    assert under_way() == 0
    assert await in_thread(under_way) == 1
    with pytest.raises(ZeroDivisionError):
        await in_single_thread(lambda: 1 // 0)
    with counted():
        assert under_way() == 1
    assert under_way() == 0
