"""Answers that are made anew: compressed where it pays, not sent again where nothing changed."""

from __future__ import annotations

import gzip

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from portal.web.compression import SMALLEST, Compression, accepted
from portal.web.revalidation import Revalidation, unchanged

PAGE = "<p>Both pods are ready.</p>" * 200


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("GZIP;Q=1.0", "gzip"),
        (" gzip ; q=0.5 , br ; q=0.4 ", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0, gzip;q=0.000", None),
        ("*", "br"),
        ("*;q=0", None),
        ("br;q=0, *;q=0.1", "gzip"),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0", None),
        ("identity;q=0, *", "br"),
        ("gzip;q=2", "gzip"),
        ("gzip;q=-1", None),
        ("gzip;q=nan", None),
        ("gzip;q=, br;q=x", None),
        ("gzip;level=9;q=0.1", "gzip"),
        ("deflate, zstd", None),
        (",,;,q=1", None),
    ],
)
def test_which_encoding_a_browser_takes(header: str | None, expected: str | None) -> None:
    assert accepted(header, ["br", "gzip"]) == expected


def test_nothing_offered_is_sent_as_it_is() -> None:
    assert accepted("gzip", []) is None


async def page(_: Request) -> Response:
    return HTMLResponse(PAGE)


async def small(_: Request) -> Response:
    return JSONResponse({"status": "x" * (SMALLEST - 20)})


async def picture(_: Request) -> Response:
    return Response(b"\0" * 5000, media_type="image/png")


async def ready(_: Request) -> Response:
    return Response(gzip.compress(b"x" * 5000), headers={"Content-Encoding": "gzip"})


async def frame(_: Request) -> Response:
    return JSONResponse({"patches": PAGE}, headers={"Cache-Control": "no-store"})


async def stream(_: Request) -> Response:
    async def parts():
        for _ in range(3):
            yield PAGE.encode()

    return StreamingResponse(parts(), media_type="text/html")


async def missing(_: Request) -> Response:
    return HTMLResponse(PAGE, status_code=404)


ALL = (page, small, picture, ready, frame, stream, missing)


@pytest.fixture
def client() -> TestClient:
    routes = [Route(f"/{each.__name__}", each, methods=["GET", "POST"]) for each in ALL]
    return TestClient(Compression(Revalidation(Starlette(routes=routes))))


@pytest.mark.parametrize(
    ("path", "compressed"),
    [
        ("/page", True),
        ("/frame", True),
        ("/stream", True),
        ("/missing", True),
        ("/small", False),
        ("/picture", False),
    ],
)
def test_compressed_where_it_pays(client: TestClient, path: str, compressed: bool) -> None:
    answer = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert ("Content-Encoding" in answer.headers) is compressed
    if compressed:
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert PAGE[:27] in answer.text


def test_what_is_compressed_stays_as_it_is(client: TestClient) -> None:
    assert client.get("/ready", headers={"Accept-Encoding": "gzip"}).content == b"x" * 5000


@pytest.mark.parametrize("encodings", ["", "identity", "gzip;q=0", "br"])
def test_as_it_is_for_who_takes_nothing_else(client: TestClient, encodings: str) -> None:
    answer = client.get("/page", headers={"Accept-Encoding": encodings})
    assert "Content-Encoding" not in answer.headers
    assert answer.text == PAGE


@pytest.mark.parametrize(
    ("site", "compressed"),
    [
        ("same-origin", True),
        ("none", True),
        ("same-site", False),
        ("cross-site", False),
        ("made-up", False),
    ],
)
def test_how_long_an_answer_is_tells_another_site_nothing(
    client: TestClient, site: str, compressed: bool
) -> None:
    answer = client.get("/page", headers={"Accept-Encoding": "gzip", "Sec-Fetch-Site": site})
    assert ("Content-Encoding" in answer.headers) is compressed


def test_a_page_that_has_not_changed_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/page")
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = client.get("/page", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert "Content-Encoding" not in again.headers
    assert client.get("/page", headers={"If-None-Match": 'W/"other"'}).text == PAGE


@pytest.mark.parametrize("path", ["/frame", "/stream", "/missing", "/picture"])
def test_what_is_kept_otherwise_or_not_at_all_has_no_etag(client: TestClient, path: str) -> None:
    assert "ETag" not in client.get(path).headers


def test_what_is_posted_is_always_answered(client: TestClient) -> None:
    etag = client.get("/page").headers["ETag"]
    answer = client.post("/page", headers={"If-None-Match": etag})
    assert answer.status_code == 200
    assert "ETag" not in answer.headers


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, False),
        ("", False),
        ('"a"', True),
        ('W/"a"', True),
        ('"b", W/"a"', True),
        ('"b"', False),
        ("*", True),
        ("a", False),
    ],
)
def test_etags_are_compared_weakly(header: str | None, expected: bool) -> None:
    assert unchanged(header, '"a"') is expected
    assert unchanged(header, 'W/"a"') is expected
