"""What a page says of a request that the portal refuses for now, and how long it says so."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from starlette.types import Message, Receive, Scope, Send

from portal.domain.identity import Identity
from portal.domain.limits import LIMITS
from portal.ui import ids
from portal.web import middleware
from portal.web.fairness import LONGEST_LINE, Fairness

from .observed import NARROW, Tab, tab
from .site import Running

pytestmark = pytest.mark.pages

CALLBACKS = re.compile("_dash-update-component")
SECONDS = 7
"""As the header says, with the settings' defaults."""


def refusal(accept: str) -> tuple[int, dict[str, str], str]:
    """The portal's own answer to one request too many: status, headers and body."""
    with ThreadPoolExecutor(1) as aside:  # Playwright's loop has this thread
        return aside.submit(asyncio.run, _refusal(accept)).result()


async def _refusal(accept: str) -> tuple[int, dict[str, str], str]:

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    middleware._identity.set(Identity("ann"))
    fair = Fairness(endless, LIMITS)
    fair._person(Identity("ann")).waiting = LONGEST_LINE
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    headers = [(b"accept", accept.encode())]
    scope = {"type": "http", "method": "GET", "path": "/apps", "headers": headers}
    await fair(scope, receive, send)
    start, body = sent[:2]
    named = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], named, body["body"].decode()


class Busy:
    """Refuses a page's callbacks while ``on``, and counts them."""

    def __init__(self, page: Page) -> None:
        self.on = True
        self.refused = 0
        self._answer = refusal("application/json")
        page.route(CALLBACKS, self._route)

    def _route(self, route: Route) -> None:
        if not self.on:
            route.continue_()
            return
        self.refused += 1
        status, headers, body = self._answer
        route.fulfill(status=status, headers=headers, body=body)


@pytest.fixture
def here(browser: Browser, sites: Running) -> Iterator[Tab]:
    with tab(browser) as here:
        here.page.clock.install()
        here.open(sites.url("signed-in") + "/apps/apps/well")
        yield here


def press(page: Page) -> None:
    page.locator(f"#{ids.HAND_OVER_TO}").fill("group:team-a")
    page.locator(f"#{ids.HAND_OVER_ASK}").click()


def test_it_says_so_until_it_can_be_tried_again(here: Tab) -> None:
    page = here.page
    busy = Busy(page)
    press(page)
    said = page.get_by_role("alert").filter(has_text="Not done:")
    expect(said).to_have_text(
        f"Not done: {LONGEST_LINE} of your requests are waiting; the portal answers 30 a second of "
        "one person (limits.requests). Close tabs and stop programs that are not needed, and try "
        f"again in {SECONDS} seconds."
    )
    assert busy.refused
    page.set_viewport_size({"width": NARROW, "height": 900})
    assert here.axe() == []
    page.clock.fast_forward((SECONDS - 1) * 1000)
    expect(said).to_be_visible()
    page.clock.fast_forward(2000)
    expect(said).to_be_hidden()


def test_what_was_refused_is_done_by_the_same_button_and_by_no_other(here: Tab) -> None:
    page = here.page
    busy = Busy(page)
    press(page)
    said = page.get_by_role("alert").filter(has_text="Not done:")
    expect(said).to_be_visible()
    busy.on = False
    with page.expect_response(CALLBACKS):
        page.locator(f"#{ids.SHARE_SAVE}").click()
    expect(page.locator(f"#{ids.SHARE_MESSAGE}")).not_to_be_empty()
    expect(said).to_be_visible()
    page.locator(f"#{ids.HAND_OVER_ASK}").click()
    expect(page.locator(f"#{ids.HAND_OVER_TO_NOTE}")).to_contain_text("one person")
    expect(said).to_be_hidden()


def test_a_page_that_is_refused_opens_itself_again(browser: Browser) -> None:
    status, headers, body = refusal("text/html")
    with tab(browser) as here:
        here.page.route(
            "**/apps",
            lambda route: route.fulfill(
                status=status, headers={**headers, "content-type": "text/html"}, body=body
            ),
        )
        here.page.goto("http://portal.test/apps")
        expect(here.page.get_by_role("heading")).to_have_text("Too many requests")
        words = f"This page is opened again by itself in {SECONDS} seconds."
        expect(here.page.locator("p")).to_contain_text(words)
        refresh = here.page.locator("meta[http-equiv=refresh]")
        expect(refresh).to_have_attribute("content", headers["retry-after"])
