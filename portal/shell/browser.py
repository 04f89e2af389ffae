"""The browser's side of a shell: what is typed, the size of the terminal, and its leaving."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import cast

from starlette.websockets import WebSocket, WebSocketDisconnect

from portal.live.sockets import HEARTBEAT_FRAME

LONGEST_INPUT = 64 * 1024
MOST_COLUMNS = 1000


class Over(Exception):
    """The shell has to end; the message says why, "" if the browser has left."""


def size_of(value: object) -> tuple[int, int] | None:
    """Return columns and rows of a terminal as a browser sends them; None if they are odd."""
    if not isinstance(value, list) or len(cast("list[object]", value)) != 2:
        return None
    try:
        columns, rows = (int(str(each)) for each in cast("list[object]", value))
    except ValueError:
        return None
    return (columns, rows) if 0 < columns <= MOST_COLUMNS and 0 < rows <= MOST_COLUMNS else None


class Typed:
    """The browser's input, from one shell that is tried to the next."""

    def __init__(
        self, socket: WebSocket, size: tuple[int, int], clock: Callable[[], float]
    ) -> None:
        self._socket = socket
        self._clock = clock
        self.size = size
        self.at = clock()
        """The time of the last input."""

    async def next(self) -> bytes:
        """Return the next input; b"" for another size of the terminal.

        Raises:
            Over: the browser has left, or sends what it may not.
        """
        try:
            message = await self._socket.receive()
        except (WebSocketDisconnect, RuntimeError):
            raise Over from None
        if message["type"] == "websocket.disconnect":
            raise Over
        data = message.get("bytes")
        if isinstance(data, bytes):
            if len(data) > LONGEST_INPUT:
                raise Over("The browser sent too much at once.")
            self.at = self._clock()
            return data
        size = _resize(str(message.get("text") or ""))
        if size is None:
            raise Over("The browser sent something that the portal does not understand.")
        self.size = size
        return b""

    async def ignore(self) -> str:
        """Read what is typed before there is a shell, to learn that the browser has left."""
        while True:
            await self.next()


def _resize(text: str) -> tuple[int, int] | None:
    try:
        message: object = json.loads(text[:200])
    except (ValueError, RecursionError):
        return None
    return (
        size_of(cast("dict[str, object]", message).get("resize"))
        if isinstance(message, dict)
        else None
    )


@contextmanager
def leaving() -> Generator[None]:
    """Turn the errors of a connection that the browser has closed into the end of the shell."""
    try:
        yield
    except (RuntimeError, WebSocketDisconnect):
        raise Over from None


async def send_text(socket: WebSocket, text: str) -> None:
    """Send a text message; raises ``Over`` if the browser has left."""
    with leaving():
        await socket.send_text(text)


async def beat(socket: WebSocket, every: float) -> str:
    """Send a sign of life every so many seconds, until the browser has left."""
    while True:
        await asyncio.sleep(every)
        await send_text(socket, HEARTBEAT_FRAME)
