"""The properties that a callback accepts are derived from its handler's types."""

from __future__ import annotations

from typing import Any

import pytest
from dash import ALL, Dash, Input, Output, State
from fastapi import FastAPI
from starlette.testclient import TestClient

from benchmarks.inputs.loads import request
from portal.ui.accepts import AppKey, FieldValue, OwnText, Place, Plan, check_of
from portal.ui.build import build_ui
from portal.ui.callbacks import Callbacks
from portal.ui.requests import PATH
from tests.unit.ui import fixtures
from tests.unit.ui.fakes import context

PLACE = {"source": "a", "chart": "b", "version": "1", "revision": None, "release": None}


@pytest.mark.parametrize(
    ("hint", "fine", "refused"),
    [
        (int | None, [None, 1], ["1", True, 1.5, [1]]),
        (bool | None, [None, True], [1, "true"]),
        (str | None, [None, "x"], [1, ["x"], {}]),
        (list[int | None], [[], [1, None]], [None, ["x"], 1]),
        (AppKey, [["apps", "iris"]], [None, ["apps"], ["apps", "--x"], ["apps", "../x"]]),
        (Place, [PLACE, {**PLACE, "release": ["a", "b"]}], [None, {}, {**PLACE, "revision": "1"}]),
        (Plan, [None, {"version": "1", "since": 3}], [{}, {"version": "1"}, "x"]),
        (OwnText, [None, "1.0"], [1, "\ud800", ["x"]]),
        (FieldValue, [None, 1, "x", [1, 2], True], []),
    ],
)
def test_a_type_says_what_is_accepted(hint: Any, fine: list[Any], refused: list[Any]) -> None:
    check = check_of(hint)
    assert [check(value) for value in fine] == [True] * len(fine)
    assert [check(value) for value in refused] == [False] * len(refused)


@pytest.mark.parametrize("hint", [Any, object, dict[str, Any], list[Any], list[object]])
def test_a_type_that_says_nothing_is_an_error(hint: Any) -> None:
    with pytest.raises(TypeError, match="does not say what is accepted"):
        check_of(hint)


@pytest.fixture
def callbacks() -> Callbacks:
    return Callbacks(Dash("test", server=FastAPI(), backend="fastapi"))  # type: ignore[arg-type]


def test_a_handler_without_types_cannot_be_registered(callbacks: Callbacks) -> None:
    def vague(clicks: int | None, more: Any) -> str:
        return ""

    add = callbacks.callback(Output("a", "children"), Input("b", "n_clicks"), State("c", "data"))
    with pytest.raises(TypeError, match="vague, c"):
        add(vague)
    assert callbacks.accepted == {}


def test_a_pattern_gives_a_list(callbacks: Callbacks) -> None:
    def one(clicks: int | None) -> str:
        return ""

    with pytest.raises(TypeError, match="a list of"):
        callbacks.callback(Output("a", "children"), Input({"type": "x", "n": ALL}, "n_clicks"))(one)


def test_groups_are_of_the_types_that_are_given_to_their_parts(callbacks: Callbacks) -> None:
    def grouped(form: dict[str, FieldValue], key: AppKey) -> str:
        return ""

    form = {"x": State("x", "value"), "y": State("y", "value")}
    callbacks.callback(Output("a", "children"), form, Input("key", "data"))(grouped)
    (accepted,) = callbacks.accepted.values()
    assert set(accepted) == {("x", "value"), ("y", "value"), ("key", "data")}
    assert not accepted["key", "data"]("apps/iris")


def test_every_callback_of_the_pages_says_what_it_accepts_and_no_other_is_answered() -> None:
    server = FastAPI()
    build_ui(server, context(fixtures.healthy())[0])
    with TestClient(server) as client:
        specs = client.get("/_dash-dependencies").json()
        assert len(specs) > 30
        for spec in specs:
            body = request(spec, lambda id, name: {"never": "sent"}, 1)
            typed = [
                each
                for each in (*spec["inputs"], *spec["state"])
                if each["property"] not in {"id", "value"}
            ]
            if spec["clientside_function"] or typed:
                answer = client.post(PATH, json=body)
                assert answer.status_code == 400, spec["output"]
