"""The launch form's sections for what an image may need, from the first letter to the pod."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from portal.domain.keys import SHARED_LABEL
from tests.browser.conftest import NAMESPACE, SLOW, kubectl, run
from tests.browser.portal_page import (
    answer,
    choose_sample,
    counts,
    fill,
    launch_sample,
    open_launch,
    operation_ended,
    submit,
    upgrade,
    url_of,
)

pytestmark = pytest.mark.browser

Name = Callable[[str], str]
FILES, KEYS = "Files and shared memory", "Variables from Secrets and ConfigMaps"
PROCESS, HEALTH = "User, command and time zone", "Health and start"
REGISTRY = "Pull secrets and labels"
LOGIN = "controls-login"
VALUE = "never-shown-again-5d1f"


def section(page: Page, title: str) -> Locator:
    """A folded section of the form."""
    return page.locator("details.section").filter(has=page.get_by_text(title, exact=True))


def unfold(page: Page, *titles: str) -> None:
    """Open sections with the keyboard."""
    for title in titles:
        summary = section(page, title).locator("summary").first
        summary.focus()
        summary.press("Enter")
        expect(section(page, title)).to_have_js_property("open", True)


def container(name: str) -> dict[str, object]:
    """The app's container in its Deployment."""
    (found,) = kubectl(
        "get", "deployment", "-n", NAMESPACE, "-l", f"app.kubernetes.io/instance={name}"
    )["items"]
    spec = found["spec"]
    assert isinstance(spec, dict)
    return spec["template"]["spec"]["containers"][0]


@pytest.fixture
def login() -> Iterator[str]:
    """A Secret that apps may use."""
    run("kubectl", "create", "secret", "generic", LOGIN, "-n", NAMESPACE, "--from-literal=key=k-1")
    try:
        run("kubectl", "label", "secret", LOGIN, "-n", NAMESPACE, f"{SHARED_LABEL}=true")
        yield LOGIN
    finally:
        run("kubectl", "delete", "secret", LOGIN, "-n", NAMESPACE)


def test_sections_are_folded_until_one_is_needed(page: Page) -> None:
    open_launch(page)
    choose_sample(page)
    for title in (FILES, KEYS, PROCESS, HEALTH, REGISTRY):
        expect(section(page, title)).to_have_js_property("open", False)
    unfold(page, FILES, HEALTH)
    fill(page, name="b-folded", writable_folders="app/data")
    note = page.locator("#launch-note-writable_folders [data-kind=error]")
    expect(note).to_be_visible()
    expect(section(page, FILES).locator(".fold-mark")).to_have_text("Look here")
    expect(page.locator("#launch-submit")).to_be_disabled()
    fill(page, writable_folders="/app/data", shared_memory="300Mi", health_path="no slash")
    expect(page.locator("#launch-note-shared_memory")).to_contain_text("the memory limit is 256Mi")
    expect(page.locator("#launch-note-health_path")).to_contain_text("begins with “/”")
    fill(page, shared_memory="32Mi", health_path="/")
    expect(section(page, FILES).locator(".fold-mark")).to_have_text("Filled in")
    expect(section(page, HEALTH).locator(".fold-mark")).to_be_empty()
    expect(page.locator("#launch-values")).to_contain_text("writableFolders:")
    # A link to a mistake opens the section that it is in.
    section(page, FILES).locator("summary").first.click()
    fill(page, name="b-folded", tag="1.0")
    page.locator("#launch-runs_as").evaluate("each => each.closest('details').open = true")
    fill(page, runs_as="somebody")
    section(page, PROCESS).locator("summary").first.click()
    page.locator("#launch-problems").get_by_role("link", name="Runs as user").click()
    expect(page.locator("#launch-runs_as")).to_be_focused()


def test_an_app_gets_what_its_image_needs_and_shows_it_again(page: Page, app_name: Name) -> None:
    name = app_name("b-controls")
    open_launch(page)
    choose_sample(page)
    unfold(page, FILES, PROCESS, HEALTH, REGISTRY)
    fields = {
        "writable_folders": "/srv/cache empty",
        "shared_memory": "32Mi",
        "runs_as": "1234",
        "timezone": "Europe/Berlin",
        "start_time": "60",
        "labels": "team=sales",
    }
    fill(page, name=name, **fields)
    submit(page)
    page.wait_for_url(f"**/apps/{NAMESPACE}/{name}")
    counts(page, ready=1, desired=1)
    found = str(container(name))
    for part in ("/srv/cache", "/dev/shm", "Europe/Berlin", "'runAsUser': 1234"):
        assert part in found
    page.locator("#app-edit").click()
    page.wait_for_url("**/launch?*")
    for field, content in fields.items():
        expect(page.locator(f"#launch-{field}")).to_have_value(content)
    # The sections with something in them are open.
    expect(section(page, FILES)).to_have_js_property("open", True)
    expect(section(page, KEYS)).to_have_js_property("open", False)


