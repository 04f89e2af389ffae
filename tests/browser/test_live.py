"""The live connection: every tab, a restarted portal, and what happened meanwhile."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from dev.demo import NAMESPACE as PORTAL_NAMESPACE
from tests.browser.conftest import NAMESPACE, SLOW, run
from tests.browser.portal_page import counts, launch_sample, live

TABS = 10


def scale(name: str, replicas: int) -> None:
    """Change the app behind the portal's back."""
    deployment = run(
        *("kubectl", "get", "deployments", "-n", NAMESPACE, "-o", "name"),
        *("-l", f"app.kubernetes.io/instance={name}"),
    ).strip()
    run("kubectl", "scale", deployment, "-n", NAMESPACE, f"--replicas={replicas}")


def desired(page: Page, number: int) -> None:
    expect(page.get_by_test_id("replicas-desired")).to_have_text(str(number), timeout=SLOW)


def test_ten_tabs_of_one_browser_are_all_live(page: Page, app_name: Callable[[str], str]) -> None:
    name = app_name("live-tabs")
    launch_sample(page, name)
    tabs = [page, *[page.context.new_page() for _ in range(TABS - 1)]]
    for tab in tabs[1:]:
        tab.goto(f"/apps/{NAMESPACE}/{name}")
    for tab in tabs:
        live(tab)
    scale(name, 0)
    for tab in tabs:
        desired(tab, 0)
        live(tab)


def test_a_restarted_portal_is_live_again_on_the_page_that_is_open(
    page: Page, app_name: Callable[[str], str]
) -> None:
    name = app_name("live-restart")
    launch_sample(page, name)
    dot = page.locator("#live-state")
    # Notes the moment without a connection, however short it is.
    dot.evaluate(
        """dot => new MutationObserver(() => {
             if (dot.dataset.state === "lost") dot.dataset.wasLost = "yes";
           }).observe(dot, { attributeFilter: ["data-state"] })"""
    )
    # The one portal goes before the next one comes, so that something happens unseen.
    pods = "app.kubernetes.io/component=portal"
    run("kubectl", "delete", "pod", "-n", PORTAL_NAMESPACE, "-l", pods, "--wait=false")
    scale(name, 0)
    expect(dot).to_have_attribute("data-was-lost", "yes", timeout=SLOW)
    expect(dot).to_have_attribute("data-state", "live", timeout=SLOW)
    desired(page, 0)
    assert page.url.endswith(f"/apps/{NAMESPACE}/{name}")
    scale(name, 1)
    counts(page, ready=1, desired=1)
