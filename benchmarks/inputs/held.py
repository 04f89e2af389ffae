"""The portal, and beside it ``/held``: the longest time that its loop was held up since last asked.

Late is what comes when its time has passed, and the loop's thread was at work meanwhile: what the
machine had other things to do for does not count, nor what other threads did.
"""

from __future__ import annotations

import asyncio
import time

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from portal.app import Portal, create_app

EVERY = 0.002


class Held:
    """The portal, measured."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self.drain = portal.drain
        self._longest = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, or the application's start and end."""
        if scope["type"] == "lifespan":
            self._next(asyncio.get_running_loop())
        elif scope["path"] == "/held":
            longest, self._longest = self._longest, 0.0
            await JSONResponse({"seconds": longest})(scope, receive, send)
            return
        await self._portal(scope, receive, send)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        due, used = loop.time() + EVERY, time.thread_time()

        def beat() -> None:
            late = min(loop.time() - due, time.thread_time() - used)
            self._longest = max(self._longest, late)
            self._next(loop)

        loop.call_later(EVERY, beat)


def create() -> Held:
    """Make the application; gunicorn calls this in its worker."""
    return Held(create_app())
