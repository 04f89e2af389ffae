from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from portal.domain.errors import ChartError, Conflict, InvalidInput, NotFound
from portal.domain.keys import Key
from portal.domain.proposals import VolumeClaim
from portal.ui import ids
from portal.ui.app.revisions import history
from portal.ui.build import build_ui
from portal.ui.components.preview import diff, preview
from portal.viewmodels.history import history_view
from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.preview import PreviewView
from tests.unit.ui import fixtures
from tests.unit.ui.fakes import ADA, FakeActions, context, revisions
from tests.unit.ui.test_components import text, walk
from tests.unit.ui.test_pages import Browser
from tests.unit.ui.test_scripts import run

IRIS = Key("apps", "iris")
KEY = {f"{ids.APP_KEY}.data": list(IRIS)}
CONFIRMED = f"{ids.ROLLBACK_MODAL}.is_open...{ids.ROLLBACK_FAILURE}.children"


@pytest.fixture
def portal() -> Iterator[tuple[Browser, FakeActions, dict[str, Any]]]:
    """A browser, the actions behind it, and the launch form filled in for an app that exists."""
    ui, actions = context(fixtures.healthy())
    server = FastAPI()
    build_ui(server, ui)
    form = {**ui.forms.defaults(), "name": "iris"}
    sent = {f"{ids.launch(field)}.value": value for field, value in form.items()}
    sent |= {"launch-target_cpu-on.value": True, "launch-target_memory-on.value": False}
    with TestClient(server) as client:
        yield Browser(client), actions, sent


Portal = tuple[Browser, FakeActions, dict[str, Any]]


def test_the_upgrade_dialog_says_what_would_happen(portal: Portal) -> None:
    browser, actions, sent = portal
    sent |= {f"{ids.UPGRADE_MODAL}.is_open": True, "launch-edited-revision.data": 3}
    answer = browser.call(ids.UPGRADE_PREVIEW, sent, f"{ids.UPGRADE_MODAL}.is_open")
    said = json.dumps(answer[ids.UPGRADE_PREVIEW])
    assert "both pods are replaced in a rolling update" in said
    assert "dash-sample:1.1" in said
    assert "tok-in-the-values" not in said
    assert answer[ids.UPGRADE_CONFIRM]["disabled"] is False
    assert answer[ids.UPGRADE_PREVIEWED]["data"] == 4
    assert actions.previews.asked[0][2] == 3
    assert actions.calls == []

    closed = browser.call(
        ids.UPGRADE_PREVIEW,
        {**sent, f"{ids.UPGRADE_MODAL}.is_open": False},
        f"{ids.UPGRADE_MODAL}.is_open",
    )
    assert closed[ids.UPGRADE_CONFIRM]["disabled"] is True
    assert len(actions.previews.asked) == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InvalidInput({"bounds": "too many"}), ": too many"),
        (ChartError("It does not render.", "Tell them."), "It does not render."),
        (Conflict("It was changed since."), "It was changed since."),
    ],
)
def test_what_cannot_be_previewed_cannot_be_confirmed(
    portal: Portal, error: Exception, words: str
) -> None:
    browser, actions, sent = portal
    actions.previews.errors.append(error)
    sent |= {f"{ids.UPGRADE_MODAL}.is_open": True}
    answer = browser.call(ids.UPGRADE_PREVIEW, sent, f"{ids.UPGRADE_MODAL}.is_open")
    assert words in json.dumps(answer[ids.UPGRADE_PREVIEW])
    assert answer[ids.UPGRADE_CONFIRM]["disabled"] is True


def test_a_fault_of_the_portal_itself_stops_no_upgrade(portal: Portal) -> None:
    browser, actions, sent = portal
    actions.previews.errors.append(RuntimeError("bug"))
    sent |= {f"{ids.UPGRADE_MODAL}.is_open": True}
    answer = browser.call(ids.UPGRADE_PREVIEW, sent, f"{ids.UPGRADE_MODAL}.is_open")
    assert "internal error" in json.dumps(answer[ids.UPGRADE_PREVIEW])
    assert answer[ids.UPGRADE_CONFIRM]["disabled"] is False


