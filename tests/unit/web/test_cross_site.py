"""Everything in the real portal that changes something, and every socket: not for other sites.

The routes and callbacks themselves say what there is.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.routing import Route, WebSocketRoute
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from benchmarks.inputs.loads import well_formed
from portal.auth.csrf import TOKEN_COOKIE, TOKEN_HEADER
from portal.web.content_security import REPORTS_PATH
from portal.web.methods import ALLOWED
from tests.unit.web.test_matrix import (
    INSIDE,
    THERE,
    Site,
    components_for,
    headers,
    serving,
    value_for,
)

TOKEN = 43 * "t"
CHANGES = {"/_dash-update-component"}
"""Routes that take POST, all of which need a token."""
WITHOUT_TOKEN = {REPORTS_PATH: "browsers post it by themselves, and it only counts"}
SOCKETS = {"/live", "/live/logs", "/live/shell", "/_dash-ws-callback"}

EVIL = "http://evil.example"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with serving(tmp_path) as site:
        yield site


def posted(site: Site) -> set[str]:
    """The paths that anything can be posted to."""
    return {
        each.path
        for each in site.router.routes
        if isinstance(each, Route) and "POST" in (each.methods or {"POST"})
    }


def sockets(site: Site) -> set[str]:
    return {each.path for each in site.router.routes if isinstance(each, WebSocketRoute)}


def cross_site(site: Site) -> dict[str, dict[str, str]]:
    """Headers of requests that no page of the portal makes, by what is wrong with them."""
    ours = f"http://{site.address}"
    token = {"Cookie": f"{TOKEN_COOKIE}={TOKEN}", TOKEN_HEADER: TOKEN}
    return {
        "another site": {"Origin": EVIL, **token},
        "another port": {"Origin": f"{ours}1", **token},
        "an opaque origin": {"Origin": "null", **token},
        "a sibling": {"Sec-Fetch-Site": "same-site", **token},
        "said by the browser": {"Origin": ours, "Sec-Fetch-Site": "cross-site", **token},
    }


def tokenless(site: Site) -> dict[str, dict[str, str]]:
    ours = {"Origin": f"http://{site.address}", "Sec-Fetch-Site": "same-origin"}
    return {
        "no token": ours,
        "the cookie alone": {**ours, "Cookie": f"{TOKEN_COOKIE}={TOKEN}"},
        "the header alone": {**ours, TOKEN_HEADER: TOKEN},
        "another's": {**ours, "Cookie": f"{TOKEN_COOKIE}={TOKEN}", TOKEN_HEADER: 43 * "u"},
        "a login without an origin": {"Cookie": "session=x"},
    }


async def status(site: Site, path: str, body: object, more: dict[str, str]) -> int:
    url = f"http://{site.address}{path}"
    async with site.session.post(url, json=body, headers={**headers(INSIDE), **more}) as answer:
        return answer.status


async def test_every_change_is_classified(site: Site) -> None:
    """A new route that can be posted to has to be named here, and is tried below."""
    assert posted(site) == CHANGES | set(WITHOUT_TOKEN)
    assert sockets(site) == SOCKETS
    assert set(ALLOWED) == {"GET", "HEAD", "POST"}


async def test_no_change_is_made_for_another_site(site: Site) -> None:
    for path in posted(site):
        for what, more in cross_site(site).items():
            assert await status(site, path, {}, more) == 403, (path, what)
        if path in CHANGES:
            for what, more in tokenless(site).items():
                assert await status(site, path, {}, more) == 403, (path, what)


async def test_no_callback_answers_another_site(site: Site) -> None:
    _, listed = await site.get(INSIDE, "/_dash-dependencies")
    tried = 0
    for spec in json.loads(listed):
        if spec["clientside_function"] is not None:
            continue
        tried += 1
        body = well_formed(spec, value_for(THERE), components_for(THERE))
        for what, more in (cross_site(site) | tokenless(site)).items():
            assert await status(site, "/_dash-update-component", body, more) == 403, (spec, what)
    assert tried > 30


async def test_no_socket_opens_for_another_site(site: Site) -> None:
    query = f"?namespace={THERE.namespace}&name={THERE.name}"
    for path in sockets(site):
        for what, more in {**cross_site(site), "no origin": {}}.items():
            with pytest.raises(InvalidStatus) as refused:
                async with connect(
                    f"ws://{site.address}{path}{query}",
                    additional_headers={**headers(INSIDE), **more},
                ):
                    pass
            assert refused.value.response.status_code == 403, (path, what)
