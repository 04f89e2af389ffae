"""No page has a secret of a release in it, and what a page sends back keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from portal.auth.policy import Policy
from portal.catalog.catalog import Catalog
from portal.catalog.sources import Source, SourceKind
from portal.catalog.values import get
from portal.domain.errors import HelmError
from portal.domain.identity import Identity
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.namespaces import NamespaceRules
from portal.domain.owners import label_of
from portal.domain.secrets import HIDDEN
from portal.registry.fetch import HttpFetch
from portal.releases.request import ReleaseRequest
from portal.ui.chart import callbacks as chart_callbacks
from portal.ui.chart import edit as chart_edit
from portal.ui.chart import layout as chart_page
from portal.ui.context import UiContext
from portal.ui.launch import callbacks as launch_callbacks
from portal.ui.router import page_for
from portal.ui.routes import ChartPlace, Page, Route
from tests.unit.catalog.make import CHARTS
from tests.unit.releases.test_actions import ANN, BOB, KEY, World
from tests.unit.ui.fakes import context
from tests.unit.ui.test_pages import text

SECRET = "correct-horse-battery"
VALUES: dict[str, Any] = {
    "image": {"repository": "r.io/app", "tag": "1"},
    "extraEnvVars": [
        {"name": "SALUTATION", "value": "hi"},
        {"name": "DB_URL", "value": f"postgres://u:{SECRET}@db/sales"},
        {"name": "DB_PASSWORD", "value": SECRET},
        {"name": "TLS_KEY", "value": f"{SECRET}\nof two lines"},
    ],
}
CHART_VALUES: dict[str, Any] = {"replicaCount": 2, "extraEnvVars": VALUES["extraEnvVars"][:3]}
WEB = Key("apps", "web")
PLACE = ChartPlace("local", "web-server", "1.2.0")


class Pages:
    def __init__(self, cache: Path) -> None:
        rules = NamespaceRules()
        self.world = World(policy=Policy(rules, open_mode=False), rules=rules)
        for key, values, chart in ((KEY, VALUES, "dash-app"), (WEB, CHART_VALUES, "web-server")):
            self.world.cluster.labels[key, 1] = {LAUNCHED_BY: label_of("ann")}
            self.world.helm.charts[key] = chart
            self.world.cluster.release(key, 1, values, chart=chart)
        catalog = Catalog((Source("local", SourceKind.FOLDER, path=CHARTS),), HttpFetch(), cache)
        base, _ = context(catalog=catalog)
        self.catalog = catalog
        self.actions = self.world.actions
        self._base = replace(base, actions=self.actions, forms=self.actions.forms)

    def ui(self, identity: Identity) -> UiContext:
        return replace(self._base, identity=lambda: identity)


@pytest.fixture
async def pages(tmp_path: Path) -> AsyncIterator[Pages]:
    pages = Pages(tmp_path)
    await pages.catalog.refresh()
    yield pages
    await pages.world.close()


async def test_the_edit_form_and_its_summary(pages: Pages) -> None:
    ui = pages.ui(ANN)
    page = await page_for(ui, Route(Page.LAUNCH, KEY), ANN)
    assert SECRET not in str(page)
    assert f"DB_PASSWORD={HIDDEN}" in str(page)
    assert "TLS_KEY" not in str(page), "what no line can hold stays where it is"
    filled = await pages.actions.edit_form(ANN, KEY)
    answer = await launch_callbacks._check(ui, filled.raw, name_left=True)
    assert not answer.disabled
    assert SECRET not in str(answer)
    assert HIDDEN in answer.values
    assert answer.command.startswith("# First write the secrets in place of (hidden).")
    spec = ui.forms.check(filled.raw).spec
    assert spec is not None
    await pages.world.ended(await pages.actions.launch(ANN, spec, expected_revision=1))
    _, kept = pages.world.cluster.shown[KEY]
    assert get(kept, "extraEnvVars") == VALUES["extraEnvVars"]


async def test_a_placeholder_is_complained_of_beside_the_field(pages: Pages) -> None:
    filled = await pages.actions.edit_form(ANN, KEY)
    raw = {**filled.raw, "env": f"OTHER_PASSWORD={HIDDEN}"}
    answer = await launch_callbacks._check(pages.ui(ANN), raw, name_left=True)
    assert answer.disabled
    assert "OTHER_PASSWORD" in text(answer.notes["env"])


async def test_nothing_of_it_is_for_anybody_else(pages: Pages) -> None:
    ui = pages.ui(BOB)
    page = await page_for(ui, Route(Page.LAUNCH, KEY), BOB)
    assert "sales belongs to ann" in text(page)
    assert "SALUTATION" not in str(page)
    raw = {**ui.forms.defaults(), "name": "sales", "namespace": "apps", "repository": "r"}
    answer = await launch_callbacks._check(ui, {**raw, "tag": "1"}, name_left=True)
    assert "SALUTATION" not in str(answer)
    assert answer.disabled
    assert "sales belongs to ann" in text(answer.notes["name"])
    page = await chart_page.page_of(ui, BOB, PLACE, WEB)
    assert "web belongs to ann" in text(page)
    assert "SALUTATION" not in str(page)


async def test_the_form_of_a_chart(pages: Pages) -> None:
    ui = pages.ui(ANN)
    page = await chart_page.page_of(ui, ANN, PLACE, WEB)
    assert SECRET not in str(page)
    place = {
        "source": "local",
        "chart": "web-server",
        "version": PLACE.version,
        "revision": 1,
        "release": list(WEB),
    }
    editor = await chart_edit.draft_editor_of(ui, place)
    shown = editor.initial_text()
    assert SECRET not in shown
    edit = chart_edit.Edit(shown.replace("replicaCount: 2", "replicaCount: 3"), shown)
    answer = await asyncio.to_thread(chart_edit.answer, editor, edit, [])
    assert SECRET not in str(answer)
    assert answer["problems"] is None
    asked: chart_callbacks.ChartInputs = {
        "name": "web",
        "namespace": "apps",
        "text": edit.text,
        "basis": edit.text,
        "contents": [],
        "fields": [],
        "place": place,
    }
    order = await chart_callbacks.request_of(ui, asked)
    assert SECRET not in str(order.values)
    await pages.world.ended(await pages.actions.launch(ANN, order, expected_revision=1))
    _, kept = pages.world.cluster.shown[WEB]
    assert kept == {**CHART_VALUES, "replicaCount": 3}


async def test_a_chart_that_was_not_launched_is_corrected_as_it_was_sent(pages: Pages) -> None:
    key = Key("apps", "again")
    chart = await pages.catalog.chart(PLACE.source, PLACE.chart, PLACE.version)
    pages.world.helm.errors = [HelmError("no")]
    sent = ReleaseRequest(key, chart, CHART_VALUES)
    await pages.world.ended(await pages.actions.launch(ANN, sent, create_only=True))

    route = Route(Page.LAUNCH, key=key)
    assert "was not launched" not in text(await page_for(pages.ui(BOB), route, BOB))
    page = await page_for(pages.ui(ANN), route, ANN)
    assert "again was not launched. The form holds the values that were sent." in text(page)
    assert SECRET not in str(page)

    place = {
        "source": PLACE.source,
        "chart": PLACE.chart,
        "version": PLACE.version,
        "revision": None,
        "release": list(key),
    }
    shown = (await chart_edit.draft_editor_of(pages.ui(ANN), place)).initial_text()
    assert "replicaCount: 2" in shown
    assert SECRET not in shown
    asked: chart_callbacks.ChartInputs = {
        "name": key.name,
        "namespace": key.namespace,
        "text": shown,
        "basis": shown,
        "contents": [],
        "fields": [],
        "place": place,
    }
    request = await chart_callbacks.request_of(pages.ui(ANN), asked)
    await pages.world.ended(await pages.actions.launch(ANN, request, create_only=True))
    _, kept = pages.world.cluster.shown[key]
    assert kept == CHART_VALUES
