"""The catalogue, and what an app finds beside it: charts of a repository, launched through their
forms; a task cluster that an app sends work to; a volume that two apps share."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Locator, Page, expect

from portal.catalog.draft import path_id
from portal.ui import ids
from tests.browser.conftest import NAMESPACE, kubectl, run
from tests.browser.portal_page import (
    answer,
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

Name = Callable[[str], str]
WEB = "/catalog/samples/web-server"
TASKS = "/catalog/samples/task-cluster"
BARE = "/catalog/samples/bare"

ASK = """
import json, os, socket
from urllib.parse import urlsplit
at = urlsplit(os.environ["DASK_SCHEDULER_ADDRESS"])
with socket.create_connection((at.hostname, at.port), 20) as there:
    there.sendall(b'{"number": 7}\\n')
    print(there.makefile().readline())
"""
"""Code of an app that finds its task cluster where Dask's client looks for it."""


def part(page: Page, kind: str, *path: str | int) -> Locator:
    """A part of a chart's form, by its path of values."""
    found = ids.text_of(ids.chart_part(kind, path_id(path)))
    return page.locator(f"[id='{found}']")


def open_chart(page: Page, address: str) -> Locator:
    """A chart's page; gives its text of values."""
    page.goto(address)
    text = page.locator("#chart-yaml")
    expect(text).to_be_visible()
    live(page)
    return text


def start_from(page: Page, preset: str) -> None:
    """Choose an administrator's values, and wait until the form shows them."""
    page.get_by_test_id(f"chart-preset-{preset}").click()
    repository = part(page, "chart-field", "image", "repository")
    expect(repository).to_have_value(re.compile("dash-sample$"))


def values_of(text: Locator) -> Any:
    return yaml.safe_load(text.input_value())


def says(text: Locator, line: str) -> None:
    """Wait until a line of the text is this one."""
    expect(text).to_have_value(re.compile(rf"(^|\n){re.escape(line)}(\n|$)"))


def launch_chart(page: Page, name: str) -> None:
    page.locator("#chart-name").fill(name)
    expect(page.locator("#chart-submit")).to_be_enabled()
    page.locator("#chart-submit").click()
    page.wait_for_url(f"**/apps/{NAMESPACE}/{name}")


def given(name: str) -> dict[str, Any]:
    """The values that Helm has of a release."""
    return json.loads(run("helm", "get", "values", name, "-n", NAMESPACE, "-o", "json"))


def inside(name: str, *command: str) -> str:
    """Return what a program prints in the pod of an app."""
    return run("kubectl", "exec", "-n", NAMESPACE, f"deployment/{name}", "--", *command)


def saved(page: Page, button: str, folder: Path) -> Path:
    """Press Save; the file."""
    with page.expect_download() as began:
        page.locator(button).click()
    path = folder / began.value.suggested_filename
    began.value.save_as(path)
    return path


def copied_link(page: Page, button: str) -> str:
    """Return the text that the button copies."""
    expect(page.locator(button)).not_to_have_attribute("data-copy-link", "")
    return page.locator(button).get_attribute("data-copy-link") or ""


def test_the_catalogue_leads_to_the_form_of_each_chart(page: Page):
    page.goto("/catalog")
    live(page)
    samples = page.get_by_test_id("source-samples").locator(".chart-card")
    expect(samples).to_have_count(3)
    expect(samples.filter(has_text="bare")).to_contain_text("Deprecated")
    expect(samples.filter(has_text="web-server")).to_contain_text("1.2.0")
    page.get_by_test_id("source-built-in").locator(".chart-card").click()
    expect(page.locator("#launch-name")).to_be_visible()
    page.go_back()
    samples.filter(has_text="task-cluster").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Launch task-cluster")
    expect(page.locator("#chart-submit")).to_be_disabled()
    page.locator("#chart-needed a", has_text="Name").click()
    expect(page.locator("#chart-name")).to_be_focused()


def test_form_and_text_stay_in_step(page: Page):
    text = open_chart(page, WEB)
    start_from(page, "The sample app")
    slider = page.locator(f"[data-field='{part_id('replicaCount')}']")
    slide(slider, 3)
    says(text, "replicaCount: 3")
    text.fill(text.input_value().replace("replicaCount: 3", "replicaCount: 5"))
    expect(slider.get_by_role("slider")).to_have_attribute("aria-valuenow", "5")

    part(page, "chart-field", "autoscaling", "enabled").check()
    says(text, "  enabled: true")
    slide(page.locator(f"[data-field='{part_id('autoscaling', 'maxReplicas')}']"), 7)
    says(text, "  maxReplicas: 7")

    page.get_by_label("Add to Environment variables").click()
    part(page, "chart-field", "extraEnvVars", 0, "name").fill("GREETING")
    says(text, "- name: GREETING")
    assert values_of(text)["autoscaling"] == {"enabled": True, "maxReplicas": 7}

    good = text.input_value()
    text.fill(good + "\nimage: {\n")
    expect(page.locator("#chart-yaml-note [data-kind=error]")).to_be_visible()
    expect(page.locator("#chart-form")).to_contain_text("is shown again when the YAML is valid")
    text.fill(good)
    expect(slider.get_by_role("slider")).to_have_attribute("aria-valuenow", "5")


