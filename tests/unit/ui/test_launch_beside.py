"""The launch form and what stands beside the app: volumes, releases, files."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from portal.catalog.catalog import Catalog
from portal.catalog.sources import Source, SourceKind
from portal.domain.charts import BUILT_IN
from portal.domain.keys import Key
from portal.domain.proposals import VolumeClaim
from portal.registry.fetch import HttpFetch
from portal.ui import ids
from portal.ui.app.header import urls
from portal.ui.build import build_ui
from portal.ui.launch.files import Opened, read_file
from portal.ui.router import page_for
from portal.ui.routes import connect_path, parse
from portal.viewmodels.connections import Connection
from portal.viewmodels.model import Badge, Severity, UrlView
from tests.unit.ui import fixtures
from tests.unit.ui.fakes import ADA, context
from tests.unit.ui.test_components import text, walk
from tests.unit.ui.test_pages import Browser

CHART = Path(__file__).resolve().parents[3] / "charts" / "dash-app"
KEY = Key("apps", "new")
TASKS = Connection(
    "tasks-scheduler:8786",
    Key("apps", "tasks"),
    "DASK_SCHEDULER_ADDRESS",
    "tcp://tasks-scheduler.apps.svc:8786",
)


async def form(address: str, *connections: Connection) -> tuple[dict[str, object], str]:
    ui, _ = context(fixtures.healthy(), connections=connections)
    page = await page_for(ui, parse(*address.split("?")), ADA)
    fields = {str(each.id): each for each in walk(page) if hasattr(each, "id")}
    shown: dict[str, object] = {
        field: getattr(each, "value", None) for field, each in fields.items()
    }
    return shown, text(page)


async def test_a_link_connects_an_app_to_what_runs_beside_it() -> None:
    shown, words = await form(connect_path("apps", TASKS.id), TASKS)
    assert shown[ids.launch("env")] == TASKS.line
    assert shown[ids.launch("namespace")] == "apps"
    assert "will be connected to tasks" in words


async def test_a_link_to_what_is_gone_says_so() -> None:
    shown, words = await form(connect_path("apps", "gone:1"), TASKS)
    assert shown[ids.launch("env")] == ""
    assert "The service gone:1 no longer exists in apps." in words


def test_the_page_of_a_release_leads_there() -> None:
    inside = UrlView("", "tcp://x", Badge("ClusterIP", Severity.QUIET), connect=TASKS.id)
    (way,) = [each for each in walk(urls((inside,), KEY)) if getattr(each, "href", "")]
    assert parse(*way.href.split("?")) == parse(*connect_path("apps", TASKS.id).split("?"))


def beside(namespace: str, name: str = "") -> dict[str, dict[str, object]]:
    own = Connection("iris:80", Key("apps", "iris"), "IRIS_URL", "http://iris.apps.svc")
    ui, actions = context(connections=(own, TASKS))
    actions.volume_claims = (VolumeClaim(KEY, "", "2Gi", modes=("ReadWriteMany",)),)
    actions.no_namespaces = {"default"}
    server = FastAPI()
    build_ui(server, ui)
    asked = {f"{ids.launch('namespace')}.value": namespace, f"{ids.launch('name')}.value": name}
    with TestClient(server) as client:
        return Browser(client).call(ids.LAUNCH_CLAIMS, asked, f"{ids.launch('namespace')}.value")


def test_the_form_offers_what_the_namespace_has() -> None:
    shown = beside("apps", "iris")
    assert "2Gi · ReadWriteMany" in json.dumps(shown[ids.LAUNCH_CLAIMS], ensure_ascii=False)
    offered = shown[ids.LAUNCH_CONNECT]["options"]
    assert isinstance(offered, list)
    assert [each["value"] for each in offered] == [TASKS.line], "not the app itself"
    assert shown[ids.LAUNCH_CONNECTING]["className"] == ""


@pytest.mark.parametrize("namespace", ["not-ours", "default", "a b"])
def test_it_offers_nothing_of_a_namespace_that_cannot_be_used(namespace: str) -> None:
    shown = beside(namespace)
    assert shown[ids.LAUNCH_CLAIMS]["children"] == []
    assert shown[ids.LAUNCH_CONNECTING]["className"] == "d-none"


def uploaded(text: str | bytes) -> str:
    data = text if isinstance(text, bytes) else text.encode()
    return "data:application/x-yaml;base64," + base64.b64encode(data).decode()


async def opened(contents: str, tmp_path: Path) -> Opened:
    catalog = Catalog((Source(BUILT_IN, SourceKind.BUILTIN, path=CHART),), HttpFetch(), tmp_path)
    await catalog.refresh()
    ui, _ = context(catalog=catalog)
    return await read_file(ui, contents, "sales.yaml", KEY)


async def test_a_saved_form_is_opened_again(tmp_path: Path) -> None:
    ui, _ = context()
    raw = {**ui.forms.defaults(), "name": "new", "replicas": 3, "env": "A=1", "claim": "d"}
    checked = ui.forms.check(raw)
    assert checked.spec is not None
    saved = ui.forms.preview(checked.spec, None, "ada").values_yaml
    found = await opened(uploaded(saved), tmp_path)
    assert found.raw == raw
    assert text(found.said) == "Filled in from sales.yaml."


async def test_values_without_a_field_are_named(tmp_path: Path) -> None:
    found = await opened(uploaded("image: {repository: a}\npodLabels: {team: b}\n"), tmp_path)
    assert found.raw is not None
    assert "no field for: podLabels.team" in text(found.said)


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (uploaded("a: b: c"), "cannot be read"),
        (uploaded("- a\n"), "cannot be read"),
        (uploaded(b"\xff\x00"), "not a text file"),
        ("data:;base64,???x", "not a text file"),
        (uploaded("replicaCount: {a: 1}\n"), "does not hold valid values of an app"),
        (uploaded("worker: {replicas: 2}\n"), "does not hold valid values of an app"),
    ],
)
async def test_a_file_that_is_none(contents: str, words: str, tmp_path: Path) -> None:
    found = await opened(contents, tmp_path)
    assert found.raw is None
    assert words in text(found.said)
