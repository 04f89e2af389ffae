"""A newer version of an app's chart: seen, looked at, and taken; and the way back."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NAMESPACE, SLOW, kubectl, run
from tests.browser.portal_page import counts, live, operation_ended

pytestmark = pytest.mark.browser

CHART = Path(__file__).resolve().parents[2] / "charts" / "dash-app"
OLD = "0.0.9"
INSTANCE = "app.kubernetes.io/instance"


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The chart as an older portal may have shipped it."""
    folder = tmp_path / "dash-app"
    shutil.copytree(CHART, folder)
    about = (folder / "Chart.yaml").read_text()
    (folder / "Chart.yaml").write_text(re.sub(r"(?m)^version: .*", f"version: {OLD}", about))
    return folder


def test_a_newer_chart_is_offered_previewed_and_taken(
    page: Page, app_name: Callable[[str], str], older: Path
) -> None:
    name = app_name("j-upgrade")
    newest = re.search(r"(?m)^version: (.*)$", (CHART / "Chart.yaml").read_text())
    assert newest
    values = older.parent / "values.yaml"
    values.write_text(
        "image: {repository: localhost:5000/dash-sample, tag: '1.0'}\n"
        "replicaCount: 2\n"
        "resources: {requests: {cpu: 50m, memory: 128Mi}}\n"
        "podLabels: {kept: exactly}\n"
    )
    run("helm", "install", name, str(older), "-n", NAMESPACE, "--values", str(values))

    # The list marks it, and its page says which version there is.
    page.goto(f"/admin?q={name}")
    live(page)
    row = page.locator(f'[data-testid="release"][data-name="{NAMESPACE}/{name}"]')
    expect(row).to_contain_text(f"↑ {newest[1]}", timeout=SLOW)
    row.get_by_role("link", name=name).click()
    counts(page, ready=2, desired=2)
    line = page.locator("#version-line")
    expect(line).to_contain_text(f"Chart {OLD}; {newest[1]} is available.")

    # The dialog shows what it would do, and nothing is done before it is confirmed.
    page.locator("#version-open").click()
    preview = page.locator("#version-preview")
    expect(preview).to_contain_text(f"from {OLD} to {newest[1]}", timeout=SLOW)
    expect(preview).to_contain_text("2 replicas now; stays 2.")
    expect(preview).to_contain_text("Its values do not change.")
    page.locator("#version-cancel").click()
    expect(page.locator("#version-confirm")).to_be_hidden()
    expect(line).to_contain_text(OLD)

    page.locator("#version-open").click()
    expect(page.locator("#version-choice")).to_have_value(newest[1])
    expect(page.locator("#version-confirm")).to_have_text(f"Upgrade to {newest[1]}")
    expect(page.locator("#version-confirm")).to_be_enabled(timeout=SLOW)
    page.locator("#version-confirm").click()
    operation_ended(page, "update")
    expect(page.locator("#app-header")).to_contain_text(f"dash-app-{newest[1]}", timeout=SLOW)
    expect(line).to_be_hidden()  # the portal has no other
    counts(page, ready=2, desired=2)
    pods = kubectl("get", "pods", "-n", NAMESPACE, "-l", f"kept=exactly,{INSTANCE}={name}")
    assert len(pods["items"]) >= 2

    page.locator("#history-fold").click()
    second = page.locator('[data-testid="revision"][data-revision="2"]')
    expect(second).to_contain_text(f"Upgraded to chart {newest[1]}", timeout=SLOW)
    expect(second).to_contain_text(f"the chart: {OLD} → {newest[1]}")
