"""An app's range from Prometheus: its answers, and what becomes of bad ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portal.history.model import ChartRange
from portal.history.summary import Reading
from portal.prometheus.client import (
    LIMIT,
    Prometheus,
    PrometheusUnavailable,
    Series,
    parsed,
    prometheus_problem,
)
from portal.prometheus.record import PrometheusRecord
from tests.unit.viewmodels.make import state

NOW = 1_800_000_123


def answer(*series: list[tuple[float, str]], status: str = "success") -> bytes:
    result = [{"metric": {}, "values": values} for values in series]
    return json.dumps(
        {"status": status, "errorType": "bad_data", "data": {"result": result}}
    ).encode()


def test_values() -> None:
    assert parsed(answer([(100, "1.5"), (200, "NaN"), (300, "+Inf"), (400, "-1")])) == {100: 1.5}
    assert parsed(answer([(100, "1")], [(100, "2")])) == {100: 3.0}
    assert parsed(answer()) == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b"null",
        answer([(100, "many")]),
        answer([("x", "1")]),  # type: ignore[list-item]
        b'{"status": "success", "data": {"result": 5}}',
        answer([(1e400, "1")]),
    ],
)
def test_an_answer_that_is_none(body: bytes) -> None:
    with pytest.raises(PrometheusUnavailable, match="cannot be read"):
        parsed(body)


def test_a_refusal() -> None:
    with pytest.raises(PrometheusUnavailable, match="refuses the query"):
        parsed(b'{"status": "error", "errorType": "bad_data", "error": "secret"}')


@pytest.mark.parametrize(
    ("url", "token", "words"),
    [
        ("http://prometheus.monitoring.svc:9090", False, ""),
        ("https://mimir.example.com/prometheus", True, ""),
        ("http://prometheus:9090", True, "https"),
        ("prometheus:9090", False, "one address"),
        ("file:///etc/passwd", False, "one address"),
        ("http://", False, "one address"),
        ("http://a b", False, "one address"),
        ("http://[::1", False, "not a valid"),
        ("https://ada:pw@prometheus", False, "user and password"),
        ("https://prometheus?x=1", False, "end with its path"),
    ],
)
def test_addresses(url: str, token: bool, words: str) -> None:
    problem = prometheus_problem(url, token=token)
    assert (words in problem) if words else not problem
    assert "pw" not in problem


async def test_a_range_is_of_whole_spans() -> None:
    asked: list[tuple[int, int, int]] = []

    async def query(query: str, start: int, end: int, step: int) -> Series:
        asked.append((start, end, step))
        if "rate(" in query:
            return {end: 0.5, end - step: 0.25}
        if query.startswith("count("):
            return {end: 2.0}
        return {}

    found = await PrometheusRecord(query)(state(), ChartRange.WEEK, NOW)
    step = 900
    assert set(asked) == {(NOW // step * step - 7 * 86400 + step, NOW // step * step, step)}
    first, last = found.summaries
    assert (first.at, last.at) == (NOW // step * step - 2 * step, NOW // step * step - step)
    assert (last.cpu, last.memory) == (Reading(0.5, 0.5), Reading())
    assert (last.current, last.desired, last.ready, first.current) == (2, None, None, None)
    assert found.missing == (
        "container_memory_working_set_bytes",
        "kube_deployment_spec_replicas",
    )


async def test_one_query_that_fails_is_told_as_it_is() -> None:
    async def query(query: str, start: int, end: int, step: int) -> Series:
        raise PrometheusUnavailable("Prometheus does not answer (TimeoutError).")

    with pytest.raises(PrometheusUnavailable, match="TimeoutError"):
        await PrometheusRecord(query)(state(), ChartRange.DAY, NOW)


async def test_an_app_without_workloads_asks_nothing() -> None:
    async def query(query: str, start: int, end: int, step: int) -> Series:
        raise AssertionError

    found = await PrometheusRecord(query)(state(workloads=()), ChartRange.DAY, NOW)
    assert (found.summaries, found.missing) == ([], ())


# Over HTTP.


async def serve(respond: Any) -> Any:
    from aiohttp import web
    from aiohttp.test_utils import TestServer

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", respond)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    return server


async def asked(respond: Any, **options: Any) -> Series:
    server = await serve(respond)
    client = Prometheus(f"http://127.0.0.1:{server.port}/prefix/", **options)
    try:
        return await client("up", 100, 200, 50)
    finally:
        await client.close()
        await server.close()


async def test_what_is_asked(tmp_path: Any) -> None:
    from aiohttp import web

    token = tmp_path / "token"
    token.write_text("abc\n")
    seen: list[Any] = []

    async def respond(request: web.Request) -> web.Response:
        form = dict(await request.post())
        seen.append((request.path, form, request.headers["Authorization"]))
        return web.Response(body=answer([(100, "1")]))

    assert await asked(respond, token=token) == {100: 1.0}
    path, form, authorization = seen[0]
    assert path == "/prefix/api/v1/query_range"
    assert form == {"query": "up", "start": "100", "end": "200", "step": "50", "timeout": "10s"}
    assert authorization == "Bearer abc"


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, b"", "refuses the portal"),
        (302, b"", "status 302"),
        (500, b"x", "status 500"),
        (422, b'{"status": "error", "errorType": "execution"}', "refuses the query"),
        (200, b"0" * (LIMIT + 1), "too large"),
    ],
)
async def test_bad_answers(status: int, body: bytes, words: str) -> None:
    from aiohttp import web

    calls: list[str] = []

    async def respond(request: web.Request) -> web.Response:
        calls.append(request.path)
        return web.Response(status=status, body=body, headers={"Location": "/elsewhere"})

    with pytest.raises(PrometheusUnavailable, match=words):
        await asked(respond)
    assert len(calls) == 1, "no redirect is followed"


async def test_nobody_answers(tmp_path: Any) -> None:
    client = Prometheus("http://127.0.0.1:1")
    with pytest.raises(PrometheusUnavailable, match="does not answer"):
        await client("up", 1, 2, 1)
    lost = Prometheus("http://127.0.0.1:1", token=tmp_path / "none")
    with pytest.raises(PrometheusUnavailable, match="FileNotFoundError"):
        await lost("up", 1, 2, 1)
    await client.close()
    await lost.close()
