"""Requests that the portal makes for people and charts: none goes to what is inside.

A server on loopback is the witness: whatever connects to it is noted. Other addresses are noted
where they would be connected to.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from portal.auth.http import HttpAsk, Unavailable
from portal.auth.oidc.provider import Client, endpoints_of
from portal.catalog.icons import Icons, is_allowed
from portal.catalog.sources import Source, SourceKind
from portal.cluster.prober import NOT_AN_APP, HttpProbe
from portal.domain.launch import Exposure
from portal.domain.load_tests import path_problem
from portal.domain.urls import Url
from portal.images.registries import ImageName, Registries
from portal.notifications.webhook import HttpPost, webhook_problem
from portal.registry.fetch import Answer, FetchError, HttpFetch

LOOPBACK = [
    *("127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "0", "0.0.0.0"),
    *("2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "0x7f.0x0.0x0.0x1"),
    *("localhost", "LOCALHOST", "localhost.", "127.0.0.1.", "①②⑦.⓪.⓪.①", "127。0。0。1"),
    *(
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
    ),
    *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::1%25lo]"),
]
"""The portal's own machine, as it may be spelled."""
INSIDE = [
    *("169.254.169.254", "[fd00:ec2::254]", "[fd20:ce::254]", "100.100.100.200", "192.0.0.192"),
    *("168.63.129.16", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518"),
    *(
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
    ),
    *(
        "[fe80::1]",
        "[ff02::1]",
        "224.0.0.1",
        "255.255.255.255",
        "169.254.170.2",
        "169.254.169.254.",
    ),
]
"""Clouds' metadata, link-local and multicast addresses."""
PRIVATE = ["10.96.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "[fd00:10:96::1]"]
"""Addresses of the cluster, its API server among them."""


class Witness:
    """A server on loopback, of both families, that notes who has connected, and what for."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        self.location = ""

    async def serve(self) -> None:
        self._servers = [
            await asyncio.start_server(self._note, sock=socket.create_server(("127.0.0.1", 0)))
        ]
        self.port: int = self._servers[0].sockets[0].getsockname()[1]
        if socket.has_ipv6:
            six = socket.create_server(("::1", self.port), family=socket.AF_INET6)
            self._servers.append(await asyncio.start_server(self._note, sock=six))

    async def _note(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reached.append((await reader.readline()).decode("latin-1"))
        writer.write(f"HTTP/1.1 302 Found\r\nLocation: {self.location}\r\n\r\n".encode())
        writer.close()

    async def close(self) -> None:
        for server in self._servers:
            server.close()


@pytest.fixture
async def witness() -> AsyncIterator[Witness]:
    witness = Witness()
    await witness.serve()
    yield witness
    await witness.close()


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that somebody has tried to connect to, those on loopback but for the first."""
    seen: list[str] = []
    kind = asyncio.selector_events.BaseSelectorEventLoop  # type: ignore[attr-defined]
    connect = kind.sock_connect

    async def sock_connect(loop: Any, sock: socket.socket, address: Any) -> None:
        seen.append(str(address[0]))
        if not str(address[0]).startswith(("127.", "::1")):
            raise ConnectionRefusedError("no test leaves this machine")
        await connect(loop, sock, address)

    monkeypatch.setattr(kind, "sock_connect", sock_connect)
    return seen


async def refused(fetch: HttpFetch, url: str, *hosts: str, public: bool) -> FetchError:
    with pytest.raises(FetchError) as error:
        await fetch(url, hosts=hosts, limit=100, public=public)
    return error.value


@pytest.fixture
async def fetch() -> AsyncIterator[HttpFetch]:
    fetch = HttpFetch(timeout=10)
    yield fetch
    await fetch.close()


@pytest.mark.parametrize("host", [*LOOPBACK, *INSIDE, *PRIVATE])
async def test_no_registry_is_inside(
    witness: Witness, connected: list[str], fetch: HttpFetch, host: str
) -> None:
    """Neither by its name, nor by a redirect of a source of charts or of a registry."""
    place = f"{host}:{witness.port}"
    reach = Registries().endpoint(place)
    assert reach is not None
    for url in (f"{reach.base}/v2/", f"https://user@{place}/", f"https://u:p@{place}/"):
        await refused(fetch, url, public=True)
    assert connected == []
    named = f"127.0.0.1:{witness.port}"
    for scheme in ("http", "https"):
        # Another port, or the source's own address would be asked again.
        witness.location = f"{scheme}://{host}:{witness.port - 1}/"
        for public in (False, True):
            await refused(fetch, f"http://{named}/", named, public=public)
    assert set(connected) == {"127.0.0.1"}
    assert len(witness.reached) == len(connected) == 4, "the source's own answers"


@pytest.mark.parametrize(
    "answers",
    [
        [["127.0.0.1"]],
        [["::1"]],
        [["203.0.113.9"], ["127.0.0.1"]],
        [["203.0.113.9", "127.0.0.1"]],
        [["8.8.8.8", "::1"]],
        [["8.8.8.8"], ["169.254.169.254"]],
        [["8.8.8.8"], ["10.96.0.1"]],
    ],
)
async def test_a_name_that_leads_elsewhere_the_next_time_gains_nothing(
    monkeypatch: pytest.MonkeyPatch,
    witness: Witness,
    connected: list[str],
    answers: list[list[str]],
) -> None:
    """What is judged is the very address that is connected to, whatever a resolver says when."""
    waiting = list(answers)

    async def getaddrinfo(_: Any, host: str, port: int, **how: object) -> list[Any]:
        found = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return [
            (
                socket.AF_INET6 if ":" in each else socket.AF_INET,
                *(socket.SOCK_STREAM, 6, ""),
                (each, port, 0, 0) if ":" in each else (each, port),
            )
            for each in found
        ]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    for _ in range(3):
        fetch = HttpFetch(timeout=10)
        url = f"https://rebound.example.com:{witness.port}/"
        try:
            await refused(fetch, url, public=True)
        finally:
            await fetch.close()
    async with HttpProbe() as probe:
        for _ in range(3):
            url = _url("rebound.example.com", witness.port)
            assert (await probe(url))[0] == 0
    assert set(connected) <= {"8.8.8.8", "203.0.113.9", "10.96.0.1"}
    assert witness.reached == []


def _url(host: str, port: int, *, tls: bool = False) -> Url:
    return Url("http://app.test/", Exposure.LOAD_BALANCER, host, port, "app.test", tls)


@pytest.mark.parametrize("host", [*LOOPBACK, *INSIDE])
@pytest.mark.parametrize("tls", [False, True])
async def test_no_app_is_here_or_a_clouds_own_service(
    witness: Witness, connected: list[str], host: str, tls: bool
) -> None:
    async with HttpProbe() as probe:
        status, error = await probe(_url(host.strip("[]"), witness.port, tls=tls))
    assert status == 0
    assert error
    assert connected == witness.reached == []


async def test_no_app_is_the_api_server(witness: Witness, connected: list[str]) -> None:
    async with HttpProbe(api_server=("10.96.0.1", 443)) as probe:
        assert await probe(_url("10.96.0.1", 443)) == (0, NOT_AN_APP)
        assert connected == []
        await probe(_url("10.96.0.1", 80))
        assert connected == ["10.96.0.1"]


async def test_what_an_administrator_names_may_be_anywhere(witness: Witness) -> None:
    """Or the tests above could not fail."""
    witness.location = "http://127.0.0.1:1/"
    async with HttpProbe(["127.0.0.1"]) as probe:
        assert await probe(_url("127.0.0.1", witness.port)) == (302, "")
    assert len(witness.reached) == 1, "a redirect is an answer"


@pytest.mark.parametrize(
    "url",
    [
        *(f"http://{host}/icon.png" for host in [*LOOPBACK, *INSIDE, *PRIVATE]),
        *("file:///etc/passwd", "ftp://charts.example.com/x", "//charts.example.com/x", "data:,x"),
        *("https://charts.example.com@evil.example/x", "https://user@charts.example.com/x"),
        *("https://charts.example.com.evil.example/", "https://charts.example.com:8443/"),
        *("https://charts.example.com\\@evil.example/", "https://charts.example.com./x.png"),
        *("https://evil.example/charts.example.com", "https://evil.example#charts.example.com"),
        *("gopher://charts.example.com/", "https://[charts.example.com/", "javascript:x", ""),
    ],
)
async def test_an_icon_is_of_its_sources_hosts(url: str) -> None:
    asked: list[str] = []

    async def ask(source: Source, url: str, limit: int) -> Answer:
        asked.append(url)
        return Answer(404, b"")

    source = Source("team", SourceKind.REPOSITORY, url="https://charts.example.com/stable")
    assert is_allowed(source, "https://charts.example.com/x.png")
    assert not is_allowed(source, url)
    assert await Icons(ask).get(source, url) is None
    assert asked == []


@pytest.mark.parametrize("host", ["10.0.0.1:5000", "localhost:5000", "127.0.0.1:5000"])
def test_an_image_s_name_has_its_registry(host: str) -> None:
    """So that what is typed is judged as what it is."""
    assert ImageName.of(f"{host}/team/app:1").registry == host


@pytest.mark.parametrize(
    "url",
    [
        *("http://idp.example.com/keys", "ftp://idp.example.com/", "file:///etc/passwd", "x", ""),
        *("https://user@idp.example.com/", "https://u:p@idp.example.com/", "https://", "//idp/"),
        *("http://169.254.169.254/", "https://[::1", "javascript:alert(1)", "http://127.0.0.1/"),
    ],
)
@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_a_provider_leads_nowhere_without_tls(name: str, url: str) -> None:
    document = dict.fromkeys(
        ("authorization_endpoint", "token_endpoint", "jwks_uri"), "https://idp.example.com/x"
    )
    client = Client("https://idp.example.com", "portal")
    assert endpoints_of({"issuer": client.issuer, **document}, client).keys
    with pytest.raises(Unavailable):
        endpoints_of({"issuer": client.issuer, **document, name: url}, client)


async def test_a_provider_and_a_webhook_redirect_nowhere(witness: Witness) -> None:
    inner: list[str] = []

    async def inside(request: web.Request) -> web.Response:
        inner.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", inside)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    witness.location = f"http://127.0.0.1:{runner.addresses[0][1]}/latest/meta-data"
    ask, post = HttpAsk(), HttpPost(f"http://127.0.0.1:{witness.port}/hook")
    try:
        assert (await ask(f"http://127.0.0.1:{witness.port}/keys")).status == 302
        assert (await post({"text": "x"})).status == 302
    finally:
        await ask.close()
        await post.close()
        await runner.cleanup()
    assert len(witness.reached) == 2
    assert inner == []


@pytest.mark.parametrize(
    "url",
    ["", "hooks.example.com", "ftp://x.example", "https://", "https://a b.example", "file:///x"],
)
def test_a_webhook_is_an_address(url: str) -> None:
    assert webhook_problem(url, allow_http=True)


@pytest.mark.parametrize(
    "path",
    [
        *("http://169.254.169.254/", "@169.254.169.254/", ".evil.example/", ":8080/", "", "x", 1),
        *("/a b", "/a\r\nHost: evil", "/#@evil", "/\u2028", "/\x00", "\\\\evil", "/" + 3000 * "a"),
    ],
)
def test_a_load_test_goes_to_its_own_service(path: object) -> None:
    assert path_problem(path)


@pytest.mark.parametrize(
    "path", ["//evil.example/", "/@evil.example", "/..//x", "/?u=http://x", "/%0d"]
)
def test_whatever_path_it_asks_for(path: str) -> None:
    """A path that is allowed changes nothing of the host."""
    assert not path_problem(path)
    assert urlsplit(f"http://web.apps.svc{path}").netloc == "web.apps.svc"


def test_there_are_enough() -> None:
    assert len({*LOOPBACK, *INSIDE, *PRIVATE}) >= 50
