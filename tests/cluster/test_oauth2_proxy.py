"""A real oauth2-proxy before the portal in mode ``header``, with a real OpenID provider.

What it runs with is in docs/install.md; addresses and paths are the test's.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import tomllib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import uvicorn
import yaml
from fastapi import FastAPI
from starlette.websockets import WebSocket

from portal.auth.hosts import NO_OTHERS
from portal.auth.identify import HeaderAuthenticator
from portal.web.metrics import Metrics
from portal.web.middleware import RequestMiddleware, current_identity
from tests.cluster.test_sign_in import PAGE, free_port, page
from tests.waiting import until

pytestmark = pytest.mark.cluster

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "install.md"
SECRET = "between the two"
ANN = "ann@example.com data"
FORGED = {"X-Forwarded-User": "adam", "X-Forwarded-Groups": "admins"}


def documented(language: str, name: str) -> str:
    """Return a configuration file as the guide has it."""
    found = re.search(rf"```{language}\n# {re.escape(name)}.*?\n(.*?)```", GUIDE.read_text(), re.S)
    assert found
    return found[1]


class Site:
    """The provider, the proxy and the portal, each at an address of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.issuer, self.url, self.portal = (f"http://127.0.0.1:{free_port()}" for _ in range(3))
        self.store = free_port()

    def provider(self) -> list[str]:
        users = {"ann": ["data", "system:masters"], "bob": []}
        configured = {
            "issuer": self.issuer,
            "listen": self.issuer.removeprefix("http://"),
            "seconds": 3600,
            "control": True,
            "client": {
                "id": "dash-portal",
                "secret": "s",
                "redirect_uris": [f"{self.url}/oauth2/callback"],
            },
            "users": [
                {"name": name, "password": "p", "email": f"{name}@example.com", "groups": groups}
                for name, groups in users.items()
            ],
        }
        file = self._write("provider.json", json.dumps(configured))
        return [os.environ["OIDC_PROVIDER"], "-config", file]

    def proxy(self) -> list[str]:
        config = tomllib.loads(documented("toml", "oauth2-proxy.cfg"))
        # Over plain HTTP, and with a session that is renewed while the test looks.
        config |= {"cookie_name": "proxy", "cookie_secure": False, "cookie_refresh": "1s"}
        config["redis_connection_url"] = f"redis://127.0.0.1:{self.store}"
        config["redirect_url"] = f"{self.url}/oauth2/callback"
        alpha = yaml.safe_load(documented("yaml", "oauth2-proxy.yaml"))
        alpha["server"]["bindAddress"] = self.url.removeprefix("http://")
        alpha["upstreamConfig"]["upstreams"][0]["uri"] = self.portal
        secret = alpha["injectRequestHeaders"][2]["values"][0]["secretSource"]
        secret["fromFile"] = self._write("secret", SECRET)
        (provider,) = alpha["providers"]
        provider["clientSecretFile"] = self._write("client-secret", "s")
        provider["oidcConfig"]["issuerURL"] = self.issuer
        cfg = "\n".join(f"{key} = {json.dumps(value)}" for key, value in config.items())
        return [
            os.environ["OAUTH2_PROXY"],
            f"--config={self._write('proxy.cfg', cfg)}",
            f"--alpha-config={self._write('proxy.yaml', yaml.safe_dump(alpha))}",
        ]

    def _write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(_process(self.provider(), f"{self.issuer}/ready"))
            # It is asked first when somebody signs in, long after the proxy answers.
            where = ("--port", str(self.store), "--bind", "127.0.0.1", "--dir", str(self.folder))
            await stack.enter_async_context(_process([os.environ["REDIS_SERVER"], *where]))
            await stack.enter_async_context(self._served())
            await stack.enter_async_context(_process(self.proxy(), f"{self.url}/ping"))
            yield

    @asynccontextmanager
    async def _served(self) -> AsyncGenerator[None]:
        app = FastAPI()
        app.add_route("/page", page)
        app.add_api_websocket_route("/live", live)
        edge = RequestMiddleware(
            app, HeaderAuthenticator(SECRET), lambda: "", Metrics(), known_hosts=NO_OTHERS
        )
        port = int(self.portal.rpartition(":")[2])
        config = uvicorn.Config(edge, "127.0.0.1", port, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        await until(lambda: server.started)
        try:
            yield
        finally:
            server.should_exit = True
            await serving


async def live(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(current_identity().user)
    await socket.close()


@asynccontextmanager
async def _process(command: list[str], ready: str = "") -> AsyncGenerator[None]:
    """A process that runs, and answers at the address ``ready`` if there is one."""

    async def answers() -> bool:
        assert process.returncode is None, f"{command[0]} has ended"
        try:
            async with http.get(ready) as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    key = {"OAUTH2_PROXY_COOKIE_SECRET": secrets.token_urlsafe(32)}
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *command, stdout=quiet, stderr=quiet, env={**os.environ, **key}
    )
    try:
        async with aiohttp.ClientSession() as http:
            if ready:
                await eventually(answers)
        yield
    finally:
        process.kill()
        await process.wait()


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask until the answer is yes."""
    async with asyncio.timeout(30):
        while not await condition():
            pass


class Browser:
    """A browser with one jar of cookies, whatever the number of its tabs."""

    def __init__(self, site: Site, http: aiohttp.ClientSession) -> None:
        self.site = site
        self.http = http

    async def begin(self) -> str:
        """Open a page signed out; returns the provider's form's id."""
        async with self.http.get(f"{self.site.url}/page", headers=PAGE) as answer:
            found = re.search(r'name="id" value="([^"]+)"', await answer.text())
        assert found
        return found[1]

    async def finish(self, form: str, name: str) -> str:
        given = {"id": form, "name": name, "password": "p"}
        async with self.http.post(f"{self.site.issuer}/login", data=given, headers=PAGE) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.text()

    async def get(self, headers: dict[str, str] | None = None, path: str = "/page") -> str:
        """Return the page through the proxy, or where the proxy leads instead."""
        url = f"{self.site.url}{path}"
        async with self.http.get(url, headers=headers, allow_redirects=False) as answer:
            return await answer.text() if answer.status == 200 else str(answer.status)


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncGenerator[Browser]:
    site = Site(tmp_path)
    jar = aiohttp.CookieJar(unsafe=True)  # it refuses addresses otherwise
    async with site.running(), aiohttp.ClientSession(cookie_jar=jar) as http:
        yield Browser(site, http)


async def test_a_session_through_the_proxy(browser: Browser) -> None:
    site = browser.site
    # Two tabs that sign in at the same time both arrive.
    forms = [await browser.begin(), await browser.begin()]
    assert [await browser.finish(form, "ann") for form in forms] == [ANN, ANN]

    # Whatever a client adds, by any spelling: it is taken for whom it is, or refused.
    for headers in (
        FORGED,
        {name.replace("-", "_"): value for name, value in FORGED.items()},
        {name.lower(): value for name, value in FORGED.items()},
        FORGED | {"X-Portal-Secret": "guessed"},
        FORGED | {"X-Portal-Secret": SECRET},
        {"X.Forwarded.User": "adam"},
    ):
        assert await browser.get(headers) in {ANN, "401"}
    # Nobody goes around it.
    for headers in (FORGED, FORGED | {"X-Portal-Secret": "guessed"}):
        async with browser.http.get(f"{site.portal}/page", headers=headers) as answer:
            assert answer.status == 401
    # The live connection goes through it.
    address = f"{site.url}/live".replace("http", "ws")
    async with browser.http.ws_connect(address, origin=site.url) as socket:
        assert await socket.receive_str() == "ann@example.com"

    # It is renewed, for two tabs that ask at the same time as well.
    def cookie() -> str:
        return next(each.value for each in browser.http.cookie_jar if each.key == "proxy")

    before = cookie()

    async def renewed() -> bool:
        assert await asyncio.gather(browser.get(), browser.get()) == [ANN, ANN]
        return cookie() != before

    await eventually(renewed)

    # The provider ends it: it goes on until it is to be renewed, and no longer.
    async with browser.http.post(f"{site.issuer}/control/end?user=ann") as answer:
        assert answer.status == 200

    async def over() -> bool:
        return await browser.get() != ANN

    await eventually(over)
    assert await browser.get() == "302", "a page leads to the provider"
    assert await browser.get(path="/live/x") == "401", "a script is told so"
    assert await browser.finish(await browser.begin(), "bob") == "bob@example.com "
