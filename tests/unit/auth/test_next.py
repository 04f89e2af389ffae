"""Where a sign-in leads back to: a page of the portal, whatever it was asked for."""

from __future__ import annotations

from urllib.parse import quote, unquote, urljoin, urlsplit

import pytest

from portal.auth.oidc.sign_in import LONGEST_NEXT, safe_next

PORTAL = "https://portal.example.com"
ELSEWHERE = [
    *(
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "//evil.example/%2f..",
        "/\\evil.example",
    ),
    *(
        "\\\\evil.example",
        "\\/evil.example",
        "/\\/evil.example",
        "/\\\\evil.example",
        "//\\evil.example",
    ),
    *(
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r/evil.example",
        "\t//evil.example",
        " //evil.example",
    ),
    *("/\x00/evil.example", "\x01//evil.example", "/\u2028/evil.example", "/\u00ad/evil.example"),
    *("https://evil.example", "HTTPS://evil.example", "https:evil.example", "https:/evil.example"),
    *(
        "http:///evil.example",
        "//evil.example@portal.example.com",
        "//portal.example.com@evil.example",
    ),
    *(
        "//portal.example.com.evil.example",
        "//evil%E3%80%82example",
        "//[::1]",
        "//0x7f000001",
        "//1",
    ),
    *("javascript:alert(1)", "JavaScript:alert(1)", "java\tscript:alert(1)", "data:text/html,x"),
    *(
        "vbscript:x",
        "blob:https://evil.example/x",
        "evil.example",
        ".evil.example",
        "@evil.example",
    ),
    *(
        "?next=//evil.example",
        "#//evil.example",
        "",
        ".",
        "..",
        "/\r\nSet-Cookie: a=b",
        "//",
        "/\\",
        "\\",
    ),
    *(
        "/" + LONGEST_NEXT * "a",
        "https://portal.example.com.evil.example/",
        "http://portal.example.com/",
    ),
]
ROUND = [
    "/auth/sign-in",
    "/auth/callback?code=x",
    "/auth/sign-out",
    "/auth/sign-in?next=/auth/sign-in",
]
PAGES = [
    *("/", "/apps/a/b?tab=logs", "/apps/a/b#top", "/?q=//evil.example", "/?u=https://evil.example"),
    *(
        "/apps/a//b",
        "/a/..//evil.example",
        "/%2f%2fevil.example",
        "/%5cevil.example",
        "/@evil.example",
    ),
    *("/.evil.example", "/:80", "/;//evil.example", "/é", "/auth/signed-in"),
]


@pytest.mark.parametrize("wanted", [*ELSEWHERE, *ROUND])
def test_it_leads_nowhere_else(wanted: str) -> None:
    assert safe_next(wanted) == "/"


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_nor_once_it_was_quoted_or_read_twice(wanted: str) -> None:
    for each in (quote(wanted), quote(quote(wanted)), unquote(wanted), wanted.strip()):
        led = safe_next(each)
        assert urlsplit(urljoin(PORTAL, led)).netloc == "portal.example.com"
        assert led.startswith("/")
        assert led[1:2] not in {"/", "\\"}
        assert led.isprintable()


@pytest.mark.parametrize("wanted", PAGES)
def test_a_page_of_the_portal_is_found_again(wanted: str) -> None:
    assert safe_next(wanted) == wanted
    assert urlsplit(urljoin(PORTAL, wanted)).netloc == "portal.example.com"


def test_there_are_enough() -> None:
    assert len(set(ELSEWHERE)) >= 40
