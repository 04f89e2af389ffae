"""Journeys drive the portal that `make demo` runs, with the system's Chromium.

``PORTAL_URL`` and ``KUBECONFIG`` come from ``dev.check``. Each test has a page and, where it
launches something, an app name of its own that is uninstalled behind it by the helm command.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dev.chromium import chromium

NAMESPACE = "apps"
RESULTS = Path(__file__).resolve().parent.parent.parent / "test-results"
SLOW = 180_000
"""Milliseconds that a condition on the cluster may take on a busy 2-core machine."""


@pytest.fixture(scope="session")
def portal_url() -> str:
    url = os.environ.get("PORTAL_URL", "")
    if not url:
        pytest.fail("PORTAL_URL is not set: run these through `make browser`")
    return url.rstrip("/")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, portal_url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh page that fails the test on a script error, and keeps a picture of a failure."""
    context = browser.new_context(base_url=portal_url, viewport={"width": 1360, "height": 900})
    page = context.new_page()
    page.set_default_timeout(30_000)
    expect.set_options(timeout=30_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: (
            problems.append(message.text)
            if message.type == "error" and "net::ERR" not in message.text
            else None
        ),
    )
    yield page
    failed = getattr(request.node, "failed", False)
    if failed:
        RESULTS.mkdir(exist_ok=True)
        name = re.sub(r"\W+", "-", request.node.name)
        page.screenshot(path=RESULTS / f"{name}.png", full_page=True)
        (RESULTS / f"{name}.html").write_text(page.content())
    context.close()
    if not failed:
        assert problems == [], "the page logged errors"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if report.when == "call" and report.failed:
        item.failed = True  # type: ignore[attr-defined]
    return report


def run(*command: str) -> str:
    """Run a program and return what it printed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def kubectl(*arguments: str) -> dict[str, list[dict[str, object]]]:
    """Ask the cluster itself, as JSON."""
    return json.loads(run("kubectl", *arguments, "-o", "json") or "{}")


def objects_of(name: str) -> list[str]:
    """All objects in the apps' namespace that belong to a release, its Secrets included."""
    kinds = (
        "deployments,replicasets,pods,services,endpointslices,horizontalpodautoscalers,"
        "poddisruptionbudgets,ingresses,httproutes,configmaps,secrets,serviceaccounts,"
        "persistentvolumeclaims"
    )
    items = kubectl("get", kinds, "-n", NAMESPACE)["items"]
    found = []
    for item in items:
        metadata = item["metadata"]
        assert isinstance(metadata, dict)
        labels = metadata.get("labels") or {}
        if labels.get("app.kubernetes.io/instance") == name or (
            labels.get("owner") == "helm" and labels.get("name") == name
        ):
            found.append(f"{item['kind']}/{metadata['name']}")
    return found


@pytest.fixture
def app_name(request: pytest.FixtureRequest) -> Iterator[Callable[[str], str]]:
    """Give names to apps; what is left of them afterwards is uninstalled."""
    names: list[str] = []

    def give(name: str) -> str:
        remove(name)
        names.append(name)
        return name

    def remove(name: str) -> None:
        run("helm", "uninstall", name, "-n", NAMESPACE, "--ignore-not-found", "--wait")

    yield give
    for name in names:
        remove(name)
