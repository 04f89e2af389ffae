from __future__ import annotations

import itertools
import json
import zlib
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from portal.domain.identity import Identity
from portal.domain.limits import LIMITS
from portal.domain.permissions import Scope
from portal.live.endpoint import (
    FRAME_PATH,
    PATH,
    Timing,
    frame_endpoint,
    live_endpoint,
    wanted_topic,
)
from portal.live.hub import Hub
from portal.live.schedule import RenderSchedule
from portal.live.topics import app_key, list_query, valid


class Server:
    def __init__(
        self,
        *,
        heartbeat: float = 20,
        pause: float = 0,
        recheck: float = 30,
        speaks_within: float = 60,
        idle: float = 60,
        tabs: int = 50,
    ) -> None:
        self.value = 1
        self.user: str | None = "ada"
        self.hub = Hub(
            lambda topic, scope: (
                lambda: {"id": json.dumps({"children": f"{topic} {self.value} {scope.own}"})}
            ),
            lambda topic, identity: Scope(own=identity.user),
            schedule=RenderSchedule(floor=0, list_floor=0, share=0, tick=0.01),
            limit=LIMITS.with_most(tabs=tabs).tabs,
        )

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            self.hub.start()
            yield
            self.hub.close()

        self.app = FastAPI(lifespan=lifespan)
        self.app.state.server = self
        timing = Timing(heartbeat, pause, recheck, speaks_within, idle)
        live = live_endpoint(self.hub, self.identify, reidentify=self.identify, timing=timing)
        self.app.add_api_websocket_route(PATH, live)
        self.app.add_route(FRAME_PATH, frame_endpoint(self.hub, self.identify, patience=0.2))

    def identify(self, _: HTTPConnection) -> Identity | None:
        return Identity(self.user) if self.user else None


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def client(server: Server) -> Iterator[TestClient]:
    with TestClient(server.app) as client:
        yield client


@contextmanager
def connected(client: TestClient) -> Iterator[WebSocketTestSession]:
    """A browser that has heard that it is connected."""
    with client.websocket_connect(PATH) as socket:
        assert socket.receive_json() == {"heartbeat": True}
        yield socket


def test_sends_the_view_asked_for_and_follows_changes(server: Server, client: TestClient) -> None:
    with connected(client) as socket:
        socket.send_json({"view": "apps"})
        assert socket.receive_json() == {
            "view": "apps",
            "patches": {"id": {"children": "apps 1 ada"}},
        }
        server.value = 2
        assert socket.receive_json()["patches"]["id"]["children"] == "apps 2 ada"
        socket.send_json({"view": "app/apps/iris"})
        assert socket.receive_json()["view"] == "app/apps/iris"


def test_long_frames_are_compressed_for_who_asks_for_that(
    server: Server, client: TestClient
) -> None:
    server.value = "long " * 1000  # type: ignore[assignment]
    with client.websocket_connect(f"{PATH}?frames=deflate") as socket:
        assert socket.receive_json() == {"heartbeat": True}
        socket.send_json({"view": "apps"})
        frame = json.loads(zlib.decompress(socket.receive_bytes(), wbits=-zlib.MAX_WBITS))
        assert frame["patches"]["id"]["children"] == f"apps {server.value} ada"
        server.value = 2
        assert socket.receive_json()["patches"]["id"]["children"] == "apps 2 ada"


def test_a_page_without_live_data_keeps_the_connection(client: TestClient) -> None:
    with connected(client) as socket:
        socket.send_json({"view": ""})
        socket.send_json({"view": "admin"})
        assert socket.receive_json()["view"] == "admin"


class Unspeakable:
    """A value that cannot be rendered."""

    def __str__(self) -> str:
        raise RuntimeError("cannot be rendered")


class Restless:
    """A value that is another one whenever it is rendered."""

    def __init__(self) -> None:
        self.numbers = itertools.count()

    def __str__(self) -> str:
        return str(next(self.numbers))


def test_a_page_without_live_data_is_sent_nothing_but_heartbeats() -> None:
    server = Server(heartbeat=0.2)
    server.value = Restless()  # type: ignore[assignment]
    with (
        TestClient(server.app) as client,
        connected(client) as socket,
    ):
        socket.send_json({"view": "apps"})
        assert socket.receive_json()["view"] == "apps"
        socket.send_json({"view": ""})
        # Frames may be on their way; if the old view is still rendered, they never end.
        assert any(socket.receive_json() == {"heartbeat": True} for _ in range(100))
        assert server.hub.subscribers == 1


def test_heartbeats_when_there_is_nothing_to_say() -> None:
    with (
        TestClient(Server(heartbeat=0.01).app) as client,
        connected(client) as socket,
    ):
        assert socket.receive_json() == {"heartbeat": True}


def test_refuses_the_unknown(server: Server, client: TestClient) -> None:
    server.user = None
    with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect(PATH):
        pass
    assert refused.value.code == 1008
    assert client.get(FRAME_PATH, params={"view": "apps"}).status_code == 403


