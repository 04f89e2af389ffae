"""gunicorn's ASGI worker, made to leave within a few seconds of being told to.

gunicorn waits for every open connection, and browsers keep some open that carry nothing: kept-alive
ones, and live ones, which never end by themselves.
"""

from __future__ import annotations

import asyncio
import socket

from gunicorn.asgi.protocol import ASGIProtocol  # pyright: ignore[reportMissingTypeStubs]
from gunicorn.workers import gasgi  # pyright: ignore[reportMissingTypeStubs]

LONGEST_REQUEST = 2.0
"""Seconds that requests have to end, and browsers to answer that a live connection is closed."""

LOOK_EVERY = 0.1

STUCK_AFTER = 30.0
"""Seconds without a byte taken after which the kernel drops a connection that has some to send."""


HEAD_WITHIN = 10.0
"""Seconds that a new connection has for the head of its first request. Between two requests it has
what ``keepalive`` gives it."""

BODY_WITHIN = 20.0
"""Seconds that the body of a request has to arrive."""

MOST_CONNECTIONS = 4_000
"""Connections at once: twice as many as live ones. One more is closed again."""


class Connection(ASGIProtocol):
    """A connection that its worker can find, and that has to say something in time."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(worker)
        self._head: asyncio.TimerHandle | None = None
        self._body: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Handle the start of the connection."""
        found = _connections(self)
        found.add(self)
        super().connection_made(transport)
        if len(found) > MOST_CONNECTIONS:
            self.leave(at_once=True)
            return
        self._head = self._later(HEAD_WITHIN)

    def data_received(self, data: bytes) -> None:
        """Handle what has arrived, and see whether a request has."""
        super().data_received(data)
        if self._head is not None and self._current_request is not None:  # pyright: ignore
            self._head.cancel()
            self._head = None
        receiver = self._body_receiver  # pyright: ignore
        live = self._websocket is not None  # pyright: ignore
        whole = live or receiver is None or receiver._complete  # pyright: ignore
        if whole and self._body is not None:
            self._body.cancel()
            self._body = None
        elif not whole and self._body is None:
            self._body = self._later(BODY_WITHIN)

    def connection_lost(self, exc: Exception | None) -> None:
        """Handle its end."""
        _connections(self).discard(self)
        for timer in (self._head, self._body):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def _later(self, seconds: float) -> asyncio.TimerHandle:
        loop: asyncio.AbstractEventLoop = self.worker.loop  # pyright: ignore
        return loop.call_later(seconds, lambda: self.leave(at_once=True))

    def leave(self, *, at_once: bool) -> None:
        """Close if there is no request, or anyway and without sending what waits."""
        transport: asyncio.Transport = self.transport  # pyright: ignore
        if at_once:
            transport.abort()
        elif self._awaiting_request:  # pyright: ignore
            transport.close()


def _connections(connection: Connection) -> set[Connection]:
    return connection.worker.connections  # pyright: ignore


# gunicorn has no setting for it, and looks the name up whenever it begins to listen.
gasgi.ASGIProtocol = Connection  # pyright: ignore


class Worker(gasgi.ASGIWorker):
    """Closes live and idle connections first, then stops as usual."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # pyright: ignore
        self.connections: set[Connection] = set()

    def init_process(self) -> None:
        """Start: connections inherit the listener's rule for browsers that do not read."""
        for listener in self.sockets:  # pyright: ignore
            if listener.sock.family != socket.AF_UNIX:  # pyright: ignore
                listener.sock.setsockopt(  # pyright: ignore
                    socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STUCK_AFTER * 1000)
                )
        super().init_process()

    def handle_exit_signal(self) -> None:
        """Handle SIGTERM."""
        super().handle_exit_signal()
        self.asgi.drain()  # pyright: ignore
        loop: asyncio.AbstractEventLoop = self.loop  # pyright: ignore
        self._part(loop, loop.time() + LONGEST_REQUEST)

    def _part(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        """Close what is idle, again and again: requests end, and others connect until the end."""
        at_once = loop.time() >= deadline
        for connection in tuple(self.connections):
            connection.leave(at_once=at_once)
        loop.call_later(LOOK_EVERY, self._part, loop, deadline)
