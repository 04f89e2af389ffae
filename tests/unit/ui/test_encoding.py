"""Views as JSON: the same as Dash's own, made only when it differs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import dash
import pytest
from msgspec.structs import replace
from plotly.io.json import to_json_plotly

from portal.domain.compressed import CompressedText
from portal.domain.identity import Identity
from portal.domain.redaction import values_yaml
from portal.ui import html, ids
from portal.ui.app import layout as app_page
from portal.ui.app.live import APP_PARTS, app_patches
from portal.ui.encoding import LARGEST, Encoder, encode, plain
from portal.viewmodels.model import AppView, Badge, Severity
from tests.unit.ui import fixtures
from tests.unit.ui.fakes import context


def long(node: Any) -> Any:
    """Elements in the short form, or in Dash's own, as one and the same."""
    if isinstance(node, list):
        return [long(each) for each in node]
    if not isinstance(node, dict):
        return node
    if "t" in node:
        node = {"type": node["t"], "props": {"children": node["c"], **node.get("p", {})}}
    node.pop("namespace", None)
    return {name: long(value) for name, value in node.items()}


@pytest.mark.parametrize("name", dash.html.__all__)  # pyright: ignore[reportPrivateImportUsage]
def test_an_element_is_the_one_that_dash_makes(name: str) -> None:
    ours, theirs = getattr(html, name), getattr(dash.html, name)
    for children in ([], ["text"], [["a", None]]):
        made = ours(*children, id="x", className="y", **{"data-z": 1, "aria-label": "w"})
        assert isinstance(made, theirs)
        wanted = theirs(*children, id="x", className="y", **{"data-z": 1, "aria-label": "w"})
        assert made.to_plotly_json() == wanted.to_plotly_json()
        assert long(json.loads(encode(made))) == long(json.loads(str(to_json_plotly(wanted))))


@pytest.mark.parametrize("make", fixtures.VIEWS)
def test_views_say_the_same_as_dash_writes_them(make: Callable[[], AppView]) -> None:
    view = make()
    encoded = Encoder(APP_PARTS)(view)
    for id, properties in app_patches(view).items():
        assert long(json.loads(encoded[id])) == long(json.loads(str(to_json_plotly(properties)))), (
            id
        )


def test_numbers_that_json_does_not_have_become_null() -> None:
    assert json.loads(encode({"data": [float("nan"), 1.0]})) == {"data": [None, 1.0]}


def test_half_a_character_is_no_obstacle() -> None:
    assert encode({"children": "\ud83d"}).encode()


def test_only_what_read_something_that_changed_is_made_anew() -> None:
    view = fixtures.autoscaled()
    encoder = Encoder(APP_PARTS)
    before = encoder(view)
    pods = (replace(view.pods[0], status=Badge("Other", Severity.BAD)), *view.pods[1:])
    after = encoder(replace(view, pods=pods, timeline=replace(view.timeline)))
    assert {id for id in before if after[id] is not before[id]} == {ids.APP_PODS}
    assert "Other" in after[ids.APP_PODS]


def test_values_are_shown_as_they_were_written_down_beside_the_loop() -> None:
    encoder = Encoder(APP_PARTS)
    view = replace(fixtures.autoscaled(), values=CompressedText(values_yaml({"password": "x"})))
    first = encoder(view)[ids.APP_VALUES]
    assert "password: (hidden)" in first
    same = replace(view, values=CompressedText(values_yaml({"password": "x"})))
    assert encoder(same)[ids.APP_VALUES] is first


def test_a_part_is_made_anew_for_each_thing_it_read() -> None:
    def part(view: AppView) -> dict[str, object]:
        return {"children": view.sentence if view.exists else view.notes}

    view = replace(fixtures.autoscaled(), exists=True, sentence="s", notes="n")
    encoder = Encoder({"id": part})
    assert encoder(view)["id"] == '{"children":"s"}'
    assert encoder(replace(view, exists=False))["id"] == '{"children":"n"}'
    assert encoder(replace(view, exists=False, notes="m"))["id"] == '{"children":"m"}'


def test_a_view_that_is_too_large_leaves_out_the_largest_parts_and_says_so() -> None:
    parts = {
        "text": lambda view: {"content": html.P(view.notes)},
        "data": lambda view: {"data": view.notes},
        "small": lambda view: {"content": html.P("as it is")},
    }
    view = replace(fixtures.autoscaled(), notes="n" * (LARGEST - 200))
    found = Encoder(parts)(view)
    assert sum(map(len, found.values())) < LARGEST
    assert "too large to show" in found["text"]
    assert "as it is" in found["small"]
    assert (
        json.loads(Encoder({"data": parts["data"]})(replace(view, notes="n" * LARGEST))["data"])
        == {}
    )


def test_components_made_plain_beside_the_loop_are_what_dash_makes_of_them() -> None:
    view = fixtures.autoscaled()
    page = app_page.layout(context(view)[0], Identity("ann"), view.key)
    assert json.loads(str(to_json_plotly(plain(page)))) == json.loads(str(to_json_plotly(page)))
