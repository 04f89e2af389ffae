from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from portal.domain.audit import Outcome
from portal.domain.exec import Ended
from portal.domain.identity import Identity
from portal.domain.limits import LIMITS
from portal.shell.browser import LONGEST_INPUT, size_of
from portal.shell.endpoint import (
    PATH,
    SHELLS,
    Shells,
    asked_of,
)
from portal.shell.place import Places
from portal.shell.settings import ShellSettings, minutes
from tests.unit.objects.make import ANN, BOB, POD, Site
from tests.unit.recorder import Kept
from tests.unit.shell.make import FakeExec, FakeRunning

QUERY = f"namespace=apps&name=demo&pod={POD}"


def echoing(running: FakeRunning) -> None:
    """Prompt, and write back what is typed; "exit" ends it."""
    running.write("\x1b]9;77\x07")
    running.write("$ ")

    def typed(data: bytes) -> None:
        if data == b"exit\r":
            running.end(Ended(3))
        else:
            running.written.put_nowait(data)

    running.on_input = typed


class Server:
    def __init__(self, source: FakeExec, **settings: Any) -> None:
        self.site, self.source = Site(), source
        self.user: Identity | None = ANN
        usual: dict[str, Any] = {"on": True, "idle": 60.0, "longest": 600.0}
        self.shells = Shells(
            Places(self.site.store, self.site.access),
            source,
            ShellSettings(**(usual | settings)),
            self.identify,
        )
        self.app = FastAPI()
        self.app.router.routes.append(WebSocketRoute(PATH, self.shells.handle))

    def identify(self, _: HTTPConnection) -> Identity | None:
        return self.user


@contextmanager
def opened(server: Server, more: str = "") -> Iterator[WebSocketTestSession]:
    with (
        TestClient(server.app) as client,
        client.websocket_connect(f"{PATH}?{QUERY}{more}") as socket,
    ):
        yield socket


def goodbye(socket: WebSocketTestSession) -> tuple[str, int]:
    """Return why a shell has ended, and the code of the end."""
    words = json.loads(socket.receive_text())["ended"]
    with pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_text()
    return words, closed.value.code


def test_what_is_typed_and_shown_goes_through_unchanged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    server = Server(FakeExec(bash=echoing))
    with opened(server, "&columns=100&rows=30") as socket:
        assert socket.receive_json() == {"shell": "bash", "container": "demo"}
        assert socket.receive_bytes() == b"$ "
        for text in ("héé 漢字 😀", "hidden-words", "\x03", "\x00\xff"):
            socket.send_bytes(text.encode())
            assert socket.receive_bytes() == text.encode()
        socket.send_json({"resize": [132, 50]})
        socket.send_bytes(b"exit\r")
        assert goodbye(socket) == ("The shell has ended with exit code 3.", 1000)
        assert server.shells.running == 0
    begun, ended = [each for each in caplog.records if each.name == "portal.shell.endpoint"]
    assert (begun.getMessage(), ended.getMessage()) == ("a shell begins", "a shell has ended")
    told = vars(ended)
    assert {told[name] for name in ("actor", "namespace", "release", "pod", "container")} == {
        *("ann", "apps", "demo", POD)
    }
    assert told["seconds"] >= 0
    assert "hidden-words" not in caplog.text + repr([vars(each) for each in caplog.records])


def test_start_and_end_are_in_the_audit_trail() -> None:
    source = FakeExec(bash=echoing)
    server = Server(source)
    kept = server.shells._recorder = Kept()
    with opened(server) as socket:
        assert socket.receive_json()["shell"] == "bash"
        assert socket.receive_bytes() == b"$ "
        socket.send_bytes(b"exit\r")
        goodbye(socket)
    begun, ended = kept.events
    assert (begun.action, begun.outcome, ended.outcome) == (
        "shell",
        Outcome.BEGUN,
        Outcome.SUCCEEDED,
    )
    assert begun.detail == {"pod": POD, "container": "demo", "debug": False}
    assert begun.operation == ended.operation != ""
    assert source.operations == {begun.operation}, "and the API server is told the same"


def test_a_shell_that_cannot_be_recorded_does_not_begin() -> None:
    source = FakeExec(bash=echoing)
    server = Server(source)
    server.shells._recorder = Kept(Outcome.BEGUN)
    with opened(server) as socket:
        words, code = goodbye(socket)
    assert words == "The portal's database does not answer."
    assert code == 1008
    assert not source.ran


def test_the_terminals_size_is_passed_on() -> None:
    found: list[FakeRunning] = []

    def start(running: FakeRunning) -> None:
        found.append(running)
        echoing(running)

    with opened(Server(FakeExec(bash=start)), "&columns=100&rows=30") as socket:
        socket.receive_json()
        socket.receive_bytes()
        socket.send_json({"resize": [132, 50]})
        socket.send_bytes(b"exit\r")
        goodbye(socket)
    assert found[0].sizes == [(100, 30), (132, 50)]


def test_shells_are_tried_in_turn() -> None:
    source = FakeExec(sh=echoing)
    with opened(Server(source)) as socket:
        assert socket.receive_json()["shell"] == "sh"
    assert source.ran[:3] == ["bash", "ash", "sh"]


