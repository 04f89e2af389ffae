"""The parts that all WebSocket endpoints share: closing codes, signs of life, and the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import anyio
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from portal.domain.identity import Identity

T = TypeVar("T")

HEARTBEAT = 20.0
"""Seconds without a message after which a heartbeat is sent: less than proxies' usual 30 or 60."""

HEARTBEAT_FRAME = '{"heartbeat":true}'

ENDED = 1000
GOING_AWAY = 1001
UNSUPPORTED = 1003
POLICY_VIOLATION = 1008
TRY_LATER = 1013

Identify = Callable[[HTTPConnection], Identity | None]


async def first_of(*sides: Awaitable[T]) -> T:
    """Run all until one of them ends, and end the others; return what that one returned."""
    ended: list[T] = []

    async def until_over(side: Awaitable[T]) -> None:
        ended.append(await side)
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for each in sides:
            group.start_soon(until_over, each)
    return ended[0]


async def close(socket: WebSocket, code: int, last: str = "") -> None:
    """Close a socket that the browser has not closed, after a ``last`` message if there is one."""
    if socket.client_state is not WebSocketState.CONNECTED:
        return
    with suppress(RuntimeError, WebSocketDisconnect):  # the browser closes it meanwhile
        if last:
            await socket.send_text(last)
        await socket.close(code)
