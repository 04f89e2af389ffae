"""Notices on a page while the API server cannot be reached, and after.

The portal runs here, behind a proxy that can be taken away, beside the one in the cluster.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.own_portal import own_portal
from tests.browser.portal_page import live
from tests.cluster.faults.lab import CONVERGED_WITHIN, MARKED_WITHIN, SLACK, kubeconfig_of
from tests.cluster.faults.proxy import FaultProxy
from tests.cluster.faults.server import ApiServer

READ_EVERY = 10.0
"""Seconds between two frames of a page without a WebSocket (see live.js)."""


class Wire:
    """A proxy that lives on a thread of its own, since Playwright keeps this one."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._stack = AsyncExitStack()
        self.proxy: FaultProxy

    def __enter__(self) -> Wire:
        self._thread.start()
        self.run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _open(self) -> None:
        server = ApiServer.connect(Path(os.environ["KUBECONFIG"]))
        proxy = FaultProxy(await self._stack.enter_async_context(server))
        self.proxy = await self._stack.enter_async_context(proxy.listen())


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with Wire() as wire:
        yield wire


@pytest.fixture(scope="module")
def portal_url(wire: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A portal of this test's own, at the far end of the wire."""
    folder = tmp_path_factory.mktemp("portal")
    token, kubeconfig = folder / "token", folder / "kubeconfig"
    token.write_text("any")
    kubeconfig.write_text(kubeconfig_of(wire.proxy.url, token))
    with own_portal(folder, kubeconfig=str(kubeconfig)) as url:
        yield url


def test_a_page_says_that_it_is_out_of_date_for_as_long_as_it_is(page: Page, wire: Wire) -> None:
    page.goto("/admin")
    live(page)
    notice = page.locator("#releases-stale")
    words = notice.get_by_text("may be out of date")
    expect(words).to_have_count(0)
    page.evaluate("window.loadedOnce = true")

    wire.run(wire.proxy.down())
    expect(notice).to_contain_text("Releases: may be out of date", timeout=MARKED_WITHIN * 1000)
    live(page)  # to the portal; it is the portal that has lost the cluster

    wire.run(wire.proxy.up())
    expect(words).to_have_count(0, timeout=(CONVERGED_WITHIN + SLACK) * 1000)
    assert page.evaluate("window.loadedOnce"), "nobody has loaded the page again"


def test_a_page_that_gets_no_websocket_is_told_as_well_only_later(page: Page, wire: Wire) -> None:
    page.route_web_socket(re.compile(r"/live(\?|$)"), lambda socket: socket.close())
    page.goto("/admin")
    expect(page.locator("#live-state")).to_have_attribute("data-state", "lost")
    notice = page.locator("#releases-stale")
    try:
        wire.run(wire.proxy.down())
        within = MARKED_WITHIN + READ_EVERY + SLACK
        expect(notice).to_contain_text("Releases: may be out of date", timeout=within * 1000)
    finally:
        wire.run(wire.proxy.up())
    within = CONVERGED_WITHIN + READ_EVERY + SLACK
    expect(notice.get_by_text("may be out of date")).to_have_count(0, timeout=within * 1000)
