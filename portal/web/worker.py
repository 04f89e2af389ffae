"""gunicorn's ASGI worker, changed to stop within a few seconds, and to bear a flood of connections.

gunicorn waits for every open connection. Browsers keep idle ones alive, and live connections never
end by themselves.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol  # pyright: ignore[reportMissingTypeStubs]
from gunicorn.workers import gasgi  # pyright: ignore[reportMissingTypeStubs]

from portal.web.peer import PEER_NAMES, names_in

LONGEST_REQUEST = 2.0
"""Seconds for requests to end, and for browsers to confirm that a live connection is closed."""

LOOK_EVERY = 0.1

STUCK_AFTER = 30.0
"""Seconds after which the kernel drops a connection whose client acknowledges no data."""


HEAD_WITHIN = 10.0
"""Seconds for the head of a connection's first request. Between requests ``keepalive`` applies."""

BODY_WITHIN = 20.0
"""Seconds for the body of a request to arrive."""

MOST_CONNECTIONS = 4_000
"""The most connections at once, twice as many as live ones. Beyond it, those of refused WebSockets
are closed, which wait for the browser to confirm it; without any the new one is."""


class Connection(ASGIProtocol):
    """A connection that its worker keeps track of, with time limits for requests."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(worker)
        self._head: asyncio.TimerHandle | None = None
        self._body: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Handle the start of the connection."""
        _connections(self).add(self)
        super().connection_made(transport)
        worker: Worker = self.worker  # pyright: ignore
        if not worker.has_room():
            self.end(at_once=True)
            return
        self._head = self._later(HEAD_WITHIN)

    def data_received(self, data: bytes) -> None:
        """Handle data, and cancel the timers once a request's head or body is complete."""
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
        """Handle the end of the connection."""
        _connections(self).discard(self)
        for timer in (self._head, self._body):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        task: asyncio.Task[None] | None = self._task  # pyright: ignore
        if self._websocket is not None and task is not None:  # pyright: ignore
            task.add_done_callback(self._take_apart)

    def _take_apart(self, _: asyncio.Task[None]) -> None:
        """Drop the parts of a WebSocket that has ended, which refer to each other.

        Otherwise they wait for a full garbage collection, and after a thousand connections that
        holds the loop up for 150 ms.
        """
        self._websocket = self._task = self._flow_control = None
        self._current_request = self._body_receiver = self.transport = None

    def _build_http_scope(self, *arguments: object) -> dict[str, Any]:
        return self._with_peer(super()._build_http_scope(*arguments))  # pyright: ignore

    def _build_websocket_scope(self, *arguments: object) -> dict[str, Any]:
        return self._with_peer(super()._build_websocket_scope(*arguments))  # pyright: ignore

    def _with_peer(self, scope: dict[str, Any]) -> dict[str, Any]:
        """Add the names in the client's certificate; without TLS there are none."""
        transport: asyncio.Transport = self.transport  # pyright: ignore
        names = names_in(transport.get_extra_info("peercert"))
        if names:
            scope["extensions"] = {**scope.get("extensions", {}), PEER_NAMES: names}
        return scope

    def _later(self, seconds: float) -> asyncio.TimerHandle:
        loop: asyncio.AbstractEventLoop = self.worker.loop  # pyright: ignore
        return loop.call_later(seconds, lambda: self.end(at_once=True))

    @property
    def refused(self) -> bool:
        """True for a WebSocket that was told to close, and has not yet confirmed it."""
        return self._websocket is not None and self._websocket._close_sent  # pyright: ignore

    def end(self, *, at_once: bool) -> None:
        """Close the connection if it has no request; with ``at_once`` abort it in any case."""
        transport: asyncio.Transport = self.transport  # pyright: ignore
        if at_once:
            _connections(self).discard(self)
            transport.abort()
        elif self._awaiting_request:  # pyright: ignore
            transport.close()


def _connections(connection: Connection) -> set[Connection]:
    return connection.worker.connections  # pyright: ignore


# gunicorn has no setting for the protocol class, and looks the name up when it begins to listen.
gasgi.ASGIProtocol = Connection  # pyright: ignore


class Worker(gasgi.ASGIWorker):
    """Closes live and idle connections first, then stops as usual."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # pyright: ignore
        self.connections: set[Connection] = set()
        self._serving: asyncio.Task[None] | None = None
        self._look_again = 0.0
        self._listens = False

    def init_process(self) -> None:
        """Start; connections inherit the listeners' timeout for browsers that do not read."""
        for listener in self.sockets:  # pyright: ignore
            if listener.sock.family != socket.AF_UNIX:  # pyright: ignore
                listener.sock.setsockopt(  # pyright: ignore
                    socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STUCK_AFTER * 1000)
                )
        super().init_process()

    async def _serve(self) -> None:
        self._serving = asyncio.current_task()
        await super()._serve()  # pyright: ignore

    def notify(self) -> None:
        """Tell gunicorn's master that the worker is alive; at first, it has just begun to listen.

        asyncio has then cut the queue of new connections down to 100, for which it has no setting.
        A full queue drops connections, and probes of health with them.
        """
        if not self._listens:
            self._listens = True
            for listener in self.sockets:  # pyright: ignore
                listener.sock.listen(self.cfg.backlog)  # pyright: ignore
        super().notify()

    def has_room(self) -> bool:
        """Return True if no more than the most connections are left, closing some if need be."""
        if len(self.connections) <= MOST_CONNECTIONS:
            return True
        loop: asyncio.AbstractEventLoop = self.loop  # pyright: ignore
        if loop.time() < self._look_again:
            return False
        self._look_again = loop.time() + LOOK_EVERY
        for connection in [each for each in self.connections if each.refused]:
            connection.end(at_once=True)
        return len(self.connections) <= MOST_CONNECTIONS

    def handle_exit_signal(self) -> None:
        """Handle SIGTERM."""
        waiting = self.alive and len(self.servers) == len(self.sockets)  # pyright: ignore
        super().handle_exit_signal()
        if waiting and self._serving is not None:
            self._serving.cancel()  # out of its sleep of a second, to stop as usual
        self.asgi.drain()  # pyright: ignore
        loop: asyncio.AbstractEventLoop = self.loop  # pyright: ignore
        self._close_connections(loop, loop.time() + LONGEST_REQUEST)

    def _close_connections(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        """Close idle connections repeatedly, since requests end and new ones connect meanwhile."""
        at_once = loop.time() >= deadline
        for connection in tuple(self.connections):
            connection.end(at_once=at_once)
        loop.call_later(LOOK_EVERY, self._close_connections, loop, deadline)
