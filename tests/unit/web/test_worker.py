"""The worker, in a real gunicorn with real sockets."""

from __future__ import annotations

import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from portal.auth.headers import LONGEST_TOKEN

ROOT = Path(__file__).parents[3]
SOON = 20.0
"""Seconds that anything may take on a busy machine; what counts is how it ends."""

UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


class Server:
    """A gunicorn that serves ``tests.unit.web.leaving``."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process = process
        self.port = port

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), SOON)

    def ask(self, path: str, headers: str = "") -> socket.socket:
        """Ask for something on a connection that is kept alive."""
        connection = self.connect()
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
        return connection

    def says(self, words: str) -> str:
        """Wait for the line of its output that has ``words``."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if words in line:
                return line
        raise AssertionError(f"it ended without saying {words!r}")

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """Have its worker do nothing for the block."""
        (worker,) = psutil.Process(self._process.pid).children()
        worker.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            worker.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self._process.terminate()

    def left(self) -> bool:
        """Return True if it ends by itself; it would wait twice as long for one connection."""
        return self._process.wait(SOON) == 0


def test_a_header_may_hold_the_longest_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """A load balancer's, of somebody in many groups: gunicorn takes 8 KB by itself."""
    monkeypatch.setenv("DASH_PORTAL_CLUSTER_WIDE", "true")
    settings = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    assert settings["limit_request_field_size"] >= len("x-amzn-oidc-data: \r\n") + LONGEST_TOKEN


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server for a test that stops it."""
    with serving(tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for tests that leave it as it was."""
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "gunicorn.py"
    config.write_text(
        "from portal.web import worker\n\n"
        "worker.STUCK_AFTER = worker.HEAD_WITHIN = worker.BODY_WITHIN = 1\n"
        "worker.LONGEST_REQUEST = 0.5\n"
        "worker.MOST_CONNECTIONS = 20\n"
    )
    command = (
        *(sys.executable, "-m", "gunicorn", "tests.unit.web.leaving:app"),
        *("--bind", f"127.0.0.1:{port}", "--worker-class", "portal.web.worker.Worker"),
        *("--graceful-timeout", str(int(SOON * 2)), "--keep-alive", "75"),
        *("--no-control-socket", "--worker-tmp-dir", str(folder), "--config", str(config)),
    )
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        too_late = threading.Timer(3 * SOON, process.kill)
        too_late.start()
        server = Server(process, port)
        try:
            server.says("server listening")
            yield server
        finally:
            too_late.cancel()
            process.kill()


def read_all(connection: socket.socket) -> bytes:
    """Read until the other side closes."""
    return b"".join(iter(lambda: connection.recv(4096), b""))


HEADS = {
    "many headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 5_000 + b"\r\n",
    "many of one name": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"Cookie: a=b\r\n" * 5_000 + b"\r\n",
    "a long header": b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 100_000 + b"\r\n\r\n",
    "a header without end": b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 2_000_000,
    "a long address": b"GET /?" + b"a=1&" * 25_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "an address without end": b"GET /" + b"a" * 2_000_000,
}


@pytest.mark.parametrize("head", HEADS)
def test_a_head_that_is_too_large_is_refused(lasting: Server, head: str) -> None:
    with lasting.connect() as connection:
        with suppress(ConnectionError):  # it is refused before all of it is sent
            connection.sendall(HEADS[head])
        answer = b""
        with suppress(ConnectionError):
            answer = read_all(connection)
    assert not answer or answer.split()[1] in {b"400", b"414", b"431"}, answer[:100]
    with lasting.ask("/") as connection:
        assert b" 200 " in connection.recv(4096)


HALF = [
    "GET / HT",
    "GET / HTTP/1.1\r\nHost: localhost\r\nX-Half: ",
    "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf",
    "POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf",
]


