"""Repeated checks of a permission while a WebSocket stays open.

Streams and terminals outlive the request that began them. Each of them runs ``until_refused``
beside its reading and writing, and closes its socket when that returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

EVERY = 20.0
"""Seconds between two checks. Answers may be 5 s old, so a permission that is taken away ends a
socket within 25 s."""


async def until_refused(check: Callable[[], Awaitable[str]], every: float = EVERY) -> str:
    """Wait until ``check`` returns a reason why the socket must be closed; return that reason.

    ``check`` is called every ``every`` seconds, first after that time, and returns "" while the
    socket may stay open.
    """
    while True:
        await asyncio.sleep(every)
        reason = await check()
        if reason:
            return reason
