"""The steps of a launch down to its URL, which survive a reload, and the timeline."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NAMESPACE, SLOW, run
from tests.browser.portal_page import launch_sample, live, operation_ended, url_of

pytestmark = pytest.mark.browser

STAGES = ("Scheduled to a node", "Image pulled", "Started", "Ready", "URL answers")
TIME = re.compile(r"\d\d?:\d\d:\d\d")


def step(page: Page, title: str) -> Locator:
    return page.locator(f'[data-testid="step"][data-step="{title}"]')


def line(page: Page, kind: str) -> Locator:
    return page.locator(f'[data-testid="timeline-line"][data-kind="{kind}"]')


def of(name: str) -> str:
    return f"app.kubernetes.io/instance={name}"


def test_a_launch_step_by_step_then_its_timeline(page: Page, app_name: Callable[[str], str]):
    # A name of its own: an app goes on with the history of one that was removed under its name.
    name = app_name(f"j-timeline-{uuid.uuid4().hex[:6]}")
    launch_sample(page, name)
    operation_ended(page)
    url_of(page)
    steps = page.get_by_test_id("step")
    for stage in STAGES:
        expect(step(page, stage)).to_contain_text(TIME, timeout=SLOW)
        expect(step(page, stage).get_by_role("img", name="Done")).to_be_attached()
    expect(step(page, "Image pulled")).to_contain_text(re.compile("on the node| in .* s"))
    before = steps.all_text_contents()
    page.reload()
    live(page)
    expect(steps).to_have_count(len(before))
    assert steps.all_text_contents() == before

    expect(line(page, "change")).to_contain_text("Revision 1")
    expect(line(page, "url")).to_contain_text("URL answers")
    ends = ["python3", "-c", "raise SystemExit(3)"]
    patch = [{"op": "add", "path": "/spec/template/spec/containers/0/command", "value": ends}]
    deployment = run("kubectl", "get", "deployment", "-n", NAMESPACE, "-l", of(name), "-o", "name")
    change = ("--type=json", "-p", json.dumps(patch))
    run("kubectl", "patch", deployment.strip(), "-n", NAMESPACE, *change)
    expect(line(page, "rollout").first).to_contain_text("Rollout began", timeout=SLOW)
    expect(line(page, "crash").first).to_contain_text("exit code 3", timeout=SLOW)

    expect(line(page, "routine").first).to_be_hidden()
    page.get_by_label("Routine events").check()
    expect(line(page, "routine").first).to_be_visible()
    page.get_by_label("Crashes").uncheck()
    expect(line(page, "crash").first).to_be_hidden()
    line(page, "url").first.get_by_role("button").click()
    expect(page.locator(".chart-plots")).to_be_focused()
