"""An app goes from one person to another, by two browsers at one portal that knows who they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from portal.domain.keys import LAUNCHED_BY
from portal.domain.owners import label_of
from tests.browser.conftest import NAMESPACE, run
from tests.browser.own_portal import ROOT, own_portal
from tests.browser.portal_page import live, operation_ended

SECRET = "s" * 40


@pytest.fixture(scope="module")
def portal_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A portal behind a proxy that names people: here the browser itself."""
    folder = tmp_path_factory.mktemp("portal")
    (folder / "secret").write_text(SECRET)
    with own_portal(folder, auth_mode="header", auth_secret_file=str(folder / "secret")) as url:
        yield url


def named(user: str) -> dict[str, str]:
    return {"X-Forwarded-User": user, "X-Portal-Secret": SECRET}


@pytest.fixture
def bobs(browser: Browser, portal_url: str) -> Iterator[Page]:
    """The page of another person."""
    context = browser.new_context(base_url=portal_url, extra_http_headers=named("bob"))
    yield context.new_page()
    context.close()


@pytest.fixture
def app(app_name: Callable[[str], str]) -> str:
    """An app of ann's, without pods."""
    name = app_name("handover")
    chart, labels = str(ROOT / "charts" / "dash-app"), f"{LAUNCHED_BY}={label_of('ann')}"
    values = "replicaCount=0,image.repository=registry.invalid/none,image.tag=none"
    command = ("helm", "install", name, chart, "-n", NAMESPACE, "--labels", labels)
    run(*command, "--set", values)
    return name


def test_an_owner_hands_an_app_over_and_is_told_what_she_keeps(
    page: Page, bobs: Page, app: str
) -> None:
    page.context.set_extra_http_headers(named("ann"))
    page.goto(f"/apps/{NAMESPACE}/{app}")
    live(page)
    ask, note = page.locator("#hand-over-ask"), page.locator("#hand-over-to-note")
    page.locator("#hand-over-to").fill("group:team")
    ask.click()
    expect(note).to_contain_text("An owner is one person")

    page.locator("#hand-over-to").fill("bob")
    page.locator("#hand-over-keep").select_option("view")
    ask.click()
    dialog = page.locator("#hand-over-modal")
    expect(dialog).to_contain_text("bob has no app here yet: check the spelling")
    expect(dialog).to_contain_text("You can still read its values, logs and objects (view)")
    expect(note).to_be_empty()
    page.locator("#hand-over-confirm").click()
    operation_ended(page, "hand-over")
    kept = "bob is the owner now; ann can still read its values, logs and objects"
    expect(page.get_by_test_id("operation")).to_contain_text(kept)
    expect(page.locator("#app-sharing")).to_contain_text("Owner: bob. Viewed by: user:ann.")
    expect(ask).to_be_hidden()

    bobs.goto("/")
    expect(bobs.get_by_role("link", name=app)).to_be_visible()
    bobs.goto(f"/apps/{NAMESPACE}/{app}")
    live(bobs)
    expect(bobs.locator("#hand-over-ask")).to_be_visible()
    expect(bobs.locator("#share-view")).to_have_value("user:ann")
    page.goto("/")
    expect(page.get_by_test_id("empty-launch")).to_be_visible()
