from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from portal.cluster import client
from portal.cluster.client import ClusterClient
from portal.cluster.errors import Unauthenticated
from portal.domain.errors import ClusterUnavailable

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
        yield kubeconfig(folder, runner.addresses[0][1])
    finally:
        await runner.cleanup()


def kubeconfig(folder: Path, port: int) -> Path:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "x", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "x", "user": {"token": "t"}}],
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
