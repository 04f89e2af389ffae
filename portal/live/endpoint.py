"""The endpoints of live views: a WebSocket for each browser tab, and a GET for single frames.

The browser sends ``{"view": topic}``, again with each new topic, and with "" while it shows
nothing live or is hidden; it gets frames
``{"view": topic, "patches": {id: {property: value}}}``, the first with the whole view and the
others with the components that differ, and ``{"heartbeat": true}`` at the beginning and when
nothing else was sent for a while. It is closed with 1001 when the portal stops, and with 1013 (try
again), after ``{"refused": why}``, when there are too many connections. With ``?frames=deflate``
long frames are sent compressed, as binary messages.

Where a proxy does not let WebSockets through, ``GET /live/frame?view=topic`` answers with the first
frame, and counts as a connection while it waits for it. ``portal.web.middleware`` has checked
origin and identity before; the identity is checked again regularly, since a sign-in may end.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from portal.domain.identity import Identity
from portal.live.compression import compressed
from portal.live.hub import Hub
from portal.live.recheck import EVERY
from portal.live.sockets import (
    GOING_AWAY,
    HEARTBEAT,
    HEARTBEAT_FRAME,
    POLICY_VIOLATION,
    TRY_LATER,
    UNSUPPORTED,
    Identify,
    close,
    first_of,
)
from portal.live.subscription import Subscription
from portal.live.topics import valid

PATH = "/live"
FRAME_PATH = "/live/frame"

PAUSE = 0.1
"""Seconds between two topics of one browser: a rate limit."""

PATIENCE = 10.0
"""Seconds that a request for a single frame waits for it."""

SPEAKS_WITHIN = 60.0
IDLE = 3600.0
"""Seconds that a connection may stay without a topic, before its first message and after it. Pages
that are still open reconnect."""

LONGEST_MESSAGE = 1024


class Timing(Struct, frozen=True):
    """Time limits of a connection, all in seconds."""

    heartbeat: float = HEARTBEAT
    pause: float = PAUSE
    recheck: float = EVERY
    speaks_within: float = SPEAKS_WITHIN
    idle: float = IDLE


USUAL = Timing()


def wanted_topic(text: str) -> str | None:
    """The topic in a browser's message; None if the message is invalid."""
    if len(text) > LONGEST_MESSAGE:
        return None
    try:
        message: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict):
        return None
    topic = cast("dict[str, object]", message).get("view")
    return topic if isinstance(topic, str) and (topic == "" or valid(topic)) else None


def live_endpoint(
    hub: Hub,
    identify: Identify,
    *,
    reidentify: Identify | None = None,
    timing: Timing = USUAL,
) -> Callable[[WebSocket], Awaitable[None]]:
    """The handler for ``PATH``. ``identify`` returns None for a connection to refuse.

    ``reidentify`` returns the present identity of a connection, by its headers: any other than at
    first, or None, ends it.
    """

    async def live(socket: WebSocket) -> None:
        identity = identify(socket)
        if identity is None:
            await socket.close(POLICY_VIOLATION)
            return
        await socket.accept()
        if refusal := hub.refusal(identity):
            await close(socket, TRY_LATER, json.dumps({"refused": str(refusal)}))
            return
        subscription = hub.subscribe(identity)
        try:
            await _serve(socket, hub, subscription, reidentify or (lambda _: identity), timing)
        finally:
            hub.unsubscribe(subscription)

    return live


def frame_endpoint(
    hub: Hub, identify: Identify, *, patience: float = PATIENCE
) -> Callable[[Request], Awaitable[Response]]:
    """The handler for ``FRAME_PATH``."""

    async def read(request: Request) -> Response:
        identity, topic = identify(request), request.query_params.get("view", "")
        if identity is None:
            return Response(status_code=403)
        if not valid(topic):
            return Response(status_code=400)
        if refusal := hub.refusal(identity):
            told = {"error": refusal.message, "advice": refusal.advice}
            return JSONResponse(told, 503, headers={"Retry-After": "10"})
        text = None
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                text = await hub.first_frame(topic, identity)
        if text is None:
            return Response(status_code=503)
        return Response(text, media_type="application/json", headers={"Cache-Control": "no-store"})

    return read


async def _serve(
    socket: WebSocket, hub: Hub, subscription: Subscription, reidentify: Identify, timing: Timing
) -> None:
    """Read and write until either ends; both have ended when this returns."""
    ended = await first_of(
        _read(socket, hub, subscription, timing),
        _write(socket, subscription, timing.heartbeat),
        _recheck(socket, subscription.identity, reidentify, timing.recheck),
    )
    await close(socket, ended)


async def _recheck(
    socket: WebSocket, identity: Identity, reidentify: Identify, every: float
) -> int:
    """Wait until the connection's identity is another, or not valid any more."""
    while reidentify(socket) == identity:  # noqa: ASYNC110 (nothing tells that a sign-in has ended)
        await asyncio.sleep(every)
    return POLICY_VIOLATION


async def _read(socket: WebSocket, hub: Hub, subscription: Subscription, timing: Timing) -> int:
    patience = timing.speaks_within
    while True:
        try:
            async with asyncio.timeout(None if subscription.channel else patience):
                text = await socket.receive_text()
        except TimeoutError:
            return GOING_AWAY
        except (WebSocketDisconnect, KeyError):
            return UNSUPPORTED
        patience = timing.idle
        topic = wanted_topic(text)
        if topic is None:
            return POLICY_VIOLATION
        if topic:
            hub.watch(subscription, topic)
        else:
            hub.unwatch(subscription)
        await asyncio.sleep(timing.pause)


async def _write(socket: WebSocket, subscription: Subscription, heartbeat: float) -> int:
    loop = asyncio.get_running_loop()
    sent = loop.time()

    def listen() -> None:
        """Check for how long nothing was sent; cheaper than a timer for each frame."""
        nonlocal timer
        left = sent + heartbeat - loop.time()
        if left <= 0:
            subscription.nudge()
        timer = loop.call_later(left if left > 0 else heartbeat, listen)

    timer = loop.call_later(heartbeat, listen)
    try:
        await socket.send_text(HEARTBEAT_FRAME)  # the browser counts the connection as live now
        while (text := await subscription.next()) is not None:
            await _send(socket, text or HEARTBEAT_FRAME)  # waits while the browser does not read
            sent = loop.time()
    except (RuntimeError, WebSocketDisconnect):
        pass  # the browser left while something was being sent
    finally:
        timer.cancel()
    return GOING_AWAY


async def _send(socket: WebSocket, frame: str) -> None:
    small = compressed(frame) if socket.query_params.get("frames") == "deflate" else None
    if small is None:
        await socket.send_text(frame)
    else:
        await socket.send_bytes(small)
