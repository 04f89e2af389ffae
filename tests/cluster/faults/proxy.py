"""A proxy between the portal and the API server that makes what lies between them go wrong.

It speaks HTTP, not bare TCP: most of the faults are things that an API server says (410, 429,
401, 403, an odd object), often about one kind only, and the connections of all kinds look alike
to a TCP proxy. Faults of the transport (silence, a cut, nobody listening) are here as well, since
each watch has a connection of its own.

    async with FaultProxy(server).listen() as proxy:
        with proxy.fault(about("pods"), Refuse(403)) as strikes:
            ...  # every request about pods is refused, and noted in ``strikes``
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from tests.cluster.faults.server import ApiServer

_PATH = re.compile(
    r"/apis?/(?P<group>[^/]+)(?:/v[^/]+)?(?:/namespaces/[^/]+)?/(?P<plural>[a-z]+)(?P<name>/.+)?"
)


@dataclass(frozen=True)
class Ask:
    """One request of the portal's. ``at`` is of the monotonic clock."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    at: float = field(default_factory=time.monotonic)

    @property
    def source(self) -> str:
        """The collection that is listed or watched, or "metrics"; "" for anything else."""
        found = _PATH.fullmatch(self.path)
        if self.method != "GET" or found is None or found["name"]:
            return ""
        return "metrics" if found["group"] == "metrics.k8s.io" else found["plural"]

    @property
    def watch(self) -> bool:
        """True if it opens a watch."""
        return self.query.get("watch") == "true"

    @property
    def token(self) -> str:
        """The bearer token."""
        return self.headers.get("Authorization", "").removeprefix("Bearer ")


Matches = Callable[[Ask], bool]


def about(*sources: str, watch: bool | None = None) -> Matches:
    """Requests about these sources (none named: any): watches, lists, or (None) both."""

    def matches(ask: Ask) -> bool:
        known = ask.source in sources if sources else True
        return known and (watch is None or ask.watch == watch)

    return matches


def bearing(token: str) -> Matches:
    """Requests with this token."""
    return lambda ask: ask.token == token


