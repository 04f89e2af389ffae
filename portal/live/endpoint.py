"""The WebSocket that carries live views: one for each browser tab.

The browser says ``{"view": topic}`` and may say it again with another topic, or with "" for a
page without live data; it gets frames
``{"view": topic, "patches": {id: {property: value}}}``, and ``{"beat": true}`` when nothing else
was sent for a while.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import cast
from urllib.parse import urlparse

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from portal.domain.identity import Identity
from portal.live.hub import Hub, Subscription
from portal.live.mailbox import Frame, Mailbox
from portal.live.topics import valid

PATH = "/live"
BEAT = 20.0
"""Seconds without a frame after which a beat is sent: less than proxies' usual 30 or 60."""

LONGEST_MESSAGE = 1024

GOING_AWAY = 1001
UNSUPPORTED = 1003
POLICY_VIOLATION = 1008

Identify = Callable[[WebSocket], Identity | None]


def origin_allowed(origin: str | None, host: str | None, extra: Collection[str] = ()) -> bool:
    """Whether a page of ``origin`` may open the socket: ours, or one that is named.

    Browsers always send the header; a WebSocket is not held back by the same-origin policy.
    """
    if not origin:
        return False
    return origin in extra or (bool(host) and urlparse(origin).netloc == host)


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
    allowed_origins: Collection[str] = (),
    beat: float = BEAT,
) -> Callable[[WebSocket], Awaitable[None]]:
    """The handler for ``PATH``. ``identify`` gives None for somebody who may not look."""

    async def live(socket: WebSocket) -> None:
        headers = socket.headers
        identity = identify(socket)
        if identity is None or not origin_allowed(
            headers.get("origin"), headers.get("host"), allowed_origins
        ):
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
        group.start_soon(until_over, _write(socket, subscription.mailbox, beat))
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


async def _write(socket: WebSocket, mailbox: Mailbox, beat: float) -> int:
    try:
        while True:
            frame: Frame | None = None
            with anyio.move_on_after(beat) as waiting:
                frame = await mailbox.get()
            if waiting.cancelled_caught:
                await socket.send_text('{"beat":true}')
            elif frame is None:
                return GOING_AWAY
            else:
                await socket.send_text(frame.text)
    except (RuntimeError, WebSocketDisconnect):
        return GOING_AWAY  # the browser left while something was being sent
