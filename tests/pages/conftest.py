"""Pages in the system's Chromium, served from this process: no cluster is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from dev.chromium import chromium
from tests.pages.site import Running, serving
from tests.pages.states import SITES

RESULTS = Path(__file__).resolve().parents[2] / "test-results"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def sites() -> Iterator[Running]:
    with serving(SITES) as running:
        yield running
