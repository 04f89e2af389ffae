"""The autoscaling workbench: load it, see why, see how fast, try another setting, take it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from dev.demo import NAMESPACE as PORTAL_NAMESPACE
from portal.domain.load_tests import Shape, phases
from tests.browser.conftest import NAMESPACE, SLOW, run
from tests.browser.portal_page import (
    Load,
    choose_sample,
    counts,
    fill,
    live,
    open_launch,
    operation_ended,
    slide,
    submit,
    url_of,
)

pytestmark = pytest.mark.browser


def numbers(chart: Locator, title: str) -> list[int]:
    """The numbers in a column of the chart's open table, newest first."""
    titles = [each.strip() for each in chart.locator("thead th").all_inner_texts()]
    cells = chart.locator(f"tbody td:nth-child({titles.index(title) + 1})").all_inner_texts()
    return [int(each) for each in cells if each.isdecimal()]


def most(chart: Locator, title: str) -> int:
    """The highest number in a column."""
    return max(numbers(chart, title))


def test_from_a_load_test_to_another_target_and_over_a_restart(
    page: Page, app_name: Callable[[str], str]
) -> None:
    name = app_name("j-auto")
    open_launch(page)
    choose_sample(page)
    fill(page, name=name)
    page.locator("#launch-autoscaling").check()
    bounds = page.locator("#launch-scaled")
    slide(bounds, 1, thumb=0)
    slide(bounds, 4, thumb=1)
    slide(page.locator(".target").filter(has=page.locator("#launch-target_cpu-on")), 50)
    fill(page, scale_down_window="15")
    submit(page)
    page.wait_for_url(f"**/apps/{NAMESPACE}/{name}")
    counts(page, ready=1, desired=1)
    href = url_of(page)
    expect(page.locator("#app-autoscaler")).to_contain_text("50 %")
    page.evaluate("window.sameDocument = true")

    # The guided load test: its rate rises until the app breaks or all has been sent.
    expect(page.get_by_test_id("metric-cpu")).to_be_visible(timeout=SLOW)
    page.locator("#load-test-open").click()
    page.locator("#load-test-shape").select_option("climb")
    page.locator("#load-test-path").fill("/work?ms=60")
    page.locator("#load-test-rate").fill("20")
    page.locator("#load-test-seconds").fill("60")
    requests = sum(each.rate * each.seconds for each in phases(Shape.CLIMB, 20, 60))
    expect(page.locator("#load-test-words")).to_contain_text(f"{requests:,} requests at most")
    expect(page.locator("#load-test-confirm")).to_be_enabled()
    page.locator("#load-test-confirm").click()
    test = page.get_by_test_id("load-test").first
    expect(test).to_have_attribute("data-running", "true", timeout=SLOW)
    expect(page.get_by_test_id("replicas-desired")).not_to_have_text("1", timeout=SLOW)
    expect(page.get_by_test_id("replicas-ready")).not_to_have_text("1", timeout=SLOW)
    expect(test).to_have_attribute("data-running", "false", timeout=SLOW)
    expect(test).to_contain_text("One pod answers")
    expect(page.get_by_test_id("replicas-desired")).to_have_text("1", timeout=SLOW)
    expect(page.get_by_test_id("pod")).to_have_count(1, timeout=SLOW)
    assert page.evaluate("window.sameDocument"), "the page was reloaded"
    chart = page.locator("#app-chart")
    expect(chart.locator("canvas")).to_have_count(3)
    chart.get_by_text("Show as a table").click()
    ready = numbers(chart, "ready")
    assert max(ready) >= 2 > ready[0]

    # Why, what next, how fast it was.
    page.locator("#app-autoscaling").click()
    expect(page.get_by_test_id("decision")).to_contain_text("1 pod")
    expect(page.get_by_test_id("agreement")).to_contain_text("as computed here")
    expect(page.get_by_test_id("grade")).to_contain_text("came as predicted")
    # SCALEUP

    # What if the target were another one; the form takes it, and says what becomes of the pods.
    target = page.locator(".target").filter(has_text="CPU target").first
    slide(target, 70)
    expect(page.locator("#what-if-figures")).to_contain_text("CPU target 70 %")
    page.get_by_test_id("use-these").click()
    expect(page.locator("#launch-name")).to_have_value(name)
    with Load(href, threads=1, seconds=120) as load:
        submit(page)
        preview = page.get_by_test_id("preview")
        expect(preview).to_contain_text("averageUtilization: 70")
        expect(preview).to_contain_text("No pod is restarted.")
        page.locator("#upgrade-confirm").click()
        page.wait_for_url(f"**/apps/{NAMESPACE}/{name}")
        operation_ended(page, "update")
        expect(page.locator("#app-autoscaler")).to_contain_text("70 %", timeout=SLOW)
    assert load.answers
    assert load.errors == [], "a request was lost"

    # Another portal shows the rise that it has not seen.
    page.locator("#app-autoscaling").click()
    chart = page.locator("#autoscaling-chart")
    chart.get_by_text("Show as a table").click()
    expect(chart.locator("tbody tr").first).to_be_visible()
    assert most(chart, "desired") >= 2
    pods = "app.kubernetes.io/component=portal"
    run("kubectl", "delete", "pod", "-n", PORTAL_NAMESPACE, "-l", pods)
    run("kubectl", "rollout", "status", "-n", PORTAL_NAMESPACE, "deployment", "--timeout=180s")
    expect(page.locator("#live-state")).to_have_attribute("data-state", "live", timeout=SLOW)
    page.reload()
    live(page)
    chart.get_by_text("Show as a table").click()
    expect(chart.locator("tbody tr").first).to_be_visible(timeout=SLOW)
    assert most(chart, "desired") >= 2
