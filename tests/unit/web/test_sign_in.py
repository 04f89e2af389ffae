"""Signing in and out over HTTP, as a browser does it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from portal.auth.csrf import SECURE_TOKEN_COOKIE, TOKEN_HEADER
from portal.auth.hosts import known_hosts
from portal.auth.oidc.administration import SessionAdministration
from portal.auth.transport import Transport
from portal.domain.errors import DatabaseUnavailable
from portal.domain.sessions import Alone, SessionEnd
from portal.web.metrics import Metrics
from portal.web.middleware import RequestMiddleware, current_identity
from portal.web.sign_in import (
    END_PATH,
    SESSION_PATH,
    SIGN_IN_PATH,
    SignInPages,
    end_endpoint,
    session_endpoint,
)
from tests.unit.auth.provider import EVERY, ISSUER, PORTAL, Portal, signed
from tests.unit.recorder import Kept

PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}
TOKEN = 43 * "t"
OURS = {"Origin": PORTAL, "Sec-Fetch-Site": "same-origin", TOKEN_HEADER: TOKEN}

SERVER = {"Cookie": ""}
"""The provider's own server is no browser."""


class Browser:
    """A browser, and the site of the mode ``oidc`` that it visits."""

    def __init__(self, portal: Portal | None = None) -> None:
        self.portal = portal or Portal()
        self.kept = Kept()
        app = FastAPI()
        app.add_route("/page", self._page)
        app.add_route("/html", self._html)
        app.router.routes += [
            Route(SESSION_PATH, session_endpoint(lambda: current_identity().user)),
            WebSocketRoute("/live", self._live),
            Route(END_PATH, end_endpoint(self._end), methods=["POST"]),
        ]
        app.add_route("/static/x.css", self._file)
        edge = RequestMiddleware(
            app,
            self.portal.authenticator,
            lambda: "",
            Metrics(),
            known_hosts=known_hosts(["portal.example.com"]),
            sign_in=SignInPages(self.portal.sign_in, "<style></style>"),
            public="/static/",
            transport=Transport(PORTAL),
        )
        self.http = TestClient(edge, PORTAL, follow_redirects=False)
        self.http.cookies.set(SECURE_TOKEN_COOKIE, TOKEN)

    async def _end(self, user: str) -> int:
        administration = SessionAdministration(self.portal.sessions, self.kept, ["admins"])
        return await administration.end_of_user(current_identity(), user)

    async def _page(self, _: Request) -> Response:
        return PlainTextResponse(current_identity().user)

    async def _html(self, _: Request) -> Response:
        return HTMLResponse("<p>a page", headers={"Cache-Control": "private, no-cache"})

    async def _file(self, _: Request) -> Response:
        return PlainTextResponse("style")

    async def _live(self, socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(current_identity().user)
        await socket.close()

    def open(self, path: str) -> str:
        """Open a page and follow all redirects, signing in at the provider; returns its text."""
        answer = self.http.get(path, headers=PAGE)
        while answer.is_redirect:
            location = answer.headers["location"]
            if location.startswith(ISSUER):
                back = self.portal.idp.sign_in_at(location)
                answer = self.http.get("/auth/callback", params=back, headers=PAGE)
            else:
                answer = self.http.get(location, headers=PAGE)
        return f"{answer.url.path}?{answer.url.query.decode()} {answer.text}"


@pytest.fixture
def browser() -> Iterator[Browser]:
    browser = Browser()
    with browser.http:
        yield browser


def test_a_deep_link_leads_back_to_itself(browser: Browser) -> None:
    assert browser.open("/page?tab=logs&q=a%26b") == "/page?tab=logs&q=a%26b ann@example.com"
    assert browser.open("/page") == "/page? ann@example.com"


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "application/json"},
        {"Accept": "text/html", "Sec-Fetch-Mode": "cors"},
        {},
    ],
)
def test_a_script_is_told_where_to_sign_in(browser: Browser, headers: dict[str, str]) -> None:
    answer = browser.http.get("/page", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["signIn"] == SIGN_IN_PATH
    assert answer.json()["error"] == "You are not signed in."
    posted = browser.http.post("/page", headers={**headers, **OURS})
    assert posted.status_code == 401
    assert browser.http.get(SESSION_PATH).status_code == 401


def test_without_a_session_there_is_no_live_connection(browser: Browser) -> None:
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        browser.http.websocket_connect("wss://portal.example.com/live", headers=OURS),
    ):
        pass
    assert refused.value.code == 1008
    assert refused.value.reason == "You are not signed in."


