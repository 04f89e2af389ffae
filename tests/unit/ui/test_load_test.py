"""The dialog of load tests, and the panel of what they measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from msgspec.structs import replace
from starlette.testclient import TestClient

from portal.domain.errors import Conflict, InvalidInput
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.load_tests import LoadTestLimits, PodThroughput, Shape
from portal.releases.load_test import LoadTestForecast, LoadTestOffer, LoadTestRequest
from portal.state.load_tests import LoadTestTarget
from portal.ui import ids
from portal.ui.app.live import app_patches
from portal.ui.app.load_test import forecast_words, usual_path
from portal.ui.build import build_ui
from portal.viewmodels.load_test import load_test_run
from portal.viewmodels.model import LoadTestView
from tests.unit.ui import fixtures
from tests.unit.ui.fakes import FakeActions, context
from tests.unit.ui.test_pages import Browser, text
from tests.unit.viewmodels.test_load_test import PLAN, SECONDS, WHOLE, Measured, run_of

KEY = Key("apps", "iris")
ASKED = {"target": "iris:80", "shape": "steady", "rate": 20, "seconds": 30, "path": "/"}
RUN = load_test_run(run_of(), Measured(SECONDS, WHOLE))


class Answers(FakeActions):
    """Answers about load tests; ``errors`` are raised one by one."""

    def __init__(self, *how: Any) -> None:
        super().__init__(*how)
        self.forecast = LoadTestForecast(PLAN, {})
        self.errors: list[Exception] = []

    async def load_test_offer(self, identity: Identity, key: Key) -> LoadTestOffer:
        target = LoadTestTarget("iris", 80, "http")
        return LoadTestOffer((target,), LoadTestLimits(50, 120, 30), 1)

    async def load_test_forecast(
        self, identity: Identity, key: Key, asked: LoadTestRequest
    ) -> LoadTestForecast:
        self.calls.append(("forecast", key, asked))
        return self.forecast

    async def load_test(self, identity: Identity, key: Key, asked: LoadTestRequest) -> Any:
        self.calls.append(("load test", key, asked))
        if self.errors:
            raise self.errors.pop(0)

    async def stop_load_test(self, identity: Identity, key: Key) -> None:
        self.calls.append(("stop", key))
        if self.errors:
            raise self.errors.pop(0)


@pytest.fixture
def browser() -> Iterator[tuple[Browser, Answers]]:
    ui, actions = context(fixtures.healthy())
    answers = Answers(actions.views, actions.changed)
    server = FastAPI()
    build_ui(server, replace(ui, actions=answers))
    with TestClient(server) as client:
        yield Browser(client), answers


def values(**more: Any) -> dict[str, Any]:
    fields = {f"load-test-{name}.value": value for name, value in ASKED.items()}
    return {f"{ids.APP_KEY}.data": list(KEY)} | fields | more


def test_it_opens_with_the_apps_own_services(browser: tuple[Browser, Answers]) -> None:
    page, _ = browser
    clicks = f"{ids.LOAD_TEST_OPEN}.n_clicks"
    answer = page.call(f"{ids.LOAD_TEST_TARGET}.options", values(**{clicks: 1}), clicks)
    assert answer[ids.LOAD_TEST_TARGET] == {
        "options": [{"label": "iris:80", "value": "iris:80"}],
        "value": "iris:80",
    }
    assert "50 requests/s and 120 s. You have 1 minute of 30" in str(answer[ids.LOAD_TEST_LEFT])


def test_what_is_wrong_stands_beside_its_field(browser: tuple[Browser, Answers]) -> None:
    page, answers = browser
    answers.forecast = LoadTestForecast(None, {"rate": "Enter less."})
    opened = f"{ids.LOAD_TEST_MODAL}.is_open"
    answer = page.call(f"{ids.LOAD_TEST_WORDS}.children", values(**{opened: True}), opened)
    assert "Enter less." in str(answer["load-test-rate-note"])
    assert answer["load-test-path-note"] == {"children": None}
    assert answer[ids.LOAD_TEST_CONFIRM] == {"disabled": True}
    assert answers.calls == [("forecast", KEY, LoadTestRequest(**ASKED))]


def confirmed(page: Browser) -> Any:
    clicks = f"{ids.LOAD_TEST_CONFIRM}.n_clicks"
    asked = f"..{ids.LOAD_TEST_MODAL}.is_open...{ids.LOAD_TEST_FAILURE}.children.."
    return page.call(asked, values(**{clicks: 1}), clicks)


def test_it_begins_what_the_fields_say(browser: tuple[Browser, Answers]) -> None:
    page, answers = browser
    assert confirmed(page)[ids.LOAD_TEST_MODAL] == {"is_open": False}
    assert answers.calls == [("load test", KEY, LoadTestRequest(**ASKED))]
    answers.errors = [Conflict("ada is testing iris under load already.")]
    refused = confirmed(page)
    assert refused[ids.LOAD_TEST_MODAL] == {"is_open": True}
    assert "already" in str(refused[ids.LOAD_TEST_FAILURE])
    answers.errors = [InvalidInput({"rate": "Enter less."})]
    assert confirmed(page)[ids.LOAD_TEST_MODAL] == {"is_open": True}


def test_stop_stops_and_says_what_went_wrong(browser: tuple[Browser, Answers]) -> None:
    page, answers = browser
    clicks = f"{ids.LOAD_TEST_STOP}.n_clicks"
    asked = values(**{clicks: 1})
    assert page.call(f"{ids.LOAD_TEST_STOP_MESSAGE}.children", asked, clicks)
    answers.errors = [Conflict("No load test of iris runs any more.")]
    failed = page.call(f"{ids.LOAD_TEST_STOP_MESSAGE}.children", asked, clicks)
    assert "any more" in str(failed)
    assert answers.calls == [("stop", KEY), ("stop", KEY)]


@pytest.mark.parametrize(
    ("forecast", "said"),
    [
        (LoadTestForecast(PLAN, {}), "is not known: find the throughput of one pod"),
        (LoadTestForecast(replace(PLAN, shape=Shape.CLIMB), {}), "1,200 requests at most."),
        (
            LoadTestForecast(replace(PLAN, expected=2), {}, PodThroughput(10.0, False), 2),
            "This rate needs 2 replicas. 2 replicas are expected.",
        ),
        (
            LoadTestForecast(replace(PLAN, expected=1), {}, PodThroughput(10.0, False), 2),
            "The app will not have as many as it needs:",
        ),
    ],
)
def test_what_is_said_before_it_runs(forecast: LoadTestForecast, said: str) -> None:
    assert forecast.plan is not None
    asked = replace(forecast.plan, rate=20, seconds=60)
    if forecast.plan.shape is Shape.CLIMB:
        said = f"{asked.requests:,} requests at most."
    assert said in text(forecast_words(replace(forecast, plan=asked), KEY))
    assert forecast_words(LoadTestForecast(None, {"rate": "no"}), KEY) is None


def test_the_panel_shows_who_may_what_runs() -> None:
    view = fixtures.healthy()
    none = app_patches(view)
    assert none[ids.LOAD_TEST_OFFER] == none[ids.LOAD_TEST_PANEL] == {"className": "gone"}
    shown = app_patches(
        replace(view, load_test=LoadTestView(False, (replace(RUN, running=True), RUN)))
    )
    assert shown[ids.LOAD_TEST_OFFER] == {"className": "gone"}
    assert shown[ids.LOAD_TEST_PANEL] == {"className": ""}
    assert shown[ids.LOAD_TEST_STOPPING] == {"className": "button-row"}
    words = text(shown[ids.LOAD_TEST_RUNS]["content"])
    assert "Steady, 20 requests/s for 60 s" in words
    assert "Earlier: 1" in words
    ended = app_patches(replace(view, load_test=LoadTestView(True, (RUN,))))
    assert ended[ids.LOAD_TEST_OFFER] == {"className": ""}
    assert ended[ids.LOAD_TEST_STOPPING] == {"className": "gone"}


def test_the_path_is_that_of_the_apps_address() -> None:
    view = fixtures.healthy()
    (url, *_) = view.urls

    def path(href: str) -> str:
        return usual_path(replace(view, urls=(replace(url, href=href),)))

    assert path("http://a.example.com") == "/"
    assert path("http://a.example.com/base/") == "/base/"
    assert path("") == "/"
    assert usual_path(replace(view, urls=())) == "/"
