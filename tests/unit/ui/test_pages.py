from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI
from msgspec.structs import replace
from plotly.io.json import to_json_plotly
from starlette.testclient import TestClient

from portal.catalog.launch_fields import FIELDS
from portal.domain.keys import Key
from portal.domain.permissions import UNLIMITED
from portal.live.channel import frame
from portal.live.topics import ADMIN, APPS, app_topic, valid
from portal.releases.forms import ScaleRequest
from portal.ui import ids
from portal.ui.app.changes import scale, scale_raw
from portal.ui.app.live import app_patches
from portal.ui.apps import table as releases
from portal.ui.build import build_ui
from portal.ui.encoding import encode
from portal.ui.launch.callbacks import raw_form
from portal.ui.live_views import opener
from portal.ui.router import page_for
from portal.ui.routes import Page, Route, app_path, edit_path, parse
from portal.viewmodels.columns import shown
from portal.viewmodels.listing import PAGE_SIZE
from portal.viewmodels.model import AppView
from portal.viewmodels.query import EVERYTHING, ListQuery
from tests.unit.ui import fixtures
from tests.unit.ui.fakes import ADA, context
from tests.unit.ui.test_components import text, walk

IRIS = Key("apps", "iris")


def page_ids(page: Any) -> list[str]:
    """The ids of a page, as the browser gets it."""
    found: list[str] = []

    def look(props: dict[str, Any]) -> dict[str, Any]:
        if "id" in props:
            found.append(json.dumps(props["id"]) if isinstance(props["id"], dict) else props["id"])
        return props

    json.loads(
        str(to_json_plotly(page)),
        object_hook=lambda each: look(each["props"]) if "props" in each else each,
    )
    return found


@pytest.mark.parametrize(
    ("pathname", "search", "route"),
    [
        ("/", "", Route(Page.APPS)),
        (None, None, Route(Page.APPS)),
        ("/admin/", "", Route(Page.ADMIN)),
        ("/launch", "", Route(Page.LAUNCH)),
        ("/launch", "?namespace=apps&name=iris", Route(Page.LAUNCH, IRIS)),
        (
            "/launch",
            "?namespace=apps&name=../x",
            Route(Page.LAUNCH, given=(("name", "../x"), ("namespace", "apps"))),
        ),
        ("/apps/apps/iris", "", Route(Page.APP, IRIS)),
        ("/apps/apps", "", Route(Page.NOT_FOUND)),
        ("/apps/apps/iris/more", "", Route(Page.NOT_FOUND)),
        ("/apps/Apps/IRIS", "", Route(Page.NOT_FOUND)),
        ("/apps/apps/iris/objects", "", Route(Page.OBJECTS, IRIS)),
        (
            "/apps/apps/iris/objects/",
            "?kind=Pod&name=a&other=b",
            Route(Page.OBJECTS, IRIS, given=(("kind", "Pod"), ("name", "a"))),
        ),
        (
            "/apps/apps/iris/shell",
            "?pod=a&container=b",
            Route(Page.SHELL, IRIS, given=(("pod", "a"), ("container", "b"))),
        ),
        ("/apps/apps/iris/processes", "?pod=a", Route(Page.PROCESSES, IRIS, given=(("pod", "a"),))),
        ("/apps/apps/objects", "", Route(Page.APP, Key("apps", "objects"))),
        ("/apps/apps/iris/shell/more", "", Route(Page.NOT_FOUND)),
        ("/nowhere", "", Route(Page.NOT_FOUND)),
    ],
)
def test_routes(pathname: str | None, search: str | None, route: Route) -> None:
    assert parse(pathname, search) == route


def test_paths_lead_back() -> None:
    assert parse(app_path(IRIS)) == Route(Page.APP, IRIS)
    path, _, search = edit_path(IRIS).partition("?")
    assert parse(path, f"?{search}") == Route(Page.LAUNCH, IRIS)
    assert parse(app_path(IRIS)).topic == app_topic(IRIS)
    assert parse("/admin").topic == ADMIN
    assert parse("/launch").topic == ""


@pytest.mark.parametrize("make", fixtures.VIEWS)
async def test_the_app_page_shows_every_kind_of_app(make: Callable[[], AppView]) -> None:
    view = make()
    ui, _ = context(view)
    page = await page_for(ui, Route(Page.APP, view.key), ADA)
    to_json_plotly(page)
    found = page_ids(page)
    assert len(found) == len(set(found))
    assert view.sentence in text(page)
    pushed = opener(ui)(app_topic(view.key), ui.scope(app_topic(view.key), ADA))()
    assert set(pushed) <= set(found)
    assert all(json.loads(properties) for properties in pushed.values())


