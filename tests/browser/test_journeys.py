"""The main job, end to end: real Chromium, real Helm, real pods, real load."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from portal.viewmodels.columns import WIDEST
from tests.browser.conftest import NAMESPACE, SLOW, kubectl, objects_of, run
from tests.browser.portal_page import (
    Load,
    answer,
    choose_sample,
    counts,
    fill,
    launch_sample,
    live,
    open_launch,
    operation_ended,
    slide,
    submit,
    upgrade,
    url_of,
)

pytestmark = pytest.mark.browser

CHART = Path(__file__).resolve().parents[2] / "charts" / "dash-app"
Name = Callable[[str], str]


def test_launch_the_sample_and_open_it(page: Page, app_name: Name):
    launch_sample(page, app_name("j-launch"))
    operation_ended(page)
    expect(page.get_by_test_id("headline")).to_have_text("Ready")
    expect(page.locator("#open-mode")).to_be_visible()
    href = url_of(page)
    pod = page.get_by_test_id("pod").first.get_attribute("data-name")
    with page.expect_popup() as opened:
        page.get_by_test_id("app-url").first.click()
    sample = opened.value
    expect(sample).to_have_url(href if href.endswith("/") else href + "/")
    expect(sample.locator("#pod")).to_have_text(str(pod))
    sample.close()


def test_scale_by_slider_to_three_and_back(page: Page, app_name: Name):
    launch_sample(page, app_name("j-scale"))
    operation_ended(page)
    href = url_of(page)
    with Load(href, threads=2, seconds=SLOW / 1000) as load:
        slide(page.locator("#scale-fixed-part"), 3)
        page.locator("#scale-apply").click()
        counts(page, ready=3, desired=3)
        operation_ended(page, "change of scale")
        assert url_of(page) == href, "one URL in front of all pods"
        assert load.answered_by(3), "all three pods answer at the one URL"
        slide(page.locator("#scale-fixed-part"), 1)
        page.locator("#scale-apply").click()
        counts(page, ready=1, desired=1)
    assert load.errors == []


def test_admin_lists_every_release_whoever_made_it(page: Page, app_name: Name):
    ours, theirs = app_name("j-list-ours"), app_name("j-list-theirs")
    page.goto(f"/admin?q={theirs}")
    live(page)
    run(
        "helm",
        "install",
        theirs,
        str(CHART),
        "-n",
        NAMESPACE,
        "--set",
        "image.repository=localhost:5000/dash-sample,image.tag=1.0,containerPort=8050",
    )
    row = listed(page, theirs)
    expect(row).to_be_visible(timeout=SLOW)
    expect(row).to_contain_text("dash-app")
    launch_sample(page, ours)
    page.goto("/admin")
    page.locator("#releases-search").fill(ours)
    row = listed(page, ours)
    expect(row).to_contain_text("1/1")
    expect(listed(page, theirs)).to_have_count(0)
    page.locator("#releases-search").fill("j-list-")
    order(page, ours, theirs)
    header = page.locator("th.col-name")
    expect(header).to_have_attribute("aria-sort", "ascending")
    header.get_by_role("link").click()
    expect(header).to_have_attribute("aria-sort", "descending")
    order(page, theirs, ours)
    revision = page.locator("th.col-revision")
    expect(revision).to_be_hidden()
    page.set_viewport_size({"width": WIDEST, "height": 900})
    expect(revision).to_be_visible()
    expect(row.locator(".col-version")).to_have_text("1.0")
    row.get_by_role("link", name=ours, exact=True).click()
    page.wait_for_url(f"**/apps/{NAMESPACE}/{ours}")
    page.goto("/?q=j-list-")  # there may be more apps than one page of the list has
    live(page)
    expect(listed(page, ours)).to_be_visible()
    expect(listed(page, theirs)).to_have_count(0)


def listed(page: Page, name: str) -> Locator:
    """A release's row in Apps or Admin."""
    return page.locator(f'[data-testid="release"][data-name="{NAMESPACE}/{name}"]')


def order(page: Page, *names: str) -> None:
    """Wait until the list has these releases alone, in this order."""
    expect(page.get_by_test_id("release")).to_have_count(len(names))
    for index, name in enumerate(names):
        row = page.get_by_test_id("release").nth(index)
        expect(row).to_have_attribute("data-name", f"{NAMESPACE}/{name}")


def test_admin_shows_a_failed_release(page: Page, app_name: Name):
    name = app_name("j-failed")
    page.goto("/admin")
    live(page)
    image = "image.repository=localhost:5000/dash-sample,image.tag=9.9-missing"
    command = ["helm", "install", name, str(CHART), "-n", NAMESPACE, "--set", image]
    done = subprocess.run([*command, "--wait", "--timeout", "5s"], capture_output=True, check=False)
    assert done.returncode != 0
    page.locator("#releases-search").fill(name)
    expect(listed(page, name).locator(".col-helm")).to_contain_text("failed", timeout=SLOW)
    assert name in run("helm", "list", "-n", NAMESPACE, "--failed", "-q").split()


def test_uninstall_leaves_nothing(page: Page, app_name: Name):
    name = app_name("j-gone")
    launch_sample(page, name)
    operation_ended(page)
    assert f"Deployment/{name}" in objects_of(name)
    page.locator("#app-uninstall").click()
    page.locator("#uninstall-cancel").click()
    expect(page.locator("#uninstall-confirm")).to_be_hidden()
    page.locator("#app-uninstall").click()
    page.locator("#uninstall-confirm").click()
    operation_ended(page, "removal")
    expect(page.get_by_test_id("pod")).to_have_count(0, timeout=SLOW)
    assert objects_of(name) == []
    assert name not in run("helm", "list", "-n", NAMESPACE, "-q").split()


