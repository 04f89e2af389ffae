"""Sources that want a sign-in, on servers of this machine: who is told the password, who not."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from portal.catalog.catalog import Catalog, ChartUnavailable
from portal.catalog.sign_in import may_send_password, read_login
from portal.catalog.sources import Source, SourceKind
from portal.registry.credentials import Login
from portal.registry.fetch import FetchError, HttpFetch, redirect_headers
from tests.unit.catalog.make import Handler, chart_archive, registry, repository_of, serving

USER, PASSWORD = "ann", "open: sesame ü"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@pytest.fixture
async def fetch() -> AsyncIterator[HttpFetch]:
    fetch = HttpFetch(timeout=5)
    yield fetch
    await fetch.close()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A Secret of the type for a user name and a password, as it is mounted."""
    folder = tmp_path / "secret"
    folder.mkdir()
    (folder / "username").write_text(f"{USER}\n")
    (folder / "password").write_text(PASSWORD)
    return folder


@dataclass
class Server:
    """A server that notes what it is told about who asks. ``wanted`` is who it answers."""

    app: web.Application
    wanted: str = ""
    challenge: str = 'Basic realm="here"'
    told: dict[str, set[str]] = field(default_factory=dict[str, set[str]])

    def __post_init__(self) -> None:
        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            given = request.headers.get("Authorization", "")
            self.told.setdefault(request.path, set()).add(given)
            if self.wanted and given != self.wanted:
                headers = {"WWW-Authenticate": self.challenge.replace("HERE", request.host)}
                return web.Response(status=401, headers=headers)
            return await handler(request)

        self.app.middlewares.append(check)

    @property
    def all_told(self) -> set[str]:
        return set().union(*self.told.values())


def of(contents: dict[str, bytes]) -> web.Application:
    """A server of files; what begins with ``http`` is where it redirects to."""

    async def answer(request: web.Request) -> web.Response:
        body = contents.get(request.path)
        if body is None:
            return web.Response(status=404)
        if body.startswith(b"http"):
            return web.Response(status=302, headers={"Location": body.decode()})
        return web.Response(body=body)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    return app


async def read(source: Source, fetch: HttpFetch, cache: Path) -> Catalog:
    catalog = Catalog([source], fetch, cache)
    await catalog.refresh()
    return catalog


async def test_a_repository_gets_the_password(
    tmp_path: Path, secret: Path, fetch: HttpFetch
) -> None:
    server = Server(of(repository_of("tiny", "1.0.0")), wanted=BASIC)
    async with serving(server.app) as host:
        source = Source("team", SourceKind.REPOSITORY, f"http://{host}", credentials=secret)
        catalog = await read(source, fetch, tmp_path / "cache")
        assert not catalog.sources[0].error
        assert (await catalog.chart("team", "tiny")).name == "tiny"
        # A Secret that is changed counts from the next time on.
        (secret / "password").write_text("another")
        await catalog.refresh()
        assert "another sign-in" in catalog.sources[0].error
        (secret / "password").write_text(PASSWORD)
        await catalog.refresh()
        assert not catalog.sources[0].error


async def test_without_credentials_it_says_what_is_missing(
    tmp_path: Path, fetch: HttpFetch
) -> None:
    server = Server(of({}), wanted=BASIC)
    async with serving(server.app) as host:
        source = Source("team", SourceKind.REPOSITORY, f"http://{host}")
        catalog = await read(source, fetch, tmp_path)
        assert catalog.sources[0].error == (
            "The repository requires a sign-in, and the source names no credentials."
        )


async def test_archives_elsewhere_and_redirects_do_not_get_it(
    tmp_path: Path, secret: Path, fetch: HttpFetch
) -> None:
    archive = chart_archive()
    elsewhere = Server(of({"/tiny.tgz": archive, "/moved.tgz": archive}))
    async with serving(elsewhere.app) as other:
        entries = {
            "tiny": [{"version": "1.0.0", "urls": [f"http://{other}/tiny.tgz"]}],
            "moved": [{"version": "1.0.0", "urls": ["moved.tgz"]}],
        }
        contents = {
            "/index.yaml": json.dumps({"entries": entries}).encode(),
            "/moved.tgz": f"http://{other}/moved.tgz".encode(),
        }
        server = Server(of(contents), wanted=BASIC)
        async with serving(server.app) as host:
            source = Source(
                "team", SourceKind.REPOSITORY, f"http://{host}", hosts=(other,), credentials=secret
            )
            catalog = await read(source, fetch, tmp_path / "cache")
            assert (await catalog.chart("team", "tiny")).name == "tiny"
            with pytest.raises(ChartUnavailable, match="another chart, tiny"):
                await catalog.chart("team", "moved")
    assert server.all_told == {BASIC}
    assert set(elsewhere.told) == {"/tiny.tgz", "/moved.tgz"}
    assert elsewhere.all_told == {""}