@pytest.mark.parametrize(
    ("exists", "running", "left", "shown"),
    [
        (True, False, False, True),
        (False, True, False, True),
        (False, False, True, True),
        (False, False, False, False),
    ],
)
def test_what_an_uninstalled_app_leaves(
    exists: bool, running: bool, left: bool, shown: bool
) -> None:
    view = replace(fixtures.healthy(), exists=exists, operation=fixtures.operation(running=running))
    view = view if left else replace(view, pods=())
    patches = app_patches(view)
    assert (patches[ids.APP_BODY]["className"] == "") is shown
    assert (patches[ids.APP_GONE]["content"] is None) is shown


@pytest.mark.parametrize("everyone", [False, True])
@pytest.mark.parametrize("count", [0, 2])
async def test_the_lists(count: int, everyone: bool) -> None:
    ui, _ = context(*[make() for make in fixtures.VIEWS[:count]])
    page = await page_for(ui, Route(Page.ADMIN if everyone else Page.APPS), ADA)
    pushed = opener(ui)(ADMIN if everyone else APPS, ui.scope(ADMIN if everyone else APPS, ADA))()
    assert set(pushed) <= set(page_ids(page))
    assert names(pushed) == sorted(str(make().key) for make in fixtures.VIEWS[:count])
    assert ("Nothing launched yet" in text(page)) is (count == 0 and not everyone)


@pytest.mark.parametrize("everyone", [False, True])
def test_who_has_no_role_is_not_told_that_there_is_nothing(everyone: bool) -> None:
    view = fixtures.listing()
    assert "You have no role yet" not in text(releases.empty(view, everyone=everyone))
    assert "You have no role yet" in text(
        releases.empty(replace(view, nowhere=True), everyone=everyone)
    )


@pytest.mark.parametrize("namespaces", [(), ("apps",)])
async def test_who_may_launch_nowhere_is_told_so(namespaces: tuple[str, ...]) -> None:
    ui, actions = context()
    actions.may_launch_in = namespaces
    page = await page_for(ui, Route(Page.LAUNCH), ADA)
    assert ("You may not launch apps in any namespace" in text(page)) is (not namespaces)


def names(pushed: Mapping[str, str]) -> list[str]:
    """The releases that an encoded list names, in its order."""
    return re.findall(r'"key":"([^"]+)"', "".join(pushed.values()))


def test_a_list_row_never_links_to_a_script() -> None:
    bad = replace(fixtures.row(fixtures.healthy()), url="javascript:alert(1)")
    assert "javascript" not in json.dumps(releases.rows([bad], everyone=True))


@pytest.mark.parametrize("everyone", [False, True])
def test_admin_has_columns_that_apps_folds_into_others(everyone: bool) -> None:
    offered = {column["name"] for column in releases.head(shown(everyone), EVERYTHING, str)}
    extra = {"namespace", "version", "revision", "owner"}
    assert offered & extra == (extra if everyone else set())


HEALTHY = fixtures.healthy()
MANY = [
    replace(HEALTHY, key=Key("apps", f"app-{number:04}"), launched_by="ada")
    for number in range(1000)
]


@pytest.mark.parametrize("topic", ["admin", "admin?page=3", "apps?sort=-name", "admin?q=app-07"])
def test_the_browser_gets_what_it_shows_and_nothing_else(topic: str) -> None:
    ui, _ = context(*MANY)
    which, _, asked = topic.partition("?")
    view = ui.list_view(ui.scope(which, ADA), ListQuery.parse(asked))
    sent = frame(topic, opener(ui)(topic, ui.scope(topic, ADA))())
    names_shown = [row.key.name for row in view.rows]
    assert len(names_shown) == PAGE_SIZE
    assert re.findall(r'"key":"apps/(app-[0-9]+)"', sent) == names_shown
    assert set(re.findall(r"app-[0-9]{4}", sent)) == set(names_shown)


def test_a_page_knows_where_it_is_and_leads_on() -> None:
    ui, _ = context(*MANY)
    view = ui.list_view(UNLIMITED, ListQuery.parse("page=99&sort=-name"))
    drawn = releases.pages(view, releases.path_of(True))
    words = json.dumps(json.loads(encode(drawn)), ensure_ascii=False)
    assert "951–1,000 of 1,000" in words
    assert "Page 20 of 20" in words
    assert "/admin?sort=-name&page=19" in words
    assert "page=21" not in words