def test_an_immutable_field_disables_the_button(portal: Portal) -> None:
    browser, actions, sent = portal
    *newer, first = actions.previews.kept
    other = first.manifest.replace("matchLabels: {app: iris}", "matchLabels: {app: other}")
    actions.previews.kept = (*newer, type(first)(first.key, 1, first.status, manifest=other))
    sent |= {f"{ids.UPGRADE_MODAL}.is_open": True}
    answer = browser.call(ids.UPGRADE_PREVIEW, sent, f"{ids.UPGRADE_MODAL}.is_open")
    assert "spec.selector of Deployment iris cannot be changed" in json.dumps(answer)
    assert answer[ids.UPGRADE_CONFIRM]["disabled"] is True


def test_an_upgrade_starts_from_what_its_preview_saw(portal: Portal) -> None:
    browser, actions, sent = portal
    sent |= {"launch-existing-key.data": "apps/iris", "launch-edited-revision.data": None}
    sent |= {"upgrade-confirm.n_clicks": 1, f"{ids.UPGRADE_PREVIEWED}.data": 1}
    answer = browser.call(ids.LAUNCH_FAILURE, sent, "upgrade-confirm.n_clicks")
    assert "changed since" in json.dumps(answer)
    assert actions.calls == []


def test_the_past_is_read_when_it_is_opened(portal: Portal) -> None:
    browser, actions, _ = portal
    wanted = {**KEY, f"{ids.HISTORY_WANTED}.data": "4 deployed"}
    answer = browser.call(ids.HISTORY, wanted, f"{ids.HISTORY_WANTED}.data")
    said = json.dumps(answer)
    assert "grace@example.org" in said
    assert "quota exceeded" in said
    assert "tok-in-the-values" not in said
    assert actions.previews.asked == [("history", IRIS)]


def test_a_rollback_is_previewed_and_confirmed(portal: Portal) -> None:
    browser, actions, _ = portal
    sent = {**KEY, f"{ids.ROLLBACK_TO}.data": 2, f"{ids.ROLLBACK_MODAL}.is_open": True}
    answer = browser.call(ids.ROLLBACK_PREVIEW, sent, f"{ids.ROLLBACK_MODAL}.is_open")
    assert "both pods are replaced" in json.dumps(answer)
    assert answer[ids.ROLLBACK_CONFIRM]["disabled"] is False
    assert answer[ids.ROLLBACK_PREVIEWED]["data"] == 4
    assert actions.calls == []

    sent |= {f"{ids.ROLLBACK_CONFIRM}.n_clicks": 1, f"{ids.ROLLBACK_PREVIEWED}.data": 4}
    done = browser.call(CONFIRMED, sent, f"{ids.ROLLBACK_CONFIRM}.n_clicks")
    assert done[ids.ROLLBACK_MODAL]["is_open"] is False
    assert actions.calls == [("rollback", ADA, IRIS, 2, 4)]


def test_the_manifest_hides_its_secrets(portal: Portal) -> None:
    browser, _, _ = portal
    wanted = {**KEY, f"{ids.MANIFEST_WANTED}.data": "4 deployed"}
    said = json.dumps(browser.call(ids.MANIFEST, wanted, f"{ids.MANIFEST_WANTED}.data"))
    assert "kind: Deployment" in said
    assert "(hidden)" in said
    assert "tok-in-the-values" not in said


def test_advice_is_read_when_it_is_opened(portal: Portal) -> None:
    browser, actions, _ = portal
    closed = {**KEY, f"{ids.ADVICE_WANTED}.data": None, f"{ids.ADVICE_AGAIN}.n_clicks": 1}
    assert ids.ADVICE not in browser.call(ids.ADVICE, closed, f"{ids.ADVICE_AGAIN}.n_clicks")
    assert actions.previews.asked == []
    said = json.dumps(
        browser.call(
            ids.ADVICE,
            {**closed, f"{ids.ADVICE_WANTED}.data": "4 deployed"},
            f"{ids.ADVICE_WANTED}.data",
        )
    )
    assert "The CPU use of starting pods counts" in said
    assert "#launch-health_path" in said
    assert actions.previews.asked == [("newest", IRIS)]


