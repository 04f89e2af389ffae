"""Work beside the loop: few at once, and of what is large one."""

from __future__ import annotations

import sys
import threading
from contextvars import ContextVar

import pytest

from portal import threads
from portal.threads import in_single_thread, in_thread

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


def test_threads_let_the_loop_go_on_soon() -> None:
    before = sys.getswitchinterval()
    try:
        threads.share_evenly()
        assert sys.getswitchinterval() == pytest.approx(threads.SWITCH, rel=0.01)
    finally:
        sys.setswitchinterval(before)
