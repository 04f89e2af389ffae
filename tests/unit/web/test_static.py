"""Static files: under which addresses, in which encoding, and for how long."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import brotli
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message

from dev.image import compress as ahead
from portal.ui.static import StaticFile, StaticFiles
from portal.web import static
from portal.web.static import StaticServer

SCRIPT = b"const portal = 'portal';\n" * 400


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "static" / "parts").mkdir(parents=True)
    (tmp_path / "static" / "app.js").write_bytes(SCRIPT)
    (tmp_path / "static" / "parts" / "later@1.2.js").write_bytes(b"later")
    (tmp_path / "secret.js").write_bytes(b"not for browsers")
    return tmp_path


@pytest.fixture
def files(root: Path) -> dict[str, StaticFile]:
    names = ("app.js", "parts/later@1.2.js")
    return StaticFiles({"portal": {name: root / "static" / name for name in names}}).files


@pytest.fixture
def client(files: dict[str, StaticFile]) -> TestClient:
    app = Starlette(routes=[Route("/apps", PlainTextResponse("a page"))])
    return TestClient(StaticServer(app, "/static/", files))


@pytest.fixture
def address(files: dict[str, StaticFile]) -> str:
    return files["portal/app.js"].address


UNDO: dict[str | None, Callable[[bytes], bytes]] = {
    "br": brotli.decompress,
    "gzip": gzip.decompress,
    None: bytes,
}


def get(
    client: TestClient, address: str, encodings: str, **headers: str
) -> tuple[str | None, bytes]:
    """The encoding of an answer, and its content as it is sent."""
    asked = {"Accept-Encoding": encodings, **headers}
    with client.stream("GET", address, headers=asked) as answer:
        assert answer.status_code == 200
        content = b"".join(answer.iter_raw())
        assert answer.headers["Content-Length"] == str(len(content))
        assert answer.headers["Vary"] == "Accept-Encoding"
        return answer.headers.get("Content-Encoding"), content


@pytest.mark.parametrize(
    ("encodings", "expected"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0.1, gzip;q=0.9", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("", None),
        ("identity", None),
        ("br;q=0, gzip;q=0", None),
        ("deflate", None),
    ],
)
def test_a_browser_gets_what_it_takes(
    client: TestClient, address: str, encodings: str, expected: str | None
) -> None:
    encoding, content = get(client, address, encodings)
    assert encoding == expected
    assert UNDO[encoding](content) == SCRIPT
    assert expected is None or len(content) < len(SCRIPT) / 10


def test_what_was_made_ahead_of_time_is_sent(root: Path, client: TestClient, address: str) -> None:
    (root / "static" / "app.js.br").write_bytes(b"ready")
    assert get(client, address, "br") == ("br", b"ready")


def test_the_image_makes_what_is_served(root: Path, client: TestClient, address: str) -> None:
    ahead.main([root / "static"])
    made = {path.name for path in (root / "static").rglob("*.*")}
    assert made >= {"app.js.br", "app.js.gz", "later@1.2.js.br", "later@1.2.js.gz"}
    for encoding, suffix in static.ENCODINGS.items():
        ready = (root / "static" / f"app.js{suffix}").read_bytes()
        assert get(client, address, encoding) == (encoding, ready)
        assert UNDO[encoding](ready) == SCRIPT


def test_a_file_is_compressed_once(
    client: TestClient, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = static.read
    made: list[str | None] = []
    monkeypatch.setattr(
        static, "read", lambda path, encoding: made.append(encoding) or read(path, encoding)
    )
    with client:  # one loop
        for _ in range(3):
            get(client, address, "br")
    assert made == ["br"]


def test_kept_for_a_year(client: TestClient, files: dict[str, StaticFile]) -> None:
    for file in files.values():
        headers = client.get(file.address).headers
        assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert headers["Content-Type"].startswith("text/javascript")


def test_another_versions_address_gives_todays_file_which_is_not_kept(client: TestClient) -> None:
    answer = client.get("/static/0123456789abcdef/portal/app.js")
    assert answer.content == SCRIPT
    assert answer.headers["Cache-Control"] == "no-store"


def test_not_sent_again_to_who_has_it(client: TestClient, address: str) -> None:
    for encodings in ("br", "gzip", ""):
        asked = {"Accept-Encoding": encodings}
        first = client.get(address, headers=asked)
        again = client.get(address, headers={**asked, "If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
        assert "Content-Encoding" not in again.headers
        other = client.get(address, headers={**asked, "If-None-Match": '"other"'})
        assert other.status_code == 200
    tags = {client.get(address, headers={"Accept-Encoding": e}).headers["ETag"] for e in ("br", "")}
    assert len(tags) == 2, "each encoding is something else"


def test_head_says_what_get_would(client: TestClient, address: str) -> None:
    head, whole = client.head(address), client.get(address)
    assert head.content == b""
    assert head.headers == whole.headers


def test_a_part_of_a_file_is_the_whole(client: TestClient, address: str) -> None:
    answer = client.get(address, headers={"Range": "bytes=0-9", "Accept-Encoding": ""})
    assert (answer.status_code, answer.content) == (200, SCRIPT)
    assert answer.headers["Accept-Ranges"] == "none"


def test_files_are_only_read(client: TestClient, address: str) -> None:
    answer = client.post(address)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "x",
        "0/portal",
        "0/portal/",
        "0/portal/none.js",
        "0/portal/../secret.js",
        "0/portal/../../secret.js",
        "0/portal/%2e%2e/secret.js",
        "0/portal/..%2f..%2fsecret.js",
        "0/portal/parts/../../../secret.js",
        "0//portal/app.js",
        "0/portal//app.js",
        "0/portal/app.js/",
        "0/portal/app.js%00",
        "0/portal/app.js.br",
        "0/..%5csecret.js",
        "%2fetc%2fpasswd",
    ],
)
def test_no_address_leads_to_anything_else(files: dict[str, StaticFile], path: str) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    # As a server would pass it on: clients would tidy it first.
    scope = {"type": "http", "method": "GET", "path": unquote(f"/static/{path}"), "headers": []}
    asyncio.run(StaticServer(PlainTextResponse("a page"), "/static/", files)(scope, receive, send))
    assert sent[0]["status"] == 404


def test_all_else_is_the_portals(client: TestClient) -> None:
    assert client.get("/apps").text == "a page"


def test_a_file_that_cannot_be_read_now_is_tried_again(
    root: Path, address: str, client: TestClient
) -> None:
    (root / "static" / "app.js").rename(root / "away.js")
    with client, pytest.raises(FileNotFoundError):
        client.get(address)
    (root / "away.js").rename(root / "static" / "app.js")
    assert client.get(address).content == SCRIPT


def test_a_change_changes_the_addresses_of_all_that_may_name_each_other(root: Path) -> None:
    def addresses() -> set[str]:
        found = (root / "static").rglob("*.js")
        paths = {path.name: path for path in found}
        other = {"other.js": root / "secret.js"}
        files = StaticFiles({"portal": paths, "dash": other}).files
        return {file.address for file in files.values()}

    before = addresses()
    assert addresses() == before
    (root / "static" / "app.js").write_bytes(b"new")
    kept = {address for address in before if address.endswith("dash/other.js")}
    assert before & addresses() == kept
    assert len(kept) == 1
