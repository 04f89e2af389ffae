"""Requests with unusual methods and forms."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.fuzz.site import OURS, PortalClient, running

PATHS = [
    *("/", "/admin", "/launch", "/catalog", "/apps/apps/there-0", "/nowhere", "/apps/x"),
    *("/_dash-layout", "/_dash-dependencies", "/assets/web/page.js", "/assets/favicon.svg"),
    *("/live/frame?view=apps", "/live/frame?view=no", "/icons/local/none", "/assets/none"),
    *("/healthz", "/readyz"),
    *("/_dash-component-suites/dash/nothing.js", "/_reload-hash", "/_favicon.ico"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalClient]:
    with running(tmp_path_factory.mktemp("cache")) as site:
        yield site


@pytest.mark.parametrize("path", PATHS)
def test_head_answers_as_get_does_without_a_body(site: PortalClient, path: str) -> None:
    plain = site.client.get(path)
    head = site.client.head(path)
    assert (head.status_code, head.content) == (plain.status_code, b"")
    assert head.status_code < 500 or path == "/readyz"
    for name in ("content-type", "content-length", "content-security-policy"):
        assert head.headers.get(name) == plain.headers.get(name)
    site.check()


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "GIT"])
@pytest.mark.parametrize("path", [*PATHS, "/_dash-update-component"])
def test_other_methods_are_refused(site: PortalClient, method: str, path: str) -> None:
    answer = site.client.request(method, path)
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("path", [each for each in PATHS if "?" not in each])
def test_nothing_is_posted_to_a_page(site: PortalClient, path: str) -> None:
    answer = site.client.post(path, content=b"{", headers=OURS)
    assert answer.status_code in {404, 405}
    site.check()


@pytest.mark.parametrize("start", ["/", "/apps/", "/assets/", "/icons/", "/catalog/", "/live/"])
@pytest.mark.parametrize(
    "rest",
    [
        *("%00", "a%00b", "%ff%fe", "%ed%a0%80", "%2e%2e/%2e%2e/etc/passwd", "..%2f..%2fetc", "%"),
        *("%zz", "%0d%0aX: y", "a" * 4000, "a/" * 1500, "%25%30%30", "\\..\\x", ";x=1", "~", "//x"),
        *("?" + "a=1&" * 1000, "?view=%00", "?view=" + "%ed%a0%80" * 10, "?" + "[" * 3000, "?%"),
    ],
)
def test_odd_addresses(site: PortalClient, start: str, rest: str) -> None:
    answer = site.client.get(f"http://testserver{start}{rest}")
    assert answer.status_code in {200, 204, 400, 404}
    site.check()


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 400),
        ("application/json; charset=utf-8", 400),
        ("APPLICATION/JSON", 400),
        *((kind, 415) for kind in ("text/plain", "", "application/x-www-form-urlencoded", "\x7f")),
        *((kind, 415) for kind in ("multipart/form-data; boundary=x", "application/jsonp", "json")),
    ],
)
def test_only_json_is_read(site: PortalClient, kind: str, status: int) -> None:
    answer = site.client.post(
        "/_dash-update-component",
        content=b"{}",
        headers={**OURS, "Content-Type": kind},
    )
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "advice"}
    site.check()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\xff\xfe", b"\x00", b"{", b'{"output":', b'"\\ud800"', b'{"output":"\\ud800"}'),
        *(b"NaN", b"1e999", b"9" * 5000, b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b"[" * 5000),
        b'{"output":' * 5000,
    ],
)
def test_what_is_no_json_is_no_error(site: PortalClient, content: bytes) -> None:
    headers = {**OURS, "Content-Type": "application/json"}
    answer = site.client.post("/_dash-update-component", content=content, headers=headers)
    assert answer.status_code == 400
    site.check()
