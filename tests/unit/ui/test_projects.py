"""The pages of projects, for administrators and for others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi import FastAPI
from msgspec.structs import replace
from starlette.testclient import TestClient

from portal.domain.errors import Forbidden
from portal.domain.identity import Identity
from portal.projects.requests import ProjectRequests
from portal.ui import ids
from portal.ui.build import build_ui
from portal.ui.context import UiContext
from portal.ui.router import missing, page_for
from portal.ui.routes import Page, parse, project_path
from tests.unit.projects.fakes import ANN, FORM, ROOT, RULES, Cluster, projects
from tests.unit.recorder import Kept
from tests.unit.ui.fakes import context
from tests.unit.ui.test_components import text
from tests.unit.ui.test_pages import Browser

SAVED = f"{ids.PROJECT_FAILURE}.children...{ids.PROJECT_SAVE}.children"
"""A part of the output of the callback that saves."""


async def site() -> UiContext:
    cluster = Cluster()
    made = projects(cluster, seen=frozenset({"mine"}), releases=("dashboard",))
    for name in ("sales", "mine"):
        await made.create(ROOT, {**FORM, "name": name, "purpose": f"Purpose of {name}"})
    requests = ProjectRequests(None, made, RULES, Kept())
    return replace(context()[0], projects=made, project_requests=requests)


async def words(ui: UiContext, path: str, who: Identity) -> str:
    return text(await page_for(ui, parse(path), who))


@pytest.mark.parametrize("name", ["sales", "Zoë & co", "a-b"])
def test_a_projects_address_leads_back_to_it(name: str) -> None:
    route = parse(project_path(name))
    assert (route.page, route.given) == (Page.PROJECT, (("name", name),))


@pytest.mark.parametrize(
    "path",
    ["/admin/projects", "/admin/projects/sales", "/admin/projects/none", "/admin/new-project"],
)
async def test_to_others_and_where_they_are_off_the_pages_do_not_exist(path: str) -> None:
    ui = await site()
    nowhere = await words(ui, "/nowhere", ANN)
    assert await words(ui, path, ANN) == nowhere
    assert await words(replace(ui, projects=None), path, ROOT) == nowhere


@pytest.mark.parametrize(
    ("path", "search", "there"),
    [
        ("/nowhere", "", False),
        ("/projects", "", True),
        ("/admin/projects", "", True),
        ("/admin/projects/sales", "", True),
        ("/admin/projects/none", "", False),
        ("/admin/projects/sales/more", "", False),
        ("/admin/new-project", "", True),
        ("/apps/a/b", "", True),
        ("/apps/a/b/shell", "", False),
        ("/apps/a/b/shell", "?pod=p", True),
        ("/apps/a/b/processes", "?pod=", False),
        ("/apps/a", "", False),
        ("/catalog", "", True),
        ("/catalog/nowhere/web", "", False),
    ],
)
async def test_a_page_that_says_it_is_not_found_is_missing(
    path: str, search: str, there: bool
) -> None:
    ui, route = await site(), parse(path, search)
    assert await missing(ui, route, ROOT) is not there
    if route.page is not Page.CHART:  # which tells why there is no such chart
        shown = text(await page_for(ui, route, ROOT))
        assert ("Page not found" in shown) is not there
    to_ann = await missing(ui, route, ANN)
    assert to_ann is (not there or path.startswith("/admin/"))


async def test_administrators_see_all() -> None:
    ui = await site()
    listed = await words(ui, "/admin/projects", ROOT)
    assert "Purpose of sales" in listed
    assert "Purpose of mine" in listed
    one = await words(ui, "/admin/projects/sales", ROOT)
    assert "These releases go with it" in one
    assert "dashboard" in one
    assert "kind: ResourceQuota" in one
    assert "Page not found" in await words(ui, "/admin/projects/none", ROOT)


async def test_a_person_sees_their_own_and_is_told_how_to_ask() -> None:
    ui = await site()
    seen = await words(ui, "/projects", ANN)
    assert "Purpose of mine" in seen
    assert "sales" not in seen
    assert "no database" in seen


async def test_one_that_is_not_finished_says_what_is_missing() -> None:
    cluster = Cluster()
    made = projects(cluster)
    await made.create(ROOT, FORM)
    for path in [each for each in cluster.objects if "resourcequotas" in each]:
        del cluster.objects[path]
    requests: Any = ProjectRequests(None, made, RULES, Kept())
    ui = replace(context()[0], projects=made, project_requests=requests)
    assert "Missing: ResourceQuota dash-portal-project." in await words(
        ui, "/admin/projects/sales", ROOT
    )


async def answer_of(
    cluster: Cluster, who: Identity, form: dict[str, str], opened: str = "", output: str = SAVED
) -> str:
    """What pressing the button of the form answers."""
    made = projects(cluster)
    ui = replace(
        context()[0],
        projects=made,
        project_requests=ProjectRequests(None, made, RULES, Kept()),
        identity=lambda: who,
    )
    values: dict[str, Any] = {f"{ids.project(name)}.value": each for name, each in form.items()}
    values |= {f"{ids.PROJECT_SAVE}.n_clicks": 1, f"{ids.PROJECT_OPENED}.data": opened}
    server = FastAPI()
    build_ui(server, ui)
    with TestClient(server) as client:
        pressed = f"{ids.PROJECT_SAVE}.n_clicks"
        typed = f"{ids.project('name')}.value"
        answer = Browser(client).call(output, values, pressed if output == SAVED else typed)
    return json.dumps(answer)


async def test_the_button_makes_what_the_form_says() -> None:
    cluster = Cluster()
    answer = await answer_of(cluster, ROOT, {**FORM})
    assert "The project sales is there." in answer
    assert project_path("sales") in answer
    assert cluster.objects


async def test_what_is_wrong_comes_beside_its_field() -> None:
    cluster = Cluster()
    answer = json.loads(await answer_of(cluster, ROOT, {**FORM, "name": "Sales"}))
    assert "lower case" in json.dumps(answer[ids.project_note("name")])
    assert not cluster.objects


async def test_a_step_that_fails_is_named_and_can_be_tried_again() -> None:
    cluster = Cluster()
    cluster.failing["ResourceQuota"] = Forbidden("You may not patch resourcequotas.")
    answer = await answer_of(cluster, ROOT, {**FORM})
    assert "The ResourceQuota dash-portal-project could not be applied" in answer
    assert "Made so far: Namespace sales" in answer
    assert "Try again" in answer
    cluster.failing.clear()
    assert "is there" in await answer_of(cluster, ROOT, {**FORM})


async def test_the_form_is_checked_for_administrators_alone() -> None:
    cluster = Cluster()
    output = f"{ids.PROJECT_MANIFESTS}.children"
    assert "kind: ResourceQuota" in await answer_of(cluster, ROOT, {**FORM}, output=output)
    refused = json.loads(await answer_of(cluster, ANN, {**FORM}, output=output))
    assert refused == {ids.PROJECT_SAVE: {"disabled": True}}
    assert "Only administrators" in await answer_of(cluster, ANN, {**FORM})
    assert "There is no project sales" in await answer_of(cluster, ANN, {**FORM}, "sales")
    assert not cluster.objects