def test_refuses_one_too_many() -> None:
    server = Server(tabs=1)
    with TestClient(server.app) as client, connected(client):
        with client.websocket_connect(PATH) as second:
            assert "You have 1 tab connected" in second.receive_json()["refused"]
            with pytest.raises(WebSocketDisconnect) as ended:
                second.receive_text()
        assert ended.value.code == 1013
        server.user = "bob"
        with connected(client):
            assert server.hub.subscribers == 2


def test_topics_of_one_browser_take_their_time() -> None:
    with (
        TestClient(Server(pause=60).app) as client,
        connected(client) as quick,
        connected(client) as other,
    ):
        quick.send_json({"view": "apps"})
        assert quick.receive_json()["view"] == "apps"
        quick.send_json({"view": "nonsense"})
        other.send_json({"view": "admin"})
        assert other.receive_json()["view"] == "admin"
        # It is not even read yet: hanging up would come before the change.
        client.app.state.server.value = 2  # type: ignore[attr-defined]
        assert quick.receive_json()["view"] == "apps"


def test_one_frame_without_a_connection(server: Server, client: TestClient) -> None:
    answer = client.get(FRAME_PATH, params={"view": "app/apps/iris"})
    assert answer.json() == {
        "view": "app/apps/iris",
        "patches": {"id": {"children": "app/apps/iris 1 ada"}},
    }
    assert answer.headers["cache-control"] == "no-store"
    assert server.hub.subscribers == 0
    for bad in ("", "nonsense", "app/../x"):
        assert client.get(FRAME_PATH, params={"view": bad}).status_code == 400


def test_one_frame_counts_like_a_connection() -> None:
    with TestClient(Server(tabs=1).app) as client:
        with connected(client):
            answer = client.get(FRAME_PATH, params={"view": "apps"})
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
            assert "limits.tabs" in answer.text
        assert client.get(FRAME_PATH, params={"view": "apps"}).status_code == 200


@pytest.mark.parametrize("by_now", [None, "bob"])
def test_a_sign_in_that_has_ended_ends_the_connection(by_now: str | None) -> None:
    server = Server(recheck=0.01)
    with TestClient(server.app) as client, connected(client) as socket:
        socket.send_json({"view": "apps"})
        assert socket.receive_json()["view"] == "apps"
        server.user = by_now
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_text()
        assert ended.value.code == 1008
        assert server.hub.subscribers == 0


@pytest.mark.parametrize("said", [[], [""], ["apps", ""]])
def test_a_connection_without_a_topic_is_not_kept(said: list[str]) -> None:
    server = Server(idle=0.01) if said else Server(speaks_within=0.01)
    with TestClient(server.app) as client, client.websocket_connect(PATH) as socket:
        for topic in said:
            socket.send_json({"view": topic})
        received = iter(socket.receive_text, None)
        with pytest.raises(WebSocketDisconnect) as ended:
            deque(received, maxlen=0)
        assert ended.value.code == 1001
        assert server.hub.subscribers == 0


def test_one_frame_that_cannot_be_rendered(server: Server, client: TestClient) -> None:
    server.value = Unspeakable()  # type: ignore[assignment]
    assert client.get(FRAME_PATH, params={"view": "apps"}).status_code == 503
    assert server.hub.subscribers == 0


@pytest.mark.parametrize(
    "message",
    [
        *("nonsense", "[]", '{"view": 1}', '{"view": "app/../x"}', '"' + "x" * 2000 + '"'),
        *("[" * 1000, '{"view":' * 128, "9" * 1024, "\x00", '{"view": "\\ud800"}', ""),
    ],
)
def test_hangs_up_on_nonsense(client: TestClient, message: str) -> None:
    with connected(client) as socket:
        socket.send_text(message)
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_text()
    assert ended.value.code == 1008


def test_shutdown_closes_the_socket(server: Server, client: TestClient) -> None:
    with connected(client) as socket:
        socket.send_json({"view": "apps"})
        socket.receive_json()
        assert client.portal is not None
        client.portal.call(server.hub.close)
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_text()
    assert ended.value.code == 1001


def test_leaving_is_noticed(server: Server, client: TestClient) -> None:
    with connected(client) as socket:
        socket.send_json({"view": "apps"})
        socket.receive_json()
        assert server.hub.subscribers == 1
    with connected(client) as socket:
        socket.send_json({"view": "apps"})
        socket.receive_json()
        assert server.hub.subscribers == 1


def test_topics() -> None:
    assert wanted_topic('{"view": "app/apps/iris"}') == "app/apps/iris"
    assert wanted_topic('{"view": ""}') == ""
    assert app_key("app/apps/my.app-1") is not None
    for bad in ("app/apps", "app/Apps/x", "app//x", "app/a/b/c", "app/a/b\n"):
        assert app_key(bad) is None


def test_a_list_may_have_a_query() -> None:
    assert list_query("admin") == ("admin", "")
    assert list_query("apps?q=iris&page=2") == ("apps", "q=iris&page=2")
    for bad in ("admins", "apps/x", "admin?a b", "admin?\n", "admin?" + "x" * 600):
        assert not valid(bad)
