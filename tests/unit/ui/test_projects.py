"""The pages of projects, for administrators and for others."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from portal.domain.identity import Identity
from portal.projects.requests import ProjectRequests
from portal.ui.context import UiContext
from portal.ui.router import page_for
from portal.ui.routes import Page, parse, project_path
from tests.unit.projects.fakes import ANN, FORM, ROOT, RULES, Cluster, projects
from tests.unit.recorder import Kept
from tests.unit.ui.fakes import context
from tests.unit.ui.test_components import text


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
