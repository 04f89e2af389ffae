"""Pages while their data changes: nothing moves, and nobody loses their place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, expect

from portal.domain.objects import Probe
from portal.state.model import AppState
from tests.unit.ui.fixtures import series
from tests.unit.viewmodels.make import NOW, deployment, pod, pods

from .apps import APPS, OPERATIONS, SCALED, WELL
from .observed import NARROW, USUAL, Tab, tab
from .site import Running

pytestmark = pytest.mark.pages

LIVE = "live"
"""A site with one app, whose state the tests change."""
APP = "/apps/apps/live"
STILL = 0.01
"""The most that a page may shift as its data changes; what is seen as a jump begins at 0.1."""


@pytest.fixture
def here(browser: Browser, sites: Running) -> Iterator[Tab]:
    with tab(browser) as made:
        sites.show(LIVE, "live", SCALED)
        yield made


def count(here: Tab, ready: int) -> None:
    """Wait until the page shows so many ready pods."""
    expect(here.page.get_by_test_id("replicas-ready")).to_have_text(str(ready))


def with_ready(ready: int) -> AppState:
    """The app with so many of its four pods ready, and readings that go with it."""
    (autoscaler,) = SCALED.hpas
    (metric,) = autoscaler.metrics
    found = [pod() if n < ready else SCALED.pods[3] for n in range(4)]
    return replace(
        SCALED,
        workloads=(deployment(4, ready),),
        pods=pods(*found),
        hpas=(replace(autoscaler, metrics=(replace(metric, current=40.0 + 20 * ready),)),),
        usage={
            key: replace(each, cpu=0.03 * ready, memory=2e8 * ready)
            for key, each in SCALED.usage.items()
        },
        probe=Probe("http://198.19.255.7", 200 if ready > 1 else 503, "", NOW),
        history=series(80 + ready),
    )


@pytest.mark.parametrize("width", [NARROW, USUAL])
def test_new_readings_move_nothing(here: Tab, sites: Running, width: int) -> None:
    here.width(width)
    here.open(sites.url(LIVE) + APP)
    count(here, 3)
    here.idle()
    here.shifts()
    moved: list[dict[str, Any]] = []
    for ready in (4, 3, 2, 4):
        sites.show(LIVE, "live", with_ready(ready))
        count(here, ready)
        here.idle()
        moved += here.shifts()
    assert sum(each["value"] for each in moved) <= STILL, moved


def test_a_list_moves_nothing(here: Tab, sites: Running) -> None:
    here.open(sites.url(LIVE) + "/admin")
    expect(here.page.locator("[data-name='apps/live'] .col-pods")).to_contain_text("3/4")
    here.idle()
    here.shifts()
    sites.show(LIVE, "live", APPS["last-words"])
    expect(here.page.locator("[data-name='apps/live'] .col-status")).to_contain_text("Crashing")
    here.idle()
    moved = here.shifts()
    assert sum(each["value"] for each in moved) <= STILL, moved


@pytest.mark.parametrize(
    "control",
    [
        "#app-edit",
        "[data-testid=app-url]",
        "#app-pods [role=region]",
        "#scale-auto",
        "#scale-bounds [role=slider]",
        "#share-operate",
        "#history-fold",
        ".chart-legend button",
    ],
)
def test_a_control_keeps_the_focus_while_data_arrives(
    here: Tab, sites: Running, control: str
) -> None:
    here.open(sites.url(LIVE) + APP)
    count(here, 3)
    found = here.page.locator(control).first
    found.focus()
    for ready in (2, 4):
        sites.show(LIVE, "live", with_ready(ready))
        count(here, ready)
        expect(found).to_be_focused()


def test_the_focus_of_a_control_that_goes_is_near(here: Tab, sites: Running) -> None:
    """Not on the whole document, where the next Tab would start from the top."""
    sites.show(LIVE, "live", OPERATIONS["upgrading"])
    here.open(sites.url(LIVE) + APP)
    cancel = here.page.locator("#app-cancel")
    cancel.focus()
    expect(cancel).to_be_focused()
    sites.show(LIVE, "live", WELL)
    expect(cancel).to_be_hidden()
    expect(here.page.locator("main")).to_be_focused()


def test_what_is_typed_stays(here: Tab, sites: Running) -> None:
    here.open(sites.url(LIVE) + APP)
    count(here, 3)
    here.page.locator("#share-operate").press_sequentially("user:a")
    sites.show(LIVE, "live", with_ready(2))
    count(here, 2)
    here.page.keyboard.type("nn")
    expect(here.page.locator("#share-operate")).to_have_value("user:ann")


def test_times_are_local_and_exact_on_hover(browser: Browser, sites: Running) -> None:
    with tab(browser, timezone="Asia/Kathmandu", locale="en-GB") as here:
        here.open(sites.url("portal") + "/apps/apps/stuck")
        shown = here.page.locator("#app-header time[data-for]").first
        expect(shown).to_have_text("2 h")
        stamp = shown.get_attribute("datetime")
        assert stamp
        local = here.page.evaluate(
            "(at) => new Date(at).toLocaleString([], { dateStyle: 'full', timeStyle: 'long' })",
            stamp,
        )
        assert "GMT+5:45" in local
        assert shown.get_attribute("title") == local
        assert "UTC" not in here.page.locator("#app-header").inner_text()
        here.open(sites.url("portal") + "/admin?q=stuck")
        row = here.page.locator("[data-name='apps/stuck'] .col-status")
        expect(row.locator("time")).to_have_attribute("title", re.compile("GMT.5:45"))
        assert "UTC" not in row.inner_text()