def test_a_shell_that_is_missing_by_its_exit_code_is_passed_over() -> None:
    source = FakeExec(bash=lambda running: running.end(Ended(127)), sh=echoing)
    with opened(Server(source)) as socket:
        assert socket.receive_json()["shell"] == "sh"


@pytest.mark.parametrize(
    ("image", "words"), [("", "An administrator can name an image"), ("d:1", "debug container")]
)
def test_an_image_without_a_shell_is_told_with_what_helps(image: str, words: str) -> None:
    source = FakeExec()
    with opened(Server(source, image=image)) as socket:
        why, code = goodbye(socket)
    assert "has no shell that the portal knows" in why
    assert words in why
    assert code == 1008
    assert len(source.ran) == len(SHELLS)


def test_a_debug_container_takes_the_place_of_the_own_one() -> None:
    source = FakeExec(bash=echoing)
    with opened(Server(source, image="d:1"), "&debug=1") as socket:
        assert "debug container" in socket.receive_json()["state"]
        assert socket.receive_json() == {"shell": "bash", "container": "portal-debug-1"}
    assert source.debugged == [("demo", "d:1", 600.0)]
    with opened(Server(source), "&debug=1") as socket:
        assert "switched off" in goodbye(socket)[0]


class Starting:
    """A debug container that does not start by itself."""

    def __init__(self, source: FakeExec) -> None:
        source.starting = self.wait
        self.given_up = threading.Event()

    async def wait(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.given_up.set()


def test_while_a_debug_container_starts_there_are_signs_of_life_until_a_stop() -> None:
    source = FakeExec(bash=echoing)
    starting = Starting(source)
    server = Server(source, image="d:1", heartbeat=0.02)
    with (
        TestClient(server.app) as client,
        client.websocket_connect(f"{PATH}?{QUERY}&debug=1") as socket,
    ):
        assert "debug container" in socket.receive_json()["state"]
        assert socket.receive_json() == {"heartbeat": True}
        assert client.portal is not None
        client.portal.call(server.shells.close)
        told = socket.receive_json()
        while told == {"heartbeat": True}:
            told = socket.receive_json()
        assert told == {"ended": "The portal is restarting. Open the shell again."}
    assert starting.given_up.is_set()
    assert source.ran == []


def test_a_browser_that_leaves_ends_the_wait_for_a_debug_container() -> None:
    source = FakeExec(bash=echoing)
    starting = Starting(source)
    server = Server(source, image="d:1")
    with TestClient(server.app) as client:
        with client.websocket_connect(f"{PATH}?{QUERY}&debug=1") as socket:
            socket.receive_json()
        assert starting.given_up.wait(10)
    assert (server.shells.running, source.ran) == (0, [])


def test_the_browser_is_heard_while_a_debug_container_starts() -> None:
    source = FakeExec(bash=echoing)
    starting = Starting(source)
    with opened(Server(source, image="d:1"), "&debug=1") as socket:
        socket.receive_json()
        socket.send_json({"resize": [132, 50]})
        socket.send_text("x")
        assert "does not understand" in goodbye(socket)[0]
    assert starting.given_up.is_set()


@pytest.mark.parametrize("waits", [True, False])
def test_permission_is_asked_again_before_a_shell_in_a_debug_container(*, waits: bool) -> None:
    source = FakeExec(bash=echoing)
    starting = Starting(source)
    server = Server(source, image="d:1", **({"recheck": 0.02} if waits else {}))

    async def starts() -> None:
        server.site.authorizer.policy = server.site.policy(allow_exec=False)
        if waits:
            await starting.wait()

    source.starting = starts
    with opened(server, "&debug=1") as socket:
        socket.receive_json()
        assert "switched off" in goodbye(socket)[0]
    assert source.ran == []


def test_it_is_closed_when_nothing_is_typed_and_after_a_time_in_any_case() -> None:
    with opened(Server(FakeExec(bash=echoing), idle=0.05)) as socket:
        socket.receive_json()
        socket.receive_bytes()
        assert goodbye(socket) == ("Nothing was typed for 0.05 seconds.", 1000)
    with opened(Server(FakeExec(bash=echoing), longest=0.05)) as socket:
        socket.receive_json()
        socket.receive_bytes()
        assert goodbye(socket) == ("A shell lasts at most 0.05 seconds.", 1000)


def test_a_sign_of_life_keeps_proxies_from_cutting_it() -> None:
    with opened(Server(FakeExec(bash=echoing), heartbeat=0.02)) as socket:
        socket.receive_json()
        socket.receive_bytes()
        assert socket.receive_json() == socket.receive_json() == {"heartbeat": True}


@pytest.mark.parametrize("change", ["permission", "sign-in", "pod"])
def test_it_is_closed_when_what_it_was_opened_with_is_gone(change: str) -> None:
    source = FakeExec(bash=echoing)
    server = Server(source, recheck=0.02)
    with opened(server) as socket:
        socket.receive_json()
        socket.receive_bytes()
        socket.send_bytes(b"still here")
        assert socket.receive_bytes() == b"still here"
        if change == "permission":
            server.site.authorizer.policy = server.site.policy(allow_exec=False)
        elif change == "sign-in":
            server.user = BOB
        else:
            server.site.put_pod(containers=())
        why, _ = goodbye(socket)
    expected = {"permission": "switched off", "sign-in": "sign-in has ended", "pod": "no container"}
    assert expected[change] in why or "does not run" in why
    assert source.open == [], "the connection to the pod is closed"


@pytest.mark.parametrize(
    ("settings", "user", "words"),
    [
        ({"on": False}, ANN, "The shell is switched off in this portal."),
        ({}, BOB, "demo belongs to"),
    ],
)
def test_who_may_not_is_told_why_and_nothing_is_run(
    settings: dict[str, Any], user: Identity, words: str
) -> None:
    source = FakeExec(bash=echoing)
    server = Server(source, **settings)
    server.user = user
    with opened(server) as socket:
        why, code = goodbye(socket)
    assert words in why
    assert (code, source.ran) == (1008, [])


@pytest.mark.parametrize(
    "query", ["", "namespace=apps", QUERY.replace("demo", "D"), f"{QUERY}&rows=0"]
)
def test_a_malformed_request_is_not_accepted(query: str) -> None:
    server = Server(FakeExec(bash=echoing))
    with (
        TestClient(server.app) as client,
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(f"{PATH}?{query}"),
    ):
        pass
    server.user = None
    with pytest.raises(WebSocketDisconnect), opened(server):
        pass


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "{}", '{"resize": [0, 5]}', '{"resize": [5]}', '{"resize": ["a", 2]}']
)
def test_a_malformed_message_ends_it(text: str) -> None:
    with opened(Server(FakeExec(bash=echoing))) as socket:
        socket.receive_json()
        socket.receive_bytes()
        socket.send_text(text)
        assert "does not understand" in goodbye(socket)[0]


