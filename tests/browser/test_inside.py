"""Looking inside an app: its objects, the processes of its pod, and a shell in it."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from dev import demo
from tests.browser.conftest import NAMESPACE, SLOW, run

VALUES = [
    *("--set", f"image.repository={demo.SAMPLE_IMAGE.rpartition(':')[0]}"),
    *("--set", f"image.tag={demo.SAMPLE_IMAGE.rpartition(':')[2]}", "--set", "containerPort=8050"),
    *("--set", "extraEnvVars[0].name=DB_PASSWORD", "--set", "extraEnvVars[0].value=hunter2hunter2"),
]


def launched(name: str) -> str:
    chart = str(demo.ROOT / "charts" / "dash-app")
    run("helm", "upgrade", "--install", name, chart, "-n", NAMESPACE, *VALUES, "--wait")
    selector = f"app.kubernetes.io/instance={name}"
    path = "jsonpath={.items[0].metadata.name}"
    return run("kubectl", "get", "pods", "-n", NAMESPACE, "-l", selector, "-o", path)


def test_from_the_app_to_a_shell_in_its_pod(page: Page, app_name: Callable[[str], str]) -> None:
    name = app_name("inside")
    pod = launched(name)

    page.goto(f"/apps/{NAMESPACE}/{name}")
    page.locator("#app-objects").click()
    tree = page.locator("#objects-tree")
    for kind in ("Deployment", "ReplicaSet", "Pod", "Service"):
        expect(tree.locator(f"[data-kind={kind}]").first).to_be_visible(timeout=SLOW)

    # An object opens beside the tree, and the address names it.
    tree.get_by_role("link", name=pod).click()
    detail = page.locator("#object-detail")
    expect(detail.get_by_test_id("object-title")).to_contain_text(pod)
    expect(page).to_have_url(re.compile(rf"objects\?kind=Pod&name={pod}"))
    expect(tree.locator("a[aria-current]")).to_have_text(pod)
    expect(detail).to_contain_text("PodScheduled")
    detail.get_by_text("YAML", exact=True).click()
    expect(detail.locator("#object-yaml")).to_contain_text("DB_PASSWORD")
    assert "hunter2" not in page.content()
    detail.get_by_role("link", name=re.compile(f"^{name}-")).first.click()
    expect(detail.get_by_test_id("object-title")).to_contain_text("ReplicaSet")
    page.go_back()
    expect(detail.get_by_test_id("object-title")).to_contain_text(pod)
    expect(detail.get_by_test_id("object-title")).to_contain_text("Pod")

    # What is not of the release is not there.
    page.goto(f"/apps/{NAMESPACE}/{name}/objects?kind=ConfigMap&name=kube-root-ca.crt")
    expect(page.locator("#object-detail")).to_contain_text("There is no ConfigMap")

    page.goto(f"/apps/{NAMESPACE}/{name}/processes?pod={pod}")
    first = page.get_by_test_id("process").first
    expect(first).to_contain_text("python", timeout=SLOW)
    expect(first).to_contain_text(re.compile(r"[0-9.]+ %"), timeout=SLOW)

    page.get_by_role("link", name="Shell").click()
    shown = page.locator("#terminal .xterm-rows")
    page.locator("#shell-open").click()
    expect(page.locator("#terminal")).to_have_attribute("data-state", "open", timeout=SLOW)
    expect(page.locator("#shell-words")).to_contain_text("bash runs in app")
    page.keyboard.type("echo $((6*7))-$LANG\n")
    expect(shown).to_contain_text("42-C.UTF-8")
    # Output without end neither freezes the page nor keeps keys from the program.
    page.keyboard.type("yes flood\n")
    expect(shown).to_contain_text("flood\nflood".replace("\n", ""))
    page.keyboard.press("Control+c")
    page.keyboard.type("echo after-$((40+2))\n")
    expect(shown).to_contain_text("after-42", timeout=SLOW)
    page.set_viewport_size({"width": 700, "height": 800})
    page.keyboard.type("echo [$(stty size)]\n")
    expect(shown).to_contain_text(re.compile(r"\[\d+ \d\d\]"))
    page.keyboard.press("Control+Shift+KeyL")
    expect(page.locator("#shell-open")).to_be_focused()
    page.locator("#shell-open").click()
    expect(page.locator("#shell-words")).to_have_text("Closed.")
