"""The system's Chromium, driven by Playwright: for journeys, benchmarks and screenshots."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from dev.cluster import packages
from dev.cluster.errors import ClusterError
from dev.cluster.paths import Layout

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",  # the tests run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def executable() -> str:
    """The browser's path; it is installed first where that is possible.

    Raises:
        ClusterError: there is none, and no way to install it.
    """
    found = _found()
    if found is None and os.geteuid() == 0 and packages.which("apt-get"):
        print("installing Chromium (about a minute, once)", flush=True)
        packages.apt_install(Layout.default(), ["chromium", "fonts-dejavu-core"], print)
        found = _found()
    if found is None:
        raise ClusterError("Chromium is not installed", hint="apt-get install chromium")
    return found


def _found() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser, closed at the end."""
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
