"""The middleware between the network and the portal."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from portal.auth.csrf import SECURE_TOKEN_COOKIE, TOKEN_COOKIE, TOKEN_HEADER, is_token
from portal.auth.hosts import known_hosts
from portal.auth.identify import HeaderAuthenticator
from portal.auth.transport import Transport
from portal.domain.identity import Identity
from portal.domain.objects import Kind
from portal.state.store import Store
from portal.ui.build import build_ui
from portal.web.authorization import Authorization
from portal.web.metrics import Metrics
from portal.web.middleware import OPEN_PATHS, RequestMiddleware, current_identity
from portal.web.routes import add_routes
from portal.web_app import _content_security_policy, _waiting_for
from tests.unit.ui import fakes

POLICY = "default-src 'self'"
TOKEN = 43 * "t"
ANN = {"X-Portal-Secret": "s", "X-Forwarded-User": "ann"}
UNPROVEN: list[Mapping[str, str]] = [
    {},
    {"X-Forwarded-User": "ann"},
    {**ANN, "X-Portal-Secret": "wrong"},
    {"X-Portal-Secret": "s"},
]


class Site:
    """An application behind the edge. ``asked`` are the users whose requests it got to see;
    ``missing`` is what it waits for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.missing: list[str] = []
        self.metrics = Metrics()
        app = FastAPI()
        add_routes(app, self.metrics, lambda: self.missing)
        app.add_route("/who", self._who, methods=["GET", "POST"])
        app.add_route("/broken", self._broken)
        app.router.routes.append(WebSocketRoute("/live", self._live))
        self.edge = edge = RequestMiddleware(
            app,
            HeaderAuthenticator("s"),
            lambda: POLICY,
            self.metrics,
            trusted_origins=("https://portal.example.com",),
            known_hosts=known_hosts(
                ["testserver", "apps.example.com"], ["https://portal.example.com"]
            ),
        )
        self.client = TestClient(edge, raise_server_exceptions=False)

    async def _who(self, _: Request) -> Response:
        user = current_identity().user
        self.asked.append(user)
        return JSONResponse({"user": user})

    async def _broken(self, _: Request) -> Response:
        raise RuntimeError("a fault")

    async def _live(self, socket: WebSocket) -> None:
        self.asked.append(current_identity().user)
        await socket.accept()
        await socket.send_text(current_identity().user)
        await socket.close()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    with site.client:
        yield site


@pytest.mark.parametrize("headers", UNPROVEN)
def test_who_cannot_prove_who_they_are_is_told_so(site: Site, headers: dict[str, str]) -> None:
    answer = site.client.get("/who", headers=headers)
    assert answer.status_code == 401
    told = answer.json()
    assert re.search(r"login proxy", told["error"])
    assert re.search(r"an administrator has to check", told["advice"])
    assert site.asked == []


def test_the_app_sees_who_asks(site: Site) -> None:
    assert site.client.get("/who", headers=ANN).json() == {"user": "ann"}
    bob = {**ANN, "X-Forwarded-User": "bob"}
    assert site.client.get("/who", headers=bob).json() == {"user": "bob"}
    assert site.asked == ["ann", "bob"]


def test_what_somebody_may_do_is_known_before_anything_is_answered() -> None:
    """For pages and live connections; probes carry no identity."""
    known: list[str] = []
    site = Site()

    async def ask(identity: Identity) -> None:
        known.append(identity.user)

    edge = RequestMiddleware(
        Authorization(site.edge._app, ask),
        HeaderAuthenticator("s"),
        lambda: POLICY,
        site.metrics,
        known_hosts=known_hosts(["testserver"]),
    )
    with TestClient(edge) as client:
        for path in OPEN_PATHS:
            client.get(path)
        assert client.get("/who").status_code == 401
        assert known == []
        assert client.get("/who", headers=ANN).json() == {"user": "ann"}
        assert known == ["ann"]
        origin = {"Origin": "http://testserver"}
        with client.websocket_connect("/live", headers=ANN | origin) as socket:
            assert socket.receive_text() == "ann"
        assert known == ["ann", "ann"]


async def test_the_identity_lasts_as_long_as_its_request() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(current_identity().user)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        pass

    headers = [(n.lower().encode(), v.encode()) for n, v in {**ANN, "Host": "localhost"}.items()]
    scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
    # In this very context, where a server with one task for each connection would leave it.
    await RequestMiddleware(app, HeaderAuthenticator("s"), lambda: POLICY, Metrics())(
        scope, receive, send
    )
    assert seen == ["ann"]
    with pytest.raises(LookupError):
        current_identity()


