"""The smallest forms of what was reported of products of this kind, tried on this one.

Others are where they belong; ``docs/security.md`` lists all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Scope

from portal.auth.csrf import SECURE_TOKEN_COOKIE, cross_site_problem
from portal.web.middleware import OPEN_PATHS
from portal.web.sign_in import BACK_CHANNEL_PATH, LONGEST_FORM, SIGN_IN_PATH
from tests.unit.web.test_matrix import INSIDE, serving
from tests.unit.web.test_sign_in import OURS, PAGE, Browser


@pytest.fixture
def browser() -> Iterator[Browser]:
    browser = Browser()
    with browser.http:
        yield browser


async def asked(
    edge: Any, path: str, *, method: str = "GET", body: list[bytes] | None = None
) -> tuple[int, bytes, list[bytes]]:
    """Ask as a server passes it on, since clients tidy addresses: status, answer, what was read."""
    sent: list[Message] = []
    waiting = list(body or [b""])
    read: list[bytes] = []

    async def receive() -> Message:
        read.append(waiting.pop(0))
        return {"type": "http.request", "body": read[-1], "more_body": bool(waiting)}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"portal.example.com"), (b"accept", b"text/html")]
    scope: Scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "scheme": "https",
    }
    await edge(scope, receive, send)
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent[1:]), read


INSIDE_PATHS = ("page", "html", "live", "auth/session", "auth/sessions/end")
AROUND = [
    *("//{}", "///{}", "/./{}", "/{}/", "/{}//", "/{}/.", "/%2f{}", "\\{}", "/\\{}", "/;/{}"),
    *(
        "/static/../{}",
        "/static/..//{}",
        "/static/%2e%2e/{}",
        "/static//../{}",
        "/static/x/../../{}",
    ),
    *("/healthz/../{}", "/healthz/{}", "/healthz;/{}", "/healthz%2f..%2f{}", "/metrics//../{}"),
    *("/auth/sign-in/../../{}", "/auth/sign-in//{}", "/auth/sign-in%00/{}", "/auth/signed-out/{}"),
    *("/STATIC/../{}", "/Healthz", "/AUTH/SIGN-IN", "/auth//sign-in", "//auth/sign-in", "/{}\x00"),
]


@pytest.mark.parametrize("around", AROUND)
async def test_no_spelling_of_a_path_gets_around_the_sign_in(around: str) -> None:
    """Where one part of a server tidies an address, and another has judged it before (Grafana)."""
    browser = Browser()
    for inner in INSIDE_PATHS:
        path = around.format(inner)
        status, body, _ = await asked(browser.http.app, path)
        assert status in {303, 401, 404}, (path, status)
        assert b"ann@example.com" not in body
        assert status != 404 or path.startswith(("/static/", *OPEN_PATHS)), path


@pytest.mark.parametrize(
    "path", ["/page", "/_dash-update-component", "/auth/sessions/end", "/csp-reports"]
)
async def test_nothing_is_read_of_who_has_not_signed_in(path: str) -> None:
    """A large body of anybody's filled a server's memory (Argo CD)."""
    browser = Browser()
    status, _, read = await asked(browser.http.app, path, method="POST", body=[b"x" * 2**20] * 100)
    assert status in {303, 401}
    assert read == []


async def test_what_anybody_may_post_has_an_end() -> None:
    browser = Browser()
    status, _, read = await asked(
        browser.http.app, BACK_CHANNEL_PATH, method="POST", body=[b"x" * 8192] * 1000
    )
    assert status == 413
    assert sum(map(len, read)) <= LONGEST_FORM + 8192


@pytest.mark.parametrize("mode", ["no-cors", "navigate", "cors", "same-origin", "websocket", ""])
def test_the_mode_of_a_request_excuses_nothing(mode: str) -> None:
    """Requests that said ``no-cors`` were taken for the site's own (JupyterHub)."""
    headers = {
        "host": "portal.example.com",
        "origin": "https://evil.example",
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": mode,
    }
    assert cross_site_problem("POST", headers)
    assert cross_site_problem("GET", headers, websocket=True)


def test_another_tab_does_not_bring_a_session_back(browser: Browser) -> None:
    """What was under way in another tab set its cookies again after a sign-out (JupyterHub)."""
    browser.open("/page")
    before = dict(browser.http.cookies)
    token = before[SECURE_TOKEN_COOKIE]
    assert browser.http.post("/auth/sign-out", headers=OURS).status_code == 200, token
    browser.portal.idp.now += 3600
    for path in ("/page", "/auth/session"):
        cookie = "; ".join(f"{name}={value}" for name, value in before.items())
        answer = browser.http.get(path, headers={"Cookie": cookie})
        assert answer.status_code == 401
        assert "dash-portal-session" not in answer.headers.get("set-cookie", "")


def test_a_cookie_of_a_neighbour_signs_nobody_in(browser: Browser) -> None:
    """A page of a host beside it set cookies for all of their domain (JupyterHub)."""
    browser.open("/page")
    tossed = {name.removeprefix("__Host-"): value for name, value in browser.http.cookies.items()}
    cookie = "; ".join(f"{name}={value}" for name, value in tossed.items())
    assert browser.http.get("/auth/session", headers={"Cookie": cookie}).status_code == 401
    # Nor does one of an attacker's own keep the owner's from counting.
    cookie = (
        f"dash-portal-session=x; {'; '.join(f'{n}={v}' for n, v in browser.http.cookies.items())}"
    )
    assert browser.http.get("/auth/session", headers={"Cookie": cookie}).status_code == 200


async def test_a_name_of_a_part_of_an_address_is_no_key(tmp_path: Path) -> None:
    """An address with the very name of its parameter led to the first of all (Grafana)."""
    async with serving(tmp_path) as site:
        for path in ("/icons/{source}/{chart:path}", "/icons/:source/:chart", "/icons/*/*"):
            status, _ = await site.get(INSIDE, path)
            assert status == 404
        for key in (":namespace/:name", "{namespace}/{name}", "*/*", "%/%", "/"):
            status, text = await site.get(INSIDE, "/live/frame", view=f"app/{key}")
            assert status == 400 or "sales" not in text, key


def test_a_sign_in_page_reflects_nothing(browser: Browser) -> None:
    """What an address said was a part of the page (Grafana, Rancher)."""
    payload = "<script>alert(1)</script>"
    for path in (
        SIGN_IN_PATH,
        "/auth/callback",
        "/auth/signed-out",
        "/auth/signed-in",
        "/" + payload,
    ):
        answer = browser.http.get(path, params={"next": payload, "error": payload}, headers=PAGE)
        assert payload not in answer.text
        assert payload not in answer.headers.get("location", "")
