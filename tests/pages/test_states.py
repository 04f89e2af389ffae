"""Each page in each state: no error, accessible in both themes, readable at each width."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from .observed import NARROW, OF_COLOURS, OF_LAYOUT, USUAL, WIDTHS, Tab, tab
from .site import Running
from .states import STATES, State

pytestmark = pytest.mark.pages


@pytest.fixture(scope="module")
def one_tab(browser: Browser) -> Iterator[Tab]:
    """One tab for all states: scripts are loaded and compiled once."""
    with tab(browser) as made:
        yield made


@pytest.mark.parametrize("state", STATES, ids=lambda each: each.id)
def test_state(one_tab: Tab, sites: Running, state: State) -> None:
    assert problems(one_tab, sites, state) == {}


def problems(here: Tab, sites: Running, state: State) -> dict[str, list[str]]:
    """Bring a page into a state; what is wrong with it, by what was looked at."""
    here.width(USUAL)
    here.theme("light")
    here.open(sites.url(state.site) + state.path, state.status)
    state.act(here.page)
    here.page.locator(state.shows).first.wait_for()
    here.idle()
    found: dict[str, list[str]] = {}
    found["axe"] = here.axe()
    here.theme("dark")
    found["axe, dark"] = here.axe(OF_COLOURS)
    for width in WIDTHS:
        here.width(width)
        found[f"sideways at {width}"] = here.sideways()
        if width == NARROW:
            found[f"axe, {width}"] = here.axe(OF_LAYOUT)
    found["moving"] = here.moving()
    here.width(USUAL)
    found["keyboard"] = here.unreached()
    found["errors"] = list(here.problems)
    return {what: those for what, those in found.items() if those}
