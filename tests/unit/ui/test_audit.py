"""The pages and exports of the audit trail: who sees which entries."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from msgspec.structs import replace
from starlette.requests import Request
from starlette.testclient import TestClient

from portal.audit.query import AuditQuery
from portal.audit.trail import Trail
from portal.database.database import Database
from portal.domain.audit import Event, Outcome
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.permissions import UNLIMITED, Permission, Scope
from portal.ui import ids
from portal.ui.audit.export import PATH, export_endpoint
from portal.ui.audit.sight import sight
from portal.ui.build import build_ui
from portal.ui.context import UiContext
from portal.ui.router import page_for
from portal.ui.routes import app_trail_path, parse, trail_export_path
from portal.viewmodels.audit import _cell
from tests.unit.ui.fakes import ADA, context
from tests.unit.ui.test_components import text, walk
from tests.unit.ui.test_pages import Browser

IRIS = Key("apps", "iris")
BOB = Identity("bob")
GUEST = Scope(UNLIMITED.permissions - {Permission.READ_VALUES})


def seen_by(scope: Scope, trail: Trail | None = None, who: Identity = ADA) -> UiContext:
    made, _ = context(identity=who)
    return replace(made, scope=lambda topic, identity: scope, trail=trail or Trail(None))


@asynccontextmanager
async def trail_of(folder: Path) -> AsyncIterator[Trail]:
    """A trail with an entry of ada, of bob on two apps, and a sign-in of bob."""
    database = Database(f"sqlite:///{folder}/portal.db")
    trail = Trail(database)
    task = asyncio.create_task(trail.run())
    await trail.record(Event("scale", Outcome.SUCCEEDED, ADA, IRIS, detail={"goal": "=1+1"}))
    await trail.record(Event("scale", Outcome.REFUSED, BOB, IRIS))
    await trail.record(Event("launch", Outcome.SUCCEEDED, BOB, Key("team-b", "x")))
    await trail.record(Event("sign-in", Outcome.SUCCEEDED, BOB))
    try:
        yield trail
    finally:
        task.cancel()
        await asyncio.wait([task])
        await database.close()


@pytest.mark.parametrize(
    ("path", "scope", "expected", "limited"),
    [
        ("/admin/audit", UNLIMITED, [4, 3, 2, 1], False),
        ("/admin/audit", Scope(namespaces=frozenset({"apps"})), [4, 2, 1], False),
        ("/admin/audit", GUEST, [4, 3, 2], True),
        ("/admin/audit?actor=ada", GUEST, [], True),
        ("/trail", UNLIMITED, [4, 3, 2], False),
        ("/apps/apps/iris/trail", UNLIMITED, [2, 1], False),
        ("/apps/apps/iris/trail", GUEST, [2], True),
        ("/apps/apps/iris/trail?namespace=team-b&release=x", UNLIMITED, [2, 1], False),
    ],
)
async def test_who_sees_which_entries(
    tmp_path: Path, path: str, scope: Scope, expected: list[int], limited: bool
) -> None:
    address, _, search = path.partition("?")
    route = parse(address, search)
    async with trail_of(tmp_path) as trail:
        ui = seen_by(scope, trail, BOB)
        page = await page_for(ui, route, BOB)
        found = {
            int(each.to_plotly_json()["props"]["data-position"])
            for each in walk(page)
            if "data-position" in getattr(each, "to_plotly_json", dict)().get("props", {})
        }
        seen = sight(ui, BOB, route.trail, everyone=path.startswith("/admin"), key=route.key)
        positions = [each.position for each in (await trail.find(seen.query)).entries]
    assert positions == expected
    assert found == set(expected)
    assert bool(seen.why) is limited
    assert not limited or seen.why in text(page)


async def test_where_kubernetes_decides_no_sign_ins_are_shown(tmp_path: Path) -> None:
    async with trail_of(tmp_path) as trail:
        ui = replace(seen_by(Scope(namespaces=frozenset({"apps"})), trail, BOB), by_owner=False)
        seen = sight(ui, BOB, parse("/admin/audit").trail, everyone=True, key=None)
        positions = [each.position for each in (await trail.find(seen.query)).entries]
        words = text(await page_for(ui, parse("/admin/audit"), BOB))
    assert positions == [2, 1]
    assert "of everybody in apps." in words


async def test_without_a_database_the_page_says_where_the_trail_is() -> None:
    words = text(await page_for(seen_by(UNLIMITED), parse("/admin/audit"), ADA))
    assert "in the portal's log alone" in words


async def test_a_database_that_is_away_is_said(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/missing/portal.db")
    words = text(await page_for(seen_by(UNLIMITED, Trail(database)), parse("/trail"), ADA))
    assert "The portal's database does not answer." in words
    await database.close()


async def answered(ui: UiContext, address: str) -> tuple[int, str]:
    """The status and text of an export."""
    path, _, query = address.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": query.encode(),
        "headers": [],
    }
    response: Any = await export_endpoint(ui)(Request(scope))
    if response.status_code != 200:
        return response.status_code, bytes(response.body).decode()
    return 200, "".join([part async for part in response.body_iterator])


async def test_an_export_has_what_its_page_has_and_is_recorded(tmp_path: Path) -> None:
    async with trail_of(tmp_path) as trail:
        ui = seen_by(UNLIMITED, trail)
        everybody = parse("/admin/audit", "release=iris")
        status, lines = await answered(ui, trail_export_path(everybody, "jsonl"))
        assert status == 200
        entries = [json.loads(line) for line in lines.splitlines()]
        assert [each["entry"]["position"] for each in entries] == [2, 1]
        status, table = await answered(ui, trail_export_path(everybody, "csv"))
        rows = [*csv.DictReader(io.StringIO(table))]
        assert [row["actor"] for row in rows] == ["bob", "ada"]
        assert rows[1]["hash"] == entries[1]["hash"]
        newest = (await trail.find(AuditQuery())).entries[0].content
        assert (newest["action"], newest["actor"]) == ("audit-export", "ada")
        guest = seen_by(GUEST, trail, BOB)
        status, lines = await answered(guest, trail_export_path(everybody, "jsonl"))
        assert [json.loads(line)["entry"]["position"] for line in lines.splitlines()] == [2]


@pytest.mark.parametrize(
    "query", ["", "format=csv", "format=xls&of=/trail", "format=csv&of=/launch"]
)
async def test_an_export_of_nothing_is_refused(query: str) -> None:
    status, _ = await answered(seen_by(UNLIMITED), f"{PATH}?{query}")
    assert status == 400


async def test_an_export_without_a_database_is_refused() -> None:
    status, words = await answered(seen_by(UNLIMITED), f"{PATH}?format=csv&of=/trail")
    assert status == 503
    assert "log alone" in words


def test_a_cell_is_no_formula() -> None:
    assert _cell("=1+1") == "'=1+1"
    assert _cell("@x") == "'@x"
    assert _cell("ada") == "ada"
    assert _cell({"goal": "=1"}) == '{"goal": "=1"}'


@pytest.mark.parametrize(
    ("scope", "said"), [(GUEST, "Only administrators"), (UNLIMITED, "in the portal's log alone")]
)
def test_the_check_of_the_chain_is_for_administrators(scope: Scope, said: str) -> None:
    server = FastAPI()
    build_ui(server, seen_by(scope))
    with TestClient(server) as client:
        asked = {f"{ids.AUDIT_VERIFY}.n_clicks": 1}
        call: Callable[..., object] = Browser(client).call
        answer = call(ids.AUDIT_VERDICT, asked, f"{ids.AUDIT_VERIFY}.n_clicks")
    assert said in str(answer)


def test_an_apps_trail_has_an_address() -> None:
    assert parse(app_trail_path(IRIS)).key == IRIS
