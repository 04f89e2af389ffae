"""User actions on the pages, from which the journeys are composed."""

from __future__ import annotations

import http.client
import re
import threading
import time
import urllib.request
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NAMESPACE, SLOW, run

SAMPLE = "[data-testid^=preset-Sample]"
"""The tile of the sample in the launch form."""


def open_launch(page: Page) -> None:
    page.goto("/launch")
    expect(page.locator("#launch-name")).to_be_visible()
    live(page)


def choose_sample(page: Page) -> None:
    """Have the form filled in."""
    page.locator(SAMPLE).click()


def live(page: Page) -> None:
    """Wait until the page is connected."""
    expect(page.locator("#live-state")).to_have_attribute("data-state", "live")


def fill(page: Page, **fields: str) -> None:
    for field, value in fields.items():
        page.locator(f"#launch-{field}").fill(value)


def slide(slider: Locator, wanted: int, thumb: int = 0) -> None:
    """Move a slider with the keyboard until it shows ``wanted``."""
    handle = slider.get_by_role("slider").nth(thumb)
    handle.focus()
    for _ in range(200):
        now = int(handle.get_attribute("aria-valuenow") or 0)
        if now == wanted:
            return
        handle.press("ArrowRight" if now < wanted else "ArrowLeft")
    raise AssertionError(f"the slider does not reach {wanted}")


def submit(page: Page) -> None:
    button = page.locator("#launch-submit")
    expect(button).to_be_enabled()
    button.click()


def upgrade(page: Page) -> None:
    """Press the button for an existing app, and confirm."""
    submit(page)
    page.locator("#upgrade-confirm").click()


def launch_sample(page: Page, name: str) -> None:
    """Launch the sample preset under ``name`` and wait on its page until it is ready."""
    open_launch(page)
    choose_sample(page)
    fill(page, name=name)
    submit(page)
    page.wait_for_url(f"**/apps/{NAMESPACE}/{name}")
    counts(page, ready=1, desired=1)


def counts(page: Page, *, ready: int, desired: int) -> None:
    """Wait, without a reload, until the page shows these counts."""
    expect(page.get_by_test_id("replicas-desired")).to_have_text(str(desired), timeout=SLOW)
    expect(page.get_by_test_id("replicas-ready")).to_have_text(str(ready), timeout=SLOW)
    expect(page.get_by_test_id("pod")).to_have_count(desired, timeout=SLOW)


def operation_ended(page: Page, noun: str = "launch") -> None:
    """Wait until the newest operation is one of this kind and has succeeded.

    The kind is asked for because the operation before it may stand on the page a moment longer.
    """
    operation = page.get_by_test_id("operation")
    expect(operation).to_contain_text(noun.capitalize(), timeout=SLOW)
    expect(operation).to_have_attribute("data-state", "succeeded", timeout=SLOW)


def url_of(page: Page) -> str:
    """The app's link, once the portal has seen it answer."""
    link = page.get_by_test_id("app-url").first
    expect(link).to_be_visible(timeout=SLOW)
    expect(page.get_by_test_id("url-state").first).to_have_text(
        re.compile("answers", re.I), timeout=SLOW
    )
    href = link.get_attribute("href")
    assert href
    return href


def answer(url: str) -> int:
    """The status that a URL answers with; the ingress controller stands in for missing DNS."""
    parts = urlsplit(url)
    assert parts.hostname
    address = parts.hostname
    if address.endswith(".example.com"):
        path = "jsonpath={.status.loadBalancer.ingress[0].ip}"
        address = run("kubectl", "get", "service", "traefik", "-n", "kube-system", "-o", path)
    connection = http.client.HTTPConnection(address, parts.port or 80, timeout=30)
    try:
        connection.request("GET", parts.path or "/", headers={"Host": parts.netloc})
        return connection.getresponse().status
    finally:
        connection.close()


class Load:
    """Steady, bounded work for the sample: a few threads, for at most ``seconds``."""

    def __init__(self, url: str, threads: int = 3, seconds: float = 120) -> None:
        self._url = url.rstrip("/") + "/work?ms=150"
        self._stop = threading.Event()
        self._end = time.monotonic() + seconds
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]
        self.errors: list[str] = []
        self.pods: set[str] = set()
        self.answers = 0

    def _run(self) -> None:
        while not self._stop.is_set() and time.monotonic() < self._end:
            try:
                with urllib.request.urlopen(self._url, timeout=15) as answer:
                    body = answer.read().decode()
                    self.answers += 1
                    if match := re.search(r'"pod"\s*:\s*"([^"]+)"', body):
                        self.pods.add(match[1])
            except OSError as error:
                self.errors.append(str(error))

    def answered_by(self, count: int, seconds: float = 60) -> bool:
        """Wait until so many pods have answered; whether they have."""
        until = time.monotonic() + seconds
        while len(self.pods) < count and time.monotonic() < until:
            time.sleep(0.05)
        return len(self.pods) == count

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
