"""The WebSocket that carries live views, one for each browser tab; and how to read one without.

The browser says ``{"view": topic}`` and may say it again with another topic, or with "" while it
shows nothing live or nobody looks; it gets frames
``{"view": topic, "patches": {id: {property: value}}}``, the first with the whole view and the
others with the components that differ, and ``{"heartbeat": true}`` at the beginning and when
nothing else was sent for a while. It is closed with 1001 when the portal stops, with 1013 when
there are too many: try again. To who connects with ``?frames=deflate`` long frames are sent
compressed, as binary messages.

Where something between the two lets no WebSocket through, ``GET /live/frame?view=topic`` answers
with the first frame, and counts as a connection while it waits for it. Whose page may ask is the
edge's to decide (``portal.web.middleware``), before this is asked; who has connected is asked again
from time to time, since a sign-in may end.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

import anyio
from msgspec import Struct
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from portal.domain.identity import Identity
from portal.live.hub import Hub
from portal.live.packing import packed
from portal.live.subscription import Subscription
from portal.live.topics import valid

PATH = "/live"
FRAME_PATH = "/live/frame"
HEARTBEAT = 20.0
"""Seconds without a frame after which a heartbeat is sent: less than proxies' usual 30 or 60."""

PAUSE = 0.1
"""Seconds between two topics of one browser: whoever asks for more of them has to wait."""

PATIENCE = 10.0
"""Seconds that somebody who asks for one frame waits for it."""

RECHECK = 30.0
"""Seconds after which it is asked again who has connected."""

SPEAKS_WITHIN = 60.0
IDLE = 3600.0
"""Seconds that a connection may stay without a topic, before its first message and after it. A page
that is still there connects again."""

HEARTBEAT_FRAME = '{"heartbeat":true}'

LONGEST_MESSAGE = 1024

GOING_AWAY = 1001
UNSUPPORTED = 1003
POLICY_VIOLATION = 1008
TRY_LATER = 1013

Identify = Callable[[HTTPConnection], Identity | None]


class Timing(Struct, frozen=True):
    """How long a connection waits for what; all in seconds."""

    heartbeat: float = HEARTBEAT
    pause: float = PAUSE
    recheck: float = RECHECK
    speaks_within: float = SPEAKS_WITHIN
    idle: float = IDLE


USUAL = Timing()


def wanted_topic(text: str) -> str | None:
    """The topic in a browser's message; None if the message makes no sense."""
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
    again: Identify | None = None,
    timing: Timing = USUAL,
) -> Callable[[WebSocket], Awaitable[None]]:
    """The handler for ``PATH``. ``identify`` gives None for somebody who may not look.

    ``again`` says who that is by now, from the headers it connected with: anybody else than before,
    or None, ends the connection.
    """

    async def live(socket: WebSocket) -> None:
        identity = identify(socket)
        if identity is None:
            await socket.close(POLICY_VIOLATION)
            return
        await socket.accept()
        if not hub.admits(identity):
            await socket.close(TRY_LATER)
            return
        subscription = hub.subscribe(identity)
        try:
            await _serve(socket, hub, subscription, again or (lambda _: identity), timing)
        finally:
            hub.leave(subscription)

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
        if not hub.admits(identity):
            return Response(status_code=503, headers={"Retry-After": "10"})
        text = None
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                text = await hub.once(topic, identity)
        if text is None:
            return Response(status_code=503)
        return Response(text, media_type="application/json", headers={"Cache-Control": "no-store"})

    return read


async def _serve(
    socket: WebSocket, hub: Hub, subscription: Subscription, again: Identify, timing: Timing
) -> None:
    """Read and write until either ends; both are gone when this returns."""
    ended = GOING_AWAY

    async def until_over(side: Awaitable[int]) -> None:
        nonlocal ended
        ended = await side
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(until_over, _read(socket, hub, subscription, timing))
        group.start_soon(until_over, _write(socket, subscription, timing.heartbeat))
        group.start_soon(until_over, _ask(socket, subscription.identity, again, timing.recheck))
    if socket.client_state is WebSocketState.CONNECTED:
        with suppress(RuntimeError, WebSocketDisconnect):  # the browser was quicker
            await socket.close(ended)


async def _ask(socket: WebSocket, identity: Identity, again: Identify, every: float) -> int:
    """Wait until whoever has connected is not that any more."""
    while again(socket) == identity:  # noqa: ASYNC110 (nothing tells that a sign-in has ended)
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
            hub.rest(subscription)
        await asyncio.sleep(timing.pause)


async def _write(socket: WebSocket, subscription: Subscription, heartbeat: float) -> int:
    loop = asyncio.get_running_loop()
    sent = loop.time()

    def listen() -> None:
        """Look from time to time how long nothing was sent: cheaper than a timer for each frame."""
        nonlocal timer
        left = sent + heartbeat - loop.time()
        if left <= 0:
            subscription.nudge()
        timer = loop.call_later(left if left > 0 else heartbeat, listen)

    timer = loop.call_later(heartbeat, listen)
    try:
        await socket.send_text(HEARTBEAT_FRAME)  # what is sent arrives: the browser may say so
        while (text := await subscription.next()) is not None:
            await _send(socket, text or HEARTBEAT_FRAME)  # waits while the browser does not read
            sent = loop.time()
    except (RuntimeError, WebSocketDisconnect):
        pass  # the browser left while something was being sent
    finally:
        timer.cancel()
    return GOING_AWAY


async def _send(socket: WebSocket, frame: str) -> None:
    small = packed(frame) if socket.query_params.get("frames") == "deflate" else None
    if small is None:
        await socket.send_text(frame)
    else:
        await socket.send_bytes(small)