@pytest.mark.parametrize(
    "typed",
    ['"><script>alert(1)</script>', "a&page=9#?/..%2f%00\n", "\ud800é漢😀" * 99, "' OR 1=1"],
)
async def test_what_is_searched_for_breaks_nothing(typed: str) -> None:
    ui, _ = context(*MANY[:60])
    search = "?" + urlencode({"q": typed.encode(errors="replace")})
    for raw in (search, f"?q={typed}"):
        where = parse("/admin", raw)
        assert valid(where.topic)
        assert parse("/admin", f"?{where.topic.partition('?')[2]}") == where
        page = await page_for(ui, where, ADA)
        assert "<script" not in encode(
            releases.head(shown(True), where.query, releases.path_of(True))
        )
        to_json_plotly(page)


def test_another_part_of_a_list_is_left_to_the_live_connection() -> None:
    ui, _ = context(*MANY[:60])
    server = FastAPI()
    build_ui(server, ui)
    with TestClient(server) as client:
        browser = Browser(client)
        address = {"location.pathname": "/admin", "location.search": "?page=2"}
        first = browser.call("page.children", address, "location.pathname")
        assert names({"": json.dumps(first, separators=(",", ":"))})[0] == "apps/app-0050"
        assert browser.ask("page.children", address, "location.search").status_code == 204
        elsewhere = {"location.pathname": "/launch", "location.search": ""}
        assert browser.ask("page.children", elsewhere, "location.search").status_code == 200


async def test_the_launch_page_has_every_field() -> None:
    ui, _ = context()
    found = page_ids(await page_for(ui, Route(Page.LAUNCH), ADA))
    for field in FIELDS:
        assert ids.launch(field) in found
        assert ids.launch_note(field) in found
    assert len(found) == len(set(found))


async def test_editing_fills_the_form_in_and_keeps_the_name() -> None:
    ui, _ = context(fixtures.healthy())
    page = await page_for(ui, Route(Page.LAUNCH, IRIS), ADA)
    name = next(each for each in walk(page) if getattr(each, "id", "") == ids.launch("name"))
    assert name.value == "iris"
    assert name.readonly is True


async def test_editing_what_is_not_there_says_so() -> None:
    ui, _ = context()
    page = await page_for(ui, Route(Page.LAUNCH, IRIS), ADA)
    assert "There is no release apps/iris." in text(page)


async def test_unknown_addresses() -> None:
    ui, _ = context()
    assert "not found" in text(await page_for(ui, Route(Page.NOT_FOUND), ADA))


def test_switched_off_targets_are_none() -> None:
    raw = raw_form(
        {"name": "x", "target_cpu": 70, "target_memory": 80},
        {"target_cpu": True, "target_memory": False},
    )
    assert raw["target_cpu"] == 70
    assert raw["target_memory"] is None
    assert set(raw) == set(FIELDS)


CONTROLS = {
    "autoscaling": True,
    "replicas": 1,
    "bounds": [1, 3],
    "cpu_on": False,
    "cpu": 70,
    "memory_on": True,
    "memory": 80,
}


def test_the_scale_form() -> None:
    raw = scale_raw(CONTROLS)
    assert raw["target_cpu"] is None
    assert raw["target_memory"] == 80
    assert raw["bounds"] == [1, 3]


async def test_scaling_keeps_the_window_that_the_card_does_not_show() -> None:
    ui, actions = context(fixtures.healthy())
    window = {"scaleDown": {"stabilizationWindowSeconds": 30}}
    actions.kept = {"autoscaling": {"behavior": window}}
    await scale(ui, IRIS, scale_raw(CONTROLS))
    request = actions.calls[0][3]
    assert isinstance(request, ScaleRequest)
    assert request.autoscaling is not None
    assert request.autoscaling.scale_down_window == 30


async def test_a_scale_that_makes_no_sense_is_not_sent() -> None:
    ui, actions = context(fixtures.healthy())
    answer = await scale(ui, IRIS, scale_raw({**CONTROLS, "memory_on": False}))
    assert actions.calls == []
    assert text(answer)


