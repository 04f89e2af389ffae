"""ASGI middleware that shares the portal out among people.

Requests of one person wait for earlier ones of the same person, and for nobody else's: only so many
are worked on at once, and so many a second over time. New WebSockets beyond their pace are refused
before anything else is done for them. Identities are those that the authenticator has proved. In
the mode ``none`` there is nobody to tell from anybody else, and no limit.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from msgspec import Struct
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from portal.domain.identity import Identity
from portal.domain.limits import Limits
from portal.live.sockets import TRY_LATER
from portal.turns import Turns
from portal.web.middleware import OPEN_PATHS, current_identity, opens_a_page
from portal.web.plain_page import plain_page

SEATS = 2
"""Requests of one person that are worked on at once: while one waits, the other is answered. More
would have those of other people wait for all of them, step by step."""

SEATED = 0.05
"""Seconds after which a request leaves its seat to the next one: it waits for something else then,
such as an image's registry, or is a download."""

LONGEST_LINE = 200
"""Requests of one person that may wait."""

_FEW = 100
"""People about whom it is not worth looking who has had a pause."""


class _Person(Struct):
    """The requests of one person that are under way, and what is left of the burst."""

    seats: Turns
    present: int = 0
    """Requests that wait or are worked on."""
    waiting: int = 0
    requests: float = 0.0
    """Time at which the burst of requests is whole again."""
    connections: float = 0.0
    """The same for connections."""


class Fairness:
    """Has the requests of one person wait in a line of their own."""

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        *,
        head: str = "",
        seated: float = SEATED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create it around ``app``; ``seated`` and ``clock`` are in seconds.

        ``head`` is HTML that loads style sheets and theme, for a page that is refused.
        """
        self._app = app
        self._head = head
        self._limits = limits
        self._seated = seated
        self._clock = clock
        self._people: dict[str, _Person] = {}
        self._look_at = _FEW
        self.counts = Counter[str](waited=0, refused=0, refused_connections=0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] not in {"http", "websocket"} or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        identity = current_identity()
        if identity.anonymous:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._connection(self._person(identity), scope, receive, send)
        else:
            await self._request(self._person(identity), scope, receive, send)

    async def _connection(
        self, person: _Person, scope: Scope, receive: Receive, send: Send
    ) -> None:
        pace, now = self._limits.connections, self._clock()
        if pace.wait(person.connections, now):
            self.counts["refused_connections"] += 1
            await receive()
            await send({"type": "websocket.close", "code": TRY_LATER})
            return
        person.connections = pace.after_one(person.connections, now)
        await self._app(scope, receive, send)

    async def _request(self, person: _Person, scope: Scope, receive: Receive, send: Send) -> None:
        most = self._limits.requests.most
        if not most:
            await self._app(scope, receive, send)
            return
        if person.waiting >= LONGEST_LINE:
            self.counts["refused"] += 1
            await self._refusal(scope, person.waiting, most)(scope, receive, send)
            return
        person.present += 1
        try:
            async with self._seat(person):
                await self._app(scope, receive, send)
        finally:
            person.present -= 1

    @asynccontextmanager
    async def _seat(self, person: _Person) -> AsyncGenerator[None]:
        """Wait for a seat and keep it for the block, or for ``seated``."""
        pace, now = self._limits.requests, self._clock()
        wait = pace.wait(person.requests, now)
        person.requests = pace.after_one(person.requests, now)
        person.waiting += 1
        try:
            if wait or person.seats.taken:
                self.counts["waited"] += 1
            if wait:
                await asyncio.sleep(wait)
            leave = await person.seats.begin()
        finally:
            person.waiting -= 1
        try:
            yield
        finally:
            leave()

    def _refusal(self, scope: Scope, waiting: int, most: float) -> Response:
        """Return the answer to a request that finds the line full, in the form that shows it."""
        error = (
            f"{waiting} of your requests are waiting; the portal answers {most:g} a second of one "
            "person (limits.requests)."
        )
        seconds = math.ceil(waiting / most)
        after = f"{seconds} seconds" if seconds < 120 else f"{math.ceil(seconds / 60)} minutes"
        headers = {"Retry-After": str(seconds)}
        advice = f"Close tabs and stop programs that are not needed, and try again in {after}."
        if opens_a_page(scope, Headers(scope=scope)):
            again = f"{error} This page is opened again by itself in {after}."
            return plain_page(
                self._head, "Too many requests", again, again=seconds, status=429, headers=headers
            )
        return JSONResponse({"error": error, "advice": advice}, 429, headers)

    def _person(self, identity: Identity) -> _Person:
        """Return what is known of a person."""
        person = self._people.get(identity.user)
        if person is None:
            self._forget()
            person = self._people[identity.user] = _Person(Turns(SEATS, self._seated))
        return person

    def _forget(self) -> None:
        """Forget who has had nothing for long enough, each time that people have doubled."""
        if len(self._people) < self._look_at:
            return
        now = self._clock()
        self._people = {
            user: each
            for user, each in self._people.items()
            if each.present or max(each.requests, each.connections) > now
        }
        self._look_at = max(_FEW, 2 * len(self._people))
