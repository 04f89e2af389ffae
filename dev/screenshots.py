"""``make screenshots``: docs/images from the portal as it runs in the demo, light and dark.

Launches a few apps in the demo's namespace, puts one of them under a bounded load, takes the
pictures in the system's Chromium, and removes the apps again.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml
from playwright.sync_api import Browser, Page

from dev import demo
from dev.chromium import chromium
from dev.demo import Demo

IMAGES = demo.ROOT / "docs" / "images"
CHART = demo.ROOT / "charts" / "dash-app"
WIDTH = 1360
SAMPLE = {
    "repository": demo.SAMPLE_IMAGE.rpartition(":")[0],
    "tag": demo.SAMPLE_IMAGE.rpartition(":")[2],
}
BUSY = "attractor"
BROKEN = "forecast"
"""An app whose image does not exist: its tag has a letter in the place of a digit."""
WORKERS = 3
"""Requests under way at once: enough for the autoscaler, little enough for two cores."""
WATCHED = 75.0
"""Seconds of load before the picture, so that the chart has something to show."""

RELEASE = "[data-testid=release]"
LOG = ".log-rows > *"
SETTLING = 2000
"""Milliseconds for what is drawn after the page: charts, checks, transitions."""

APPS: dict[str, dict[str, Any]] = {
    BUSY: {
        "image": SAMPLE,
        "autoscaling": {
            "enabled": True,
            "minReplicas": 1,
            "maxReplicas": 4,
            "targetCPU": 50,
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}},
        },
    },
    "weekly-report": {"image": SAMPLE, "replicaCount": 2},
    BROKEN: {"image": SAMPLE | {"tag": "1.O"}, "service": {"type": "ClusterIP"}},
}


def main() -> int:
    """Take all pictures; returns the exit code."""
    running = demo.ensure()
    IMAGES.mkdir(parents=True, exist_ok=True)
    with apps(running), chromium() as browser:
        with load(address(running, BUSY)):
            time.sleep(WATCHED)
            take(
                browser,
                running,
                f"/apps/{running.apps}/{BUSY}",
                "app",
                1080,
                ready="[data-testid=pod]",
            )
            page = f"/apps/{running.apps}/{BUSY}/autoscaling"
            take(browser, running, page, "autoscaling", 1500, ready=".decision-step")
            take(browser, running, "/autoscaling", "overview", 520, ready=RELEASE)
            take(browser, running, f"/apps/{running.apps}/{BUSY}/logs", "logs", 620, ready=LOG)
        page = f"/apps/{running.apps}/{BROKEN}"
        take(browser, running, page, "trouble", 760, ready="[data-testid=notice]")
        page = f"/apps/{running.apps}/{BUSY}/objects"
        take(browser, running, page, "objects", 760, ready="[data-testid=object]")
        take(browser, running, "/catalog", "catalogue", 620, ready=".chart-cards > *")
        take(browser, running, "/", "apps", 560, ready=RELEASE)
        take(browser, running, "/admin", "admin", 620, ready=RELEASE)
        take(browser, running, "/launch", "launch", 1080, ready="#launch-name")
    return 0


def take(browser: Browser, running: Demo, path: str, name: str, height: int, *, ready: str) -> None:
    """One page in both themes, as ``docs/images/<name>-<theme>.png``."""
    for theme in ("light", "dark"):
        context = browser.new_context(
            base_url=running.url,
            viewport={"width": WIDTH, "height": height},
            color_scheme="light" if theme == "light" else "dark",
        )
        page = context.new_page()
        page.goto(path)
        page.locator(ready).first.wait_for()
        page.locator("#live-state[data-state=live]").wait_for()
        if name == "launch":
            fill(page)
        page.wait_for_timeout(SETTLING)
        page.screenshot(path=IMAGES / f"{name}-{theme}.png")
        print(f"docs/images/{name}-{theme}.png")
        context.close()


def fill(page: Page) -> None:
    """The launch form as somebody would leave it before pressing the button."""
    page.locator("[data-testid^='preset-']").first.click()
    page.locator("#launch-name").fill("my-attractor")
    page.locator("#launch-autoscaling").check()


@contextmanager
def apps(running: Demo) -> Iterator[None]:
    """The apps of the pictures, as the portal would launch them."""
    annotations = {"dash-portal.io/launched-by": "anonymous"}
    try:
        for name, values in APPS.items():
            _helm(
                running,
                *("upgrade", "--install", name, str(CHART), "--values", "-"),
                stdin=yaml.safe_dump({**values, "commonAnnotations": annotations}),
            )
        yield
    finally:
        for name in APPS:
            _helm(running, "uninstall", name, "--ignore-not-found")


def address(running: Demo, name: str) -> str:
    """The load balancer's address of an app, once the app answers there."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        found = subprocess.run(
            [
                *(running.binaries / "kubectl", "get", "service", name, "-n", running.apps),
                *("-o", "jsonpath={.status.loadBalancer.ingress[0].ip}"),
            ],
            env=_environment(running),
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        with contextlib.suppress(OSError):
            if found and urllib.request.urlopen(f"http://{found}/healthz", timeout=2).status == 200:
                return f"http://{found}"
        time.sleep(0.5)
    raise TimeoutError(f"{name} does not answer")


@contextmanager
def load(url: str) -> Iterator[None]:
    """A few requests at a time, until left."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}/work?ms=150", timeout=10).read()

    workers = [threading.Thread(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        over.set()
        for worker in workers:
            worker.join()


def _helm(running: Demo, *arguments: str, stdin: str = "") -> None:
    subprocess.run(
        [str(running.binaries / "helm"), *arguments, "--namespace", running.apps],
        input=stdin,
        env=_environment(running),
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _environment(running: Demo) -> dict[str, str]:
    return {**os.environ, "KUBECONFIG": str(running.kubeconfig)}


if __name__ == "__main__":
    sys.exit(main())
