"""Each page in each state: no error, accessible in both themes, readable at each width."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from .observed import USUAL, Tab, tab
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
    return here.faults()
