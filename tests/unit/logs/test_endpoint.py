from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection, Request
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from portal.domain.audit import Outcome
from portal.domain.errors import PortalError
from portal.domain.identity import ANONYMOUS, Identity
from portal.domain.keys import Key
from portal.domain.scrubber import Scrubber
from portal.logs import download as download_module
from portal.logs import hub as hub_module
from portal.logs.download import Download
from portal.logs.endpoint import (
    DOWNLOAD_PATH,
    MOST_TAIL,
    PATH,
    Asked,
    asked,
    download_endpoint,
    log_endpoint,
)
from portal.logs.hub import LogHub
from portal.logs.targets import Selection
from tests.unit.logs.fakes import FAST, Logs, nothing_hidden
from tests.unit.logs.test_targets import APP, container, pod
from tests.unit.recorder import Kept

QUERY = "?namespace=apps&name=web"


class Server:
    """The endpoints with fakes behind them; ``why`` is the answer about the permission."""

    app: FastAPI
    hub: LogHub

    def __init__(self, *, recheck: float = 0.01, heartbeat: float = 20) -> None:
        self.user: str | None = "ada"
        self.again: Identity | None = Identity("ada")
        self.why = ""
        self.unknown = False
        self.logs = Logs()

        async def hide(_: Key) -> Scrubber:
            return Scrubber(["correct-horse"])

        def pods(key: Key) -> list[Any]:
            return [pod("a")] if key == APP else []

        def identify(_: HTTPConnection) -> Identity | None:
            return None if self.user is None else Identity(self.user)

        async def refusal(_: Identity, selection: Selection) -> str:
            if self.unknown:
                raise PortalError("The owner is not known yet.")
            return self.why

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            self.hub = LogHub(self.logs, pods, hide, timing=FAST, interval=0, linger=0)
            self.logs.of("a").write("one", "it is correct-horse")
            follow = log_endpoint(
                self.hub,
                identify,
                refusal,
                reidentify=identify,
                recheck=recheck,
                heartbeat=heartbeat,
            )
            download = download_endpoint(
                Download(self.logs, pods, hide),
                identify,
                refusal,
                reidentify=lambda _: self.again,
                recheck=0,
            )
            self.app.router.routes += [
                WebSocketRoute(PATH, follow),
                Route(DOWNLOAD_PATH, download),
            ]
            yield
            self.hub.close()

        self.app = FastAPI(lifespan=lifespan)


@contextmanager
def served(server: Server) -> Iterator[TestClient]:
    with TestClient(server.app) as client:
        yield client


def read(socket: WebSocketTestSession) -> dict[str, Any]:
    message = socket.receive()
    if message["type"] == "websocket.close":
        raise WebSocketDisconnect(message["code"])
    if message.get("bytes") is not None:
        return json.loads(zlib.decompress(message["bytes"], -zlib.MAX_WBITS))
    return json.loads(message["text"])


def until(socket: WebSocketTestSession, name: str) -> Any:
    while True:
        message = read(socket)
        if message.get(name):
            return message[name]


