"""The WebSocket that carries live views: one for each browser tab.

The browser says ``{"view": topic}`` and may say it again with another topic, or with "" while it
shows nothing live or nobody looks; it gets frames
``{"view": topic, "patches": {id: {property: value}}}``, the first with the whole view and the
others with the components that differ, and ``{"beat": true}`` when nothing else was sent for a
while. It is closed with 1001 when the portal stops: try again.

Whose page may open it is the edge's to decide (``portal.web.middleware``), before this is asked.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from portal.domain.identity import Identity
from portal.live.hub import Hub
from portal.live.subscription import Subscription
from portal.live.topics import valid

PATH = "/live"
BEAT = 20.0
"""Seconds without a frame after which a beat is sent: less than proxies' usual 30 or 60."""

BEAT_FRAME = '{"beat":true}'

LONGEST_MESSAGE = 1024

GOING_AWAY = 1001
UNSUPPORTED = 1003
POLICY_VIOLATION = 1008

Identify = Callable[[WebSocket], Identity | None]


def wanted_topic(text: str) -> str | None:
    """The topic in a browser's message; None if the message makes no sense."""
    if len(text) > LONGEST_MESSAGE:
        return None
    try:
        message: object = json.loads(text)
    except ValueError:
        return None
    if not isinstance(message, dict):
        return None
    topic = cast("dict[str, object]", message).get("view")
    return topic if isinstance(topic, str) and (topic == "" or valid(topic)) else None


def live_endpoint(
    hub: Hub,
    identify: Identify,
    *,
    beat: float = BEAT,
) -> Callable[[WebSocket], Awaitable[None]]:
    """The handler for ``PATH``. ``identify`` gives None for somebody who may not look."""

    async def live(socket: WebSocket) -> None:
        identity = identify(socket)
        if identity is None:
            await socket.close(POLICY_VIOLATION)
            return
        await socket.accept()
        subscription = hub.subscribe(identity)
        try:
            await _serve(socket, subscription, beat)
        finally:
            subscription.close()

    return live


async def _serve(socket: WebSocket, subscription: Subscription, beat: float) -> None:
    """Read and write until either ends; both are gone when this returns."""
    ended = GOING_AWAY

    async def until_over(side: Awaitable[int]) -> None:
        nonlocal ended
        ended = await side
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(until_over, _read(socket, subscription))
        group.start_soon(until_over, _write(socket, subscription, beat))
    if socket.client_state is WebSocketState.CONNECTED:
        with suppress(RuntimeError, WebSocketDisconnect):  # the browser was quicker
            await socket.close(ended)


async def _read(socket: WebSocket, subscription: Subscription) -> int:
    while True:
        try:
            text = await socket.receive_text()
        except (WebSocketDisconnect, KeyError):
            return UNSUPPORTED
        topic = wanted_topic(text)
        if topic is None:
            return POLICY_VIOLATION
        if topic:
            subscription.watch(topic)
        else:
            subscription.rest()


async def _write(socket: WebSocket, subscription: Subscription, beat: float) -> int:
    try:
        while True:
            try:
                async with asyncio.timeout(beat):
                    text = await subscription.next()
            except TimeoutError:
                text = BEAT_FRAME
            if text is None:
                return GOING_AWAY
            await socket.send_text(text)  # waits while the browser does not read
    except (RuntimeError, WebSocketDisconnect):
        return GOING_AWAY  # the browser left while something was being sent
