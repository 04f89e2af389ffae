"""The files that a page loads, and no others."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from portal.ui.build import build_ui
from portal.ui.static import ASSETS, PREFIX, collect
from portal.web.static import StaticServer
from tests.unit.ui import fixtures
from tests.unit.ui.fakes import context

ALLOWED = [
    "theme.js",
    "react.min.js",
    "react-dom.min.js",
    "prop-types.min.js",
    "dash_bootstrap_components.min.js",
    "chart-files.js",
    "chart.js",
    "controls.js",
    "history.js",
    "image.js",
    "list.js",
    "live.js",
    "logs-lines.js",
    "logs.js",
    "markup.js",
    "notify.js",
    "objects.js",
    "page.js",
    "session.js",
    "shapes.js",
    "table.js",
    "terminal.js",
    "whatif.js",
    "dash_renderer.min.js",
    "dash_core_components.js",
    "dash_core_components-shared.js",
    "dash_html_components.min.js",
]
"""All scripts of a page, in their order, without Dash's version numbers."""


@pytest.fixture(scope="module")
def client() -> TestClient:
    ui, _ = context(fixtures.healthy())
    server = FastAPI()
    build_ui(server, ui)
    server.add_middleware(StaticServer, prefix=PREFIX, files=collect().files)
    return TestClient(server)


@pytest.fixture(scope="module")
def page(client: TestClient) -> str:
    return client.get("/").text


def loaded(page: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]+)"', page)


def test_a_page_loads_these_scripts_and_no_others(page: str) -> None:
    sources = re.findall(r'<script src="([^"]+)"', page)
    names = [re.sub(r"@[0-9.]+(?=\.)", "", PurePosixPath(each).name) for each in sources]
    assert names == ALLOWED


@pytest.mark.parametrize(
    "name",
    ["plotly.min", "dash_table/", "polyfill", "worker", "async-", "uplot", "xterm", "parquet"],
)
def test_what_no_page_uses_or_some_pages_load_later_is_not_in_it(page: str, name: str) -> None:
    assert name not in page


def test_all_that_a_page_loads_is_kept_for_a_year(client: TestClient, page: str) -> None:
    addresses = loaded(page)
    assert len(addresses) > len(ALLOWED)
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["Cache-Control"].endswith("immutable"), address


def test_what_files_load_later_is_beside_them(client: TestClient) -> None:
    static = collect()
    core = static.address("dash", "dcc/dash_core_components.js")
    chart = static.address("portal", "web/chart.js")
    for beside, path in [
        *((core, f"async-{name}.js") for name in ("slider", "upload")),
        *((chart, f"../vendor/uplot.min.{kind}") for kind in ("js", "css")),
        (chart, "../vendor/parquet-writer.min.js"),
        *(
            (chart, f"../vendor/{name}")
            for name in ("xterm.min.js", "xterm-fit.min.js", "xterm.css")
        ),
    ]:
        answer = client.get(f"{beside.rpartition('/')[0]}/{path}")
        assert answer.headers["Cache-Control"].endswith("immutable"), path


def test_style_sheets_name_only_what_is_there() -> None:
    for file in collect().files.values():
        if file.media == "text/css":
            for address in re.findall(r'url\("?([^)"]+)', file.path.read_text()):
                if not address.startswith("data:"):
                    assert (file.path.parent / address).resolve().is_relative_to(ASSETS), address
                    assert (file.path.parent / address).is_file(), address


def test_what_dash_adds_is_loaded_from_where_dash_has_it() -> None:
    new = "/_dash-component-suites/dash/deps/new.v1m2.js"
    scripts = collect().scripts(f'<script src="{new}"></script>')
    assert f'<script src="{new}"></script>' in scripts


def test_dash_bootstrap_components_brings_what_dash_takes_from_the_polyfill_it_goes_without() -> (
    None
):
    """Dash's sliders and uploads are loaded by functions that need it."""
    bundle = collect().files[
        "dash_bootstrap_components/_components/dash_bootstrap_components.min.js"
    ]
    assert "regeneratorRuntime=" in bundle.path.read_text()


def test_licences_are_beside_the_libraries() -> None:
    for name in ("bootstrap", "bootstrap-icons", "parquet-writer", "uplot", "xterm"):
        assert "MIT License" in (ASSETS / "vendor" / f"LICENSE-{name}").read_text()
