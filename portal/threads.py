"""Threads for work whose time grows with a user's input, so that it does not block the event loop.

There are few, so that the loop gets the interpreter within milliseconds however many requests there
are. The default executor is for waiting on files and name resolution.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = ThreadPoolExecutor(2, thread_name_prefix="input")
_ONE = ThreadPoolExecutor(1, thread_name_prefix="large")
_STREAMS = ThreadPoolExecutor(1, thread_name_prefix="streams")


SWITCH = 0.0005
"""Seconds after which a thread has to let the event loop go on, instead of Python's 0.005. The loop
gives the interpreter away with every read of a socket, and waits that long to have it back: with
logs of twenty busy containers on full processors, for seconds in all.
"""


def share_evenly() -> None:
    """Have threads let the event loop go on after ``SWITCH``, in the whole process."""
    sys.setswitchinterval(SWITCH)


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what ``work`` returns, run in one of a few threads."""
    return await _in(_THREADS, lambda: work(*args, **kwargs))


async def in_single_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As ``in_thread``, but one at a time: for work that may also take much memory."""
    return await _in(_ONE, lambda: work(*args, **kwargs))


async def in_stream_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As ``in_thread``, in a thread of its own: for what goes on while a page is open."""
    return await _in(_STREAMS, lambda: work(*args, **kwargs))


async def _in(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    context = copy_context()
    return await asyncio.get_running_loop().run_in_executor(threads, context.run, work)
