"""Work beside the loop: few at once, and of what is large one."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest

from portal.aside import alone, aside

told: ContextVar[str] = ContextVar("told")


async def test_it_knows_who_is_asking() -> None:
    told.set("ann")
    assert await aside(told.get) == "ann"
    assert await alone(lambda: (told.get(), threading.current_thread().name)) == ("ann", "large_0")


async def test_what_it_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await aside(divmod, 1, 0)
