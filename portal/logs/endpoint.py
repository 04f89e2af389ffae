"""The endpoints of logs: a WebSocket for each view of a log, and a GET to download one.

Both take the selection as a query: ``namespace`` and ``name`` of the app, ``pod`` and
``container`` ("" for all), and ``previous=1`` for the run before. The WebSocket also takes
``tail``, the number of lines of the past, and ``since``, their age in seconds (0 for any), and
sends the messages of ``portal.logs.wire``, long ones as raw deflate, and ``{"heartbeat": true}``
when nothing else was sent for a while. It expects no messages. It is closed with 1001 when the
portal stops, with 1013 (try again) when there are too many, and with 1008 when the viewer may not,
or no longer, read the logs: that is asked at the start, and again every 20 s. While that is
not known, it is closed with 1013. A download asks the same, and ends when it takes too long or when
its reader does not take what is sent.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

from msgspec import Struct
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Message as Sent
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from portal.domain.audit import LOG_DOWNLOAD, UNRECORDED, Event, Outcome, Recorder
from portal.domain.errors import Conflict, PortalError
from portal.domain.identity import Identity
from portal.live.recheck import EVERY, until_refused
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
from portal.live.topics import app_key
from portal.logs.download import Download
from portal.logs.hub import LogHub
from portal.logs.subscription import LogSubscription
from portal.logs.targets import Selection
from portal.logs.wire import Message, ended_message, later_message

log = logging.getLogger(__name__)

PATH = "/live/logs"
DOWNLOAD_PATH = "/live/logs/download"

USUAL_TAIL = 500
MOST_TAIL = 5_000
MOST_SINCE = 7 * 86_400

DEADLINE = 600.0
STALLED = 30.0
"""The most seconds of a download, and those in which its reader takes nothing."""

Refusal = Callable[[Identity, Selection], Awaitable[str]]
"""Asks, anew, why an identity may not read the logs of a selection; "" if it may.