def test_a_redirect_takes_the_password_along_to_the_same_origin_only() -> None:
    headers = {"Authorization": BASIC, "Accept": "x"}
    assert redirect_headers(headers, "https://a.example/x", "https://A.example/y") == headers
    for after in ("http://a.example/x", "https://a.example:444/x", "https://b.example/x"):
        assert redirect_headers(headers, "https://a.example/x", after) == {"Accept": "x"}


async def test_a_registry_with_basic_authentication(
    tmp_path: Path, secret: Path, fetch: HttpFetch
) -> None:
    server = Server(registry({"tiny:1.0.0": chart_archive()}), wanted=BASIC)
    async with serving(server.app) as host:
        source = oci(host, credentials=secret)
        catalog = await read(source, fetch, tmp_path / "cache")
        assert not catalog.sources[0].error
        assert (await catalog.chart("oci", "tiny")).name == "tiny"
        assert server.all_told == {"", BASIC}
        nobody = await read(oci(host), fetch, tmp_path / "cache")
        assert "the source names no credentials" in nobody.sources[0].error
        (secret / "password").write_text("wrong")
        await catalog.refresh()
        assert "does not accept" in catalog.sources[0].error


async def test_a_registry_that_gives_out_tokens(
    tmp_path: Path, secret: Path, fetch: HttpFetch
) -> None:
    archives = {"tiny:1.0.0": chart_archive()}
    server = Server(registry(archives, token="a-token", password=BASIC))
    async with serving(server.app) as host:
        catalog = await read(oci(host, credentials=secret), fetch, tmp_path / "cache")
        assert not catalog.sources[0].error
        assert (await catalog.chart("oci", "tiny")).name == "tiny"
        assert server.told.pop("/token") == {BASIC}
        assert server.all_told == {"", "Bearer a-token"}
        (secret / "password").write_text("wrong")
        await catalog.refresh()
        assert "does not accept" in catalog.sources[0].error
        nobody = await read(oci(host), fetch, tmp_path / "cache")
        assert "the source names no credentials" in nobody.sources[0].error


async def test_tokens_from_another_host_want_its_name(
    tmp_path: Path, secret: Path, fetch: HttpFetch
) -> None:
    tokens = Server(registry({}, token="a-token", password=BASIC))
    async with serving(tokens.app) as elsewhere:
        server = Server(
            registry({"tiny:1.0.0": chart_archive()}),
            wanted="Bearer a-token",
            challenge=f'Bearer realm="http://{elsewhere}/token",service="here"',
        )
        async with serving(server.app) as host:
            unnamed = oci(host, credentials=secret, hosts=(elsewhere,))
            refused = await read(unnamed, fetch, tmp_path / "cache")
            assert "name that host as the source's token_host" in refused.sources[0].error
            assert tokens.told == {}
            named = oci(host, credentials=secret, token_host=elsewhere)
            catalog = await read(named, fetch, tmp_path / "cache")
            assert not catalog.sources[0].error
            assert (await catalog.chart("oci", "tiny")).name == "tiny"
    assert server.all_told == {"", "Bearer a-token"}
    assert tokens.all_told == {BASIC}


@pytest.mark.parametrize(
    "realm", ["http://evil.example/token", "https://HERE/token", "file:///etc/passwd", "", "://"]
)
async def test_where_tokens_come_from_is_not_for_the_registry_to_say(
    tmp_path: Path, secret: Path, fetch: HttpFetch, realm: str
) -> None:
    challenge = f'Bearer realm="{realm}",service="x"'
    server = Server(registry({}), wanted="nobody", challenge=challenge)
    async with serving(server.app) as host:
        catalog = await read(oci(host, credentials=secret), fetch, tmp_path / "cache")
    assert catalog.sources[0].error
    assert server.all_told == {""}


