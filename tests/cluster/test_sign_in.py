"""Signing in and out at a real OpenID provider, over HTTP on both sides.

The provider is ``dev/oidc_provider``. The portal's clock can be set forward.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from socket import socket
from urllib.parse import urlsplit

import aiohttp
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from portal.auth.bearer import Bearer, JwtRule, WithBearer
from portal.auth.claims import ClaimNames
from portal.auth.csrf import TOKEN_COOKIE, TOKEN_HEADER
from portal.auth.hosts import NO_OTHERS
from portal.auth.http import HttpAsk
from portal.auth.oidc.cookies import Cookies
from portal.auth.oidc.provider import Client, Provider
from portal.auth.oidc.sessions import Seal, Session, Sessions
from portal.auth.oidc.sign_in import Kept, OidcAuthenticator, SignIn
from portal.database.database import Database
from portal.domain.sessions import ALONE, SharedSessions
from portal.sessions.shared import DatabaseSessions
from portal.web.metrics import Metrics
from portal.web.middleware import RequestMiddleware, current_identity
from portal.web.sign_in import SESSION_PATH, SignInPages, session_endpoint
from tests.waiting import until

pytestmark = pytest.mark.cluster

EVERY = 300
SECRET = b"s" * 32
PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}


def free_port() -> int:
    with socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Site:
    """The portal's sign-in at ``url``, and the provider at ``issuer``."""

    def __init__(self) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.issuer = f"http://127.0.0.1:{free_port()}"
        self.ahead = 0.0

    def clock(self) -> float:
        return time.time() + self.ahead

    def configuration(self) -> dict[str, object]:
        return {
            "issuer": self.issuer,
            "listen": urlsplit(self.issuer).netloc,
            "seconds": 3600,
            "control": True,
            "client": {
                "id": "portal",
                "secret": "between us: ü",
                "redirect_uris": [f"{self.url}/auth/callback"],
                "signed_out_uris": [f"{self.url}/auth/signed-out"],
                "back_channel": f"{self.url}/auth/back-channel-logout",
            },
            "users": [
                {
                    "name": "ann",
                    "password": "a",
                    "email": "ann@example.com",
                    "groups": ["data", "system:masters"],
                },
                {"name": "bob", "password": "b", "email": "bob@example.com", "groups": []},
            ],
        }

    @asynccontextmanager
    async def served(self, url: str = "", shared: SharedSessions = ALONE) -> AsyncGenerator[None]:
        """Serve a pod of the portal, at the site's own address or another."""
        client = Client(
            issuer=self.issuer,
            id="portal",
            secret="between us: ü",
            scopes=("openid", "email", "offline_access"),
            redirect_uri=f"{self.url}/auth/callback",
            signed_out_uri=f"{self.url}/auth/signed-out",
            allow_http=True,
        )
        names = ClaimNames(user="email")
        ask = HttpAsk()
        provider = Provider(client, ask, clock=self.clock)
        sessions = Sessions(
            Seal(SECRET, "session"),
            provider,
            names,
            every=EVERY,
            longest=86400,
            clock=self.clock,
            shared=shared,
        )
        cookies = Cookies(secure=False)
        sign_in = SignIn(provider, sessions, cookies, SECRET, clock=self.clock)
        rule = JwtRule(self.issuer, frozenset({"api"}), names)
        authenticator = WithBearer(
            OidcAuthenticator(sessions, cookies, sign_in),
            Bearer(issuer=(provider, rule), clock=self.clock),
        )
        app = FastAPI()
        app.add_route("/page", page)
        app.add_route(SESSION_PATH, session_endpoint(lambda: current_identity().user))
        edge = RequestMiddleware(
            app,
            authenticator,
            lambda: "",
            Metrics(),
            known_hosts=NO_OTHERS,
            sign_in=SignInPages(sign_in, ""),
        )
        address = urlsplit(url or self.url)
        config = uvicorn.Config(
            edge, "127.0.0.1", address.port or 0, log_level="warning", lifespan="off", ws="none"
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        await until(lambda: server.started)
        try:
            yield
        finally:
            server.should_exit = True
            await serving
            await ask.close()


async def page(_: Request) -> Response:
    identity = current_identity()
    return PlainTextResponse(f"{identity.user} {','.join(identity.groups)}")


class Browser:
    """A browser that fills in the provider's form as ``name``."""

    def __init__(self, site: Site, http: aiohttp.ClientSession) -> None:
        self.site = site
        self.http = http
        self.seen: list[str] = []
        self.asked_for_password = 0

    async def open(self, path: str, name: str = "ann", password: str = "a") -> tuple[int, str]:
        """Open a page of the portal, signing in if asked; returns the last answer."""
        return await self._follow(f"{self.site.url}{path}", name, password)

    async def _follow(self, url: str, name: str, password: str) -> tuple[int, str]:
        async with self.http.get(url, headers=PAGE) as answer:
            self.seen += [str(each.url) for each in (*answer.history, answer)]
            status, text = answer.status, await answer.text()
        form = re.search(r'name="id" value="([^"]+)"', text)
        if not form:
            return status, text
        self.asked_for_password += 1
        given = {"id": form[1], "name": name, "password": password}
        async with self.http.post(f"{self.site.issuer}/login", data=given, headers=PAGE) as answer:
            self.seen += [str(each.url) for each in (*answer.history, answer)]
            return answer.status, await answer.text()

    async def session(self) -> int:
        """Return the status that a script of the page gets."""
        async with self.http.get(f"{self.site.url}{SESSION_PATH}") as answer:
            return answer.status

    async def sign_out(self) -> str:
        token = next(each for name, each in self.cookies().items() if name.endswith(TOKEN_COOKIE))
        headers = {"Origin": self.site.url, TOKEN_HEADER: token}
        async with self.http.post(f"{self.site.url}/auth/sign-out", headers=headers) as answer:
            location = (await answer.json())["location"]
        async with self.http.get(location) as answer:
            self.seen += [str(each.url) for each in (*answer.history, answer)]
            return await answer.text()

    async def control(self, path: str) -> None:
        async with self.http.post(f"{self.site.issuer}/control/{path}") as answer:
            assert answer.status == 200

    def cookies(self) -> dict[str, str]:
        return {each.key: each.value for each in self.http.cookie_jar}


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncGenerator[Browser]:
    site = Site()
    file = tmp_path / "provider.json"
    file.write_text(json.dumps(site.configuration()))
    command = (os.environ["OIDC_PROVIDER"], "-config", str(file))
    provider = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert provider.stdout is not None
        assert await provider.stdout.readline() == b"ready\n"
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(site.served())
            jar = aiohttp.CookieJar(unsafe=True)  # it refuses addresses otherwise
            http = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
            yield Browser(site, http)
    finally:
        provider.terminate()
        await provider.wait()


async def test_a_session_from_its_beginning_to_its_end(browser: Browser) -> None:
    site = browser.site
    assert await browser.session() == 401
    status, text = await browser.open("/page?tab=1", password="wrong")
    assert (status, "name or the password is wrong" in text) == (401, True)

    # A deep link leads through the provider and back; Kubernetes' own groups are left out.
    assert await browser.open("/page?tab=1") == (200, "ann@example.com data")
    assert browser.seen[-1] == f"{site.url}/page?tab=1"
    address = f"{site.url}/auth/callback?"
    callback = next(each for each in browser.seen if each.startswith(address))
    async with browser.http.get(callback, headers=PAGE, allow_redirects=False) as again:
        assert (again.status, again.headers["Location"]) == (303, "/")
    assert await browser.session() == 200

    # It is renewed, also when the provider has new keys.
    for turn in ("", "rotate"):
        if turn:
            await browser.control(turn)
        before = browser.cookies()["dash-portal-session"]
        site.ahead += EVERY
        assert await browser.session() == 200
        assert browser.cookies()["dash-portal-session"] != before

    # The provider ends it without a word: it cannot be renewed.
    await browser.control("end?user=ann")
    assert await browser.session() == 200
    site.ahead += EVERY
    assert await browser.session() == 401

    # Signing in again takes the password, since it has ended there.
    asked = browser.asked_for_password
    assert await browser.open("/page") == (200, "ann@example.com data")
    assert browser.asked_for_password == asked + 1


async def test_the_provider_ends_a_session_at_once(browser: Browser) -> None:
    assert await browser.open("/page") == (200, "ann@example.com data")
    browser.site.ahead += 2
    await browser.control("end?user=ann&tell=1")
    assert await browser.session() == 401


async def test_signing_out_and_somebody_else_in(browser: Browser) -> None:
    assert await browser.open("/page") == (200, "ann@example.com data")
    copied = browser.cookies()
    assert "You have signed out" in await browser.sign_out()
    assert await browser.session() == 401
    # Who copied the cookies before has nothing of them.
    sent = "; ".join(f"{name}={value}" for name, value in copied.items())
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as other:
        address = f"{browser.site.url}{SESSION_PATH}"
        async with other.get(address, headers={"Cookie": sent}) as answer:
            assert answer.status == 401
    assert await browser.open("/page", "bob", "b") == (200, "bob@example.com ")


async def test_pods_with_one_database_renew_a_session_once_and_know_of_its_end(
    browser: Browser, tmp_path: Path
) -> None:
    """The provider takes each refresh token once."""
    site = browser.site
    async with AsyncExitStack() as stack:
        pods = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
        for url in pods:
            database = Database(f"sqlite:///{tmp_path}/portal.db")
            stack.push_async_callback(database.close)
            shared = DatabaseSessions(database, interval=0.1, clock=site.clock)
            looking = asyncio.create_task(shared.run())
            stack.callback(looking.cancel)
            await until(lambda shared=shared: shared.tried)
            await stack.enter_async_context(site.served(url, shared))
        http = await stack.enter_async_context(
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        )

        async def asked(url: str, cookies: dict[str, str]) -> tuple[int, str]:
            sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
            async with http.get(f"{url}{SESSION_PATH}", headers={"Cookie": sent}) as answer:
                given = answer.cookies.get("dash-portal-session")
                return answer.status, given.value if given else ""

        await browser.open("/page")
        cookies = browser.cookies()
        for _ in range(3):
            site.ahead += EVERY
            found = await asyncio.gather(*(asked(url, cookies) for url in pods * 3))
            assert {status for status, _ in found} == {200}
            new = [given for _, given in found if given]
            opened = [Seal(SECRET, "session").open(each, Session) for each in new]
            assert len({each.refresh_token for each in opened if each is not None}) == 1
            cookies["dash-portal-session"] = new[0]
        assert [(await asked(url, cookies))[0] for url in pods] == [200, 200]

        token = next(each for name, each in cookies.items() if name.endswith(TOKEN_COOKIE))
        sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
        headers = {"Origin": pods[0], TOKEN_HEADER: token, "Cookie": sent}
        async with http.post(f"{pods[0]}/auth/sign-out", headers=headers) as answer:
            assert answer.status == 200
        async with asyncio.timeout(20):
            while (await asked(pods[1], cookies))[0] != 401:
                pass


async def test_a_real_token_for_another_audience_is_refused(browser: Browser) -> None:
    """The portal's own ID token is one that the provider signed, and not for API callers."""
    await browser.open("/page")
    kept = Seal(SECRET, "id-token").open(browser.cookies()["dash-portal-id-token"], Kept)
    assert kept is not None
    headers = {"Authorization": f"Bearer {kept.id_token}"}
    async with browser.http.get(f"{browser.site.url}/page", headers=headers) as answer:
        assert answer.status == 401
        assert "another audience" in (await answer.json())["error"]
