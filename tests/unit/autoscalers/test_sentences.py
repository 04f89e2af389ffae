"""Decisions in plain words, their steps, and what each pod counted as."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from portal.autoscalers.counted import counted_pods
from portal.autoscalers.forecast import grade_words, next_view, steps_words
from portal.autoscalers.predictions import Graded, GradedStep, Grades, Prediction, Step
from portal.autoscalers.sentences import sentence, turn_words
from portal.autoscalers.steps import steps
from portal.autoscaling.engine import decide
from portal.autoscaling.explain import turns
from portal.autoscaling.spec import (
    Metric,
    MetricSource,
    ScalingBehavior,
    ScalingPolicy,
    ScalingRules,
    TargetType,
)
from portal.autoscaling.state import Answer, State
from tests.unit.autoscalers.make import app, at, ready_pods, told
from tests.unit.autoscalers.test_following import follow
from tests.unit.autoscaling.make import CPU, QUEUE, earlier, pods, state, used
from tests.unit.viewmodels.make import NOW, pod

SLOW = ScalingBehavior(
    up=ScalingRules(0, (ScalingPolicy("Pods", 1, 60),)),
    down=ScalingRules(300, (ScalingPolicy("Percent", 100, 15),)),
)
NEVER_DOWN = ScalingBehavior(down=ScalingRules(0, (), "Disabled"))
REQUESTS = Metric(MetricSource.PODS, "requests", TargetType.AVERAGE_VALUE, 10_000)


def cpu(percent: int, count: int = 2) -> Answer:
    return used(percent, pods(count))


def seen(replicas: int, *answers: Answer, **how: object) -> State:
    return state(replicas, *answers, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            state(2, cpu(140)),
            "Adds 2, to 4 pods: CPU is at 140 % of the request, and the target is 70 %, so "
            "2 pods × 2 = 4.",
        ),
        (
            state(2, cpu(72)),
            "Stays at 2 pods: CPU is at 72 % of the request, and the target is 70 %, which is "
            "near enough (within 10 %, the tolerance).",
        ),
        (
            state(2, cpu(700)),
            "Adds 2, to 4 pods: CPU is at 700 % of the request, and the target is 70 %, which "
            "asks for 20 pods, but it at most doubles the pods, or goes to 4, at once.",
        ),
        (
            state(4, cpu(700, 4), bounds=(1, 6)),
            "Adds 2, to 6 pods: CPU is at 700 % of the request, and the target is 70 %, which "
            "asks for 40 pods; the maximum is 6.",
        ),
        (
            state(2, cpu(140), behavior=SLOW),
            "Adds 1, to 3 pods: CPU is at 140 % of the request, and the target is 70 %, which "
            "asks for 4 pods, but it changes at most 1 pod within 60 s (scaling policy).",
        ),
        (
            state(2, cpu(10), history=earlier((2, -100.0)), now=0.0),
            "Stays at 2 pods: CPU is at 10 % of the request, and the target is 70 %, which asks "
            "for 1 pod, but the metrics asked for 2 pods 1:40 min ago, and the highest of the "
            "last 5 min counts (stabilization window).",
        ),
        (
            state(3, cpu(10, 3), behavior=NEVER_DOWN),
            "Stays at 3 pods: CPU is at 10 % of the request, and the target is 70 %, which asks "
            "for 1 pod, but its rules forbid this direction (selectPolicy: Disabled).",
        ),
        (
            state(4, cpu(1, 4), bounds=(3, 6), history=earlier((1, -1.0))),
            "Removes 1, to 3 pods: CPU is at 1 % of the request, and the target is 70 %, which "
            "asks for 1 pod; the minimum is 3.",
        ),
        (
            state(12, cpu(70, 12), bounds=(1, 10)),
            "Removes 2, to 10 pods: there were more than the maximum of 10; no metric is asked.",
        ),
        (
            state(2, None),
            "Stays at 2 pods: it has no reading (the metrics API gives no value).",
        ),
        (
            state(2, cpu(10), None, metrics=(CPU, QUEUE)),
            "Stays at 2 pods: it takes no pods away while it cannot read queue.",
        ),
        (
            state(2, (40_000,), metrics=(QUEUE,)),
            "Adds 2, to 4 pods: queue is at 40, and the target is 10, which asks for 8 pods, but "
            "it at most doubles the pods, or goes to 4, at once.",
        ),
        (
            state(0, cpu(70, 0)),
            "Stays at 0 pods: somebody has scaled it to zero, which switches the autoscaler off.",
        ),
    ],
)
def test_a_decision_is_one_sentence(given: State, words: str) -> None:
    assert sentence(given, decide(given)) == words


@pytest.mark.parametrize(
    ("given", "decisive"),
    [
        (state(2, cpu(140)), "proposal"),
        (state(2, cpu(72)), "tolerance"),
        (state(2, cpu(10), history=earlier((2, -100.0))), "window"),
        (state(2, cpu(140), behavior=SLOW), "policies"),
        (state(4, cpu(700, 4), bounds=(1, 6)), "bounds"),
        (state(2, None), "readings"),
    ],
)
def test_the_step_that_decides_is_marked(given: State, decisive: str) -> None:
    found = steps(given, decide(given))
    assert [each.name for each in found if each.decisive] == [decisive]
    assert found[-1].result == f"{decide(given).replicas} pods"
    assert all(each.lines for each in found)


def test_what_would_change_it() -> None:
    given = state(2, cpu(72), behavior=ScalingBehavior(down=ScalingRules(0, SLOW.down.policies)))
    decision = decide(given)
    trace = decision.trace.decisive
    assert trace is not None
    words = [turn_words(each, trace.metric, trace.current, 0.0) for each in turns(given, decision)]
    assert words == [
        "With CPU at 35 % or less it would be 1 pod.",
        "With CPU at 78 % or more it would be 3 pods.",
    ]


def counted(*percents: float, among: Sequence[object] = ()) -> dict[str, tuple[str, str]]:
    found = follow((0, app(told(70, 2, 2), percents, at(0), pods=tuple(among))))  # type: ignore[arg-type]
    made, _ = counted_pods(found)
    return {each.name: (each.counted, each.why) for each in made}


def test_each_pod_says_what_it_counted_as() -> None:
    new = pod("demo-new", created_at=NOW, started_at=NOW, ready_at=NOW)
    waits = pod("demo-waits", phase="Pending", ready=False, ready_at=None)
    going = pod("demo-going", deleting=True)
    silent = ready_pods(1, first=9)[0]
    found = counted(70, 70, 70, 70, among=(*ready_pods(1), new, waits, going, silent))
    assert found["demo-0"] == ("ready", "Its use counts.")
    assert found["demo-new"][0] == "unready"
    assert found["demo-new"][1].startswith("Its newest sample began 15 s before it was ready")
    assert found["demo-waits"] == ("unready", "It has not started yet. Left out.")
    assert found["demo-going"] == ("ignored", "It is being deleted.")
    assert found["demo-9"][0] == "missing"
    assert list(found)[-1] == "demo-0", "the others come first"


def test_a_pods_use_is_what_was_seen_whatever_was_read() -> None:
    found = follow((0, app(told(140, 2, 4), [70, 60], at(0))))
    made, more = counted_pods(found)
    assert [(each.used, each.requested, each.share) for each in made] == [
        ("0.07 cores", "0.1 cores", "70 %"),
        ("0.06 cores", "0.1 cores", "60 %"),
    ]
    assert more == 0
    assert found.decision.trace.metrics[0].current == 140


def test_the_next_change_has_a_time() -> None:
    busy = app(told(140, 2, 4), [140, 140], at(14))
    idle = app(told(10, 4, 4, able="ScaleDownStabilized"), [10] * 4, at(29), pods=ready_pods(4))
    found = follow((0, app(told(70, 2, 2), [70, 70], at(0))), (15, busy), (30, idle))
    view = next_view(found)
    assert (view.replicas, view.now, view.range) == (4, 4, "")
    assert view.change == "Drops to 1 pod, unless the load returns"
    assert view.change_at == at(315), "five minutes after the last time that 4 were asked for"
    assert view.due == at(45)


def test_grades_in_words() -> None:
    grades = Grades()
    assert grade_words(grades) == "No prediction has been due yet."
    for present, predicted, came in ((2, 2, 2), (2, 4, 4), (4, 4, 2)):
        grades = grades.added(
            Graded(Prediction(0, 15, present, predicted, predicted, 4), came, 15.0)
        )
    assert grade_words(grades) == ("2 of 3 syncs came as predicted; of 2 changes among them 1.")
    assert [each.hit for each in grades.latest] == [True, False]
    assert grades.within == 2, "the last one is below its bounds"
    only = replace(grades, steps=0, step_hits=0)
    assert grade_words(only) == "2 of 3 syncs came as predicted; none of them was a change."


def test_changes_and_their_times_in_words() -> None:
    assert steps_words(Grades()) == ""
    grades = Grades()
    for graded in (
        GradedStep(100.0, 2, 4, Step(60.0, 96.0, 99.0, 2, 4)),
        GradedStep(200.0, 4, 1, Step(150.0, 180.0, 195.0, 4, 1)),
        GradedStep(300.0, 1, 3),
        GradedStep(400.0, 3, 2, Step(380.0, 400.0, 400.0, 3, 5)),
        GradedStep(500.0, 2, 2, Step(470.0, 480.0, 480.0, 2, 1)),
    ):
        grades = grades.stepped(graded)
    assert steps_words(grades) == (
        "Of 4 changes, 1 came within 15 s of the time, known 40 s before (median); "
        "1 foreseen change did not come."
    )
    found = replace(follow((0, app(told(70, 2, 2), [70, 70], at(0)))), grades=grades)
    assert [(each.words, each.hit) for each in reversed(next_view(found).steps)] == [
        ("2 → 4, foreseen 40 s before, time off by 4 s", True),
        ("4 → 1, foreseen 50 s before, time off by 20 s", False),
        ("1 → 3, not foreseen", False),
        ("3 → 2, not foreseen", False),
        ("2 → 1 was foreseen and did not come", False),
    ]