async def test_nothing_of_it_is_written_down(
    tmp_path: Path, secret: Path, fetch: HttpFetch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = Server(of({}), wanted="nobody")
    async with serving(server.app) as host:
        for source in (
            Source("team", SourceKind.REPOSITORY, f"http://{host}", credentials=secret),
            oci(host, credentials=secret),
        ):
            catalog = await read(source, fetch, tmp_path / "cache")
            written = catalog.sources[0].error + caplog.text + repr(catalog.sources)
            for each in (PASSWORD, BASIC.removeprefix("Basic ")):
                assert each not in written
    assert BASIC in server.all_told
    assert PASSWORD not in repr(Login(USER, PASSWORD))


def oci(host: str, **more: object) -> Source:
    url = f"oci://{host}/charts"
    return Source("oci", SourceKind.OCI, url, charts=("tiny",), plain_http=True, **more)  # pyright: ignore


# The Secret.

HUB = Source("hub", SourceKind.OCI, "oci://registry.example.com:5000/x", charts=("a",))


def docker(folder: Path, auths: object, name: str = ".dockerconfigjson") -> Source:
    (folder / name).write_text(json.dumps({"auths": auths}))
    return with_credentials(folder)


def with_credentials(folder: Path) -> Source:
    return Source("hub", HUB.kind, HUB.url, charts=("a",), credentials=folder)


@pytest.mark.parametrize(
    "auths",
    [
        {"registry.example.com:5000": {"username": USER, "password": PASSWORD}},
        {"https://Registry.example.com:5000/v1/": {"auth": BASIC.removeprefix("Basic ")}},
        {"other": {"auth": "x"}, "registry.example.com:5000": {"auth": BASIC[6:]}},
    ],
)
@pytest.mark.parametrize("name", [".dockerconfigjson", "config.json"])
def test_what_docker_writes_is_understood(tmp_path: Path, auths: object, name: str) -> None:
    assert read_login(docker(tmp_path, auths, name)) == Login(USER, PASSWORD)


@pytest.mark.parametrize(
    ("auths", "words"),
    [
        ({}, "says nothing of registry.example.com:5000"),
        ({"registry.example.com": {"auth": BASIC[6:]}}, "says nothing of"),
        ({"registry.example.com:5000": {"identitytoken": "hunter2"}}, "has no password"),
        ({"registry.example.com:5000": {"auth": "hunter2!"}}, "has no password"),
        ({"registry.example.com:5000": {"username": "", "password": "x"}}, "user name is empty"),
        (["hunter2"], "says nothing of"),
    ],
)
def test_what_is_wrong_with_it_is_said_without_a_word_of_it(
    tmp_path: Path, auths: object, words: str
) -> None:
    with pytest.raises(FetchError, match=words) as caught:
        read_login(docker(tmp_path, auths))
    assert "hunter2" not in str(caught.value)


def test_a_secret_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="cannot be read \\(No such file or directory\\)"):
        read_login(with_credentials(tmp_path))
    (tmp_path / "username").write_bytes(b"\xff\xfe")
    with pytest.raises(FetchError, match="no text"):
        read_login(with_credentials(tmp_path))
    (tmp_path / ".dockerconfigjson").write_text("{hunter2")
    with pytest.raises(FetchError, match="is not JSON"):
        read_login(with_credentials(tmp_path))
    (tmp_path / ".dockerconfigjson").write_text("x" * 70_000)
    with pytest.raises(FetchError, match="too large"):
        read_login(with_credentials(tmp_path))
    assert read_login(HUB) is None


def test_where_the_password_may_go() -> None:
    source = Source(
        "hub", HUB.kind, "oci://r.example/x", charts=("a",), hosts=("b.example",), token_host="T.x"
    )
    for url in ("https://r.example/v2/", "https://R.example/token", "https://t.x/token?a=b"):
        assert may_send_password(source, url)
    for url in ("http://r.example/", "https://r.example:444/", "https://b.example/", "http://t.x/"):
        assert not may_send_password(source, url)


@pytest.mark.parametrize(
    ("kind", "more", "words"),
    [
        (SourceKind.FOLDER, {"path": Path("/x"), "credentials": Path("/y")}, "no credentials"),
        (SourceKind.REPOSITORY, {"url": "https://x", "token_host": "y"}, "only a registry"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    kind: SourceKind, more: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        Source("x", kind, **more)  # pyright: ignore