@pytest.mark.parametrize("headers", UNPROVEN)
def test_a_websocket_without_proof_is_refused(site: Site, headers: dict[str, str]) -> None:
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        site.client.websocket_connect("/live", headers=headers),
    ):
        pass
    assert refused.value.code == 1008
    assert "login proxy" in refused.value.reason
    assert site.asked == []


def test_a_websocket_with_proof_is_accepted(site: Site) -> None:
    headers = {**ANN, "Origin": "http://testserver"}
    with site.client.websocket_connect("/live", headers=headers) as socket:
        assert socket.receive_text() == "ann"


def test_a_websocket_that_another_site_opens_is_refused(site: Site) -> None:
    headers = {**ANN, "Origin": "http://evil.example"}
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        site.client.websocket_connect("/live", headers=headers),
    ):
        pass
    assert "another site" in refused.value.reason
    assert site.asked == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_what_another_site_sends_is_refused(site: Site, headers: dict[str, str]) -> None:
    answer = site.client.post("/who", headers={**ANN, **headers})
    assert answer.status_code == 403
    assert "made by another site" in answer.json()["error"]
    assert answer.json()["advice"]
    assert site.asked == []
    # Following a link from elsewhere is no harm.
    assert site.client.get("/who", headers={**ANN, **headers}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://portal.example.com", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_what_our_own_pages_send_is_answered(site: Site, headers: dict[str, str]) -> None:
    if headers:
        site.client.cookies.set(TOKEN_COOKIE, TOKEN)
        headers = {**headers, TOKEN_HEADER: TOKEN}
    assert site.client.post("/who", headers={**ANN, **headers}).json() == {"user": "ann"}


OURS = {**ANN, "Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
PAGE = {**ANN, "Accept": "text/html", "Sec-Fetch-Mode": "navigate"}


@pytest.mark.parametrize(
    ("cookie", "sent"),
    [
        ("", ""),
        ("", TOKEN),
        (TOKEN, ""),
        (TOKEN, "x" + TOKEN[1:]),
        (TOKEN, f"{TOKEN} "[1:]),
        ("short", "short"),
        (42 * "t", 42 * "t"),
        (f"{TOKEN}é", f"{TOKEN}é"),
    ],
)
def test_without_the_token_of_its_page_nothing_is_changed(
    site: Site, cookie: str, sent: str
) -> None:
    headers = {**OURS, "Cookie": f"{TOKEN_COOKIE}={cookie}", TOKEN_HEADER: sent}
    encoded = {name: value.encode() for name, value in headers.items()}
    answer = site.client.post("/who", headers=encoded)  # pyright: ignore[reportArgumentType]
    assert answer.status_code == 403
    assert answer.json() == {
        "error": "Refused: this request does not carry the token of its page.",
        "advice": "Reload the page and try again.",
    }
    assert site.asked == []


def test_a_login_that_a_proxy_has_stripped_of_its_origin_needs_the_token_too(site: Site) -> None:
    headers = {**ANN, "Cookie": "session=of-the-proxy"}
    assert site.client.post("/who", headers=headers).status_code == 403
    assert site.asked == []


def test_who_opens_a_page_gets_a_token_once(site: Site) -> None:
    assert "Set-Cookie" not in site.client.get("/who", headers=ANN).headers, "a script's request"
    site.client.get("/who", headers=PAGE)
    token = site.client.cookies[TOKEN_COOKIE]
    assert is_token(token)
    assert "Set-Cookie" not in site.client.get("/who", headers=PAGE).headers
    answer = site.client.post("/who", headers={**OURS, TOKEN_HEADER: token})
    assert answer.json() == {"user": "ann"}
    site.client.cookies.clear()
    site.client.cookies.set(TOKEN_COOKIE, "no token")
    assert "Set-Cookie" in site.client.get("/who", headers=PAGE).headers


HTTPS = {"X-Forwarded-Proto": "https"}


@pytest.mark.parametrize(
    ("headers", "transport", "https"),
    [
        ({}, Transport(), False),
        (HTTPS, Transport(), False),
        (HTTPS, Transport(proxied=True), True),
        ({"X-Forwarded-Proto": "HTTPS, http"}, Transport(proxied=True), True),
        ({"X-Forwarded-Proto": "http, https"}, Transport(proxied=True), False),
        ({"Forwarded": "proto=https"}, Transport(proxied=True), False),
        ({}, Transport("https://testserver"), True),
        ({"Host": "testserver:443"}, Transport("https://TestServer/"), True),
        ({"Host": "testserver"}, Transport("https://testserver:443"), True),
        ({"Host": "testserver:8443"}, Transport("https://testserver"), False),
        ({"Host": "127.0.0.1:8080"}, Transport("https://testserver"), False),
        ({}, Transport("http://testserver"), False),
    ],
)
def test_over_https_the_browser_is_told_to_stay_with_it(
    site: Site, headers: dict[str, str], transport: Transport, https: bool
) -> None:
    """By a proxy that has proven itself, or at the portal's public address."""
    site.edge._transport = transport
    answer = site.client.get("/who", headers={**PAGE, **headers})
    assert ("Strict-Transport-Security" in answer.headers) is https
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-") is https
    assert cookie.endswith("; Secure") is https


def test_where_tls_ends_at_the_portal_there_is_no_way_back(site: Site) -> None:
    with TestClient(site.edge, "https://testserver") as client:
        answer = client.get("/who", headers=PAGE)
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert answer.headers["Set-Cookie"].startswith("__Host-")


def test_over_https_a_page_without_it_is_another_site(site: Site) -> None:
    """One that somebody in the network has made up at the same address."""
    site.edge._transport = Transport(proxied=True)
    token = {TOKEN_HEADER: TOKEN, "Cookie": f"{SECURE_TOKEN_COOKIE}={TOKEN}"}
    origins = {"http://testserver": 403, "https://testserver": 200}
    for origin, status in origins.items():
        headers = {**ANN, **HTTPS, **token, "Origin": origin}
        assert site.client.post("/who", headers=headers).status_code == status, origin


@pytest.mark.parametrize("https", [False, True])
def test_the_page_says_which_cookie_its_token_is_in(https: bool) -> None:
    context, _ = fakes.context()
    server = FastAPI()
    build_ui(server, context)
    edge = RequestMiddleware(
        server,
        HeaderAuthenticator("s"),
        lambda: POLICY,
        Metrics(),
        known_hosts=known_hosts(["testserver"]),
        transport=Transport(proxied=True),
    )
    with TestClient(edge) as client:
        page = client.get("/", headers={**PAGE, **(HTTPS if https else {})})
    name = page.headers["Set-Cookie"].partition("=")[0]
    assert name == (SECURE_TOKEN_COOKIE if https else TOKEN_COOKIE)
    assert f'"csrf_token_name":"{name}"' in page.text
    assert f'"csrf_header_name":"{TOKEN_HEADER}"' in page.text


FOREIGN = "rebound.example.net:8080"


@pytest.mark.parametrize("path", ["/who", "/live/frame?view=apps", "/nowhere"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_a_rebound_name_gets_no_answer(site: Site, method: str, path: str) -> None:
    # The attacker's own page asks: to the browser, Host and Origin are one site.
    headers = {**ANN, "Host": FOREIGN, "Origin": f"http://{FOREIGN}"}
    headers |= {"X-Forwarded-Host": "localhost", "Forwarded": "host=localhost"}
    answer = site.client.request(method, path, headers=headers)
    assert answer.status_code == 421
    if method != "HEAD":
        assert "does not answer to the name rebound.example.net" in answer.json()["error"]
        assert "settings.allowedHosts" in answer.json()["advice"]
    assert site.asked == []


def test_a_rebound_name_gets_no_live_connection(site: Site) -> None:
    headers = {**ANN, "Host": FOREIGN, "Origin": f"http://{FOREIGN}"}
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        site.client.websocket_connect("/live", headers=headers),
    ):
        pass
    assert "rebound.example.net" in refused.value.reason
    assert site.asked == []


@pytest.mark.parametrize("host", ["apps.example.com:443", "portal.example.com", "198.18.0.7:30080"])
def test_a_known_name_is_answered(site: Site, host: str) -> None:
    assert site.client.get("/who", headers={**ANN, "Host": host}).status_code == 200


@pytest.mark.parametrize("hosts", [[], [b"localhost", b"localhost"], [b""], [b"localhost, evil"]])
async def test_a_request_for_no_host_or_several_is_refused(site: Site, hosts: list[bytes]) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    given = [(name.lower().encode(), value.encode()) for name, value in ANN.items()]
    headers = [*given, *((b"host", each) for each in hosts)]
    scope: Scope = {"type": "http", "method": "GET", "path": "/who", "headers": headers}
    await site.edge(scope, receive, send)
    assert sent[0]["status"] == 400
    assert b"one valid Host header" in sent[1]["body"]
    assert site.asked == []


def test_probes_come_under_any_name(site: Site) -> None:
    for path in OPEN_PATHS:
        assert site.client.get(path, headers={"Host": FOREIGN}).status_code == 200, path


def test_probes_need_no_identity(site: Site) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert site.client.get(path).status_code == 200, path
    assert {"/healthz", "/readyz", "/metrics"} == OPEN_PATHS
    for path in ("/healthz/", "/metrics/x", "//healthz", "/"):
        assert site.client.get(path, follow_redirects=False).status_code == 401, path


def test_not_ready_is_said_with_what_is_missing(site: Site) -> None:
    site.missing = ["pods"]
    answer = site.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "waiting", "waiting_for": ["pods"]}
    assert site.client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/who", ANN, 200),
        ("GET", "/nowhere", ANN, 404),
        ("GET", "/broken", ANN, 500),
        ("GET", "/who", {}, 401),
        ("POST", "/who", {**ANN, "Origin": "http://evil.example"}, 403),
    ],
)
def test_every_answer_has_the_security_headers_and_is_counted(
    site: Site, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = site.client.request(method, path, headers=headers)
    assert answer.status_code == status
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert len(answer.headers["X-Request-Id"]) == 32
    assert answer.headers["Referrer-Policy"] == "same-origin"
    counted = f'dash_portal_http_request_seconds_count{{method="{method}",status="{status}"}} 1.0'
    assert counted in site.client.get("/metrics").text


def test_made_up_methods_share_one_label(site: Site) -> None:
    for method in ("BREW", "WHEN"):
        site.client.request(method, "/who")
    text = site.client.get("/metrics").text
    assert 'dash_portal_http_request_seconds_count{method="other",status="401"} 2.0' in text
    assert "BREW" not in text


def test_a_fault_of_the_app_is_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    answer = site.client.get("/broken", headers=ANN)
    assert answer.status_code == 500
    assert "a fault" not in answer.text
    (record,) = [each for each in caplog.records if each.name == "portal.web.middleware"]
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "GET /broken failed"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "a fault"


def test_ready_once_every_source_that_can_has_been_listed(site: Site) -> None:
    now = datetime.now(UTC)
    store = Store()

    def ready() -> tuple[int, list[str]]:
        site.missing = _waiting_for(store)
        answer = site.client.get("/readyz")
        return answer.status_code, answer.json()["waiting_for"]

    assert ready() == (503, ["watches"])
    store.set_source(str(Kind.POD), synced=False)
    store.set_source(str(Kind.RELEASE), synced=False)
    assert ready() == (503, sorted([str(Kind.POD), str(Kind.RELEASE)]))
    store.set_source(str(Kind.POD), synced=True, alive_at=now)
    assert ready() == (503, [str(Kind.RELEASE)])
    store.set_source(str(Kind.RELEASE), synced=True, alive_at=now)
    assert ready() == (200, [])
    store.set_source("metrics", synced=False, available=False)
    assert ready() == (200, [])


def test_the_page_runs_only_scripts_that_the_policy_names() -> None:
    context, _ = fakes.context()
    server = FastAPI()
    dash = build_ui(server, context)
    policy = _content_security_policy(dash)()
    rules = {name: rest for name, *rest in (rule.split() for rule in policy.split(";"))}
    scripts = rules["script-src"]
    assert "'unsafe-inline'" not in scripts
    assert "'unsafe-eval'" not in scripts
    assert set(dash.csp_hashes()) <= set(scripts)
    assert rules["frame-ancestors"] == rules["object-src"] == ["'none'"]
    with TestClient(server) as client:
        page = client.get("/").text
    inline = [
        text
        for attributes, text in re.findall(r"<script([^>]*)>(.*?)</script>", page, re.DOTALL)
        if "src=" not in attributes and "application/json" not in attributes
    ]
    assert inline
    for text in inline:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in scripts, text[:200]
