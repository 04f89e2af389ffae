"""The page of a read-only link in each of its states, as the portal's own pages are looked at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from portal.domain.keys import Key
from portal.ui.routes import app_path

from .observed import USUAL, Tab, tab
from .site import Running

pytestmark = pytest.mark.pages

SHOWN = "#shared:not([aria-busy])"
APPS = ("well", "scaled", "many-pods", "last-words", "pods-12-update-stuck")


@pytest.fixture(scope="module")
def one_tab(browser: Browser) -> Iterator[Tab]:
    with tab(browser) as made:
        yield made


def link(here: Tab, sites: Running, name: str) -> str:
    """Make a link to an app on its page, and return its address."""
    here.width(USUAL)
    here.theme("light")
    here.open(sites.url("sharing") + app_path(Key("apps", name)))
    here.page.locator("#link-make").click()
    path = here.page.locator("[data-testid=made-link]").get_attribute("data-copy-link")
    assert path
    return sites.url("sharing") + path


@pytest.mark.parametrize("name", APPS)
def test_an_app_that_is_shared(one_tab: Tab, sites: Running, name: str) -> None:
    one_tab.page.goto(link(one_tab, sites, name))
    one_tab.page.locator(f"{SHOWN} h1", has_text=name).wait_for()
    one_tab.page.locator("#shared-state", has_text="valid until").wait_for()
    assert one_tab.faults() == {}


def test_a_link_that_shows_nothing(one_tab: Tab, sites: Running) -> None:
    """One that nobody has made, and one that was open when it was revoked."""
    one_tab.problems.clear()
    one_tab.page.goto(f"{sites.url('sharing')}/shared#no-link")
    one_tab.page.locator(f"{SHOWN}.empty h1").wait_for()
    assert ended(one_tab.faults()) == {}

    address = link(one_tab, sites, "two-autoscalers")
    one_tab.page.locator("[data-testid=link] button").click()
    one_tab.page.locator("[data-testid=link]").wait_for(state="detached")
    one_tab.page.goto(address)
    one_tab.page.locator(f"{SHOWN}.empty h1").wait_for()
    assert ended(one_tab.faults()) == {}


def test_a_portal_that_does_not_answer(one_tab: Tab, sites: Running) -> None:
    address = link(one_tab, sites, "idle")
    one_tab.page.clock.install()
    one_tab.page.goto(address)
    one_tab.page.locator(f"{SHOWN} h1", has_text="idle").wait_for()
    one_tab.page.route("**/shared/view", lambda route: route.abort())
    one_tab.page.clock.run_for(60_000)
    one_tab.page.locator("h1", has_text="out of date").wait_for()
    assert ended(one_tab.faults()) == {}


def ended(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """What is wrong besides the answer that there is nothing to show."""
    return {
        what: left
        for what, those in found.items()
        if (left := [each for each in those if "/shared/view" not in each])
    }
