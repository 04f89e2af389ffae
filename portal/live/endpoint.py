"""The WebSocket that carries live views: one for each browser tab.

The browser says ``{"view": topic}`` and may say it again with another topic; it gets frames
``{"view": topic, "patches": {id: {property: value}}}``, and ``{"beat": true}`` when nothing else
was sent for a while.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection
from typing import cast
from urllib.parse import urlparse

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from portal.domain.identity import Identity
from portal.live.hub import Hub, Subscription
from portal.live.mailbox import Mailbox
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
    tasks = {
        asyncio.create_task(_read(socket, subscription)),
        asyncio.create_task(_write(socket, subscription.mailbox, beat)),
    }
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    code = next((task.result() for task in done if task.exception() is None), GOING_AWAY)
    if socket.client_state is WebSocketState.CONNECTED:
        try:
            await socket.close(code)
        except (RuntimeError, WebSocketDisconnect):
            return  # the browser was quicker


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


async def _write(socket: WebSocket, mailbox: Mailbox, beat: float) -> int:
    while True:
        try:
            async with asyncio.timeout(beat):
                frame = await mailbox.get()
        except TimeoutError:
            await socket.send_text('{"beat":true}')
            continue
        if frame is None:
            return GOING_AWAY
        await socket.send_text(frame.text)
