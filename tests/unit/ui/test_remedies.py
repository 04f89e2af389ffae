"""The ways out that an app's page offers where something has failed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from portal.domain.permissions import Permission
from portal.releases.map_apis import MAP_APIS, MapApis
from portal.releases.resume import RESUME, Resume
from portal.releases.uninstall import UNINSTALL_WITHOUT_HOOKS, UninstallWithoutHooks
from portal.ui import ids
from portal.ui.app.layout import layout
from portal.ui.app.live import app_parts
from portal.ui.context import UiContext
from tests.unit.ui import fixtures
from tests.unit.ui.fakes import ADA, context
from tests.unit.ui.test_pages import text

REMEDIES = {
    MAP_APIS.name: object.__new__(MapApis),
    RESUME.name: object.__new__(Resume),
    UNINSTALL_WITHOUT_HOOKS.name: object.__new__(UninstallWithoutHooks),
}


@pytest.fixture
def ui() -> UiContext:
    ui, actions = context(fixtures.healthy())
    actions.plain = REMEDIES
    return ui


def test_each_is_shown_only_where_it_helps(ui: UiContext) -> None:
    parts, view = app_parts(ui), fixtures.healthy()
    for name in REMEDIES:
        shown = parts[ids.plain_offer(name)]
        assert shown(view) == {"className": "gone"}
        assert shown(replace(view, offered=frozenset({name}))) == {"className": ""}
    failed = replace(view, removal_failed=True)
    assert parts[ids.APP_REMOVING](view) == {"className": "gone"}
    assert parts[ids.APP_REMOVING](failed) == {"className": ""}


def test_each_needs_its_permission(ui: UiContext) -> None:
    parts = app_parts(ui)
    offered = replace(fixtures.healthy(), offered=frozenset(REMEDIES))
    without = offered.permissions - {Permission.UNINSTALL}
    shown = {
        name: parts[ids.plain_offer(name)](replace(offered, permissions=without))["className"]
        for name in REMEDIES
    }
    assert shown == {MAP_APIS.name: "", RESUME.name: "", UNINSTALL_WITHOUT_HOOKS.name: "gone"}


def test_the_page_has_their_buttons(ui: UiContext) -> None:
    shown = text(layout(ui, ADA, fixtures.healthy().key))
    for label in ("Try again", "Update record", "Resume", "Remove without hooks"):
        assert label in shown


def test_what_is_managed_elsewhere_has_no_buttons(ui: UiContext) -> None:
    parts = app_parts(ui)
    view = replace(fixtures.healthy(), exists=False, elsewhere=True)
    assert parts[ids.APP_BUTTONS](view) == {"className": "gone"}
    assert parts[ids.APP_BODY](view) == {"className": ""}
    assert parts[ids.APP_GONE](view) == {"content": None}