def test_who_does_not_go_on_is_left(lasting: Server) -> None:
    """All at once: each of them is a second's wait."""
    with ExitStack() as stack:

        def connected(said: str) -> socket.socket:
            connection = stack.enter_context(lasting.connect())
            connection.sendall(said.encode())
            return connection

        silent = {said: connected(said) for said in ("", *HALF)}
        drips = [connected(said) for said in HALF]
        while drips:  # a byte now and then does not help
            drips = [each for each in drips if not has_gone(each)]
        for said, connection in silent.items():
            with suppress(ConnectionResetError):
                assert read_all(connection) == b"", said
    with lasting.ask("/") as another:
        assert another.recv(4096).startswith(b"HTTP/1.1 200")


def has_gone(drip: socket.socket) -> bool:
    """Send one byte more; whether the other side has closed."""
    try:
        drip.sendall(b"x")
        drip.settimeout(0.05)
        return drip.recv(4096) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_there_is_an_end_to_how_many_may_connect(lasting: Server) -> None:
    with ExitStack() as stack:
        many = [stack.enter_context(lasting.connect()) for _ in range(20)]
        more = stack.enter_context(lasting.connect())
        with suppress(ConnectionResetError):
            assert more.recv(1) == b""
        many.pop().close()
        answer = b""
        while not answer:  # until it has seen that one has gone
            with suppress(ConnectionResetError), lasting.ask("/") as another:
                answer = another.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200")


def test_refused_websockets_make_room_before_others_are_turned_away(server: Server) -> None:
    """Who storms does not confirm that a connection is over, which is waited for for seconds."""
    with ExitStack() as stack:
        for _ in range(25):
            refused = stack.enter_context(server.ask("/over", UPGRADE))
            assert refused.recv(4096).startswith(b"HTTP/1.1 101")
        with server.ask("/") as another:
            assert another.recv(4096).startswith(b"HTTP/1.1 200")


def test_connections_wait_while_it_is_busy(lasting: Server) -> None:
    """More than the 100 of asyncio: beyond those they are dropped, probes of health too."""
    with lasting.ask("/") as before:
        assert before.recv(4096).startswith(b"HTTP/1.1 200")
    with ExitStack() as stack, lasting.held_up():
        for _ in range(300):
            stack.enter_context(lasting.connect())


def test_nothing_is_left_of_a_websocket_that_was_refused(lasting: Server) -> None:
    """Else a collection of the garbage of many of them would hold the loop up."""
    before = kept(lasting)
    for _ in range(10):
        with lasting.ask("/refused", UPGRADE) as refused:
            assert read_all(refused).startswith(b"HTTP/1.1 403")
    assert kept(lasting) <= before + 1  # without garbage collection


def kept(server: Server) -> int:
    """Return how many connections are in memory; garbage is not collected from now on."""
    with server.ask("/kept", "Connection: close\r\n") as asked:
        return int(read_all(asked).rpartition(b"\r\n")[2])


def test_idle_and_live_connections_do_not_hold_it_up(server: Server) -> None:
    with (
        server.ask("/") as idle,
        server.connect() as fresh,
        connect(f"ws://127.0.0.1:{server.port}/", proxy=None) as live,
    ):
        answer = b""
        while not answer.endswith(b"hello"):
            answer += idle.recv(4096)
        assert b"connection: close" not in answer.lower()
        assert live.recv(SOON) == "hello"
        server.stop()
        with pytest.raises(ConnectionClosed):
            live.recv(SOON)
        assert live.close_code == 1001
        assert read_all(idle) == read_all(fresh) == b""
        server.says("lifespan ended")
        assert server.left()


def test_a_request_that_is_being_answered_is_answered(server: Server) -> None:
    with server.ask("/slow") as connection:
        server.says("asked")
        server.stop()
        assert read_all(connection).endswith(b"slowly")
        assert server.left()


def test_a_request_without_end_is_cut_off(server: Server) -> None:
    with server.ask("/endless") as connection:
        server.says("asked")
        server.stop()
        assert read_all(connection) == b""
        server.says("lifespan ended")
        assert server.left()


def test_a_browser_that_never_reads_fills_some_buffers_and_is_dropped(lasting: Server) -> None:
    with lasting.ask("/flood", UPGRADE):
        sent = int(lasting.says("blocked after").split()[-1])
        assert 0 < sent < 32 * 2**20  # the kernel's buffers on both sides, and one of gunicorn's
        lasting.says("websocket.disconnect")