def test_too_much_at_once_ends_it() -> None:
    with opened(Server(FakeExec(bash=echoing))) as socket:
        socket.receive_json()
        socket.receive_bytes()
        socket.send_bytes(b"x" * (LONGEST_INPUT + 1))
        assert "too much" in goodbye(socket)[0]


def test_a_lost_connection_to_the_pod_is_told() -> None:
    def lost(running: FakeRunning) -> None:
        running.write("\x1b]9;77\x07$ ")
        running.end(None)

    with opened(Server(FakeExec(bash=lost))) as socket:
        socket.receive_json()
        socket.receive_bytes()
        assert goodbye(socket)[0] == "The connection to the pod was lost."


def test_a_browser_that_leaves_ends_the_program() -> None:
    source = FakeExec(bash=echoing)
    server = Server(source)
    with TestClient(server.app) as client:
        with client.websocket_connect(f"{PATH}?{QUERY}") as socket:
            socket.receive_json()
            assert len(source.open) == 1
        with client.websocket_connect(f"{PATH}?{QUERY}") as socket:
            socket.receive_json()
            assert len(source.open) == 1, "the first one has ended"
        with client.websocket_connect(f"{PATH}?{QUERY}") as socket:
            socket.receive_json()
            socket.receive_bytes()
            socket.send_bytes(b"exit\r")
            goodbye(socket)
        assert client.portal is not None
        client.portal.call(server.shells.close)
    killed = [each for each in source.commands if "kill" in each[-1]]
    assert killed == [("bash", "-c", "kill -HUP 77")] * 2, "the last one has ended by itself"


def test_the_shells_process_id_is_not_shown_however_it_arrives() -> None:
    def start(running: FakeRunning) -> None:
        for part in ("\x1b]9", ";4", "2\x07$", " "):
            running.write(part)

    with opened(Server(FakeExec(bash=start))) as socket:
        assert socket.receive_json()["shell"] == "bash"
        assert socket.receive_bytes() + socket.receive_bytes() == b"$ "


def test_one_person_has_a_few_and_a_stop_ends_all() -> None:
    server = Server(FakeExec(bash=echoing))
    with TestClient(server.app) as client:
        sockets = [client.websocket_connect(f"{PATH}?{QUERY}") for _ in range(LIMITS.shells.most)]
        for each in sockets:
            each.__enter__()
            each.receive_json()
        with client.websocket_connect(f"{PATH}?{QUERY}") as socket:
            assert "You have 5 shells open" in goodbye(socket)[0]
        assert client.portal is not None
        client.portal.call(server.shells.close)
        for each in sockets:
            each.receive_bytes()
            assert goodbye(each) == ("The portal is restarting. Open the shell again.", 1001)
            each.__exit__(None, None, None)


def test_sizes_and_limits_in_words() -> None:
    assert size_of([80, "24"]) == (80, 24)
    assert [size_of(odd) for odd in (None, [1], [1, 2, 3], [-1, 2], [1, 10**9], ["x", 1])] == [
        None
    ] * 6
    assert asked_of({"namespace": "apps", "name": "demo", "pod": "p", "debug": "1"}) is not None
    assert [minutes(each) for each in (900, 14400, 5400)] == [
        *("15 minutes", "4 hours", "90 minutes")
    ]