def test_an_image_that_does_not_exist_is_named_and_corrected_in_place(page: Page, app_name: Name):
    name = app_name("j-image")
    open_launch(page)
    choose_sample(page)
    fill(page, name=name, tag="9.9-missing")
    submit(page)
    page.wait_for_url(f"**/apps/{NAMESPACE}/{name}")
    reason = page.get_by_test_id("pod-reason").first
    expect(reason).to_contain_text("dash-sample:9.9-missing", timeout=SLOW)
    expect(reason).to_contain_text("image", ignore_case=True)
    expect(page.get_by_test_id("headline")).not_to_have_text("Ready")
    page.locator("#app-edit").click()
    page.wait_for_url("**/launch?*")
    expect(page.locator("#launch-tag")).to_have_value("9.9-missing")
    fill(page, tag="1.0")
    upgrade(page)
    page.wait_for_url(f"**/apps/{NAMESPACE}/{name}")
    expect(page.get_by_test_id("headline")).to_have_text("Ready", timeout=SLOW)
    operation_ended(page, "update")
    url_of(page)
    history = run("helm", "history", name, "-n", NAMESPACE, "-o", "json")
    assert history.count('"revision"') == 2


BAD: list[tuple[dict[str, str], str, str]] = [
    ({"name": "My_App"}, "name", "lower case"),
    ({"name": "a" * 60}, "name", "53"),
    ({"namespace": "no-such-place"}, "namespace", "There is no namespace no-such-place"),
    ({"namespace": "Not Valid"}, "namespace", "lower case"),
    ({"repository": "https://example.com/app"}, "repository", "Leave out “http://”"),
    ({"repository": "example/app:1.0"}, "repository", "tag"),
    ({"tag": "not a tag"}, "tag", "may hold letters"),
    ({"port": "70000"}, "port", "65535"),
    ({"env": "not an assignment"}, "env", "NAME=value"),
    ({"memory_request": "200m", "memory_limit": ""}, "memory_request", "200Mi"),
    ({"cpu_request": "lots"}, "cpu_request", "not a quantity"),
    ({"cpu_request": "500m", "cpu_limit": "100m"}, "cpu_limit", "request"),
    ({"memory_request": "512Mi", "memory_limit": "256Mi"}, "memory_limit", "request"),
]


def test_bad_input_is_explained_beside_its_field_and_creates_nothing(page: Page):
    for fields, field, words in BAD:
        open_launch(page)
        choose_sample(page)
        fill(page, name="j-bad")
        fill(page, **fields)
        page.locator(f"#launch-{field}").blur()
        note = page.locator(f"#launch-note-{field} [data-kind=error]")
        expect(note, f"{fields}").to_be_visible()
        expect(note).to_contain_text(words)
        expect(page.locator("#launch-submit")).to_be_disabled()
    assert "j-bad" not in run("helm", "list", "-A", "-q")
    assert objects_of("j-bad") == []


def test_bad_choices_are_explained_too(page: Page):
    open_launch(page)
    choose_sample(page)
    fill(page, name="j-bad", cpu_request="", cpu_limit="")
    page.locator("#launch-autoscaling").check()
    error = "[data-kind=error]"
    notes = page.locator(f"#launch-note-cpu_request {error}, #launch-note-target_cpu {error}")
    expect(notes.first).to_contain_text("request")
    fill(page, cpu_request="100m")
    expect(notes).to_have_count(0)
    page.locator("#launch-target_cpu-on").uncheck()
    expect(page.locator(f"#launch-note-target_cpu {error}")).to_contain_text("target")
    page.locator("#launch-target_cpu-on").check()
    page.get_by_role("radio", name="Ingress").check()
    expect(page.locator(f"#launch-note-hostname {error}")).to_be_visible()
    expect(page.locator("#launch-submit")).to_be_disabled()
    fill(page, hostname="j-bad.example.com")
    expect(page.locator("#launch-submit")).to_be_enabled()
    assert objects_of("j-bad") == []


def test_launching_an_existing_name_offers_to_upgrade(page: Page, app_name: Name):
    name = app_name("j-twice")
    launch_sample(page, name)
    operation_ended(page)
    open_launch(page)
    choose_sample(page)
    fill(page, name=name, env="GREETING=Hello")
    expect(page.locator("#launch-existing")).to_contain_text("upgrade")
    expect(page.locator("#launch-submit")).to_contain_text("Upgrade")
    submit(page)
    page.locator("#upgrade-cancel").click()
    expect(page.locator("#upgrade-confirm")).to_be_hidden()
    upgrade(page)
    page.wait_for_url(f"**/apps/{NAMESPACE}/{name}")
    operation_ended(page, "update")
    counts(page, ready=1, desired=1)
    (deployment,) = kubectl(
        "get", "deployment", "-n", NAMESPACE, "-l", f"app.kubernetes.io/instance={name}"
    )["items"]
    assert "'name': 'GREETING', 'value': 'Hello'" in str(deployment)


@pytest.mark.parametrize(
    ("way", "host"),
    [
        ("HTTPRoute", "j-route.example.com"),
        ("Ingress", "j-ingress.example.com"),
        ("NodePort", ""),
    ],
)
def test_an_app_behind_a_host_name_answers(page: Page, app_name: Name, way: str, host: str):
    name = app_name("j-" + way.lower().replace(" ", "-"))
    open_launch(page)
    choose_sample(page)
    fill(page, name=name)
    page.get_by_role("radio", name=way).check()
    if host:
        fill(page, hostname=host)
    submit(page)
    page.wait_for_url(f"**/apps/{NAMESPACE}/{name}")
    url = url_of(page)
    assert host in url
    assert answer(url) == 200
