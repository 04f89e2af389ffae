"""Work that takes as long as somebody's input is large, beside the event loop.

Few threads do it, so that however many ask, the loop gets its turn of the interpreter in
milliseconds; and apart from the default ones, which wait for files and names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = ThreadPoolExecutor(2, thread_name_prefix="aside")
_ONE = ThreadPoolExecutor(1, thread_name_prefix="large")


async def aside(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What ``work`` returns, worked out in one of a few threads."""
    return await _in(_THREADS, lambda: work(*args, **kwargs))


async def alone(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As ``aside``, for what may also take much memory: one at a time."""
    return await _in(_ONE, lambda: work(*args, **kwargs))


async def _in(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    context = copy_context()
    return await asyncio.get_running_loop().run_in_executor(threads, context.run, work)
