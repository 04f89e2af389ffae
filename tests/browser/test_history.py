"""See what a change would do, make it, look back, and go back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NAMESPACE, SLOW
from tests.browser.portal_page import (
    choose_sample,
    counts,
    fill,
    launch_sample,
    open_launch,
    operation_ended,
    submit,
)

pytestmark = pytest.mark.browser

TOKEN = "tok-never-to-be-seen"


def revision(page: Page, number: int) -> Locator:
    return page.locator(f'[data-testid="revision"][data-revision="{number}"]')


def opened(page: Page, summary: str) -> None:
    page.locator(summary).click()


def test_preview_change_history_and_rollback(page: Page, app_name: Callable[[str], str]) -> None:
    name = app_name("j-history")
    launch_sample(page, name)
    operation_ended(page)

    # The dialog says what happens before it does.
    open_launch(page)
    choose_sample(page)
    fill(page, name=name, env=f"API_TOKEN={TOKEN}")
    submit(page)
    preview = page.locator("#upgrade-preview")
    expect(preview).to_contain_text("the pod is replaced in a rolling update", timeout=SLOW)
    expect(preview).to_contain_text("1 replica now; stays 1.")
    expect(preview.locator(".diff-added").first).to_contain_text("API_TOKEN")
    expect(preview).not_to_contain_text(TOKEN)
    preview.get_by_text(re.compile("Changes in the cluster")).click()
    preview.locator("summary").get_by_text(f"Deployment {name}").click()
    expect(preview.locator(".diff").last).to_contain_text("API_TOKEN")
    expect(page.locator("#upgrade-confirm")).to_be_enabled()
    page.locator("#upgrade-confirm").click()
    page.wait_for_url(f"**/apps/{NAMESPACE}/{name}")
    operation_ended(page, "update")

    # The past is read when it is opened, and follows what happens.
    expect(page.get_by_test_id("revision")).to_have_count(0)
    opened(page, "#history-fold")
    expect(revision(page, 2)).to_contain_text("extraEnvVars", timeout=SLOW)
    expect(revision(page, 2)).to_have_attribute("data-status", "deployed")
    expect(revision(page, 1)).to_contain_text("Launched")
    expect(revision(page, 2).get_by_role("button")).to_have_count(0)
    opened(page, "#manifest-fold")
    expect(page.locator("#manifest-text")).to_contain_text("kind: Deployment", timeout=SLOW)
    expect(page.locator("#manifest-text")).to_contain_text("(hidden)")
    assert TOKEN not in page.content()

    revision(page, 1).get_by_role("button", name="Roll back to revision 1").click()
    preview = page.locator("#rollback-preview")
    expect(preview).to_contain_text("the pod is replaced", timeout=SLOW)
    page.locator("#rollback-cancel").click()
    expect(page.locator("#rollback-confirm")).to_be_hidden()
    revision(page, 1).get_by_role("button").click()
    expect(page.locator("#rollback-confirm")).to_be_enabled(timeout=SLOW)
    page.locator("#rollback-confirm").click()
    expect(revision(page, 3)).to_contain_text("Rolled back to revision 1", timeout=SLOW)
    operation_ended(page, "rollback")
    counts(page, ready=1, desired=1)
    expect(revision(page, 3)).to_have_attribute("data-status", "deployed", timeout=SLOW)

    page.locator("#app-uninstall").click()
    expect(page.locator("#uninstall-left")).to_contain_text("None of its objects", timeout=SLOW)
    page.locator("#uninstall-cancel").click()