@dataclass(frozen=True)
class Answer:
    """An answer of the proxy itself."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Severed(Exception):
    """The answer ends after the bytes ``last``: with the connection, or (``politely``) as if it
    were complete."""

    def __init__(self, last: bytes, politely: bool) -> None:
        self.last = last
        self.politely = politely


class Fault:
    """Spoils nothing; subclasses override what they spoil."""

    async def request(self, ask: Ask) -> Ask | Answer:
        """Return the request to forward, changed or not, or an answer to it."""
        return ask

    async def piece(self, ask: Ask, data: bytes) -> bytes:
        """Return what to send for a line of a watch, its end (b""), or another whole answer."""
        return data


def status_object(code: int, message: str) -> dict[str, object]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": HTTPStatus(code).phrase.replace(" ", ""),
        "code": code,
    }


class Refuse(Fault):
    """Answer as an API server that refuses, or one that is too busy."""

    def __init__(self, code: int, retry_after: int | None = None) -> None:
        self._code = code
        self.retry_after = retry_after
        self._headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}

    async def request(self, ask: Ask) -> Answer:
        words = f"{ask.source} is refused by a test"
        return Answer(
            self._code, json.dumps(status_object(self._code, words)).encode(), self._headers
        )


class Say(Fault):
    """Answer with an object."""

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make

    async def request(self, ask: Ask) -> Answer:
        return Answer(200, json.dumps(self._make()).encode())


class ErrorEvent(Fault):
    """Open the watch, and say in it that it cannot go on."""

    def __init__(self, code: int) -> None:
        self._event = {"type": "ERROR", "object": status_object(code, "said by a test")}

    async def request(self, ask: Ask) -> Answer:
        return Answer(200, json.dumps(self._event).encode() + b"\n")


class Wordless(Fault):
    """Open the watch, and end it before the first byte."""

    async def request(self, ask: Ask) -> Answer:
        return Answer(200, b"")


class Silence(Fault):
    """Not a byte more, and nothing is closed: what a lost network leaves behind."""

    async def request(self, ask: Ask) -> Answer:
        return await _for_ever()

    async def piece(self, ask: Ask, data: bytes) -> bytes:
        return await _for_ever()


async def _for_ever() -> Any:
    await asyncio.Event().wait()


class Cut(Fault):
    """End the answer in the middle of a line."""

    def __init__(self, politely: bool = False) -> None:
        self._politely = politely

    async def piece(self, ask: Ask, data: bytes) -> bytes:
        if data:
            raise Severed(data[: len(data) // 2], self._politely)
        return data


class Garble(Fault):
    """Put something else in the place of a line."""

    async def piece(self, ask: Ask, data: bytes) -> bytes:
        return b"<html>502 Bad Gateway</html>\n" if data else data


class Pages(Fault):
    """Make the pages of a list small, so that there are several."""

    def __init__(self, size: int) -> None:
        self._size = size

    async def request(self, ask: Ask) -> Ask:
        if "limit" not in ask.query:
            return ask
        return replace(ask, query={**ask.query, "limit": str(self._size)})


class Alter(Fault):
    """Change objects on their way, in lists and in watches."""

    def __init__(self, change: Callable[[dict[str, Any]], None]) -> None:
        self._change = change

    async def piece(self, ask: Ask, data: bytes) -> bytes:
        if not data.strip():
            return data
        content = json.loads(data)
        for each in [content["object"]] if ask.watch else content["items"]:
            self._change(each)
        return json.dumps(content).encode() + b"\n"


@dataclass(eq=False)
class _Rule:
    matches: Matches
    fault: Fault
    strikes: list[Ask] = field(default_factory=list)


_NOT_PASSED_ON = {"host", "authorization", "connection", "accept-encoding", "content-length"}


class FaultProxy:
    """Passes requests on to the API server, under the administrator's certificate."""

    def __init__(self, server: ApiServer) -> None:
        self._api = server
        self._rules: list[_Rule] = []
        self._web = web.Server(self._handle, handler_cancellation=True)
        self._listening: asyncio.Server | None = None
        self._port = 0
        self.asked: list[Ask] = []
        """All requests so far."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator[FaultProxy]:
        await self.up()
        try:
            yield self
        finally:
            await self.down()
            await self._web.shutdown(1)

    async def up(self) -> None:
        """Listen, at the same address as before."""
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self._web, "127.0.0.1", self._port)
        self._port = self._listening.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Refuse connections, and break those that are open."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for each in self._web.connections:
            if each.transport is not None:
                each.transport.abort()

    @contextmanager
    def fault(self, matches: Matches, fault: Fault) -> Iterator[list[Ask]]:
        """Spoil what matches inside the block. Yields what has been struck: each request once,
        whether as such or by what came of it. A newer fault comes before an older one.

        A watch that has fallen silent or broken does not recover when the block ends.
        """
        rule = _Rule(matches, fault)
        self._rules.insert(0, rule)
        try:
            yield rule.strikes
        finally:
            self._rules.remove(rule)

    def _striking(self, ask: Ask, how: str) -> Iterator[Fault]:
        """The faults that do something to this request, or to a piece of its answer."""
        for rule in tuple(self._rules):
            idle = getattr(type(rule.fault), how) is getattr(Fault, how)
            if not idle and rule.matches(ask):
                if all(each.at != ask.at for each in rule.strikes):
                    rule.strikes.append(ask)
                yield rule.fault

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        ask = Ask(
            request.method, request.path, request.query, request.headers, await request.read()
        )
        self.asked.append(ask)
        for fault in self._striking(ask, "request"):
            outcome = await fault.request(ask)
            if isinstance(outcome, Answer):
                return web.Response(
                    status=outcome.status,
                    body=outcome.body,
                    headers=outcome.headers,
                    content_type="application/json",
                )
            ask = outcome
        return await self._pass_on(request, ask)

    async def _pass_on(self, request: web.BaseRequest, ask: Ask) -> web.StreamResponse:
        headers = {
            name: text for name, text in ask.headers.items() if name.lower() not in _NOT_PASSED_ON
        }
        url = URL(self._api.url + ask.path).with_query(ask.query)
        far = await self._api.session.request(ask.method, url, data=ask.body, headers=headers)
        response = web.StreamResponse(status=far.status)
        response.content_type = far.content_type
        try:
            if ask.watch:
                await response.prepare(request)
                async for line in far.content:
                    await response.write(await self._spoiled(ask, line))
                await self._spoiled(ask, b"")
            else:
                content = await self._spoiled(ask, await far.read())
                await response.prepare(request)
                await response.write(content)
            await response.write_eof()
        except Severed as severed:
            await response.write(severed.last)
            if severed.politely:
                await response.write_eof()
            elif request.transport is not None:
                request.transport.abort()
        except aiohttp.ClientConnectionResetError:
            pass  # the portal has hung up
        finally:
            far.close()
        return response

    async def _spoiled(self, ask: Ask, data: bytes) -> bytes:
        for fault in self._striking(ask, "piece"):
            data = await fault.piece(ask, data)
        return data