def part_id(*path: str | int) -> str:
    return ids.text_of(ids.chart_part("chart-field", path_id(path)))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("containerPort",), "70000", "65535 or less"),
        (("image", "tag"), "no tag!", "as the chart asks for it"),
    ],
)
def test_a_bad_value_is_explained_beside_its_field(
    page: Page, path: tuple[str, ...], value: str, words: str
):
    open_chart(page, WEB)
    start_from(page, "The sample app")
    field = part(page, "chart-field", *path)
    page.locator("#chart-name").fill("c-bad")
    expect(page.locator("#chart-submit")).to_be_enabled()
    field.fill(value)
    expect(part(page, "chart-note", *path).locator("[data-kind=error]")).to_contain_text(words)
    expect(page.locator("#chart-submit")).to_be_disabled()
    page.locator("#chart-problems a").click()
    expect(field).to_be_focused()
    assert "c-bad" not in run("helm", "list", "-A", "-q")


def test_a_chart_is_launched_changed_and_launched_again_from_its_file(
    page: Page, app_name: Name, tmp_path: Path
):
    name, other = app_name("c-web"), app_name("c-web-copy")
    text = open_chart(page, WEB)
    # The address changes before the form does.
    with page.expect_response(lambda told: "pathname" in (told.request.post_data or "")):
        page.locator("#chart-version").select_option("1.1.0")
    page.wait_for_url("**version=1.1.0**")
    start_from(page, "The sample app")
    slide(page.locator(f"[data-field='{part_id('replicaCount')}']"), 2)
    says(text, "replicaCount: 2")
    launch_chart(page, name)
    counts(page, ready=2, desired=2)
    assert answer(url_of(page)) == 200
    operation_ended(page)
    assert given(name)["replicaCount"] == 2
    assert "web-server-1.1.0" in run("helm", "list", "-n", NAMESPACE, "--filter", f"^{name}$")

    page.locator("#app-edit").click()
    says(text, "replicaCount: 2")
    slide(page.locator(f"[data-field='{part_id('replicaCount')}']"), 1)
    # As the chart has it: not written, and so not held when the chart changes its mind.
    expect(text).not_to_have_value(re.compile("replicaCount"))
    page.locator("#chart-submit").click()
    page.locator("#chart-confirm").click()
    page.wait_for_url(f"**/apps/{NAMESPACE}/{name}")
    counts(page, ready=1, desired=1)
    operation_ended(page, "update")
    assert "web-server-1.1.0" in run("helm", "list", "-n", NAMESPACE, "--filter", f"^{name}$")

    page.locator("#app-edit").click()
    says(text, "containerPort: 8050")
    file = saved(page, "#chart-save", tmp_path)
    assert file.name == f"{name}.yaml"
    assert yaml.safe_load(file.read_text()) == given(name)
    text = open_chart(page, WEB)
    page.locator("#chart-open input").set_input_files(file)
    says(text, "containerPort: 8050")
    launch_chart(page, other)
    counts(page, ready=1, desired=1)
    operation_ended(page)
    # What a file says that the chart says as well is left out.
    image = {"registry": "localhost:5000", "repository": "dash-sample"}
    assert given(other) == {**given(name), "image": image}


def test_a_chart_without_a_schema_has_its_commented_values(page: Page, app_name: Name):
    name = app_name("c-bare")
    text = open_chart(page, BARE)
    expect(text).to_have_value(re.compile("# Said first."))
    expect(page.get_by_test_id("chart-form")).to_contain_text("Said first.")
    expect(page.get_by_test_id("chart-page")).to_contain_text("deprecated")
    text.fill(text.input_value().replace("greeting: Hello", "greeting: Good morning"))
    launch_chart(page, name)
    operation_ended(page)
    said = kubectl("get", "configmap", name, "-n", NAMESPACE)["data"]
    assert said == {"greeting": "Good morning", "farewell": "Goodbye", "times": "3"}
    assert given(name) == {"words": {"greeting": "Good morning"}}


def test_what_was_typed_last_is_launched(page: Page, app_name: Name):
    """A button may be pressed before the page has answered the last edit."""
    name = app_name("c-quick")
    text = open_chart(page, BARE)
    page.locator("#chart-name").fill(name)
    expect(page.locator("#chart-submit")).to_be_enabled()
    text.fill(text.input_value().replace("times: 3", "times: 4"))
    page.locator("#chart-submit").click()
    page.wait_for_url(f"**/apps/{NAMESPACE}/{name}")
    operation_ended(page)
    assert given(name) == {"times": 4}


