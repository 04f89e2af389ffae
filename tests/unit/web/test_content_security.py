"""The Content-Security-Policy and the browsers' reports of what it has stopped."""

from __future__ import annotations

import json
import logging

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from portal.web import content_security
from portal.web.content_security import (
    LONGEST,
    MOST,
    PERIOD,
    REPORTS_PATH,
    Reports,
    Violation,
    policy,
    reports_endpoint,
    violation,
)

PERSONAL = "https://portal.example.com/apps/secret-space/payroll?token=abc"


def report(**changes: object) -> bytes:
    told = {
        "document-uri": PERSONAL,
        "referrer": PERSONAL,
        "violated-directive": "script-src-elem",
        "effective-directive": "script-src-elem",
        "original-policy": "default-src 'self'",
        "blocked-uri": "inline",
        "script-sample": "alert('my password')",
        **changes,
    }
    return json.dumps({"csp-report": told}).encode()


def test_nothing_inline_is_allowed_but_by_its_hash() -> None:
    rules = {
        name: rest for name, *rest in (each.split() for each in policy(["'sha256-x'"]).split(";"))
    }
    assert rules["script-src"] == ["'self'", "'sha256-x'"]
    assert rules["style-src"] == rules["default-src"] == rules["form-action"] == ["'self'"]
    for name in ("object-src", "base-uri", "frame-ancestors", "frame-src"):
        assert rules[name] == ["'none'"]
    assert rules["report-uri"] == [REPORTS_PATH]
    assert not any("unsafe" in each or "*" in each for rest in rules.values() for each in rest)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Violation("script-src-elem", "inline")),
        ({"blocked-uri": ""}, Violation("script-src-elem", "inline")),
        ({"blocked-uri": "eval"}, Violation("script-src-elem", "eval")),
        ({"blocked-uri": PERSONAL}, Violation("script-src-elem", "https")),
        ({"blocked-uri": "data"}, Violation("script-src-elem", "data")),
        ({"blocked-uri": "chrome-extension://abc"}, Violation("script-src-elem", "other")),
        ({"blocked-uri": "https://[::1"}, Violation("script-src-elem", "other")),
        ({"effective-directive": "style-src 'self'"}, Violation("style-src", "inline")),
        ({"effective-directive": "my-own"}, Violation("other", "inline")),
        ({"effective-directive": "", "violated-directive": ""}, Violation("other", "inline")),
    ],
)
def test_of_a_report_only_the_kind_is_kept(changes: dict[str, object], expected: Violation) -> None:
    assert violation(report(**changes)) == expected


NONE = [
    *(b"", b"{", b"[]", b"null", b"\xff", b'{"csp-report": 1}', b'{"csp-report": []}', b"{}"),
    *(report(**{"blocked-uri": 1}), report(**{"effective-directive": ["script-src"]})),
    *(b"[" * 5000, b'{"csp-report":' * 1000),
]


@pytest.mark.parametrize("body", NONE)
def test_what_is_no_report(body: bytes) -> None:
    assert violation(body) is None


class Site:
    def __init__(self) -> None:
        self.now = 0.0
        self.reports = Reports(lambda: self.now)
        routes = [Route(REPORTS_PATH, reports_endpoint(self.reports), methods=["POST"])]
        self.client = TestClient(Starlette(routes=routes))

    def post(self, body: bytes) -> int:
        return self.client.post(REPORTS_PATH, content=body).status_code


def test_reports_are_counted_and_some_of_them_logged(caplog: pytest.LogCaptureFixture) -> None:
    site = Site()
    with caplog.at_level(logging.WARNING, content_security.__name__):
        for _ in range(MOST + 5):
            assert site.post(report()) == 204
        assert site.reports.counts == {"script-src-elem": MOST + 5}
        assert len(caplog.records) == MOST
        site.now += PERIOD
        assert site.post(report()) == 204
        assert len(caplog.records) == MOST + 1
    for record in caplog.records:
        told = str(record.__dict__)
        for each in ("secret-space", "payroll", "abc", "password", "example.com"):
            assert each not in told


def test_what_is_no_report_is_not_counted() -> None:
    site = Site()
    assert {site.post(body) for body in NONE} == {400}
    assert site.post(b" " * (LONGEST + 1)) == 413
    assert site.post(report(**{"script-sample": "x" * LONGEST})) == 413
    assert site.client.get(REPORTS_PATH).status_code == 405
    assert not site.reports.counts