def test_new_secret_values_reach_the_app_and_are_never_shown_again(
    page: Page, app_name: Name, login: str
) -> None:
    name = app_name("b-secrets")
    open_launch(page)
    choose_sample(page)
    unfold(page, KEYS)
    fill(page, name=name, env_keys=f"LOGIN={login}/key", secrets=f"API_TOKEN={VALUE}")
    expect(page.locator("#launch-submit")).to_be_enabled()
    for shown in ("#launch-values", "#launch-command"):
        expect(page.locator(shown)).not_to_contain_text(VALUE)
    submit(page)
    page.wait_for_url(f"**/apps/{NAMESPACE}/{name}")
    counts(page, ready=1, desired=1)
    operation_ended(page)
    assert VALUE not in page.content()
    pod = run(
        "kubectl", "exec", "-n", NAMESPACE, f"deployment/{name}", "--", "python", "-c",
        "import os; print(os.environ['API_TOKEN'], os.environ['LOGIN'])",
    )  # fmt: skip
    assert pod.split() == [VALUE, "k-1"]
    values = run("helm", "get", "values", name, "-n", NAMESPACE)
    assert VALUE not in values

    page.locator("#app-edit").click()
    page.wait_for_url("**/launch?*")
    expect(page.locator("#launch-secrets")).to_be_empty()
    expect(page.locator("#launch-env_keys")).to_have_value(
        re.compile(rf"LOGIN={login}/key\nAPI_TOKEN={name}-env-[0-9a-f]{{6}}/API_TOKEN")
    )
    assert VALUE not in page.content()
    upgrade(page)
    page.wait_for_url(f"**/apps/{NAMESPACE}/{name}")
    operation_ended(page, "update")
    assert VALUE not in page.content()
    page.locator("#app-uninstall").click()
    page.locator("#uninstall-confirm").click()
    operation_ended(page, "removal")
    secrets = run("kubectl", "get", "secrets", "-n", NAMESPACE, "-o", "name")
    assert f"{name}-env-" not in secrets


def test_a_secret_that_is_not_for_apps_is_refused_beside_its_field(
    page: Page, app_name: Name
) -> None:
    name = app_name("b-refused")
    open_launch(page)
    choose_sample(page)
    unfold(page, KEYS, REGISTRY)
    fill(page, name=name, env_keys="A=no slash", pull_secrets="Not_A_Name")
    expect(page.locator("#launch-note-env_keys [data-kind=error]")).to_be_visible()
    expect(page.locator("#launch-note-pull_secrets [data-kind=error]")).to_be_visible()
    expect(page.locator("#launch-submit")).to_be_disabled()
    fill(page, env_keys="A=no-such-secret/key", pull_secrets="")
    submit(page)
    page.wait_for_url(f"**/apps/{NAMESPACE}/{name}")
    expect(page.get_by_test_id("headline")).to_have_text("Failed", timeout=SLOW)
    expect(page.locator("body")).to_contain_text("no-such-secret")


def test_a_size_fills_in_and_locks_what_it_names(page: Page, app_name: Name) -> None:
    name = app_name("b-size")
    open_launch(page)
    choose_sample(page)
    fill(page, name=name, cpu_request="150m")
    page.locator("input[name=launch-size], #launch-size input").first.check()
    request, limit = page.locator("#launch-cpu_request"), page.locator("#launch-memory_limit")
    expect(request).to_have_value("100m")
    expect(request).to_be_disabled()
    expect(limit).to_have_value("256Mi")
    expect(page.locator("#launch-values")).to_contain_text('cpu: "100m"')
    submit(page)
    page.wait_for_url(f"**/apps/{NAMESPACE}/{name}")
    counts(page, ready=1, desired=1)
    page.locator("#app-edit").click()
    page.wait_for_url("**/launch?*")
    expect(page.locator("#launch-size input").first).to_be_checked()
    expect(page.locator("#launch-cpu_request")).to_be_disabled()
    page.locator("#launch-size input").last.check()  # an amount of one's own
    expect(page.locator("#launch-cpu_request")).to_be_enabled()
    expect(page.locator("#launch-cpu_request")).to_have_value("100m")


def test_apps_share_a_host_name_by_their_base_paths(page: Page, app_name: Name) -> None:
    name = app_name("b-below")
    open_launch(page)
    choose_sample(page)
    fill(page, name=name)
    expect(page.locator("#launch-base_path")).to_be_hidden()
    page.get_by_role("radio", name="HTTPRoute").check()
    fill(page, hostname="shared.example.com", base_path="/sales")
    expect(page.locator("#launch-note-health_path")).to_contain_text("then this is /sales/")
    page.locator("#launch-made-with").select_option("Dash")
    page.locator("#launch-image-use").click()
    expect(page.locator("#launch-health_path")).to_have_value("/sales/")
    expect(page.locator("#launch-env")).to_have_value("DASH_URL_BASE_PATHNAME=/sales/")
    submit(page)
    page.wait_for_url(f"**/apps/{NAMESPACE}/{name}")
    url = url_of(page)
    assert url == "http://shared.example.com/sales/"
    assert answer(url) == 200


def test_the_sample_needs_none_of_it(page: Page, app_name: Name) -> None:
    name = app_name("b-plain")
    launch_sample(page, name)
    values = run("helm", "get", "values", name, "-n", NAMESPACE)
    assert not re.search("writable|sharedMemory|securityContext|startupProbe", values)