def test_a_session_is_renewed_by_any_request(browser: Browser) -> None:
    browser.open("/page")
    before = dict(browser.http.cookies)
    browser.portal.idp.now += EVERY
    answer = browser.http.get(SESSION_PATH)
    assert answer.json() == {"user": "ann@example.com"}
    assert dict(browser.http.cookies) != before
    browser.portal.idp.now += EVERY
    address = "wss://portal.example.com/live"
    with browser.http.websocket_connect(address, headers=OURS) as socket:
        assert socket.receive_text() == "ann@example.com"
        headers = dict(socket.extra_headers or ())
    assert b"dash-portal-session" in headers[b"set-cookie"]


def test_a_session_that_ended_is_told_of(browser: Browser) -> None:
    browser.open("/page")
    browser.portal.idp.valid.clear()
    browser.portal.idp.now += EVERY
    answer = browser.http.get(SESSION_PATH)
    assert answer.status_code == 401
    assert answer.json()["error"] == "Your session has ended."
    assert browser.open("/page") == "/page? ann@example.com"


def test_signing_out(browser: Browser) -> None:
    browser.open("/page")
    answer = browser.http.post("/auth/sign-out", headers=OURS)
    assert answer.json()["location"].startswith(f"{ISSUER}/logout?")
    assert answer.headers["clear-site-data"] == '"cache"'
    assert dict(browser.http.cookies) == {SECURE_TOKEN_COOKIE: TOKEN}
    assert browser.http.get(SESSION_PATH).status_code == 401
    assert "You have signed out" in browser.http.get("/auth/signed-out").text


def test_pages_are_not_kept_for_the_back_button(browser: Browser) -> None:
    browser.open("/page")
    kept = [browser.http.get(path).headers.get("cache-control") for path in ("/html", "/page")]
    assert kept == ["no-store", None]


def test_every_cookie_is_of_this_host_alone(browser: Browser) -> None:
    """From the first page to the sign-out; those of a sign-in, a session and the CSRF token."""
    browser.http.cookies.clear()
    given: list[str] = []
    browser.http.event_hooks["response"].append(
        lambda answer: given.extend(answer.headers.get_list("set-cookie"))
    )
    browser.open("/page")
    token = browser.http.cookies[SECURE_TOKEN_COOKIE]
    browser.http.post("/auth/sign-out", headers={**OURS, TOKEN_HEADER: token})
    names = {each.partition("=")[0] for each in given}
    assert len(names) >= 4
    for each in given:
        assert each.startswith("__Host-dash-portal-")
        assert "; Secure" in each
        assert "; Path=/;" in each
        assert "; SameSite=" in each
        assert "domain" not in each.lower()
        assert ("; HttpOnly" in each) is not each.startswith(SECURE_TOKEN_COOKIE)


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {TOKEN_HEADER: ""}],
)
def test_another_site_signs_nobody_out(browser: Browser, headers: dict[str, str]) -> None:
    browser.open("/page")
    answer = browser.http.post("/auth/sign-out", headers={**OURS, **headers})
    assert answer.status_code == 403
    assert browser.http.get("/auth/sign-out").status_code == 405
    assert browser.open("/page") == "/page? ann@example.com"


def test_the_provider_ends_a_session(browser: Browser) -> None:
    browser.open("/page")
    now = int(browser.portal.idp.now)
    claims = {
        "iss": ISSUER,
        "aud": "dash-portal",
        "sid": "s-1",
        "iat": now,
        "exp": now + 60,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }
    browser.portal.idp.now += 1
    address = "/auth/back-channel-logout"
    token = signed(claims)
    for bad in ({}, {"logout_token": "x"}, {"logout_token": [token, token]}):
        answer = browser.http.post(address, data=bad, headers=SERVER)
        assert answer.status_code == 400
        assert answer.json()["error"] == "invalid_request"
    assert browser.http.get(SESSION_PATH).status_code == 200
    assert browser.http.post(address, content=b"x" * 40_000, headers=SERVER).status_code == 413
    answer = browser.http.post(address, data={"logout_token": token}, headers=SERVER)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert browser.http.get(SESSION_PATH).status_code == 401


def test_a_provider_that_cannot_check_a_logout_is_asked_to_send_it_again(browser: Browser) -> None:
    browser.portal.idp.down = True
    told = {"logout_token": signed({})}
    answer = browser.http.post("/auth/back-channel-logout", data=told, headers=SERVER)
    assert answer.status_code == 503


