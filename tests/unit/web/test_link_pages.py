"""The pages of read-only links: there for everybody, while the rest of the portal is not."""

from __future__ import annotations

import logging

import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from portal.auth.hosts import known_hosts
from portal.auth.identify import HeaderAuthenticator
from portal.domain.errors import ClusterUnavailable, DatabaseUnavailable
from portal.links.links import ENDED
from portal.links.token import PATH
from portal.web.authorization import Authorization
from portal.web.link_pages import LONGEST_BODY, VIEW_PATH, LinkPages, Shown
from portal.web.metrics import Metrics
from portal.web.middleware import RequestMiddleware
from portal.web.static import StaticServer
from tests.unit.web.test_middleware import ANN

TOKEN = "token-7Hd3kQ"


class Site:
    def __init__(self, *, links: bool = True) -> None:
        self.error: Exception | None = None
        self.tokens: list[str] = []
        self.metrics = Metrics()
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.add_route("/{path:path}", lambda _: PlainTextResponse("the portal"))  # type: ignore[arg-type]
        self.edge = RequestMiddleware(
            StaticServer(Authorization(app, self._ask), "/static/", {}),
            HeaderAuthenticator("s"),
            lambda: "default-src 'self'",
            self.metrics,
            known_hosts=known_hosts(["testserver"], []),
            links=LinkPages(self._show, "<!-- head -->", "/static/shared.js") if links else None,
            public="/static/",
        )
        self.client = TestClient(self.edge, raise_server_exceptions=False, follow_redirects=False)

    async def _ask(self, _: object) -> None:
        """Everybody's rights are known."""

    async def _show(self, token: str) -> Shown:
        self.tokens.append(token)
        if self.error is not None:
            raise self.error
        if token != TOKEN:
            raise ENDED
        return Shown("<h1>sales</h1>", "sales", 1_800_000_000)

    def view(self, token: str = TOKEN, **headers: str) -> tuple[int, dict[str, object]]:
        answer = self.client.post(VIEW_PATH, json={"token": token}, headers=headers)
        return answer.status_code, answer.json()


def test_whoever_has_a_link_sees_its_app_and_no_other_page() -> None:
    site = Site()
    page = site.client.get(PATH)
    assert page.status_code == 200
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-robots-tag"] == "noindex"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "href" not in page.text, "no way into the portal"
    assert site.view() == (
        200,
        {"html": "<h1>sales</h1>", "title": "sales", "expires": 1_800_000_000},
    )
    for path in ("/", "/apps/apps/sales", "/shared/", "/shared/other", "/SHARED", "/live/frame"):
        assert site.client.get(path).status_code == 401, path
    assert site.client.post("/shared", json={"token": TOKEN}).status_code == 405
    assert site.client.get(VIEW_PATH).status_code == 405
    assert site.client.get("/static/x/none.js").status_code == 404, "not 401: its files are public"


@pytest.mark.parametrize(
    "headers", [{"Cookie": "__Host-session=ended"}, {"X-Forwarded-User": "ann"}, ANN]
)
def test_who_somebody_is_does_not_matter(headers: dict[str, str]) -> None:
    """A session that has ended beside it leads to no sign-in, and none adds anything."""
    assert Site().view(**headers)[0] == 200


def test_other_sites_do_not_ask_for_it() -> None:
    site = Site()
    assert site.view(**{"Origin": "https://evil.example"})[0] == 403
    assert site.view(**{"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert site.tokens == []


def test_what_opens_nothing_does_not_say_why() -> None:
    site = Site()
    status, told = site.view("other")
    assert status == 410
    assert told["error"] == "This link shows nothing."
    for body in (b"", b"[]", b"{", b'{"token": 1}', b'{"token": "a", "more": 1}', b"\xff"):
        assert site.client.post(VIEW_PATH, content=body).status_code == 400
    long = b'{"token": "%s"}' % (b"x" * LONGEST_BODY)
    assert site.client.post(VIEW_PATH, content=long).status_code == 413


@pytest.mark.parametrize("error", [DatabaseUnavailable("away"), ClusterUnavailable("no answer")])
def test_what_cannot_be_checked_is_not_shown(error: Exception) -> None:
    site = Site()
    site.error = error
    assert site.view()[0] == 503


def test_the_token_is_in_no_log_metric_or_header(caplog: pytest.LogCaptureFixture) -> None:
    site = Site()
    site.error = RuntimeError("a fault")
    with caplog.at_level(logging.DEBUG):
        answer = site.client.post(VIEW_PATH, json={"token": TOKEN})
    assert answer.status_code == 500
    assert "failed" in caplog.text
    assert TOKEN not in caplog.text + answer.text + str(answer.headers)
    assert TOKEN.encode() not in site.metrics.render()


def test_without_the_setting_there_is_no_such_page() -> None:
    site = Site(links=False)
    assert site.client.get(PATH).status_code == 401
    assert site.client.post(VIEW_PATH, json={"token": TOKEN}).status_code == 401
    assert site.client.get("/static/x/none.js").status_code == 401