Raises a ``PortalError`` while that is not known: a new connection is to try again, one that was
let in goes on.
"""


class Asked(Struct, frozen=True):
    """A request for a log: ``tail`` lines of the past, ``since`` seconds old at most (0: any)."""

    selection: Selection
    tail: int = USUAL_TAIL
    since: int = 0


def asked(query: Mapping[str, str]) -> Asked | None:
    """Return what a query asks for; None if it is invalid."""
    key = app_key(f"app/{query.get('namespace', '')}/{query.get('name', '')}")
    pod, container = query.get("pod", ""), query.get("container", "")
    tail, since = query.get("tail", str(USUAL_TAIL)), query.get("since", "0")
    if key is None or len(pod) > 253 or len(container) > 253:
        return None
    if not all(text.isascii() and text.isdecimal() and len(text) < 9 for text in (tail, since)):
        return None
    return Asked(
        Selection(key, pod, container, query.get("previous") == "1"),
        min(int(tail), MOST_TAIL) or 1,
        min(int(since), MOST_SINCE),
    )


def log_endpoint(
    hub: LogHub,
    identify: Identify,
    refusal: Refusal,
    *,
    reidentify: Identify | None = None,
    recheck: float = EVERY,
    heartbeat: float = HEARTBEAT,
) -> Callable[[WebSocket], Awaitable[None]]:
    """The handler for ``PATH``; ``identify`` and ``reidentify`` are as in ``live_endpoint``."""

    async def follow(socket: WebSocket) -> None:
        identity, wanted = identify(socket), asked(socket.query_params)
        if identity is None or wanted is None:
            await socket.close(POLICY_VIOLATION)
            return
        await socket.accept()
        try:
            why = await refusal(identity, wanted.selection)
        except PortalError:
            await socket.close(TRY_LATER)
            return
        if why:
            await _end(socket, why)
            return
        try:
            subscription = hub.admit(identity, wanted.selection)
        except Conflict as error:
            await close(socket, TRY_LATER, later_message(str(error)).text)
            return
        still_refused = _rechecked(socket, identity, wanted, refusal, reidentify)
        try:
            await _serve(socket, hub, subscription, wanted, still_refused, recheck, heartbeat)
        finally:
            hub.leave(subscription)

    return follow


def _rechecked(
    connection: HTTPConnection,
    identity: Identity,
    wanted: Asked,
    refusal: Refusal,
    reidentify: Identify | None,
) -> Callable[[], Awaitable[str]]:
    """Return what asks again why a viewer who was let in may not read on."""

    async def why() -> str:
        if reidentify is not None and reidentify(connection) != identity:
            return "Your sign-in has ended: open the page again."
        try:
            return await refusal(identity, wanted.selection)
        except PortalError:  # not known for the moment
            return ""

    return why


async def _serve(
    socket: WebSocket,
    hub: LogHub,
    subscription: LogSubscription,
    wanted: Asked,
    refusal: Callable[[], Awaitable[str]],
    recheck: float,
    heartbeat: float,
) -> None:
    """Send until either side ends, or the viewer may no longer read."""
    ended = await first_of(
        until_refused(refusal, recheck),
        _closed(socket),
        _write(socket, hub, subscription, wanted, heartbeat),
    )
    if isinstance(ended, str):
        await _end(socket, ended)
    else:
        await close(socket, ended)


async def _end(socket: WebSocket, why: str) -> None:
    """Say why, and close for good."""
    await close(socket, POLICY_VIOLATION, ended_message(why).text)


async def _closed(socket: WebSocket) -> int:
    """Wait until the browser has closed the connection, or has sent something."""
    try:
        await socket.receive_text()
    except (WebSocketDisconnect, KeyError):
        return UNSUPPORTED
    return POLICY_VIOLATION


async def _write(
    socket: WebSocket,
    hub: LogHub,
    subscription: LogSubscription,
    wanted: Asked,
    heartbeat: float,
) -> int:
    await socket.send_text(HEARTBEAT_FRAME)
    since = time.time_ns() // 1000 - wanted.since * 1_000_000 if wanted.since else 0
    await hub.join(subscription, tail=wanted.tail, since=since)
    try:
        while True:
            message = await _next(subscription, heartbeat)
            if message is None:
                return GOING_AWAY
            await _send(socket, message)  # waits while the browser is slow
    except (RuntimeError, WebSocketDisconnect):
        return GOING_AWAY


async def _next(subscription: LogSubscription, heartbeat: float) -> Message | None:
    """Return the next message, an empty one after a while without one, or None once closed."""
    timer = asyncio.get_running_loop().call_later(heartbeat, subscription.nudge)
    try:
        return await subscription.next()
    finally:
        timer.cancel()


async def _send(socket: WebSocket, message: Message) -> None:
    if message.packed is not None and socket.query_params.get("frames") == "deflate":
        await socket.send_bytes(message.packed)
    else:
        await socket.send_text(message.text or HEARTBEAT_FRAME)


def download_endpoint(
    download: Download,
    identify: Identify,
    refusal: Refusal,
    *,
    reidentify: Identify | None = None,
    recheck: float = EVERY,
    deadline: float = DEADLINE,
    stalled: float = STALLED,
    recorder: Recorder = UNRECORDED,
) -> Callable[[Request], Awaitable[Response]]:
    """The handler for ``DOWNLOAD_PATH``; the parameters are as in ``log_endpoint``.

    A download ends after ``deadline`` seconds, and after ``stalled`` seconds without progress. It
    begins once ``recorder`` has recorded it.
    """

    async def read(request: Request) -> Response:
        identity, wanted = identify(request), asked(request.query_params)
        if identity is None or wanted is None:
            return PlainTextResponse("The address is not complete.", status_code=400)
        try:
            why = await refusal(identity, wanted.selection)
        except PortalError as error:
            return _later(str(error), 5)
        if why:
            return PlainTextResponse(why, status_code=403)
        try:
            await recorder.record(_downloads(identity, wanted.selection))
        except PortalError as error:
            return _later(str(error), 60)
        if limit := download.reserve(identity):
            return _later(str(limit), 60)
        still_refused = _rechecked(request, identity, wanted, refusal, reidentify)
        parts = _allowed(download.text(wanted.selection, wanted.since), still_refused, recheck)
        name = download.filename(wanted.selection)
        return _TimedResponse(
            parts,
            deadline,
            stalled,
            lambda: download.release(identity),
            {
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "no-store",
            },
        )

    return read


def _downloads(identity: Identity, selection: Selection) -> Event:
    chosen = {
        "pod": selection.pod,
        "container": selection.container,
        "previous": selection.previous,
    }
    return Event(
        LOG_DOWNLOAD,
        Outcome.SUCCEEDED,
        identity,
        selection.app,
        detail={name: value for name, value in chosen.items() if value},
    )


def _later(why: str, seconds: int) -> Response:
    return PlainTextResponse(why, status_code=503, headers={"Retry-After": str(seconds)})


class _Stalled(Exception):
    """The reader takes nothing."""


class _TimedResponse(StreamingResponse):
    """A text that is sent within time limits, in seconds; ``done`` is called in any case."""

    def __init__(
        self,
        parts: AsyncGenerator[str, None],
        deadline: float,
        stalled: float,
        done: Callable[[], None],
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(parts, media_type="text/plain; charset=utf-8", headers=headers)
        self._parts = parts
        self._deadline = deadline
        self._stalled = stalled
        self._done = done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; what is unfinished at the end of the time is broken off."""

        async def send_in_time(message: Sent) -> None:
            try:
                async with asyncio.timeout(self._stalled):
                    await send(message)
            except TimeoutError:  # an OSError would count as the reader's own end
                raise _Stalled from None

        try:
            async with asyncio.timeout(self._deadline):
                await super().__call__(scope, receive, send_in_time)
        except* (TimeoutError, _Stalled):
            log.info("a download of logs took too long, and was broken off")
        finally:
            self._done()
            await self._parts.aclose()


async def _allowed(
    parts: AsyncGenerator[str, None], refusal: Callable[[], Awaitable[str]], recheck: float
) -> AsyncGenerator[str, None]:
    """Yield the parts for as long as the viewer may read them."""
    asked_at = time.monotonic()
    try:
        async for part in parts:
            yield part
            if time.monotonic() - asked_at >= recheck:
                asked_at = time.monotonic()
                if why := await refusal():
                    yield f"\n{why}\n"
                    return
    finally:
        await parts.aclose()