class NotTold(Alone):
    """A database that does not answer."""

    async def end(self, ends: Sequence[SessionEnd]) -> None:
        raise DatabaseUnavailable("The portal's database does not answer.")


def test_a_logout_that_other_pods_are_not_told_of_is_asked_for_again(browser: Browser) -> None:
    browser.open("/page")
    now = int(browser.portal.idp.now)
    event = {"http://schemas.openid.net/event/backchannel-logout": {}}
    claims = {"iss": ISSUER, "aud": "dash-portal", "sid": "s-1", "iat": now, "exp": now + 60}
    told = {"logout_token": signed({**claims, "events": event})}
    browser.portal.sessions._shared = NotTold()
    browser.portal.idp.now += 1
    answer = browser.http.post("/auth/back-channel-logout", data=told, headers=SERVER)
    assert answer.status_code == 503
    assert "other pods could not be told" in answer.json()["error"]
    assert browser.http.get(SESSION_PATH).status_code == 401


def test_a_sign_out_that_other_pods_are_not_told_of_says_so_once(browser: Browser) -> None:
    browser.open("/page")
    browser.portal.sessions._shared = NotTold()
    answer = browser.http.post("/auth/sign-out", headers=OURS)
    assert answer.json()["location"].startswith(f"{ISSUER}/logout?")
    assert browser.http.get(SESSION_PATH).status_code == 401
    said = [browser.http.get("/auth/signed-out").text for _ in range(2)]
    assert ["Other pods of the portal could not be told" in each for each in said] == [True, False]
    assert dict(browser.http.cookies) == {SECURE_TOKEN_COOKIE: TOKEN}


def test_a_sign_in_that_fails_says_why(browser: Browser) -> None:
    begun = browser.http.get(SIGN_IN_PATH)
    state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
    said = {"error": "access_denied", "error_description": "<script>no</script>"}
    answer = browser.http.get("/auth/callback", params={"state": state, **said})
    assert answer.status_code == 401
    assert "&lt;script&gt;no" in answer.text
    assert "<script>" not in answer.text
    assert f'href="{SIGN_IN_PATH}"' in answer.text
    browser.portal.idp.down = True
    browser.portal.provider._endpoints = None
    answer = browser.http.get(SIGN_IN_PATH)
    assert answer.status_code == 503
    assert "does not answer" in answer.text


def test_a_parameter_that_is_there_twice_is_refused(browser: Browser) -> None:
    begun = browser.http.get(SIGN_IN_PATH)
    back = browser.portal.idp.sign_in_at(begun.headers["location"])
    address = f"/auth/callback?state={back['state']}&code={back['code']}&code=other"
    assert browser.http.get(address).status_code == 401


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_a_sign_in_leads_to_no_other_site(browser: Browser, wanted: str) -> None:
    begun = browser.http.get(SIGN_IN_PATH, params={"next": wanted})
    back = browser.portal.idp.sign_in_at(begun.headers["location"])
    answer = browser.http.get("/auth/callback", params=back)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_only_what_the_sign_in_needs_is_there_for_everybody(browser: Browser) -> None:
    assert browser.http.get("/static/x.css").text == "style"
    for path in ("/auth", "/auth/", "/auth/other", "/auth/sign-in/", "/staticx", "/"):
        assert browser.http.get(path).status_code == 401, path
    evil = {"Host": "evil.example"}
    assert browser.http.get(SIGN_IN_PATH, headers=evil).status_code == 421


def test_an_administrator_ends_the_sessions_of_a_person(browser: Browser) -> None:
    browser.open("/page")
    whose = {"user": "ann@example.com"}
    assert browser.http.post(END_PATH, headers=OURS).status_code == 400
    evil = {"Origin": "https://evil.example"}
    assert browser.http.post(END_PATH, params=whose, headers=evil).status_code == 403
    browser.portal.idp.now += 1
    answer = browser.http.post(END_PATH, params=whose, headers=OURS)
    assert answer.json() == {"user": "ann@example.com", "ended": 1}
    assert browser.kept.told() == [
        ("session-end", "begun", "ann@example.com"),
        ("session-end", "succeeded", "ann@example.com"),
    ]
    assert browser.http.get(SESSION_PATH).status_code == 401


def test_nobody_else_does(browser: Browser) -> None:
    browser.portal.idp.changes = {"groups": ["data"]}
    browser.open("/page")
    answer = browser.http.post(END_PATH, params={"user": "ann@example.com"}, headers=OURS)
    assert answer.status_code == 403
    assert browser.http.get(SESSION_PATH).status_code == 200