class Browser:
    """Asks the built app as the browser does."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.dependencies = client.get("/_dash-dependencies").json()

    def call(self, output: str, values: dict[str, Any], triggered: str) -> Any:
        """The answer of the callback whose output contains ``output``."""
        answer = self.ask(output, values, triggered)
        assert answer.status_code == 200, answer.text
        return answer.json()["response"]

    def ask(self, output: str, values: dict[str, Any], triggered: str) -> Any:
        """The same as it comes."""
        found = [
            each
            for each in self.dependencies
            if output in each["output"] and each["clientside_function"] is None
        ]
        assert len(found) == 1, [each["output"] for each in found]
        spec = found[0]

        def filled(wanted: list[dict[str, Any]]) -> list[Any]:
            return [
                []
                if each["id"].startswith("{")
                else {**each, "value": values.get(f"{each['id']}.{each['property']}")}
                for each in wanted
            ]

        outputs = [
            dict(zip(("id", "property"), part.rsplit(".", 1), strict=True))
            for part in spec["output"].strip(".").split("...")
        ]
        return self.client.post(
            "/_dash-update-component",
            json={
                "output": spec["output"],
                "outputs": outputs if len(outputs) > 1 else outputs[0],
                "inputs": filled(spec["inputs"]),
                "state": filled(spec["state"]),
                "changedPropIds": [triggered],
            },
        )


def test_served_locally_with_deep_links_and_working_callbacks() -> None:
    ui, actions = context(fixtures.healthy(), open_mode=True)
    server = FastAPI()
    build_ui(server, ui)
    with TestClient(server) as client:
        for path in ("/", "/admin", "/launch?namespace=apps&name=iris", "/apps/apps/iris"):
            page = client.get(path)
            assert page.status_code == 200
            assert "cdn" not in page.text
            assert "https://fonts" not in page.text
        browser = Browser(client)
        shown = browser.call(
            "page.children", {"location.pathname": "/apps/apps/iris"}, "location.pathname"
        )
        assert "Both pods are ready" in json.dumps(shown["page"])

        form = ui.forms.defaults()
        values = {f"{ids.launch(field)}.value": value for field, value in form.items()}
        values |= {"launch-target_cpu-on.value": True, "launch-target_memory-on.value": False}
        checked = browser.call(ids.LAUNCH_VALUES, values, "launch-name.value")
        assert checked[ids.LAUNCH_SUBMIT]["disabled"] is True
        assert checked[ids.launch_note("name")]["children"] is None  # not touched yet
        assert "my-app" in checked[ids.LAUNCH_COMMAND]["children"]
        left = {**values, "launch-name-left.data": True}
        checked = browser.call(ids.LAUNCH_VALUES, left, "launch-name-left.data")
        assert "note-error" in json.dumps(checked[ids.launch_note("name")])
        named = {**values, "launch-name.value": "Bad_Name"}
        checked = browser.call(ids.LAUNCH_VALUES, named, "launch-name.value")
        assert "note-error" in json.dumps(checked[ids.launch_note("name")])
        actions.no_namespaces = {"apps"}
        lost = {**values, "launch-name.value": "new"}
        checked = browser.call(ids.LAUNCH_VALUES, lost, "launch-name.value")
        assert "no such namespace" in json.dumps(checked[ids.launch_note("namespace")])
        assert checked[ids.LAUNCH_SUBMIT]["disabled"] is True
        actions.no_namespaces = set()
        named = {**values, "launch-name.value": "iris"}
        checked = browser.call(ids.LAUNCH_VALUES, named, "launch-name.value")
        assert "Upgrade" in json.dumps(checked[ids.LAUNCH_SUBMIT])

        sent = {**named, "launch-submit.n_clicks": 1, "launch-existing-key.data": ""}
        refused = browser.call(ids.LAUNCH_FAILURE, sent, "launch-submit.n_clicks")
        assert "already an app" in json.dumps(refused)
        assert actions.calls == []
        sent["launch-existing-key.data"] = "apps/iris"
        asked = browser.call(ids.LAUNCH_FAILURE, sent, "launch-submit.n_clicks")
        assert asked[ids.UPGRADE_MODAL]["is_open"] is True
        assert "Both pods are ready" in json.dumps(asked[ids.UPGRADE_WORDS])
        assert actions.calls == [], "nothing is done before it is confirmed"
        sent["upgrade-confirm.n_clicks"] = 1
        accepted = browser.call(ids.LAUNCH_FAILURE, sent, "upgrade-confirm.n_clicks")
        assert accepted[ids.UPGRADE_MODAL]["is_open"] is False
        assert "iris is being launched" in json.dumps(accepted[ids.LAUNCH_FAILURE])
        assert '"data-next": "/apps/apps/iris"' in json.dumps(accepted[ids.LAUNCH_FAILURE])
        assert [call[0] for call in actions.calls] == ["launch"]
