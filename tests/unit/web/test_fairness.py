"""One person's requests wait for each other, and nobody else's for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from portal.domain.identity import ANONYMOUS, Identity
from portal.domain.limits import LIMITS, Limits
from portal.web import fairness, middleware
from portal.web.fairness import LONGEST_LINE, SEATS, Fairness

ANN, BOB = Identity("ann"), Identity("bob", ("admins",))


class Site:
    """An application that answers when ``go`` is set, and what became of the requests to it."""

    def __init__(self, limits: Limits = LIMITS, seated: float = 60.0) -> None:
        self.now = 1000.0
        self.go = asyncio.Event()
        self.at_work = list[str]()
        self.fair = Fairness(self._answer, limits, seated=seated, clock=lambda: self.now)
        self.tasks = list[asyncio.Task[list[Message]]]()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.at_work.append(middleware.current_identity().user)
        await self.go.wait()
        await send({"type": "answered"})

    async def ask(
        self, identity: Identity, kind: str = "http", path: str = "/", accept: str = "*/*"
    ) -> list[Message]:
        """Make a request as the middleware around does; return what was sent."""
        middleware._identity.set(identity)
        sent = list[Message]()

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        async def send(message: Message) -> None:
            sent.append(message)

        headers = [(b"accept", accept.encode())]
        scope = {"type": kind, "method": "GET", "path": path, "headers": headers}
        await self.fair(scope, receive, send)
        return sent

    async def begin(self, identity: Identity, count: int, kind: str = "http") -> None:
        """Begin requests, and let them get as far as they do."""
        self.tasks += [asyncio.create_task(self.ask(identity, kind)) for _ in range(count)]
        await self.settled()

    async def settled(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    async def end(self) -> list[str]:
        """Let all be answered; return of each what was sent first."""
        self.go.set()
        return [_first(each) for each in await asyncio.gather(*self.tasks)]


def _first(sent: list[Message]) -> str:
    return str(sent[0].get("status", sent[0]["type"]))


async def test_one_person_waits_while_another_does_not() -> None:
    site = Site()
    await site.begin(BOB, SEATS + 5)
    await site.begin(ANN, 1)
    assert site.at_work == ["bob"] * SEATS + ["ann"]
    assert await site.end() == ["answered"] * (SEATS + 6)
    assert site.fair.counts["waited"] == 5


async def test_a_person_is_a_user_whatever_the_groups() -> None:
    site = Site()
    await site.begin(BOB, SEATS)
    await site.begin(Identity("bob", ("others",)), 1)
    assert len(site.at_work) == SEATS
    await site.end()


async def test_who_waits_is_served_in_order_as_seats_become_free() -> None:
    site = Site()
    await site.begin(BOB, SEATS + 1)
    site.tasks[0].cancel()
    await site.settled()
    assert len(site.at_work) == SEATS + 1
    del site.tasks[0]
    assert await site.end() == ["answered"] * SEATS


async def test_who_leaves_the_line_keeps_nobody_waiting() -> None:
    site = Site()
    await site.begin(BOB, SEATS + 2)
    site.tasks.pop(SEATS).cancel()
    assert await site.end() == ["answered"] * (SEATS + 1)


async def test_a_request_that_waits_for_something_else_leaves_its_seat() -> None:
    site = Site(seated=0.0)
    await site.begin(BOB, SEATS)
    await site.begin(BOB, SEATS)
    async with asyncio.timeout(20):
        while len(site.at_work) < 2 * SEATS:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
    assert await site.end() == ["answered"] * 2 * SEATS
    # A seat is given away once: there are as many as before.
    site.go.clear()
    site.tasks.clear()
    site.fair._people["bob"].seats._longest = 60.0
    await site.begin(BOB, SEATS + 1)
    assert len(site.at_work) == 3 * SEATS
    await site.end()


async def test_a_line_has_an_end_and_what_is_beyond_is_told_when_to_come_back() -> None:
    site = Site()
    await site.begin(BOB, SEATS + LONGEST_LINE)
    answer, body = (await site.ask(BOB))[:2]
    assert answer["status"] == 429
    headers = dict(answer["headers"])
    assert int(headers[b"retry-after"]) > 0
    assert b"limits.requests" in body["body"]
    assert b"advice" in body["body"]
    assert site.fair.counts["refused"] == 1
    answer, body = (await site.ask(BOB, accept="text/html"))[:2]
    assert answer["status"] == 429
    assert dict(answer["headers"])[b"content-type"].startswith(b"text/html")
    assert b"limits.requests" in body["body"]
    again = headers[b"retry-after"].decode()
    assert f'http-equiv="refresh" content="{again}"' in body["body"].decode()
    site.tasks.append(asyncio.create_task(site.ask(ANN)))
    for each in site.tasks[:-1]:
        each.cancel()
    site.go.set()
    assert _first(await site.tasks[-1]) == "answered"


async def test_beyond_the_burst_requests_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(LIMITS.with_most(requests=2))
    waits = _slept(monkeypatch)
    site.go.set()
    for _ in range(10):
        await site.ask(BOB)
    await site.ask(ANN)
    assert waits == [0.5, 1.0]  # eight at once, then two a second
    site.now += 60.0
    await site.ask(BOB)
    assert len(waits) == 2


def _slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits = list[float]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(fairness.asyncio, "sleep", sleep)
    return waits


async def test_connections_beyond_their_pace_are_refused_before_anything_is_done() -> None:
    site = Site(LIMITS.with_most(tabs=2, logs=1, shells=2))  # ten at once
    await site.begin(BOB, 12, "websocket")
    await site.begin(ANN, 1, "websocket")
    assert site.at_work == ["bob"] * 10 + ["ann"]
    assert site.fair.counts["refused_connections"] == 2
    site.now += 3.0  # a third of a connection comes back each second
    await site.begin(BOB, 2, "websocket")
    assert len(site.at_work) == 12
    told = await site.end()
    assert told[10:12] == ["websocket.close"] * 2
    assert told[-2:] == ["answered", "websocket.close"]


@pytest.mark.parametrize(
    ("identity", "limits"),
    [(ANONYMOUS, LIMITS), (BOB, LIMITS.with_most(requests=0, tabs=0))],
)
async def test_without_a_limit_nothing_waits(identity: Identity, limits: Limits) -> None:
    site = Site(limits)
    await site.begin(identity, SEATS + LONGEST_LINE + 1)
    await site.begin(identity, 500, "websocket")
    assert len(site.at_work) == SEATS + LONGEST_LINE + 501
    await site.end()


async def test_probes_are_nobodys() -> None:
    seen = list[str]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope.get("path", scope["type"]))

    nothing: Any = None
    for scope in ({"type": "http", "path": "/healthz"}, {"type": "lifespan"}):
        await Fairness(app, LIMITS)(scope, nothing, nothing)
    assert seen == ["/healthz", "lifespan"]


async def test_people_who_have_had_a_pause_are_forgotten() -> None:
    site = Site()
    site.go.set()
    people: Callable[[], int] = lambda: len(site.fair._people)  # noqa: E731
    for number in range(fairness._FEW):
        await site.ask(Identity(f"user-{number}"))
    assert people() == fairness._FEW
    site.now += 60.0
    await site.ask(ANN)
    assert people() == 1
