"""The launch form: what it shows of what is there, and what it sends."""

from __future__ import annotations

import json

import pytest
from fastapi import FastAPI
from msgspec.structs import replace
from starlette.testclient import TestClient

from portal.domain.namespaces import NamespaceRules
from portal.ui import ids
from portal.ui.app.live import app_patches
from portal.ui.build import build_ui
from portal.ui.router import page_for
from portal.ui.routes import Page, Route, parse
from portal.viewmodels.model import AppView
from tests.unit.ui import fixtures
from tests.unit.ui.fakes import ADA, context
from tests.unit.ui.test_components import walk
from tests.unit.ui.test_pages import IRIS, Browser


@pytest.mark.parametrize("ours", [True, False])
def test_the_preview_shows_values_of_our_apps_alone(ours: bool) -> None:
    ui, actions = context(fixtures.healthy())
    actions.kept = {"podLabels": {"team": "vermilion"}}
    actions.ours = ours
    server = FastAPI()
    build_ui(server, ui)
    form = {**ui.forms.defaults(), "name": "iris"}
    values = {f"{ids.launch(field)}.value": value for field, value in form.items()}
    values |= {"launch-target_cpu-on.value": True, "launch-target_memory-on.value": False}
    with TestClient(server) as client:
        shown = Browser(client).call(ids.LAUNCH_VALUES, values, "launch-name.value")
    assert "image:" in shown[ids.LAUNCH_VALUES]["children"]
    assert ("vermilion" in json.dumps(shown)) is ours
    assert actions.looked_up == []


@pytest.mark.parametrize("namespaces", [("apps",), ()])
async def test_an_app_that_is_edited_stays_in_its_namespace(namespaces: tuple[str, ...]) -> None:
    ui, _ = context(fixtures.healthy())
    ui = replace(ui, forms=replace(ui.forms, rules=NamespaceRules(namespaces)))
    page = await page_for(ui, Route(Page.LAUNCH, IRIS), ADA)
    place = next(each for each in walk(page) if getattr(each, "id", "") == ids.launch("namespace"))
    assert getattr(place, "readonly", False) or getattr(place, "disabled", False)


LOST = replace(fixtures.gone(IRIS), operation=fixtures.operation(running=False, error="refused"))


@pytest.mark.parametrize(
    ("view", "offered"),
    [
        (LOST, True),
        (replace(LOST, exists=True), False),
        (replace(LOST, operation=fixtures.operation()), False),
        (fixtures.gone(IRIS), False),
    ],
)
def test_what_a_lost_launch_offers(view: AppView, offered: bool) -> None:
    patches = app_patches(view)
    assert (patches[ids.APP_RETRY]["className"] != "gone") is offered
    if offered:
        assert patches[ids.APP_GONE]["content"] is None


async def test_correcting_a_launch_starts_from_what_was_asked() -> None:
    ui, actions = context(LOST)
    actions.asked[IRIS] = {**ui.forms.defaults(), "name": "iris", "tag": "1.7"}
    page = await page_for(ui, Route(Page.APP, IRIS), ADA)
    correct = next(each for each in walk(page) if getattr(each, "id", "") == ids.APP_CORRECT)
    route = parse(*correct.href.split("?"))

    form = await page_for(ui, route, ADA)
    found = {str(getattr(each, "id", "")): each for each in walk(form)}
    assert found[ids.launch("name")].value == "iris"
    assert not found[ids.launch("name")].readonly
    assert not found[ids.launch("namespace")].disabled
    assert found[ids.launch("tag")].value == "1.7"
    assert found[ids.LAUNCH_EXISTING_KEY].data == ""


def test_dismissing_a_lost_launch_leads_to_the_apps() -> None:
    ui, actions = context(LOST)
    server = FastAPI()
    build_ui(server, ui)
    clicked = {f"{ids.APP_KEY}.data": ["apps", "iris"], f"{ids.APP_DISMISS}.n_clicks": 1}
    # The others that write to the same place do so as duplicates.
    dismissed = f"...{ids.APP_ACTION_FAILURE}.children.."
    with TestClient(server) as client:
        browser = Browser(client)
        answer = browser.call(dismissed, clicked, f"{ids.APP_DISMISS}.n_clicks")
        assert '"/"' in json.dumps(answer["location"])
        assert actions.calls == [("dismiss", ADA, IRIS)]
        answer = browser.call(dismissed, clicked, f"{ids.APP_DISMISS}.n_clicks")
        assert "not ended" in json.dumps(answer)
        assert "location" not in answer


async def test_the_form_sends_the_revision_that_it_shows() -> None:
    ui, actions = context(fixtures.healthy())
    page = await page_for(ui, Route(Page.LAUNCH, IRIS), ADA)
    found = {str(getattr(each, "id", "")): each for each in walk(page)}
    revision = found[ids.LAUNCH_EDITED_REVISION].data
    assert revision == fixtures.healthy().revision
    new = await page_for(ui, Route(Page.LAUNCH), ADA)
    found = {str(getattr(each, "id", "")): each for each in walk(new)}
    assert found[ids.LAUNCH_EDITED_REVISION].data is None

    server = FastAPI()
    build_ui(server, ui)
    form = {**ui.forms.defaults(), "name": "iris"}
    sent = {f"{ids.launch(field)}.value": value for field, value in form.items()}
    sent |= {"launch-target_cpu-on.value": True, "launch-target_memory-on.value": False}
    sent |= {"launch-submit.n_clicks": 1, "launch-existing-key.data": "apps/iris"}
    with TestClient(server) as client:
        browser = Browser(client)
        sent["launch-edited-revision.data"] = revision - 1
        sent["upgrade-confirm.n_clicks"] = 1
        refused = browser.call(ids.LAUNCH_FAILURE, sent, "upgrade-confirm.n_clicks")
        assert "since you opened this form" in json.dumps(refused)
        assert actions.calls == []
        sent["launch-edited-revision.data"] = revision
        accepted = browser.call(ids.LAUNCH_FAILURE, sent, "upgrade-confirm.n_clicks")
        assert '"data-next": "/apps/apps/iris"' in json.dumps(accepted[ids.LAUNCH_FAILURE])