def test_advice_without_the_manifest(portal: Portal) -> None:
    browser, actions, _ = portal
    actions.previews.errors = [NotFound("gone")]
    wanted = {**KEY, f"{ids.ADVICE_WANTED}.data": "4 deployed"}
    said = json.dumps(browser.call(ids.ADVICE, wanted, f"{ids.ADVICE_WANTED}.data"))
    assert "The CPU use of starting pods counts" in said


def test_an_uninstall_says_what_it_leaves(portal: Portal) -> None:
    browser, actions, _ = portal
    opened = {**KEY, f"{ids.UNINSTALL_MODAL}.is_open": True}
    trigger = f"{ids.UNINSTALL_MODAL}.is_open"
    assert "None of its objects" in json.dumps(browser.call(ids.UNINSTALL_LEFT, opened, trigger))
    actions.previews.claims = (VolumeClaim(Key("apps", "data"), "iris", "1Gi"),)
    said = json.dumps(browser.call(ids.UNINSTALL_LEFT, opened, trigger))
    assert "1 volume claim will be kept: data (1Gi)." in said


@pytest.mark.parametrize(
    ("clicks", "revision", "wanted", "asks"),
    [
        (None, "4 deployed", None, False),
        (1, "4 deployed", None, True),
        (1, "4 deployed", "4 deployed", False),
        (2, "5 deployed", "4 deployed", False),
        (3, "5 deployed", "4 deployed", True),
    ],
)
def test_only_what_is_open_is_read_and_once(
    clicks: int | None, revision: str, wanted: str | None, asks: bool
) -> None:
    given = json.dumps([clicks, revision, wanted])
    call = f"window.dash_clientside.portal.wantedWhileOpen(...{given})"
    none = "window.dash_clientside = { no_update: 'none' };"
    assert run("web/history.js", none, call) == (revision if asks else "none")


def test_each_revision_shows_who_what_and_a_way_back() -> None:
    shown = history(history_view(revisions()))
    rows = [each for each in walk(shown) if getattr(each, "data-testid", "") == "revision"]
    assert [getattr(each, "data-revision") for each in rows] == ["4", "3", "2", "1"]
    buttons = [each.id for each in walk(shown) if isinstance(getattr(each, "id", None), dict)]
    assert buttons == [ids.roll_back(number) for number in (3, 2, 1)]
    assert "Scaled to 2" in text(shown)
    assert "by ada" in text(shown)
    assert "replicaCount" in text(shown)
    assert "Helm has no revisions" in text(history(()))


def test_the_way_back_of_a_stuck_update_opens_the_dialog(portal: Portal) -> None:
    browser, _, _ = portal
    pressed = {f"{ids.APP_BACK}.n_clicks": 1, f"{ids.APP_BACK_TO}.data": 3}
    answer = browser.call(ids.ROLLBACK_NAME, pressed, f"{ids.APP_BACK}.n_clicks")
    assert answer[ids.ROLLBACK_TO]["data"] == 3
    assert answer[ids.ROLLBACK_MODAL]["is_open"] is True
    nothing = {f"{ids.APP_BACK}.n_clicks": 1, f"{ids.APP_BACK_TO}.data": 0}
    assert not browser.call(ids.ROLLBACK_NAME, nothing, f"{ids.APP_BACK}.n_clicks")


def test_a_difference_is_marked_by_sign_and_colour() -> None:
    shown = diff(["  a:", "-  b: 1", "-  c: 1", "+  b: 2"])
    assert [(each.className, each.children) for each in shown.children or ()] == [
        ("diff-same", "   a:\n"),
        ("diff-removed", "-   b: 1\n-   c: 1\n"),
        ("diff-added", "+   b: 2\n"),
    ]
    nothing = PreviewView((Notice(Severity.GOOD, "No pod is restarted."),), (), ())
    assert "Its values do not change." in text(preview(nothing))
