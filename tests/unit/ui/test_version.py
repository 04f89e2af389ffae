"""Choosing another version of a release's chart, on its page."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from msgspec.structs import replace
from starlette.testclient import TestClient

from portal.catalog.catalog import Catalog
from portal.catalog.sources import Source, SourceKind
from portal.domain.errors import ChartError, InvalidInput
from portal.registry.fetch import HttpFetch
from portal.ui import ids
from portal.ui.app.header import version_class, version_words
from portal.ui.app.live import app_patches
from portal.ui.build import build_ui
from portal.viewmodels.model import Severity
from tests.unit.catalog.make import files, repository_of, serving
from tests.unit.ui import fixtures
from tests.unit.ui.fakes import FakeActions, context
from tests.unit.ui.test_components import text
from tests.unit.ui.test_history import IRIS, KEY
from tests.unit.ui.test_pages import Browser

VIEW = fixtures.healthy(IRIS)
NOW = VIEW.version
assert NOW

CONFIRMED = f"{ids.VERSION_MODAL}.is_open...{ids.VERSION_FAILURE}.children"

Portal = tuple[Browser, FakeActions]


@pytest.fixture
async def portal(tmp_path: Path) -> AsyncIterator[Portal]:
    """A page of an app at 1.2.0, and a source with what is older and newer."""
    fetch = HttpFetch()
    async with serving(files(repository_of("web", "1.1.0", "1.2.0", "1.4.0"))) as host:
        source = Source("team", SourceKind.REPOSITORY, f"http://{host}")
        catalog = Catalog([source], fetch, tmp_path)
        await catalog.refresh()
        for version in ("1.1.0", "1.4.0"):  # kept, so that none is fetched on another loop
            await catalog.chart("team", "web", version)
    await fetch.close()
    ui, actions = context(VIEW, catalog=catalog)
    server = FastAPI()
    build_ui(server, ui)
    with TestClient(server) as client:
        yield Browser(client), actions


def opened(browser: Browser) -> dict[str, Any]:
    sent = {**KEY, f"{ids.VERSION_OPEN}.n_clicks": 1}
    return browser.call(f"{ids.VERSION_CHOICE}.options", sent, f"{ids.VERSION_OPEN}.n_clicks")


def chosen(browser: Browser, version: str) -> dict[str, Any]:
    sent = {**KEY, f"{ids.VERSION_CHOICE}.value": version, f"{ids.VERSION_MODAL}.is_open": True}
    return browser.call(ids.VERSION_PREVIEW, sent, f"{ids.VERSION_CHOICE}.value")


async def test_the_dialog_offers_what_the_source_has(portal: Portal) -> None:
    browser, actions = portal
    answer = opened(browser)
    choice = answer[ids.VERSION_CHOICE]
    assert [each["label"] for each in choice["options"]] == ["1.4.0", "1.1.0 (older)"]
    assert choice["value"] == "1.4.0"
    assert answer[ids.VERSION_MODAL]["is_open"] is True
    sent = {**KEY, f"{ids.VERSION_CHOICE}.value": "1.4.0", f"{ids.VERSION_MODAL}.is_open": False}
    closed = browser.call(ids.VERSION_PREVIEW, sent, f"{ids.VERSION_MODAL}.is_open")
    assert closed[ids.VERSION_CONFIRM]["disabled"] is True
    assert closed[ids.VERSION_PLAN]["data"] is None
    assert actions.calls == []


@pytest.mark.parametrize(
    ("version", "label", "words"),
    [
        ("1.4.0", "Upgrade to 1.4.0", "The chart changes from 1.2.0 to 1.4.0."),
        ("1.1.0", "Downgrade to 1.1.0", "Downgrade: chart"),
    ],
)
async def test_a_choice_is_previewed_and_what_was_previewed_is_done(
    portal: Portal, version: str, label: str, words: str
) -> None:
    browser, actions = portal
    answer = chosen(browser, version)
    said = json.dumps(answer[ids.VERSION_PREVIEW])
    assert words in said
    assert "Its values do not change." in said
    assert answer[ids.VERSION_CONFIRM]["disabled"] is False
    assert label in json.dumps(answer[ids.VERSION_CONFIRM]["children"])
    plan = answer[ids.VERSION_PLAN]["data"]
    assert plan == {"version": version, "since": 4}
    assert actions.calls == []
    sent = {**KEY, f"{ids.VERSION_PLAN}.data": plan, f"{ids.VERSION_CONFIRM}.n_clicks": 1}
    done = browser.call(CONFIRMED, sent, f"{ids.VERSION_CONFIRM}.n_clicks")
    assert done[ids.VERSION_MODAL]["is_open"] is False
    assert actions.calls == [("change version", IRIS, "web", version, 4)]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InvalidInput({"values": "replicaCount: must be a text"}), "must be a text"),
        (ChartError("It does not render."), "It does not render."),
    ],
)
async def test_values_that_it_does_not_take_lead_to_its_form(
    portal: Portal, error: Exception, words: str
) -> None:
    browser, actions = portal
    actions.previews.errors.append(error)
    answer = chosen(browser, "1.4.0")
    said = json.dumps(answer[ids.VERSION_PREVIEW])
    assert words in said
    assert "/catalog/team/web?version=1.4.0&namespace=apps&name=iris" in said
    assert answer[ids.VERSION_CONFIRM]["disabled"] is True
    assert answer[ids.VERSION_PLAN]["data"] is None


async def test_a_version_that_went_says_so(portal: Portal) -> None:
    browser, actions = portal
    answer = chosen(browser, "1.3.0")
    assert "The catalogue has no chart web 1.3.0 in team." in json.dumps(answer)
    assert answer[ids.VERSION_CONFIRM]["disabled"] is True
    assert actions.previews.asked == []


async def test_where_nothing_is_newer_nothing_is_chosen(portal: Portal) -> None:
    browser, actions = portal
    assert NOW
    actions.views[IRIS] = replace(VIEW, version=replace(NOW, version="1.4.0", newer=""))
    choice = opened(browser)[ids.VERSION_CHOICE]
    assert choice["value"] is None
    assert [each["value"] for each in choice["options"]] == ["1.2.0", "1.1.0"]


async def test_a_source_that_went_says_so(portal: Portal) -> None:
    browser, actions = portal
    actions.views[IRIS] = replace(VIEW, version=None)
    answer = opened(browser)
    assert "has no other version" in json.dumps(answer[ids.VERSION_FAILURE])
    assert answer[ids.VERSION_CHOICE]["options"] == []
    plan = {"version": "1.4.0", "since": 4}
    sent = {**KEY, f"{ids.VERSION_PLAN}.data": plan, f"{ids.VERSION_CONFIRM}.n_clicks": 1}
    done = browser.call(CONFIRMED, sent, f"{ids.VERSION_CONFIRM}.n_clicks")
    assert "has no other version" in json.dumps(done[ids.VERSION_FAILURE])
    assert actions.calls == []


def test_the_line_is_there_only_when_it_says_something() -> None:
    assert NOW
    assert app_patches(VIEW)[ids.VERSION_LINE]["className"] == "version-line severity-busy"
    quiet = replace(NOW, severity=Severity.QUIET, choices=False)
    assert version_class(quiet) == version_class(None) == "gone"
    unread = replace(quiet, since=fixtures.ago(60))
    assert version_class(unread) == "version-line severity-quiet fixed"
    assert "Unreadable for" in text(version_words(unread))
