from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from portal.domain.identity import Identity
from portal.live.endpoint import PATH, live_endpoint, wanted_topic
from portal.live.hub import Hub, Pace
from portal.live.topics import app_key, list_query, valid


class Server:
    def __init__(self, *, beat: float = 20) -> None:
        self.value = 1
        self.user: str | None = "ada"
        self.hub = Hub(
            lambda topic, identity: (
                lambda: {"id": json.dumps({"children": f"{topic} {self.value} {identity.user}"})}
            ),
            pace=Pace(floor=0, list_floor=0, share=0, tick=0.01),
        )

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            self.hub.start()
            yield
            self.hub.close()

        self.app = FastAPI(lifespan=lifespan)
        self.app.add_api_websocket_route(PATH, live_endpoint(self.hub, self.identify, beat=beat))

    def identify(self, _: WebSocket) -> Identity | None:
        return Identity(self.user) if self.user else None


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def client(server: Server) -> Iterator[TestClient]:
    with TestClient(server.app) as client:
        yield client


def test_sends_the_view_asked_for_and_follows_changes(server: Server, client: TestClient) -> None:
    with client.websocket_connect(PATH) as socket:
        socket.send_json({"view": "apps"})
        assert socket.receive_json() == {
            "view": "apps",
            "patches": {"id": {"children": "apps 1 ada"}},
        }
        server.value = 2
        assert socket.receive_json()["patches"]["id"]["children"] == "apps 2 ada"
        socket.send_json({"view": "app/apps/iris"})
        assert socket.receive_json()["view"] == "app/apps/iris"


def test_a_page_without_live_data_keeps_the_connection(client: TestClient) -> None:
    with client.websocket_connect(PATH) as socket:
        socket.send_json({"view": ""})
        socket.send_json({"view": "admin"})
        assert socket.receive_json()["view"] == "admin"


class Restless:
    """A value that is another one whenever it is rendered."""

    def __init__(self) -> None:
        self.numbers = itertools.count()

    def __str__(self) -> str:
        return str(next(self.numbers))


def test_a_page_without_live_data_is_sent_nothing_but_beats() -> None:
    server = Server(beat=0.2)
    server.value = Restless()  # type: ignore[assignment]
    with (
        TestClient(server.app) as client,
        client.websocket_connect(PATH) as socket,
    ):
        socket.send_json({"view": "apps"})
        assert socket.receive_json()["view"] == "apps"
        socket.send_json({"view": ""})
        # Frames may be on their way; if the old view is still rendered, they never end.
        assert any(socket.receive_json() == {"beat": True} for _ in range(100))
        assert server.hub.subscribers == 1


def test_beats_when_there_is_nothing_to_say() -> None:
    with (
        TestClient(Server(beat=0.01).app) as client,
        client.websocket_connect(PATH) as socket,
    ):
        assert socket.receive_json() == {"beat": True}


def test_refuses_the_unknown(server: Server, client: TestClient) -> None:
    server.user = None
    with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect(PATH):
        pass
    assert refused.value.code == 1008


@pytest.mark.parametrize(
    "message", ["nonsense", "[]", '{"view": 1}', '{"view": "app/../x"}', '"' + "x" * 2000 + '"']
)
def test_hangs_up_on_nonsense(client: TestClient, message: str) -> None:
    with client.websocket_connect(PATH) as socket:
        socket.send_text(message)
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_text()
    assert ended.value.code == 1008


def test_shutdown_closes_the_socket(server: Server, client: TestClient) -> None:
    with client.websocket_connect(PATH) as socket:
        socket.send_json({"view": "apps"})
        socket.receive_json()
        assert client.portal is not None
        client.portal.call(server.hub.close)
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_text()
    assert ended.value.code == 1001


def test_leaving_is_noticed(server: Server, client: TestClient) -> None:
    with client.websocket_connect(PATH) as socket:
        socket.send_json({"view": "apps"})
        socket.receive_json()
        assert server.hub.subscribers == 1
    with client.websocket_connect(PATH) as socket:
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
