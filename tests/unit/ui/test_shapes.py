"""The panel of made-up loads: files, answers, and what the browser sends."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from portal.autoscaling.shapes import Course
from portal.ui import ids
from portal.ui.autoscaling.shapes import FORM, PAGE, panel, read_upload
from portal.ui.build import build_ui
from portal.ui.components.files import MAX_FILE
from tests.unit.ui import fixtures
from tests.unit.ui.fakes import context
from tests.unit.ui.test_components import walk
from tests.unit.ui.test_pages import Browser
from tests.unit.ui.test_scripts import NODE, run

LOAD = {"shape": "spike", "unit": "cores", "rest": "0.1", "peak": "0.5", "start_up": "30"}
FORM_FIELDS = {"bounds": [1, 4], "cpu": 70, "request": "100m", "limit": "", "window": None}


def answer(asked: object) -> dict[str, Any]:
    """Return what the server says of a form's made-up load."""
    ui, _ = context(fixtures.healthy())
    server = FastAPI()
    build_ui(server, ui)
    id = ids.shape(FORM, "asked")
    with TestClient(server) as client:
        return Browser(client).call(ids.shape(FORM, "figures"), {f"{id}.data": asked}, f"{id}.data")


def test_a_load_has_a_chart_and_figures() -> None:
    found = answer({"load": LOAD, "form": FORM_FIELDS})
    drawn = found[ids.shape(FORM, "series")]["data"]
    assert max(drawn["series"]["desired"]) == 4
    assert "Pod-hours" in json.dumps(found[ids.shape(FORM, "figures")])
    assert found[ids.shape_note(FORM, "peak")]["children"] is None


def test_a_mistake_is_beside_its_field_and_nothing_is_drawn() -> None:
    found = answer({"load": {**LOAD, "peak": "much"}, "form": FORM_FIELDS})
    assert found[ids.shape(FORM, "series")]["data"] is None
    assert "Enter a number" in json.dumps(found[ids.shape_note(FORM, "peak")])


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"load": LOAD, "form": {**FORM_FIELDS, "cpu": None}}, "Turn on the CPU target"),
        ({"load": LOAD}, "minimum and a maximum"),
        ({"load": {}}, "null"),
        (None, "null"),
    ],
)
def test_what_lacks_something_says_what(asked: object, why: str) -> None:
    assert why in json.dumps(answer(asked)[ids.shape(FORM, "figures")])


def upload(raw: bytes) -> str:
    return "data:text/csv;base64," + b64encode(raw).decode()


def test_a_file_is_read_or_refused() -> None:
    assert read_upload(upload(b"0,1\n60,2\n")) == Course(15, (1, 1, 1, 1, 2))
    for raw, why in (
        (b"\xff\xfe0\x00,\x001", "not a text file"),
        (b"x" * (MAX_FILE + 1), "larger than 256 KiB"),
        (b"", "fewer than two lines"),
    ):
        found = read_upload(upload(raw))
        assert isinstance(found, str)
        assert why in found
    assert read_upload("no data URL") == "It has fewer than two lines with a time and a load."


def test_a_files_mistake_reaches_its_field() -> None:
    ui, _ = context(fixtures.healthy())
    server = FastAPI()
    build_ui(server, ui)
    id = ids.shape(FORM, "file")
    values = {f"{id}.contents": upload(b"0,1\nsoon,2"), f"{id}.filename": "../../load.csv"}
    with TestClient(server) as client:
        found = Browser(client).call(ids.shape(FORM, "course"), values, f"{id}.contents")
    kept = found[ids.shape(FORM, "course")]["data"]
    assert kept["error"].startswith("load.csv: Line 2: “soon” is no time")
    said = answer({"load": {**LOAD, "shape": "file", "course": kept}, "form": FORM_FIELDS})
    assert "“soon” is no time" in json.dumps(said[ids.shape_note(FORM, "file")], ensure_ascii=False)


BROWSER = """
const sent = [];
window.dash_component_api = { getLayout: () => ({ props: {} }) };
globalThis.setTimeout = (later) => (later(), 1);
window.dash_clientside = { no_update: null, callback_context: { triggered: TRIGGERED },
  set_props: (id, { data }) => sent.push([id, data]) };
"""


