"""The lists: what is looked at is in the address, and nothing is loaded anew."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SLOW, run
from tests.browser.portal_page import live

pytestmark = pytest.mark.browser

PLACE = "lists-journey"
MANY = 60

SECRET = """
apiVersion: v1
kind: Secret
type: helm.sh/release.v1
metadata:
  name: sh.helm.release.v1.many-{number:02}.v1
  namespace: {place}
  labels: {{owner: helm, name: many-{number:02}, status: deployed, version: "1"}}
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Records of releases, as Helm leaves them; there is nothing in them."""
    run("kubectl", "create", "namespace", PLACE)
    try:
        records = tmp_path_factory.mktemp("records") / "secrets.yaml"
        records.write_text("---".join(SECRET.format(number=n, place=PLACE) for n in range(MANY)))
        run("kubectl", "apply", "-f", str(records))
        yield
    finally:
        run("kubectl", "delete", "namespace", PLACE, "--wait=false")


def test_sorting_searching_paging_and_back(page: Page, many: None) -> None:
    page.goto(f"/admin?namespace={PLACE}")
    live(page)
    rows, foot = page.get_by_test_id("release"), page.locator("#releases-pages")
    expect(foot).to_contain_text("1–50 of 60", timeout=SLOW)
    expect(rows).to_have_count(50)
    page.evaluate("window.sameDocument = true")
    page.get_by_role("link", name="Next page").click()
    expect(rows).to_have_count(10)
    expect(page).to_have_url(re.compile("page=2"))
    heading = page.locator("th.col-name")
    heading.get_by_role("link").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    expect(rows.first).to_have_attribute("data-name", f"{PLACE}/many-59")
    box = page.locator("#releases-search")
    box.press_sequentially("many-1")
    expect(rows).to_have_count(10)
    expect(box).to_be_focused()
    expect(box).to_have_value("many-1")
    box.fill("<b>nobody</b> & nothing?")
    expect(page.get_by_test_id("unmatched")).to_be_visible()
    page.go_back()
    expect(box).to_have_value("")
    expect(heading).to_have_attribute("aria-sort", "descending")
    page.go_back()
    expect(rows).to_have_count(10)
    expect(foot).to_contain_text("Page 2 of 2")
    page.reload()
    expect(foot).to_contain_text("Page 2 of 2")
    page.get_by_label("Namespace").select_option("*")
    expect(page).to_have_url(re.compile(r"/admin$"))
