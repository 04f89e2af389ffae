"""The pages of objects, processes and shells."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from msgspec.structs import replace

from portal.domain.errors import Forbidden
from portal.domain.exec import ContainerUsage
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.permissions import ALL, Permission, Scope
from portal.objects.describe import ObjectLink, ObjectView, Row
from portal.shell.place import Place
from portal.shell.processes import ProcessRow
from portal.shell.settings import ShellSettings
from portal.shell.top import Top
from portal.ui import ids
from portal.ui.build import build_ui
from portal.ui.context import UiContext
from portal.ui.objects.live import OBJECT_PARTS
from portal.ui.router import page_for
from portal.ui.routes import Page, Route, objects_path, parse, pod_path
from portal.viewmodels.model import Badge, Severity
from tests.unit.ui import fixtures
from tests.unit.ui.fakes import ADA, context
from tests.unit.ui.test_components import text, walk
from tests.unit.ui.test_pages import Browser, page_ids

IRIS = Key("apps", "iris")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
POD = ObjectView(
    kind="Pod",
    name="iris-1",
    state=Badge("Ready", Severity.GOOD),
    words="",
    created_at=NOW,
    read_at=NOW,
    conditions=(),
    status=(Row("phase", "Running"),),
    spec=(Row("nodeName", "<script>"),),
    rest=(),
    labels=(),
    annotations=(),
    links=(
        ObjectLink("Owned by", "ReplicaSet", "iris", True),
        ObjectLink("Runs on", "Node", "n", False),
    ),
    events=(),
    yaml="kind: Pod\n",
)


async def read_pod(identity: Identity, key: Key, kind: str, name: str) -> ObjectView:
    return replace(POD, kind=kind, name=name)


def route(page: Page, **given: str) -> Route:
    return Route(page, IRIS, given=tuple(given.items()))


def hrefs(page: object) -> list[str]:
    return [each.href for each in walk(page) if getattr(each, "href", "")]


def site(**changes: object) -> UiContext:
    ui, _ = context(fixtures.healthy())
    return replace(ui, **{"read_object": read_pod, **changes})


async def test_an_object_stands_beside_the_tree_with_links_to_others_of_the_release() -> None:
    page = await page_for(site(), route(Page.OBJECTS, kind="Pod", name="iris-1"), ADA)
    found = page_ids(page)
    assert set(OBJECT_PARTS) <= set(found)
    assert len(found) == len(set(found))
    shown = str(page.to_plotly_json() if hasattr(page, "to_plotly_json") else page)
    assert "phase" in shown
    assert objects_path(IRIS, "ReplicaSet", "iris") in shown
    assert objects_path(IRIS, "Node", "n") not in shown
    assert pod_path(Page.SHELL, IRIS, "iris-1") in shown


async def test_who_may_not_run_commands_gets_no_link_to_a_shell() -> None:
    scope = Scope(ALL - {Permission.EXEC})
    ui = site(scope=lambda topic, identity: scope)
    page = await page_for(ui, route(Page.OBJECTS, kind="Pod", name="iris-1"), ADA)
    assert pod_path(Page.SHELL, IRIS, "iris-1") not in str(page)
    off = site(shell=ShellSettings())
    page = await page_for(off, route(Page.OBJECTS, kind="Pod", name="iris-1"), ADA)
    assert pod_path(Page.SHELL, IRIS, "iris-1") not in str(page)
    assert pod_path(Page.PROCESSES, IRIS, "iris-1") in str(page)


def test_an_object_is_read_when_the_address_names_it() -> None:
    server = FastAPI()
    build_ui(server, site())
    with TestClient(server) as client:
        browser = Browser(client)
        asked = {
            f"{ids.OBJECT_ASKED}.data": "?kind=Pod&name=iris-2",
            f"{ids.APP_KEY}.data": list(IRIS),
        }
        answer = browser.call(ids.OBJECT_DETAIL, asked, f"{ids.OBJECT_ASKED}.data")
        assert "iris-2" in str(answer)
        asked[f"{ids.OBJECT_ASKED}.data"] = ""
        assert "Choose an object" in str(
            browser.call(ids.OBJECT_DETAIL, asked, f"{ids.OBJECT_ASKED}.data")
        )


async def test_processes_are_rows_with_the_busiest_as_they_come() -> None:
    row = ProcessRow(1, "python", "S", 0.5, 2**20, 2, "python app.py", 61.0)

    async def top(identity: Identity, place: Place) -> Top:
        return Top(replace(place, container="app"), ("app", "log"), (row,), known=True)

    page = await page_for(site(read_top=top), route(Page.PROCESSES, pod="iris-1"), ADA)
    words = str(page)
    assert "50.0 %" in words
    assert "python app.py" in words
    assert pod_path(Page.PROCESSES, IRIS, "iris-1", "log") in words


async def test_without_processes_there_is_what_the_metrics_api_tells() -> None:
    async def top(identity: Identity, place: Place) -> Top:
        usage = (ContainerUsage("app", 0.25, 2**20),)
        return Top(place, ("app",), problem="It has no shell.", usage=usage)

    words = str(await page_for(site(read_top=top), route(Page.PROCESSES, pod="iris-1"), ADA))
    assert "It has no shell." in words
    assert "1 MiB" in words


@pytest.mark.parametrize("page", [Page.PROCESSES, Page.SHELL])
async def test_a_pod_that_is_no_name_is_no_page(page: Page) -> None:
    assert "not found" in text(await page_for(site(), route(page, pod="../x"), ADA))
    assert "not found" in text(await page_for(site(), route(page), ADA))


async def test_a_shell_says_its_limits_and_opens_nothing_by_itself() -> None:
    ui = site(shell=ShellSettings(on=True, image="d:1", idle=600, longest=7200))
    page = await page_for(ui, route(Page.SHELL, pod="iris-1"), ADA)
    assert {ids.SHELL_OPEN, ids.SHELL_DEBUG, ids.TERMINAL} <= set(page_ids(page))
    assert "10 minutes" in text(page)
    assert "2 hours" in text(page)
    assert ids.SHELL_DEBUG not in page_ids(
        await page_for(site(shell=ShellSettings(on=True)), route(Page.SHELL, pod="iris-1"), ADA)
    )


async def test_where_there_is_no_shell_the_page_says_why() -> None:
    off = await page_for(site(shell=ShellSettings()), route(Page.SHELL, pod="iris-1"), ADA)
    assert "switched off" in text(off)

    async def refuses(identity: Identity, place: Place) -> Place:
        raise Forbidden("iris belongs to ann.")

    page = await page_for(site(find_place=refuses), route(Page.SHELL, pod="iris-1"), ADA)
    assert "iris belongs to ann." in text(page)
    assert ids.TERMINAL not in page_ids(page)


def test_addresses_lead_back() -> None:
    path, _, search = objects_path(IRIS, "Pod", "a").partition("?")
    assert parse(path, search) == route(Page.OBJECTS, kind="Pod", name="a")
    path, _, search = pod_path(Page.SHELL, IRIS, "a", "b").partition("?")
    assert parse(path, search) == route(Page.SHELL, pod="a", container="b")
    assert parse(objects_path(IRIS)).topic == "objects/apps/iris"
