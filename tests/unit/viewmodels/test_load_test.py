"""The load tests on an app's page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from portal.domain.keys import Key
from portal.domain.load_tests import NOTHING_MEASURED, LoadTestPlan, Measured, Shape
from portal.domain.objects import Condition, Job
from portal.state.model import LoadTest
from portal.viewmodels.load_test import (
    LINES,
    POINTS,
    load_test_run,
    load_test_view,
    plan_words,
)
from portal.viewmodels.model import LoadTestView, Severity
from tests.unit.domain.test_load_tests import second
from tests.unit.viewmodels import make

PLAN = LoadTestPlan("web", 80, "/health", 20, 60, actor="ann", ready=1)
BEGAN = make.ago(100)
ENDED = BEGAN + timedelta(seconds=60)


def run_of(plan: LoadTestPlan = PLAN, *, ended: bool = True, **job: Any) -> LoadTest:
    made = Job(Key("apps", "web-load-1"), "", 1, 0, 0, 0, (), BEGAN, uid="u1", load_test=plan)
    return LoadTest(replace(made, completed_at=ENDED if ended else None, **job), plan)


def failed(message: str) -> Condition:
    return Condition("Failed", "True", "BackoffLimitExceeded", message, ENDED)


SECONDS = tuple(second(at, ready=min(3, 1 + at // 20)) for at in range(1, 61))
WHOLE = second(60, end=True, requests=600, codes={"200": 600})


@pytest.mark.parametrize(
    ("test", "measured", "state", "severity"),
    [
        (run_of(ended=False), NOTHING_MEASURED, "Starting", Severity.BUSY),
        (
            replace(run_of(ended=False), pod=make.pod()),
            NOTHING_MEASURED,
            "Running",
            Severity.BUSY,
        ),
        (
            replace(run_of(ended=False), pod=make.unready(make.waiting("ImagePullBackOff", "no"))),
            NOTHING_MEASURED,
            "Starting",
            Severity.BUSY,
        ),
        (run_of(), Measured(SECONDS, WHOLE), "Done", Severity.GOOD),
        (run_of(), Measured((), replace(WHOLE, success=0.9)), "Errors", Severity.WARN),
        (run_of(), NOTHING_MEASURED, "Done", Severity.QUIET),
        (run_of(replace(PLAN, stopped_by="bob")), NOTHING_MEASURED, "Stopped", Severity.QUIET),
        (
            run_of(ended=False, conditions=(failed("no room"),)),
            NOTHING_MEASURED,
            "Failed",
            Severity.BAD,
        ),
    ],
)
def test_how_it_stands(test: LoadTest, measured: Measured, state: str, severity: Severity) -> None:
    run = load_test_run(test, measured)
    assert (run.state.text, run.state.severity) == (state, severity)
    assert run.running == (state in {"Starting", "Running"})


def test_what_was_measured() -> None:
    newest = second(2, p95=1234.0, codes={"200": 8, "503": 1, "0": 1}, success=0.8, error="refused")
    run = load_test_run(run_of(ended=False), Measured((second(1), newest)))
    assert dict(run.facts) == {
        "Throughput": "10 requests/s",
        "p50": "5 ms",
        "p95": "1.23 s",
        "p99": "30 ms",
        "Failed": "20 %",
        "Requests": "20",
    }
    assert run.codes == (("No answer", 1), ("200", 8), ("503", 1))
    assert run.error == "refused"
    assert run.latency_curve == (2, 100)
    assert run.peak_latency == "1.23 s"
    assert [(line.until, line.failed) for line in run.lines] == [(1, 0), (2, 2)]
    end = load_test_run(run_of(), Measured(SECONDS, WHOLE))
    assert dict(end.facts)["Requests"] == "600"


@pytest.mark.parametrize("amount", [0, 1, 20, 21, 59, 60, 61, 3600])
def test_curves_and_tables_are_bounded(amount: int) -> None:
    seconds = tuple(second(at) for at in range(1, amount + 1))
    run = load_test_run(run_of(), Measured(seconds))
    assert len(run.lines) <= LINES
    assert len(run.throughput_curve) == len(run.latency_curve) <= POINTS
    assert sum(line.requests for line in run.lines) == 10 * amount
    if run.lines:
        assert run.lines[-1].until == amount


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (3, "Predicted: 3 ready replicas. Measured: 3 ready at most, as predicted."),
        (1, "Predicted: 1 ready replica. Measured: 3 ready at most, 2 more."),
        (5, "Predicted: 5 ready replicas. Measured: 3 ready at most, 2 fewer."),
        (None, "Most pods ready at once: 3."),
    ],
)
def test_predicted_against_measured(expected: int | None, words: str) -> None:
    plan = replace(PLAN, expected=expected)
    assert load_test_run(run_of(plan), Measured(SECONDS, WHOLE)).words == (words,)


def test_before_it_has_ended_only_the_prediction_is_said() -> None:
    test = replace(run_of(replace(PLAN, expected=3), ended=False), pod=make.pod())
    assert load_test_run(test, Measured(SECONDS)).words == ("Predicted: 3 ready replicas.",)


def test_the_throughput_of_one_pod_is_said() -> None:
    plan = replace(PLAN, shape=Shape.CLIMB)
    seconds = (second(1, throughput=42.0, ready=1),)
    broke = Measured(seconds, replace(WHOLE, stopped="latency"))
    assert load_test_run(run_of(plan), broke).words == (
        "Ended by the latency limit, as intended.",
        "One pod answers about 42 requests/s (p95 20 ms); beyond that latency or errors break.",
    )
    held = load_test_run(run_of(plan), Measured(seconds, WHOLE))
    assert held.words == (
        "One pod answers at least 42 requests/s (p95 20 ms); it did not break at that rate.",
    )


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (Shape.STEADY, "Steady, 20 requests/s for 60 s"),
        (Shape.STEPS, "Steps, up to 20 requests/s for 60 s"),
        (Shape.SPIKE, "Spike, up to 20 requests/s for 60 s"),
        (Shape.CLIMB, "Throughput of one pod, up to 20 requests/s within 60 s"),
    ],
)
def test_the_words_of_a_plan(shape: Shape, words: str) -> None:
    assert plan_words(replace(PLAN, shape=shape)) == words


def test_who_may_not_sees_none() -> None:
    state = make.state(load_tests=(run_of(),), services=(make.service("ClusterIP"),))
    assert load_test_view(state, None) == LoadTestView()
    assert load_test_view(replace(state, release=None), {}) == LoadTestView()
    view = load_test_view(state, {})
    assert view.offered
    assert len(view.runs) == 1


def test_it_is_offered_where_a_service_speaks_http_and_none_runs() -> None:
    state = make.state(services=(make.service("ClusterIP"),))
    assert load_test_view(state, {}).offered
    assert not load_test_view(replace(state, load_tests=(run_of(ended=False),)), {}).offered
    assert not load_test_view(replace(state, services=()), {}).offered
    assert not load_test_view(replace(state, services=(make.service("ExternalName"),)), {}).offered
