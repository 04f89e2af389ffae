"""Longer ranges of the chart: read on demand, for whoever may see the app."""

from __future__ import annotations

import json

from fastapi import FastAPI
from msgspec.structs import replace
from starlette.testclient import TestClient

from portal.domain.errors import DatabaseUnavailable
from portal.domain.keys import Key
from portal.domain.permissions import Scope
from portal.history.longer import LongHistory
from portal.history.model import ChartRange
from portal.history.summary import Reading, Summary
from portal.ui import ids
from portal.ui.app.layout import layout
from portal.ui.build import build_ui
from portal.ui.context import UiContext
from tests.unit.ui import fixtures
from tests.unit.ui.fakes import ADA, context
from tests.unit.ui.test_components import walk
from tests.unit.ui.test_pages import Browser

IRIS = Key("apps", "iris")
FOUND = Summary(900, 3, 3, 2, 1, 4, {"cpu": (Reading(40.04, 90.0), 70.0)}, Reading(0.5, 1.5))


class Kept:
    """A database with one summary of each app; notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Key, ChartRange]] = []
        self.away = False
        self.found = LongHistory((FOUND,))

    async def read(self, key: Key, chosen: ChartRange) -> LongHistory:
        self.asked.append((key, chosen))
        if self.away:
            raise DatabaseUnavailable("The portal's database does not answer.", "Wait.")
        return self.found


def _ui(kept: Kept) -> UiContext:
    ui, _ = context(fixtures.healthy())
    return replace(ui, read_history=kept.read)


def _choose(ui: UiContext, value: str) -> dict[str, dict[str, object]]:
    server = FastAPI()
    build_ui(server, ui)
    with TestClient(server) as client:
        given = {f"{ids.APP_RANGE}.value": value, f"{ids.APP_KEY}.data": list(IRIS)}
        return Browser(client).call(ids.APP_LONG_SERIES, given, f"{ids.APP_RANGE}.value")


def test_a_range_is_read_when_it_is_chosen() -> None:
    kept = Kept()
    data = _choose(_ui(kept), "7d")[ids.APP_LONG_SERIES]["data"]
    assert kept.asked == [(IRIS, ChartRange.WEEK)]
    assert isinstance(data, dict)
    assert (data["step"], data["times"], data["ready"]) == (900, [900], [2])
    assert data["metrics"] == [["CPU", [40.0], [70.0]]]
    assert (data["metrics_highest"], data["cpu_highest"]) == ([[90.0]], [1.5])
    assert (data["memory"], data["memory_highest"]) == ([None], [None])


def test_the_live_range_and_unknown_ones_read_nothing() -> None:
    kept = Kept()
    for value in ("6h", "1y"):
        assert _choose(_ui(kept), value)[ids.APP_LONG_SERIES]["data"] is None
    assert kept.asked == []


def test_whoever_may_not_see_the_app_does_not_see_its_history() -> None:
    kept = Kept()
    ui = replace(_ui(kept), scope=lambda topic, identity: Scope(frozenset()))
    answer = _choose(ui, "30d")
    assert answer[ids.APP_LONG_SERIES]["data"] is None
    assert "You may not see apps/iris." in json.dumps(answer[ids.APP_RANGE_FAILURE])
    assert kept.asked == []


def test_a_database_that_is_away_is_said_beside_the_live_chart() -> None:
    kept = Kept()
    kept.away = True
    answer = _choose(_ui(kept), "24h")
    assert answer[ids.APP_LONG_SERIES]["data"] is None
    assert "does not answer" in json.dumps(answer[ids.APP_RANGE_FAILURE])


def test_where_a_range_is_from_stands_below_the_choice() -> None:
    kept = Kept()
    earlier = replace(FOUND, at=0)
    kept.found = LongHistory((earlier, FOUND), (0,), ("x_total",), "Prometheus does not answer.")
    answer = _choose(_ui(kept), "7d")
    assert answer[ids.APP_LONG_SERIES]["data"]["times"] == [0, 900]  # type: ignore[index]
    said = json.dumps(answer[ids.APP_RANGE_FAILURE])
    for words in ("from Prometheus", "It has no x_total", "Prometheus does not answer."):
        assert words in said


def test_without_a_database_there_is_no_choice() -> None:
    ui, _ = context(fixtures.healthy())

    def named(ui: UiContext) -> set[object]:
        return {getattr(each, "id", None) for each in walk(layout(ui, ADA, IRIS))}

    assert ids.APP_RANGE not in named(ui)
    assert ids.APP_RANGE in named(_ui(Kept()))