def texts(socket: WebSocketTestSession, count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        found += [row[3] for row in until(socket, "lines")]
    return found


def test_a_browser_gets_the_masked_lines() -> None:
    with served(Server()) as client, client.websocket_connect(PATH + QUERY) as socket:
        assert read(socket) == {"heartbeat": True}
        assert [each["pod"] for each in until(socket, "sources")] == ["a"]
        assert texts(socket, 2) == ["one", "it is (hidden)"]


def test_long_messages_are_compressed_where_that_is_wanted() -> None:
    server = Server()
    with served(server) as client:
        server.logs.of("a").write("x " * 2_000)
        with client.websocket_connect(f"{PATH}{QUERY}&frames=deflate") as socket:
            assert texts(socket, 3)[2] == "x " * 2_000


def test_who_may_not_read_is_told_why_and_gets_no_line() -> None:
    server = Server()
    server.why = "Ask ada."
    with served(server) as client, client.websocket_connect(PATH + QUERY) as socket:
        assert read(socket) == {"ended": "Ask ada."}
        with pytest.raises(WebSocketDisconnect) as closed:
            read(socket)
    assert closed.value.code == 1008
    assert server.logs.of("a").opened == []


def test_a_permission_that_is_taken_away_ends_the_stream() -> None:
    server = Server()
    with served(server) as client, client.websocket_connect(PATH + QUERY) as socket:
        texts(socket, 2)
        server.why = "Not any more."
        assert until(socket, "ended") == "Not any more."
        with pytest.raises(WebSocketDisconnect) as closed:
            read(socket)
        assert closed.value.code == 1008
        assert server.hub.viewers == 0


def test_a_sign_in_that_ends_ends_the_stream() -> None:
    server = Server()
    with served(server) as client, client.websocket_connect(PATH + QUERY) as socket:
        texts(socket, 2)
        server.user = "bob"
        assert "sign-in" in until(socket, "ended")


def test_a_quiet_log_gives_signs_of_life() -> None:
    with (
        served(Server(heartbeat=0.01)) as client,
        client.websocket_connect(PATH + QUERY) as socket,
    ):
        texts(socket, 2)
        assert until(socket, "heartbeat") is True


def test_whoever_sends_something_is_closed() -> None:
    with served(Server()) as client, client.websocket_connect(PATH + QUERY) as socket:
        socket.send_text("hello")
        with pytest.raises(WebSocketDisconnect) as closed:
            until(socket, "ended")
    assert closed.value.code == 1008


def test_too_many_are_asked_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MOST", 0)
    with served(Server()) as client, client.websocket_connect(PATH + QUERY) as socket:
        assert "Try again in a minute" in read(socket)["later"]
        with pytest.raises(WebSocketDisconnect) as closed:
            read(socket)
    assert closed.value.code == 1013


@pytest.mark.parametrize("query", ["", "?namespace=apps", "?namespace=apps&name=../x", "?tail=1"])
def test_an_address_that_names_no_app_is_refused(query: str) -> None:
    with served(Server()) as client:
        with (
            pytest.raises(WebSocketDisconnect) as closed,
            client.websocket_connect(PATH + query),
        ):
            pass
        assert closed.value.code == 1008
        assert client.get(DOWNLOAD_PATH + query).status_code == 400


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, Asked(Selection(APP))),
        ({"pod": "a", "container": "b"}, Asked(Selection(APP, "a", "b"))),
        ({"previous": "1"}, Asked(Selection(APP, previous=True))),
        ({"tail": "99999999", "since": "60"}, Asked(Selection(APP), MOST_TAIL, 60)),
        ({"tail": "0"}, Asked(Selection(APP), 1)),
        ({"tail": "-1"}, None),
        ({"tail": "²"}, None),
        ({"since": "x"}, None),
        ({"pod": "x" * 254}, None),
    ],
)
def test_what_a_query_asks_for(query: dict[str, str], expected: Asked | None) -> None:
    assert asked({"namespace": "apps", "name": "web"} | query) == expected


def test_a_download_is_masked_and_has_a_harmless_name() -> None:
    server = Server()
    with served(server) as client:
        answer = client.get(f"{DOWNLOAD_PATH}{QUERY}&container=main")
        assert answer.status_code == 200
        assert answer.headers["content-disposition"] == 'attachment; filename="web-main.log"'
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.text.splitlines() == [
            "# a / main",
            "1970-01-01T00:00:01.000Z one",
            "1970-01-01T00:00:01.000Z it is (hidden)",
        ]
        named = client.get(f'{DOWNLOAD_PATH}{QUERY}&pod=a%22%0d%0aX:%20"')
        assert named.headers["content-disposition"] == 'attachment; filename="aX.log"'
        server.why = "Ask ada."
        refused = client.get(DOWNLOAD_PATH + QUERY)
        assert (refused.status_code, refused.text) == (403, "Ask ada.")
        server.user = None
        assert client.get(DOWNLOAD_PATH + QUERY).status_code == 400


def test_while_it_is_not_known_who_may_read_the_browser_tries_again() -> None:
    server = Server()
    server.unknown = True
    with served(server) as client:
        with (
            client.websocket_connect(PATH + QUERY) as socket,
            pytest.raises(WebSocketDisconnect) as closed,
        ):
            read(socket)
        assert closed.value.code == 1013
        later = client.get(DOWNLOAD_PATH + QUERY)
        assert (later.status_code, later.text) == (503, "The owner is not known yet.")


def test_a_view_stays_open_while_it_is_not_known_who_may_read() -> None:
    server = Server(heartbeat=0.01)
    with served(server) as client, client.websocket_connect(PATH + QUERY) as socket:
        texts(socket, 2)
        server.unknown = True
        for _ in range(5):  # with as many rechecks in between
            assert until(socket, "heartbeat") is True
        server.logs.of("a").write("three")
        assert texts(socket, 1) == ["three"]


def test_a_download_ends_with_the_sign_in() -> None:
    server = Server()
    server.again = None
    with served(server) as client:
        answer = client.get(DOWNLOAD_PATH + QUERY)
        assert answer.text.splitlines() == [
            "# a / main",
            "",
            "Your sign-in has ended: open the page again.",
        ]


def test_the_line_that_the_limit_cuts_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    cut = "1970-01-01T00:00:01.000001000Z it is correct-ho"
    monkeypatch.setattr(download_module, "BYTES", len(cut))

    @asynccontextmanager
    async def opened(*_: object, **__: object) -> AsyncIterator[AsyncIterator[bytes]]:
        async def chunks() -> AsyncIterator[bytes]:
            yield cut.encode()

        yield chunks()

    monkeypatch.setattr(server.logs, "open", opened)
    with served(server) as client:
        text = client.get(DOWNLOAD_PATH + QUERY).text
    assert "correct" not in text
    assert "Only the first" in text


