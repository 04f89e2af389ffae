from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from msgspec import Raw

from portal.cluster import client
from portal.cluster.api_types import Change
from portal.cluster.client import ClusterClient
from portal.cluster.errors import (
    Throttled,
    Unauthenticated,
    from_status,
)
from portal.domain.errors import ClusterUnavailable
from portal.domain.retry_after import LONGEST_WAIT, retry_after_seconds

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def api_server(handler: Handler, folder: Path) -> AsyncGenerator[Path]:
    """An API server of one handler; the path of a kubeconfig for it."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield kubeconfig(folder, f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()


def kubeconfig(folder: Path, server: str, token_file: Path | None = None) -> Path:
    user = {"token": "t"} if token_file is None else {"tokenFile": str(token_file)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "x", "cluster": {"server": server}}],
        "users": [{"name": "x", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "current-context": "x",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    return path


def review(name: str) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        assert request.path == "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        return web.json_response({"status": {"userInfo": {"username": name}}}, status=201)

    return answer


def refusal(status: int) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"kind": "Status", "message": "told so"}, status=status)

    return answer


async def test_connections_are_opened_ahead_and_used(tmp_path: Path) -> None:
    peers: list[object] = []
    together = asyncio.Barrier(3)

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/version":
            await together.wait()
        peers.append(request.transport)
        return web.json_response({"status": {"userInfo": {"username": "portal"}}})

    async with api_server(answer, tmp_path) as path, ClusterClient.connect(path) as found:
        await found.warm(3)
        opened = set(peers)
        assert len(opened) == 3
        await found.get("/")
        assert set(peers) == opened


async def test_the_server_says_who_the_portal_is(tmp_path: Path) -> None:
    async with (
        api_server(review("portal"), tmp_path) as path,
        ClusterClient.connect(path) as found,
    ):
        assert found.whoami == "portal"


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
async def test_a_server_that_says_no_for_now_does_not_stop_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    async with (
        api_server(refusal(status), tmp_path) as path,
        ClusterClient.connect(path) as found,
    ):
        assert found.whoami == ""
    assert "told so" in caplog.text


async def test_nor_does_one_that_is_not_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with api_server(review("portal"), tmp_path) as path:
        pass
    async with ClusterClient.connect(path) as found:
        assert found.whoami == ""
        with pytest.raises(ClusterUnavailable):
            await found.get("/version")
    assert "does not answer" in caplog.text
    assert [each.levelno for each in caplog.records if each.name == client.__name__] == [
        logging.WARNING
    ]


async def test_nor_one_that_is_silent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "FIRST_ANSWER_WITHIN", 0.1)
    over = asyncio.Event()

    async def silent(_: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    async with api_server(silent, tmp_path) as path, asyncio.timeout(10):
        async with ClusterClient.connect(path) as found:
            assert found.whoami == ""
        over.set()
    assert "no answer within 0.1 s" in caplog.text


@pytest.mark.parametrize("answer", [review("system:anonymous"), refusal(401)])
async def test_nobody_cannot_run_a_portal(tmp_path: Path, answer: Handler) -> None:
    async with api_server(answer, tmp_path) as path:
        with pytest.raises(Unauthenticated):
            async with ClusterClient.connect(path):
                pass


async def test_without_a_configuration_there_is_nothing_to_wait_for(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnavailable, match="configured"):
        async with ClusterClient.connect(tmp_path / "missing"):
            pass


async def test_a_token_that_expires_is_replaced_by_the_new_one_of_its_file(tmp_path: Path) -> None:
    token, valid = tmp_path / "token", ["one"]
    token.write_text("one")
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.headers["Authorization"])
        if asked[-1] != f"Bearer {valid[0]}":
            return await refusal(401)(request)  # type: ignore[return-value]
        return web.json_response({"status": {"userInfo": {"username": "portal"}}})

    async with api_server(answer, tmp_path) as path:
        kubeconfig(
            tmp_path, json.loads(path.read_text())["clusters"][0]["cluster"]["server"], token
        )
        async with ClusterClient.connect(path) as found:
            valid[0] = "two"
            asked.clear()
            with pytest.raises(Unauthenticated):
                await found.get("/version")
            assert asked == ["Bearer one"], "nothing new to try it with"
            token.write_text("two")
            await found.get("/version")
            assert asked[1:] == ["Bearer one", "Bearer two"]
            await found.read("/api/v1/pods")
            assert asked[3:] == ["Bearer two"]
            assert found.calls.made == {"post": 1, "get": 3, "list": 1}
            assert found.calls.failed == {"401": 2}


async def follow(found: ClusterClient, events: list[object], read_timeout: float = 5) -> None:
    async with found.stream("/api/v1/pods", {}, read_timeout=read_timeout) as stream:
        assert found.calls.watching == 1
        async for event in stream:
            events.append(event)


@pytest.mark.parametrize(
    "end",
    [
        b'{"type": "MODIFIED", "object": {"metadata": {"na',
        b'{"type": "MODIFIED", "object": "\xc3',
        b"null\n",
        b"<html>\n",
    ],
)
@pytest.mark.parametrize("abrupt", [True, False])
async def test_a_watch_that_breaks_within_a_line_is_an_error_after_what_was_whole(
    tmp_path: Path, end: bytes, abrupt: bool
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            return await review("portal")(request)
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"type": "ADDED", "object": {}}\n' + end)
        if abrupt and request.transport is not None:
            request.transport.close()
        return response

    events: list[object] = []
    async with api_server(answer, tmp_path) as path, ClusterClient.connect(path) as found:
        with pytest.raises(ClusterUnavailable):
            await follow(found, events)
        assert events == [Change(Raw(b"{}"), "ADDED")]
        assert found.calls.watching == 0
        assert found.calls.made["watch"] == 1


async def test_a_watch_that_goes_silent_is_an_error(tmp_path: Path) -> None:
    over = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            return await review("portal")(request)
        response = web.StreamResponse()
        await response.prepare(request)
        await over.wait()
        return response

    async with api_server(answer, tmp_path) as path, ClusterClient.connect(path) as found:
        with pytest.raises(ClusterUnavailable):
            await follow(found, [], read_timeout=0.1)
        over.set()


NOW = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("86400", LONGEST_WAIT),
        ("-1", 0),
        ("Mon, 23 Nov 2026 10:00:12 GMT", 12),
        ("Mon, 23 Nov 2026 09:00:00 GMT", 0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(said: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(said, lambda: NOW) == seconds


def test_who_asks_for_patience_is_told_apart() -> None:
    found = from_status(429, "slow down", "3")
    assert isinstance(found, Throttled)
    assert found.seconds == 3
    assert isinstance(from_status(503, "down", "Mon, 23 Nov 2026 09:00:00 GMT"), Throttled)
    assert not isinstance(from_status(429, "slow down"), Throttled)