def sent(call: str, *triggered: str) -> Any:
    before = BROWSER.replace("TRIGGERED", json.dumps([{"prop_id": each} for each in triggered]))
    return run("web/shapes.js", before, f"(window.dash_clientside.portal.{call}, sent)")


@pytest.mark.skipif(NODE is None, reason="needs Node.js")
def test_while_a_slider_is_dragged_its_place_counts() -> None:
    load = "'spike', 'cores', '1', '2', '20', '30', null"
    call = f"shapeOfForm({load}, true, true, [1, 4], [1, 6], 70, 55, '100m', '', null)"
    ((id, asked),) = sent(call, "launch-bounds.drag_value")
    assert id == ids.shape(FORM, "asked")
    assert (asked["form"]["bounds"], asked["form"]["cpu"]) == ([1, 6], 70)
    ((_, asked),) = sent(call, "launch-bounds.value")
    assert asked["form"]["bounds"] == [1, 4]
    assert asked["load"]["rest"] == "1"
    off = call.replace("true, true", "true, false")
    assert sent(off)[0][1]["form"]["cpu"] is None
    assert sent(call.replace("true, true", "false, true")) == []


@pytest.mark.skipif(NODE is None, reason="needs Node.js")
def test_the_page_sends_the_settings_of_its_sliders() -> None:
    call = "shapeOfPage('daily', 'requests', '1', '2', '20', '30', null, ['min1_max4', 'min2'])"
    ((id, asked),) = sent(call)
    assert (id, asked["texts"]) == (ids.shape(PAGE, "asked"), ["min1_max4", "min2"])


@pytest.mark.skipif(NODE is None, reason="needs Node.js")
@pytest.mark.parametrize(
    ("choice", "shown"),
    [
        (["", "cores"], []),
        (["spike", "cores"], ["unit", "rest", "peak", "start_up"]),
        (["spike", "requests"], ["unit", "rest", "peak", "work", "start_up"]),
        (["file", "cores"], ["unit", "file", "start_up"]),
    ],
)
def test_a_choice_shows_the_fields_that_it_needs(choice: list[str], shown: list[str]) -> None:
    classes = run("web/shapes.js", "", f"portalShapes.needed(...{json.dumps(choice)})")
    names = ("unit", "file", "rest", "peak", "work", "start_up")
    assert [name for name, each in zip(names, classes, strict=True) if not each] == shown


@pytest.mark.skipif(NODE is None, reason="needs Node.js")
@pytest.mark.parametrize(
    ("fields", "written"),
    [
        (["spike", "cores", "0.1", "1_0", "20", "30", None, []], "spike_cores_0.1_10_20_30"),
        (["daily", "cores", None, "", "20", "30"], "daily_cores___20_30"),
        (["file", "cores", "1"], ""),
        (["", "cores", "1"], ""),
    ],
)
def test_an_address_holds_the_fields(fields: list[Any], written: str) -> None:
    assert run("web/shapes.js", "", f"portalShapes.linked({json.dumps(fields)})") == written


@pytest.mark.parametrize(
    ("linked", "values"),
    [
        ("spike_requests_0.1_<b>_20_30_more", ["spike", "requests", "0.1", "<b>", "20", "30"]),
        ("sawtooth_cows", ["", "cores", "0.1", "1", "20", "30"]),
        ("", ["", "cores", "0.1", "1", "20", "30"]),
    ],
)
def test_an_address_fills_the_fields_in(linked: str, values: list[str]) -> None:
    found = {getattr(each, "id", ""): each for node in panel(PAGE, linked) for each in walk(node)}
    names = ("shape", "unit", "rest", "peak", "work", "start_up")
    assert [found[ids.shape(PAGE, name)].value for name in names] == values


@pytest.mark.skipif(NODE is None, reason="needs Node.js")
def test_the_axis_begins_at_midnight() -> None:
    given = {
        "series": {"times": [0, 15], "ready": [1, 1]},
        "curves": [{"name": "A", "times": [15], "replicas": [2]}],
    }
    found = run("web/shapes.js", "", f"portalShapes.drawn({json.dumps(given)}, 'dark', 1000)")
    assert (found["series"]["times"], found["series"]["ready"]) == ([1000, 1015], [1, 1])
    assert found["more"]["curves"][0]["times"] == [1015]