def test_links_carry_values_into_the_forms(page: Page):
    text = open_chart(page, WEB)
    start_from(page, "The sample app")
    part(page, "chart-field", "containerPort").fill("8051")
    says(text, "containerPort: 8051")  # comes with the link to it
    open_chart(page, copied_link(page, "#chart-link"))
    expect(part(page, "chart-field", "containerPort")).to_have_value("8051")
    expect(part(page, "chart-field", "image", "registry")).to_have_value("localhost:5000")

    open_launch(page)
    choose_sample(page)
    page.locator("#launch-autoscaling").check()
    fill(page, tag="9.9", cpu_request="300m", env="WORD=not-in-a-link")  # env last: waited for
    expect(page.locator("#launch-values")).to_contain_text("not-in-a-link")
    link = copied_link(page, "#launch-link")
    assert "not-in-a-link" not in link
    page.goto(link)
    expect(page.locator("#launch-tag")).to_have_value("9.9")
    expect(page.locator("#launch-cpu_request")).to_have_value("300m")
    expect(page.locator("#launch-autoscaling")).to_be_checked()
    expect(page.locator("#launch-env")).to_have_value("")


def test_an_app_sends_work_to_a_task_cluster_beside_it(page: Page, app_name: Name):
    tasks, app = app_name("c-tasks"), app_name("c-app")
    open_chart(page, TASKS)
    start_from(page, "Two workers")
    launch_chart(page, tasks)
    counts(page, ready=3, desired=3)
    operation_ended(page)
    address = f"tcp://{tasks}-scheduler.{NAMESPACE}.svc:8786"
    expect(page.locator("#app-urls")).to_contain_text(address)

    page.get_by_test_id("app-connect").click()
    line = f"DASK_SCHEDULER_ADDRESS={address}"
    expect(page.locator("#launch-env")).to_have_value(line)
    # The same by hand, in a form that is filled in already.
    fill(page, env="A=1")
    page.locator("#launch-connect").select_option(f"{tasks}: {address}")
    expect(page.locator("#launch-env")).to_have_value(f"A=1\n{line}")
    fill(page, name=app)
    submit(page)
    page.wait_for_url(f"**/apps/{NAMESPACE}/{app}")
    counts(page, ready=1, desired=1)
    operation_ended(page)
    told = json.loads(inside(app, "python3", "-c", ASK))
    assert told["result"] == 49
    assert told["by"].startswith(f"{tasks}-worker-")


@pytest.fixture
def claim(tmp_path: Path) -> Iterator[str]:
    """A volume claim in the apps' namespace. Its files lie in ``tmp_path / "volume"``."""
    name = "c-shared"
    folder = tmp_path / "volume"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "sales.csv").write_text("a,b\n1,2\n")
    size = {"storage": "1Gi"}
    common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            **common,
            "capacity": size,
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": NAMESPACE, "name": name},
            "hostPath": {"path": str(folder), "type": "Directory"},
        },
    }
    wanted = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {**common, "volumeName": name, "resources": {"requests": size}},
    }
    kinds = (f"pvc/{name}", f"pv/{name}")
    away = ("kubectl", "delete", *kinds, "-n", NAMESPACE, "--ignore-not-found")
    run(*away)
    objects = json.dumps({"apiVersion": "v1", "kind": "List", "items": [volume, wanted]})
    subprocess.run(["kubectl", "create", "-f", "-"], input=objects, text=True, check=True)
    run("kubectl", "wait", f"pvc/{name}", "-n", NAMESPACE, "--for=jsonpath={.status.phase}=Bound")
    yield name
    run(*away, "--wait=false")


def test_two_apps_share_an_existing_volume(page: Page, claim: str, app_name: Name, tmp_path: Path):
    one, two = app_name("c-writer"), app_name("c-reader")
    open_launch(page)
    choose_sample(page)
    fill(page, name=one, claim="c-sharde", mount_path="/srv/data")
    note = page.locator("#launch-note-claim [data-kind=error]")
    expect(note).to_contain_text(f"There is no volume claim c-sharde in {NAMESPACE}")
    expect(note).to_contain_text(claim)
    expect(page.locator("#launch-submit")).to_be_disabled()
    fill(page, claim=claim)
    submit(page)
    page.wait_for_url(f"**/apps/{NAMESPACE}/{one}")
    counts(page, ready=1, desired=1)
    operation_ended(page)
    assert inside(one, "cat", "/srv/data/sales.csv") == "a,b\n1,2\n"
    inside(one, "sh", "-c", "echo 3,4 >> /srv/data/more.csv")

    # The second app starts from the first one's values.
    page.locator("#app-edit").click()
    expect(page.locator("#launch-claim")).to_have_value(claim)
    expect(page.locator("#launch-values")).to_contain_text(claim)
    file = saved(page, "#launch-save", tmp_path)
    open_launch(page)
    page.locator("#launch-open input").set_input_files(file)
    expect(page.locator("#launch-opened")).to_have_text(f"Filled in from {one}.yaml.")
    expect(page.locator("#launch-claim")).to_have_value(claim)
    fill(page, name=two, mount_path="/data")
    page.locator("#launch-read_only").check()
    submit(page)
    page.wait_for_url(f"**/apps/{NAMESPACE}/{two}")
    counts(page, ready=1, desired=1)
    operation_ended(page)
    assert inside(two, "cat", "/data/more.csv") == "3,4\n"
    refused = subprocess.run(
        ["kubectl", "exec", "-n", NAMESPACE, f"deployment/{two}", "--", "touch", "/data/x"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Read-only" in refused.stderr
