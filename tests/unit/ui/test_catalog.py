"""The catalogue's pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from portal.catalog.catalog import Catalog
from portal.catalog.chart import read_chart
from portal.catalog.draft import DraftEditor, path_id
from portal.catalog.sources import ChartPreset, Source, SourceKind
from portal.domain.errors import InvalidInput
from portal.domain.keys import Key
from portal.registry.fetch import HttpFetch
from portal.ui import html
from portal.ui.chart.callbacks import ChartInputs, request_of
from portal.ui.chart.edit import Edit, edited
from portal.ui.chart.layout import form_of, version_path
from portal.ui.ids import CHART_PRESETS, CHART_VERSION, chart_part, chart_preset
from portal.ui.router import page_for
from portal.ui.routes import ChartPlace, Page, Route, chart_path, parse
from tests.unit.catalog.make import CHARTS, files, repository_of, serving
from tests.unit.ui.fakes import ADA, context
from tests.unit.ui.test_components import text, walk

WEB = DraftEditor(read_chart(CHARTS / "web-server", "local"))


@pytest.mark.parametrize(
    ("pathname", "search", "route"),
    [
        ("/catalog", "", Route(Page.CATALOG)),
        ("/catalog/local/web", "", Route(Page.CHART, chart=ChartPlace("local", "web"))),
        (
            "/catalog/oci/team%2Fweb",
            "?version=1.0.0%2Bb&values=abc&name=x&namespace=apps",
            Route(
                Page.CHART, Key("apps", "x"), chart=ChartPlace("oci", "team/web", "1.0.0+b", "abc")
            ),
        ),
        ("/catalog/local", "", Route(Page.NOT_FOUND)),
    ],
)
def test_addresses(pathname: str, search: str, route: Route) -> None:
    assert parse(pathname, search) == route


def test_an_address_means_what_it_was_made_of() -> None:
    key = Key("apps", "x")
    path, _, search = chart_path("oci", "team/web", "1.0.0+b", "abc", key).partition("?")
    assert parse(path, f"?{search}") == Route(
        Page.CHART, key, chart=ChartPlace("oci", "team/web", "1.0.0+b", "abc")
    )


async def catalog(tmp_path: Path) -> Catalog:
    sources = (
        Source("local", SourceKind.FOLDER, path=CHARTS),
        Source("gone", SourceKind.FOLDER, path=tmp_path / "nowhere"),
    )
    made = Catalog(sources, HttpFetch(), tmp_path)
    await made.refresh()
    return made


async def test_the_catalogue_shows_every_chart(tmp_path: Path) -> None:
    ui, _ = context(catalog=await catalog(tmp_path))
    shown = text(await page_for(ui, parse("/catalog"), ADA))
    for words in (
        "web-server",
        "1.2.0",
        "Deprecated",
        "This source cannot be read.",
        "no such folder",
    ):
        assert words in shown


async def test_a_chart_has_a_field_for_each_value(tmp_path: Path) -> None:
    ui, _ = context(catalog=await catalog(tmp_path))
    page: Any = await page_for(ui, parse("/catalog/local/web-server"), ADA)
    found = [getattr(each, "id", None) for each in walk(page)]
    assert {"type": "chart-field", "path": "/image/tag"} in found
    assert {"type": "chart-add", "path": "/extraEnvVars"} in found


async def test_a_chart_without_a_schema_has_its_values(tmp_path: Path) -> None:
    ui, _ = context(catalog=await catalog(tmp_path))
    page: Any = await page_for(ui, parse("/catalog/local/bare"), ADA)
    found = [getattr(each, "id", None) for each in walk(page)]
    assert {"type": "chart-field", "path": "/words/greeting"} in found
    assert "Said first." in text(page)
    assert "deprecated" in text(page)


@pytest.mark.parametrize("address", ["/catalog/local/none", "/catalog/none/x"])
async def test_a_chart_that_is_not_there_says_so(tmp_path: Path, address: str) -> None:
    ui, _ = context(catalog=await catalog(tmp_path))
    assert "The catalogue has no chart" in text(await page_for(ui, parse(address), ADA))


async def test_a_link_fills_in_the_launch_form() -> None:
    ui, _ = context()
    route = parse("/launch", "?image=r.example/team/app:1.0&replicas=3&odd=x&name=new")
    page: Any = await page_for(ui, route, ADA)
    named = [each for each in walk(page) if getattr(each, "id", None)]
    values = {each.id: each.value for each in named if getattr(each, "value", None)}
    assert values["launch-repository"] == "r.example/team/app"
    assert (values["launch-tag"], values["launch-replicas"]) == ("1.0", 3)
    assert values["launch-name"] == "new"


def test_an_edit_of_the_form_counts_all_of_it() -> None:
    """Two quick edits: the answer to the first may never have arrived."""
    made = Edit(
        "",
        "",
        {("replicaCount",): 3, ("image", "tag"): "2"},
        touched={"chart-field": ("image", "tag")},
    )
    assert edited(WEB, made).values == {"replicaCount": 3, "image": {"tag": "2"}}


def test_an_edit_of_the_text_beats_a_form_that_is_older() -> None:
    stale = {("replicaCount",): 1, ("image", "tag"): "2"}
    written = Edit("replicaCount: 5\n", "", stale)
    assert edited(WEB, written).values == {"replicaCount": 5}
    both = Edit("replicaCount: 5\n", "", stale, touched={"chart-field": ("image", "tag")})
    assert edited(WEB, both).values == {"replicaCount": 5, "image": {"tag": "2"}}


def test_rows_are_added_only_by_a_click() -> None:
    rows = ("extraEnvVars",)
    appeared = Edit("", "", touched={"chart-add": rows})
    assert edited(WEB, appeared).text == ""
    clicked = Edit("", "", touched={"chart-add": rows}, clicked=True)
    assert edited(WEB, clicked).values == {"extraEnvVars": [{"name": ""}]}


PLACE = {"source": "local", "chart": "web-server", "version": "1.2.0", "revision": None}


def part(*path: str) -> dict[str, str]:
    return chart_part("chart-field", path_id(path))


def asked(text: str, basis: str, **fields: object) -> ChartInputs:
    names = list(fields)
    return {
        "name": "new",
        "namespace": "apps",
        "text": text,
        "basis": basis,
        "contents": [fields[name] for name in names],
        "fields": [part(name) for name in names],
        "place": PLACE,
    }


async def test_what_is_launched_is_what_is_seen(tmp_path: Path) -> None:
    """A field was filled in, and the button pressed before its answer was there."""
    ui, _ = context(catalog=await catalog(tmp_path))
    order = await request_of(ui, asked("replicaCount: 2\n", "replicaCount: 2\n", containerPort=81))
    assert order.values == {"replicaCount": 2, "containerPort": 81}
    order = await request_of(
        ui, asked("replicaCount: 4\n", "replicaCount: 2\n", containerPort=8080)
    )
    assert order.values == {"replicaCount": 4}
    with pytest.raises(InvalidInput, match="Write a number"):
        await request_of(ui, asked("", "", containerPort="8 1"))
    with pytest.raises(InvalidInput):
        await request_of(ui, asked("a: [", ""))


def test_another_version_takes_along_what_a_new_one_has() -> None:
    new = Key("apps", "new")
    path, _, search = version_path(PLACE, "1.1.0", values="abc", key=new).partition("?")
    place = ChartPlace("local", "web-server", "1.1.0", "abc")
    assert parse(path, search) == Route(Page.CHART, new, chart=place)
    existing = {**PLACE, "release": ["apps", "old"], "revision": 3}
    path, _, search = version_path(existing, "1.1.0", values="abc", key=new).partition("?")
    assert parse(path, search).key == Key("apps", "old")
    assert parse(path, search).chart == ChartPlace("local", "web-server", "1.1.0")


def test_half_a_character_in_a_name_is_still_an_address() -> None:
    path, _, search = version_path(PLACE, "1.1.0", key=Key("apps", "\ud800")).partition("?")
    assert search == "version=1.1.0&namespace=apps&name=%3F"
    assert parse(path, search).chart == ChartPlace("local", "web-server", "1.1.0")


async def test_named_values_are_offered_for_a_new_app(tmp_path: Path) -> None:
    preset = ChartPreset("web-server", "Small", "One copy.", {"replicaCount": 1})
    other = ChartPreset("bare", "Other", values={"times": 2})
    source = Source("local", SourceKind.FOLDER, path=CHARTS, presets=(preset, other))
    made = Catalog((source,), HttpFetch(), tmp_path)
    await made.refresh()
    ui, _ = context(catalog=made)
    page: Any = await page_for(ui, parse("/catalog/local/web-server"), ADA)
    offered = [each.id for each in walk(page) if isinstance(getattr(each, "id", None), dict)]
    assert chart_preset("Small") in offered
    assert chart_preset("Other") not in offered
    (filled,) = [each.data for each in walk(page) if getattr(each, "id", "") == CHART_PRESETS]
    assert filled == {"Small": ["replicaCount: 1\n"]}
    with pytest.raises(ValueError, match="same name"):
        Source("x", SourceKind.FOLDER, path=CHARTS, presets=(preset, preset))


async def test_a_page_without_a_form_leads_to_other_versions(tmp_path: Path) -> None:
    """A choice of versions needs parts of the form, which are not there."""
    contents = repository_of("web", "1.0.0", "1.1.0")
    contents["/1.1.0.tgz"] = b"broken"
    async with serving(files(contents)) as host:
        fetch = HttpFetch()
        source = Source("team", SourceKind.REPOSITORY, f"http://{host}")
        made = Catalog([source], fetch, tmp_path)
        await made.refresh()
        ui, _ = context(catalog=made)
        page: Any = await page_for(ui, parse("/catalog/team/web", "?namespace=apps&name=x"), ADA)
        await fetch.close()
    assert "cannot be used" in text(page)
    ids = [getattr(each, "id", None) for each in walk(page)]
    assert CHART_VERSION not in ids, "its callback reads the form"
    links = [getattr(each, "href", "") for each in walk(page)]
    assert chart_path("team", "web", "1.0.0", key=Key("apps", "x")) in links


async def test_a_source_says_what_it_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "charts" / "bad").mkdir(parents=True)
    (tmp_path / "charts" / "bad" / "Chart.yaml").write_text("apiVersion: v2\nname: bad\n")
    source = Source("here", SourceKind.FOLDER, path=tmp_path / "charts")
    made = Catalog([source], HttpFetch(), tmp_path / "cache")
    await made.refresh()
    ui, _ = context(catalog=made)
    assert "The chart in bad is left out." in text(await page_for(ui, parse("/catalog"), ADA))


async def test_a_text_says_which_of_the_charts_values_it_leaves_out(tmp_path: Path) -> None:
    bare = DraftEditor(read_chart(CHARTS / "bare", "local"))
    shown = text(html.Div(form_of(bare.read("other: 1\n"), {})))
    assert "Not in these values, so the chart's own count" in shown
    assert "null" in shown
    assert "Not in these" not in text(html.Div(form_of(bare.read(bare.initial_text()), {})))
