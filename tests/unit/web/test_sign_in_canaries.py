"""The secrets of a sign-in: none comes out in a page, a header, a log line or the audit trail.

The provider repeats what it was told in its errors, as some do.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from portal.auth.http import Answer
from tests.unit.auth.provider import EVERY, ISSUER, SECRET, OpenIdProvider, Portal
from tests.unit.web.test_sign_in import OURS, PAGE, SERVER, Browser


class Echo(OpenIdProvider):
    """Notes each secret that it gives or is given; while ``bad``, answers with all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets = {SECRET.decode()}
        self.bad: tuple[int, bytes] | None = None

    async def __call__(
        self,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        given = {**(form or {}), **(headers or {})}
        secret = {"code", "code_verifier", "refresh_token", "token", "client_secret"}
        self.secrets |= {value for name, value in given.items() if name in secret}
        self.secrets |= {
            each.partition(" ")[2] for each in [given.get("Authorization", "")] if each
        }
        if self.bad is not None and urlsplit(url).path == "/token":
            status, body = self.bad
            return Answer(status, body.replace(b"ECHO", " ".join(self.secrets).encode()))
        return await super().__call__(url, form=form, headers=headers)

    def tokens(self, nonce: str | None) -> dict[str, object]:
        told = super().tokens(nonce) | {"access_token": "canary-of-the-access-token"}
        if "refresh_token" in told:
            self.valid.discard(str(told["refresh_token"]))
            told["refresh_token"] = f"canary-{told['refresh_token']}-of-renewals"
            self.valid.add(str(told["refresh_token"]))
        self.secrets |= {str(each) for each in told.values()}
        return told

    def sign_in_at(self, url: str) -> dict[str, str]:
        back = super().sign_in_at(url)
        code = f"canary-{back['code']}-of-a-sign-in"
        self.codes[code] = self.codes.pop(back["code"])
        self.secrets |= {code, self.codes[code]["nonce"], back["state"]}
        return {**back, "code": code}


@pytest.fixture
def browser() -> Iterator[Browser]:
    browser = Browser(Portal(Echo()))
    with browser.http:
        yield browser


BAD = {
    "an error with its description": (
        400,
        b'{"error": "invalid_grant", "error_description": "ECHO"}',
    ),
    "an error of its own": (400, b'{"error": "ECHO"}'),
    "a page": (502, b"<html>ECHO"),
    "no JSON": (200, b"ECHO"),
    "no token": (200, b'{"access_token": "ECHO"}'),
    "something else for a token": (200, b'{"id_token": "ECHO"}'),
    "a token of three parts": (200, b'{"id_token": "a.ECHO.c", "refresh_token": 7}'),
}


@pytest.mark.parametrize("bad", BAD)
def test_none_comes_out(browser: Browser, bad: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "portal")
    idp = browser.portal.idp
    assert isinstance(idp, Echo)
    told: list[str] = []

    def note(answered: Any) -> None:
        answered.read()
        headers = answered.headers.multi_items()
        away = [value for name, value in headers if name == "location" and ISSUER in value]
        said = [value for name, value in headers if name != "set-cookie" and value not in away]
        told.extend([*said, answered.text])
        for each in away:
            asked = parse_qs(urlsplit(each).query)
            idp.secrets |= {*asked.get("state", ()), *asked.get("nonce", ())}

    browser.http.event_hooks["response"].append(note)
    assert "ann@example.com" in browser.open("/page")
    sealed = [value for name, value in browser.http.cookies.items() if "session" in name]
    assert len(sealed) == 1
    idp.secrets |= set(sealed)

    idp.bad = BAD[bad]
    idp.now += EVERY
    browser.http.get("/page", headers=PAGE)  # cannot be renewed
    begun = browser.http.get("/auth/sign-in", headers=PAGE)
    back = idp.sign_in_at(begun.headers["location"])
    failed = browser.http.get("/auth/callback", params=back, headers=PAGE)
    assert failed.status_code in {401, 503}
    browser.http.get("/auth/callback", params=back, headers=PAGE)  # once more
    idp.bad = None
    assert "ann@example.com" in browser.open("/page")
    browser.http.post("/auth/back-channel-logout", data={"logout_token": "a.b.c"}, headers=SERVER)
    browser.http.event_hooks["response"].clear()
    signed_out = browser.http.post("/auth/sign-out", headers=OURS).json()
    # The provider knows by its own token whom to sign out, and gets it back for that.
    assert signed_out["location"].startswith(f"{ISSUER}/logout?")
    assert set(parse_qs(urlsplit(signed_out["location"]).query)["id_token_hint"]) <= idp.secrets

    told += [
        json.dumps({**record.__dict__, "said": record.getMessage()}, default=repr)
        for record in caplog.records
    ]
    told.append(repr(browser.kept.__dict__))
    assert len(idp.secrets) >= 10
    out = {secret: text[:300] for secret in idp.secrets for text in told if secret in text}
    assert out == {}
