from __future__ import annotations

import pytest

from portal.auth.csrf import cross_site_problem
from portal.auth.identify import HeaderAuthenticator, OpenAuthenticator
from portal.domain.errors import Unauthenticated
from portal.domain.identity import ANONYMOUS, Identity

SECRET = "s3cret-é"
PROXY = HeaderAuthenticator(SECRET)


def test_in_the_open_mode_everybody_is_the_same() -> None:
    opened = OpenAuthenticator()
    assert opened.identify([("X-Forwarded-User", "root")]) is ANONYMOUS
    assert opened.anonymous
    assert not PROXY.anonymous


def test_the_proxy_says_who_is_asking() -> None:
    headers = [
        ("x-portal-secret", SECRET),
        ("X-FORWARDED-USER", " ann@example.com "),
        ("X-Forwarded-Groups", "a, b,, c"),
        ("Cookie", "x"),
        ("Cookie", "y"),
    ]
    assert PROXY.identify(headers) == Identity("ann@example.com", ("a", "b", "c"))
    assert PROXY.identify(headers[:2]) == Identity("ann@example.com")


def received(text: str) -> str:
    """Decode a proxy's UTF-8 header as a server does, as Latin-1."""
    return text.encode().decode("latin-1")


@pytest.mark.parametrize("name", ["müller", "groß", "àda", "李雷"])
def test_names_may_have_any_letters(name: str) -> None:
    headers = [
        ("x-portal-secret", received(SECRET)),
        ("x-forwarded-user", received(name)),
        ("x-forwarded-groups", received(f"büro, {name}")),
    ]
    assert PROXY.identify(headers) == Identity(name, ("büro", name))


def test_a_proxy_that_writes_latin_1_is_understood_too() -> None:
    headers = [("x-portal-secret", SECRET), ("x-forwarded-user", "müller")]
    assert PROXY.identify(headers) == Identity("müller")


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ([], "did not come through the login proxy"),
        ([("X-Forwarded-User", "ann")], "did not come through"),
        ([("X-Portal-Secret", ""), ("X-Forwarded-User", "ann")], "did not come through"),
        ([("X-Portal-Secret", "s3cret"), ("X-Forwarded-User", "ann")], "did not come through"),
        ([("X-Portal-Secret", SECRET)], "did not say who you are"),
        ([("X-Portal-Secret", SECRET), ("X-Forwarded-User", " ")], "did not say who you are"),
        ([("X-Portal-Secret", SECRET), ("X-Forwarded-User", "a\nb")], "did not say who you are"),
        ([("X-Portal-Secret", SECRET), ("X-Forwarded-User", "a" * 257)], "did not say who"),
        (
            [
                ("X-Portal-Secret", SECRET),
                ("X-Forwarded-User", "admin"),
                ("x-forwarded-user", "ann"),
            ],
            "X-Forwarded-User arrived more than once",
        ),
        ([("X-Portal-Secret", SECRET), ("X-Portal-Secret", "x")], "arrived more than once"),
    ],
)
def test_who_does_not_prove_it_is_refused(headers: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(Unauthenticated, match=words) as refused:
        PROXY.identify(headers)
    assert SECRET not in str(refused.value)


def test_without_a_secret_there_is_no_header_mode() -> None:
    with pytest.raises(ValueError, match="secret"):
        HeaderAuthenticator("")


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"sec-fetch-site": "cross-site", "origin": "https://evil"}),
        ("POST", {"sec-fetch-site": "same-origin", "host": "p", "origin": "http://p"}),
        ("POST", {"sec-fetch-site": "none", "host": "p"}),
        ("POST", {"host": "p:80", "origin": "http://p"}),
        ("POST", {"host": "p", "origin": "https://p:443"}),
        ("POST", {"host": "P:8050", "origin": "http://p:8050"}),
        ("POST", {"host": "p"}),
        ("POST", {"host": "inner", "origin": "https://portal.example.com"}),
    ],
)
def test_requests_of_our_own_pages_pass(method: str, headers: dict[str, str]) -> None:
    trusted = ["https://portal.example.com"]
    assert cross_site_problem(method, headers, trusted_origins=trusted) == ""


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"sec-fetch-site": "cross-site", "host": "p", "origin": "http://p"}, "cross-site"),
        ({"sec-fetch-site": "same-site", "host": "p"}, "same-site"),
        ({"host": "p", "origin": "http://evil"}, "http://evil"),
        ({"host": "p:8050", "origin": "http://p:8051"}, "8051"),
        ({"host": "p", "origin": "null"}, "null"),
        ({"origin": "http://p"}, "http://p"),
        ({"host": "p", "origin": "http://p:x"}, "p:x"),
        ({"host": "p", "origin": "http://[p"}, "p"),
        ({"host": "p", "origin": "http://p.evil"}, "p.evil"),
    ],
)
def test_requests_of_other_sites_do_not(headers: dict[str, str], words: str) -> None:
    assert words in cross_site_problem("POST", headers)
    assert words in cross_site_problem("GET", headers, websocket=True)


def test_a_websocket_says_which_page_opens_it() -> None:
    assert "Origin" in cross_site_problem("GET", {"host": "p"}, websocket=True)
    ours = {"host": "p", "origin": "http://p"}
    assert cross_site_problem("GET", ours, websocket=True) == ""
