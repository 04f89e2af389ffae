"""The launch form: what it shows of what is there, and what it sends."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from portal.ui import ids
from portal.ui.build import build_ui
from portal.ui.router import page_for
from portal.ui.routes import Page, Route
from tests.unit.ui import fixtures
from tests.unit.ui.fakes import ADA, context
from tests.unit.ui.test_components import walk
from tests.unit.ui.test_pages import IRIS, Browser


@pytest.mark.parametrize("ours", [True, False])
def test_the_preview_shows_values_of_our_apps_alone(ours: bool) -> None:
    ui, actions = context(fixtures.healthy())
    actions.kept = {"podLabels": {"team": "red"}}
    actions.ours = ours
    server = FastAPI()
    build_ui(server, ui)
    form = {**ui.forms.defaults(), "name": "iris"}
    values = {f"{ids.launch(field)}.value": value for field, value in form.items()}
    values |= {"launch-target_cpu-on.value": True, "launch-target_memory-on.value": False}
    with TestClient(server) as client:
        shown = Browser(client).call(ids.LAUNCH_VALUES, values, "launch-name.value")
    assert "image:" in shown[ids.LAUNCH_VALUES]["children"]
    assert ("red" in json.dumps(shown)) is ours
    assert actions.looked_up == []


@pytest.mark.parametrize("namespaces", [("apps",), ()])
async def test_an_app_that_is_edited_stays_in_its_namespace(namespaces: tuple[str, ...]) -> None:
    ui, _ = context(fixtures.healthy())
    ui = replace(ui, forms=replace(ui.forms, namespaces=namespaces))
    page = await page_for(ui, Route(Page.LAUNCH, IRIS), ADA)
    place = next(each for each in walk(page) if getattr(each, "id", "") == ids.launch("namespace"))
    assert getattr(place, "readonly", False) or getattr(place, "disabled", False)