def test_a_log_that_is_not_kept_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module, "AGAIN", 0)
    server = Server()
    gone = "unable to retrieve container logs for containerd://ead3\n"
    answers = [gone, "1970-01-01T00:00:01.000001000Z the last words\n"]
    answers += [gone] * download_module.ATTEMPTS

    @asynccontextmanager
    async def opened(*_: object, **__: object) -> AsyncIterator[AsyncIterator[bytes]]:
        async def chunks() -> AsyncIterator[bytes]:
            yield answers.pop(0).encode()

        yield chunks()

    with served(server) as client:
        monkeypatch.setattr(server.logs, "open", opened)
        kept = client.get(DOWNLOAD_PATH + QUERY).text
        never = client.get(DOWNLOAD_PATH + QUERY).text
    assert kept.splitlines() == ["# a / main", "1970-01-01T00:00:01.000Z the last words"]
    assert never.splitlines() == ["# a / main", "# The log of this run is not kept."]


async def test_of_a_container_that_has_just_ended_again_the_newest_run_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The kubelet has removed the run before, which the status names for seconds."""
    monkeypatch.setattr(download_module, "AGAIN", 0)
    running, ended = (
        pod("a", container(state=state, restarts=2)) for state in ("running", "terminated")
    )
    now = [running]
    asked: list[bool] = []

    class Kubelet(Logs):
        @asynccontextmanager
        async def open(self, *_: object, **how: Any) -> AsyncIterator[AsyncIterator[bytes]]:
            asked.append(how["previous"])
            now[0] = ended

            async def chunks() -> AsyncIterator[bytes]:
                if how["previous"]:
                    yield b"unable to retrieve container logs for containerd://ead3\n"
                else:
                    yield b"1970-01-01T00:00:01.000001000Z the last words\n"

            yield chunks()

    download = Download(Kubelet(), lambda _: now, nothing_hidden)
    selection = Selection(APP, "a", "main", previous=True)
    text = "".join([part async for part in download.text(selection, 0)])
    assert text.splitlines()[1:] == ["1970-01-01T00:00:01.000Z the last words"]
    assert asked == [True, False]


def test_downloads_are_limited_for_each_user_and_for_all() -> None:
    download = Download(Logs(), lambda _: [], nothing_hidden)
    ada, bob = Identity("ada"), Identity("bob")
    assert [download.reserve(ada) is None for _ in range(3)] == [True, True, False]
    assert [download.reserve(ANONYMOUS) is None for _ in range(3)] == [True, True, False]
    download.release(ada)
    assert download.reserve(bob) is None


@pytest.mark.parametrize("away", [False, True])
async def test_a_download_is_recorded_or_does_not_begin(away: bool) -> None:
    download, kept = (
        Download(Logs(), lambda _: [], nothing_hidden),
        Kept(*([Outcome.SUCCEEDED] if away else [])),
    )

    async def refusal(*_: object) -> str:
        return ""

    handle = download_endpoint(download, lambda _: Identity("ada"), refusal, recorder=kept)
    scope = {
        "type": "http",
        "method": "GET",
        "path": DOWNLOAD_PATH,
        "query_string": QUERY[1:].encode() + b"&pod=a",
        "headers": [],
    }
    response = await handle(Request(scope))
    assert response.status_code == (503 if away else 200)
    assert [(each.action, dict(each.detail)) for each in kept.events] == (
        [] if away else [("log-download", {"pod": "a"})]
    )


@pytest.mark.parametrize("limits", [(0.01, 60), (60, 0.01)])
async def test_a_download_whose_reader_takes_nothing_is_broken_off(
    limits: tuple[float, float],
) -> None:
    logs = Logs()
    logs.of("a").write("one")
    download = Download(logs, lambda _: [pod("a")], nothing_hidden)

    async def refusal(*_: object) -> str:
        return ""

    handle = download_endpoint(
        download, lambda _: Identity("ada"), refusal, deadline=limits[0], stalled=limits[1]
    )
    for version in ("2.0", "2.4"):
        scope = {
            "type": "http",
            "method": "GET",
            "path": DOWNLOAD_PATH,
            "query_string": QUERY[1:].encode(),
            "headers": [],
            "asgi": {"spec_version": version},
        }

        async def never(*_: object) -> Any:
            await asyncio.Event().wait()

        for _ in range(3):  # each gives its place back
            response = await handle(Request(scope))
            assert response.status_code == 200
            async with asyncio.timeout(10):
                await response(scope, never, never)
    assert logs.of("a").open == 0
