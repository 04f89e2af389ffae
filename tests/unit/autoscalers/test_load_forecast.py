"""What load tests tell of a pod and of a request, and what an autoscaler does under a load test."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from portal.autoscalers.following import Followed, followed
from portal.autoscalers.load_forecast import expected
from portal.domain.keys import Key
from portal.domain.load_tests import (
    Expected,
    LoadTestPlan,
    Measured,
    PodThroughput,
    Second,
    Shape,
    pod_throughput,
)
from portal.domain.objects import Hpa, Job
from portal.state.history import History, Sample
from portal.state.model import AppState, LoadTest
from portal.state.timeline import Entry, EntryKind, Timeline
from portal.viewmodels.capacity import capacity, capacity_words, request_cost
from tests.unit.autoscalers.make import app, at, told
from tests.unit.viewmodels.make import NOW

CLIMB = LoadTestPlan("demo", 80, "/", rate=40, seconds=40, shape=Shape.CLIMB, ready=1)
BEGIN = -600.0


def second(number: int, throughput: float, **changes: Any) -> Second:
    found = Second(number, 10, throughput, 1.0, 5, 20.0 * number, 30, {"200": 10}, ready=1)
    return replace(found, at=at(BEGIN + number), **changes)


END = replace(second(40, 0), end=True, stopped="latency")
"""The climb broke at 20 requests/s."""
MEASURED = Measured(tuple(second(each, each / 2) for each in range(1, 41)), END)


def climb(name: str = "climb", plan: LoadTestPlan = CLIMB) -> LoadTest:
    job = Job(Key("apps", name), "", 1, 1, 0, 0, (), at(BEGIN), uid=name, load_test=plan)
    return LoadTest(replace(job, completed_at=at(BEGIN + 41)), plan)


def history() -> History:
    """One pod that uses 0.02 cores at rest, and 0.12 at the end of the climb."""
    found = History()
    for seconds in range(-700, 0, 10):
        busy = BEGIN < seconds <= BEGIN + 50
        cpu = 0.02 + (seconds - BEGIN) / 500 * busy
        found = found.added(Sample(at(seconds), 1, 1, 1, 1, 10, cpu=cpu))
    return found


def measured_app(hpa: Hpa | None = None, **fields: Any) -> AppState:
    """An app of one pod, whose throughput was measured."""
    base: dict[str, Any] = {"load_tests": (climb(),), "history": history()}
    return app(hpa or told(20, 1, 1), [20], NOW, **{**base, **fields})


KNOWN = {"climb": MEASURED}


def of(state: AppState, plan: LoadTestPlan) -> Expected | None:
    following: dict[Key, Followed] = {}
    for each in state.hpas:
        one = followed(None, state, each, NOW)
        if one is not None:
            following[each.key] = one
    one_pod = pod_throughput(CLIMB, MEASURED)
    return expected(state, following, KNOWN, plan, one_pod)


OTHER = replace(told(20, 1, 1), key=Key("apps", "other"))
STEADY = replace(CLIMB, shape=Shape.STEADY, rate=40, seconds=120)


def test_the_throughput_of_a_pod_with_its_evidence() -> None:
    found = capacity(measured_app(), KNOWN)
    assert found is not None
    assert (found.rate, found.p95, found.cores) == (20.0, 800.0, pytest.approx(0.12))
    assert (found.at_least, found.changed, found.agree) == (False, False, 1)
    words = capacity_words(found, at(BEGIN), told(20, 1, 1), 0.2)
    assert words == (
        "Measured at 07:20 UTC on 23 November by a load test: 20 requests/s a pod at p95 800 ms, "
        "while it used 0.12 cores, 60 % of its request. At the maximum of 10 replicas that is 200 "
        "requests/s. Confidence: medium, one load test."
    )


def test_a_second_load_test_that_agrees_is_more_sure_and_a_new_revision_less() -> None:
    twice = measured_app(load_tests=(climb("again"), climb()))
    found = capacity(twice, {**KNOWN, "again": MEASURED})
    assert found is not None
    assert found.agree == 2
    assert capacity_words(found, NOW, None, None).endswith("2 load tests came to about the same.")
    revision = Entry("revision/1", EntryKind.CHANGE, at(-60), new=2)
    changed = capacity(measured_app(timeline=Timeline(NOW, (revision,))), KNOWN)
    assert changed is not None
    assert capacity_words(changed, NOW, None, None).endswith(
        "Confidence: low, the app was changed since."
    )
    held = replace(MEASURED, summary=replace(END, stopped=""))
    least = capacity(measured_app(), {"climb": held})
    assert least is not None
    assert "at least 20 requests/s" in capacity_words(least, NOW, None, None)


def test_without_a_climb_there_is_no_throughput() -> None:
    assert capacity(measured_app(), {}) is None
    assert capacity(measured_app(load_tests=(climb(plan=STEADY),)), KNOWN) is None


def test_the_cpu_of_a_request_is_told_by_any_load_test() -> None:
    # The last ten seconds have 17.75 answers a second on average.
    assert request_cost(measured_app(), KNOWN) == pytest.approx(0.1 / 17.75)
    assert request_cost(measured_app(load_tests=(climb(plan=STEADY),)), KNOWN) is not None
    assert request_cost(measured_app(history=History()), KNOWN) is None
    running = replace(MEASURED, summary=None)
    assert request_cost(measured_app(), {"climb": running}) is None


def test_the_autoscaler_is_replayed_under_the_load() -> None:
    """40 requests/s take 0.23 cores: at a target of 70 % of 0.1 that is 4 pods, in steps."""
    found = of(measured_app(), STEADY)
    assert found is not None
    assert found.replicas == 4
    assert 1 < found.ready <= found.replicas
    assert found.first is not None
    assert 0 < found.first < 60


def test_a_load_that_is_too_short_or_small_changes_nothing() -> None:
    small = of(measured_app(), replace(STEADY, rate=1))
    assert small is not None
    assert (small.replicas, small.first) == (1, None)
    short = of(measured_app(), replace(STEADY, seconds=5))
    assert short is not None
    assert short.first is None


def test_a_pod_uses_no_more_than_it_answers() -> None:
    """So the autoscaler sees less of a load that is far too high, and takes longer."""
    hpa = told(20, 1, 1)
    state = replace(measured_app(hpa), hpas=(replace(hpa, max_replicas=50),))
    (of_hpa,) = state.hpas
    one = followed(None, state, of_hpa, NOW)
    assert one is not None
    high = replace(STEADY, rate=400, seconds=45)
    free = expected(state, {of_hpa.key: one}, KNOWN, high, None)
    bound = expected(state, {of_hpa.key: one}, KNOWN, high, PodThroughput(20.0, False))
    assert free is not None
    assert bound is not None
    assert bound.replicas <= free.replicas


@pytest.mark.parametrize(
    "state",
    [
        replace(measured_app(), hpas=()),
        measured_app(load_tests=()),
        replace(
            measured_app(),
            hpas=(told(20, 1, 1), OTHER),
        ),
    ],
    ids=("no-autoscaler", "no-load-test", "two-autoscalers"),
)
def test_what_cannot_be_replayed(state: AppState) -> None:
    assert of(state, STEADY) is None
