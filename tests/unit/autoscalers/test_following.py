"""Autoscalers followed: what is compared, graded and foreseen."""

from __future__ import annotations

from msgspec.structs import replace

from portal.autoscalers.following import Followed, followed
from portal.autoscalers.forecast import next_view
from portal.autoscaling.engine import Constraint
from portal.autoscaling.inference import TOLERANCES
from portal.autoscaling.spec import Flags, MetricSource
from portal.domain.keys import Key
from portal.domain.objects import HpaMetric
from portal.state.model import AppState
from tests.unit.autoscalers.make import app, at, ready_pods, told
from tests.unit.viewmodels.make import condition, container


def follow(*seen: tuple[float, AppState]) -> Followed:
    """Follow the first autoscaler of an app through what was seen at times, in seconds."""
    found: Followed | None = None
    for seconds, state in seen:
        found = followed(found, state, state.hpas[0], at(seconds))
        assert found is not None
    assert found is not None
    return found


CALM = told(70, 2, 2)


def test_a_decision_of_the_controller_is_computed_and_compared() -> None:
    busy = told(140, 2, 4)
    found = follow((0, app(CALM, [70, 70], at(0))), (15, app(busy, [140, 140], at(14))))
    assert (found.agreed, found.compared, found.differs) == (1, 1, "")
    assert found.told
    assert found.decision.replicas == 4
    assert found.decision.trace.constraint is Constraint.METRIC


def test_a_reading_that_was_not_seen_is_taken_from_the_status() -> None:
    found = follow((0, app(CALM, [70, 70], at(0))), (15, app(told(140, 2, 4), [70, 70], at(0))))
    assert (found.agreed, found.compared) == (1, 1)
    assert found.decision.trace.metrics[0].current == 140


def test_a_new_pod_that_the_controller_had_measured_sooner() -> None:
    new = replace(
        ready_pods(2)[1],
        created_at=at(0),
        started_at=at(0),
        conditions=(condition("Ready", "True", changed_at=at(5)),),
    )
    both = (ready_pods(1)[0], new)
    calm = app(told(70, 2, 2), [70, 70], at(0), pods=both)
    found = follow((0, calm), (15, app(told(140, 2, 4), [140, 140], at(0), pods=both)))
    assert (found.agreed, found.compared) == (1, 1)
    groups = found.decision.trace.metrics[0].pods
    assert groups is not None
    assert groups.ready == 2


def test_a_change_that_shows_before_the_status_is_not_predicted_afterwards() -> None:
    calm = app(CALM, [70, 70], at(0))
    shown = app(CALM, [70, 70], at(0), desired=4)
    found = follow((0, calm), (14.9, shown), (15, app(told(140, 2, 4), [140, 140], at(14))))
    assert (found.grades.syncs, found.grades.hits, found.grades.steps) == (1, 0, 1)


def test_where_the_controller_differs_it_is_said() -> None:
    found = follow((0, app(CALM, [70, 70], at(0))), (15, app(told(140, 2, 3), [140, 140], at(14))))
    assert (found.agreed, found.compared) == (0, 1)
    assert found.differs == "the engine comes to 4 replicas, the controller to 3"
    assert found.decision.desired == 3, "the next sync goes on from what came"


def test_a_prediction_is_made_from_the_newest_readings_and_graded() -> None:
    calm, busy = app(CALM, [70, 70], at(0)), app(CALM, [140, 140], at(10))
    before = follow((0, calm))
    assert before.prediction is not None
    assert (before.prediction.replicas, before.prediction.due) == (2, at(15).timestamp())
    seen = follow((0, calm), (10, busy))
    assert seen.prediction is not None
    assert seen.prediction.replicas == 4
    came = follow((0, calm), (10, busy), (15, app(told(140, 2, 4), [140, 140], at(10))))
    assert (came.grades.syncs, came.grades.hits) == (1, 1)
    assert (came.grades.steps, came.grades.step_hits) == (1, 1)
    late = follow((0, calm), (15, app(told(140, 2, 4), [140, 140], at(14))))
    assert (late.grades.syncs, late.grades.hits) == (1, 0)
    assert [each.hit for each in late.grades.latest] == [False]


def test_syncs_that_changed_nothing_are_counted_when_they_were_due() -> None:
    calm = app(CALM, [70, 70], at(0))
    assert follow((0, calm), (16, calm)).grades.syncs == 0, "its status may still come"
    found = follow((0, calm), (17.5, calm), (33, calm))
    assert (found.grades.syncs, found.grades.hits, found.grades.steps) == (2, 2, 0)
    assert found.synced == at(30).timestamp()
    assert len(found.decision.history.recommendations) == 3 + 1, "the first is the replicas"


def test_recommendations_are_remembered_and_hold_the_replicas() -> None:
    busy = app(told(140, 2, 4), [140, 140], at(14))
    idle = app(told(10, 4, 4, able="ScaleDownStabilized"), [10] * 4, at(29), pods=ready_pods(4))
    found = follow((0, app(CALM, [70, 70], at(0))), (15, busy), (30, idle))
    assert (found.agreed, found.compared) == (2, 2)
    assert found.decision.trace.constraint is Constraint.STABILIZATION
    stabilized = found.decision.trace.stabilized
    assert stabilized is not None
    assert stabilized.until == at(15 + 300).timestamp()


def test_decisions_are_marked_with_a_sentence() -> None:
    found = follow((0, app(CALM, [70, 70], at(0))), (15, app(told(140, 2, 4), [140, 140], at(14))))
    (mark,) = found.marks
    assert (mark.before, mark.after) == (2, 4)
    assert mark.words == (
        "Adds 2, to 4 pods: CPU is at 140 % of the request, and the target is 70 %, "
        "so 2 pods × 2 = 4."
    )


def test_another_autoscaler_of_the_same_name_is_followed_anew() -> None:
    busy = app(told(140, 2, 4), [140, 140], at(14))
    new = app(told(70, 2, 2, uid="another"), [70, 70], at(29))
    found = follow((0, app(CALM, [70, 70], at(0))), (15, busy), (30, new))
    assert (found.compared, found.grades.syncs, found.marks) == (0, 0, ())


def test_without_readable_targets_or_a_workload_nothing_is_followed() -> None:
    broken = replace(CALM, metrics=(HpaMetric("cpu", "Utilization", 0, None),))
    assert followed(None, app(broken, [70], at(0)), broken, at(0)) is None
    other = replace(CALM, target_name="other")
    assert followed(None, app(other, [70], at(0)), other, at(0)) is None


def test_a_metric_without_a_reading() -> None:
    failing = replace(
        told(None, 2, 2),
        conditions=(
            condition("AbleToScale", "True", reason="SucceededGetScale"),
            condition("ScalingActive", "False", reason="FailedGetResourceMetric"),
        ),
    )
    nothing = replace(app(failing, [], at(14), pods=ready_pods(2)), usage={})
    found = follow((0, app(CALM, [70, 70], at(0))), (15, nothing))
    assert found.decision.trace.constraint is Constraint.NO_METRICS
    assert (found.agreed, found.compared) == (1, 1)


def test_a_metric_that_only_the_status_tells() -> None:
    def queue(reading: float, current: int, desired: int) -> AppState:
        metric = HpaMetric("queue", "AverageValue", 5, reading, source=MetricSource.EXTERNAL)
        return app(replace(told(70, current, desired), metrics=(metric,)), [10, 10], at(0))

    found = follow((0, queue(5, 2, 2)), (15, queue(10, 2, 4)))
    assert (found.agreed, found.compared) == (1, 1)


def test_a_metric_of_one_container() -> None:
    """The proxy beside it uses much, and does not count."""
    metric = HpaMetric("app/cpu", "Utilization", 70, 70, source=MetricSource.CONTAINER_RESOURCE)
    both = (
        container(name="app", cpu_request=0.1, memory_request=2**27),
        container(name="proxy", cpu_request=0.1, memory_request=2**27),
    )
    pods = tuple(
        replace(each, containers=both, cpu_request=0.2, memory_request=2**28)
        for each in ready_pods(2)
    )

    def seen(reading: float, share: float, *, came: int, now: float) -> AppState:
        found = replace(told(70, 2, came), metrics=(replace(metric, current=reading),))
        state = app(found, [70, 70], at(now), pods=pods)
        usage = {
            key: replace(each, containers=(("app", share, 1e8), ("proxy", 0.5, 1e8)))
            for key, each in state.usage.items()
        }
        return replace(state, usage=usage)

    calm = seen(70, 0.07, came=2, now=0)
    busy = seen(70, 0.14, came=2, now=10)
    found = follow((0, calm), (10, busy))
    assert found.prediction is not None
    assert found.prediction.replicas == 4
    came = follow((0, calm), (10, busy), (15, seen(140, 0.14, came=4, now=14)))
    assert (came.agreed, came.compared, came.grades.hits) == (1, 1, 1)


def test_requests_of_the_pod_as_a_whole() -> None:
    whole = tuple(replace(each, cpu_request=0.2) for each in ready_pods(2))
    found = follow((0, app(told(35, 2, 1), [70, 70], at(0), pods=whole)))
    assert found.decision.trace.metrics[0].current == 35


def test_several_autoscalers_have_histories_of_their_own() -> None:
    one = app(CALM, [70, 70], at(0))
    alone = follow((0, one))
    assert len(alone.samples) == 0
    both = replace(one, hpas=(CALM, replace(CALM, key=Key("apps", "other"), target_name="other")))
    assert len(follow((0, both), (10, both)).samples) == 2


HOLDS = app(told(10, 4, 4, able="ScaleDownStabilized"), [10] * 4, at(29), pods=ready_pods(4))
BUSY = app(told(140, 2, 4), [140, 140], at(14))


def test_a_change_is_foreseen_and_its_time_graded() -> None:
    begin = ((0.0, app(CALM, [70, 70], at(0))), (15.0, BUSY), (30.0, HOLDS))
    found = follow(*begin)
    assert found.coming is not None
    assert (found.coming.before, found.coming.after) == (4, 1)
    assert found.coming.due == found.coming.first == at(315).timestamp()
    quiet = [(float(seconds), HOLDS) for seconds in range(47, 315, 15)]
    fell = app(told(10, 4, 1), [10] * 4, at(310), pods=ready_pods(4), desired=1)
    came = follow(*begin, *quiet, (318.0, fell))
    (step,) = [each for each in came.grades.graded if each.after == 1]
    assert (step.off, step.ahead, step.hit) == (3.0, 288.0, True)
    assert came.coming is None


def test_a_change_that_another_load_moves_is_foreseen_anew() -> None:
    begin = ((0.0, app(CALM, [70, 70], at(0))), (15.0, BUSY), (30.0, HOLDS))
    more = app(told(69, 4, 4), [69] * 4, at(44), pods=ready_pods(4))
    assert follow(*begin, (45.0, more)).coming is None, "the load is back: nothing is to come"
    again = app(told(10, 4, 4, able="ScaleDownStabilized"), [10] * 4, at(59), pods=ready_pods(4))
    coming = follow(*begin, (45.0, more), (60.0, again)).coming
    assert coming is not None
    assert (coming.made, coming.first) == (at(60).timestamp(), at(345).timestamp())


def test_a_change_that_was_not_foreseen_and_one_that_does_not_come() -> None:
    calm, busy = app(CALM, [70, 70], at(0)), app(CALM, [140, 140], at(10))
    sudden = follow((0, calm), (15, BUSY)).grades
    assert (sudden.changes, sudden.timed, sudden.graded[0].off) == (1, 0, None)
    # The controller does not do what the readings ask for, such as one that is stopped.
    stuck = follow((0, calm), *((10 + 2.0 * each, busy) for each in range(20))).grades
    assert (stuck.changes, stuck.unfounded) == (0, 1)


def test_newer_samples_before_a_sync_make_a_range() -> None:
    def used(percent: float, now: float) -> AppState:
        return app(CALM, [percent, percent], at(now - 1))

    # Samples come every 10 s and are seen a second later; the sync is due at 45.
    seen = [(1.0, used(70, 1)), (11.0, used(60, 11)), (21.0, used(72, 21)), (31.0, used(70, 31))]
    found = follow(*seen)
    prediction = found.prediction
    assert prediction is not None
    assert prediction.due == at(31).timestamp(), "this one has shown before"
    later = follow(*seen, (33.5, seen[-1][1])).prediction
    assert later is not None
    assert later.due == at(46).timestamp()
    assert (later.low, later.replicas, later.high) == (2, 2, 3)
    shown = next_view(follow(*seen, (33.5, seen[-1][1])))
    assert shown.range == "2 to 3 pods"
    newest = follow(*seen, (41.0, used(70, 41))).prediction
    assert newest is not None
    assert newest.low == newest.high == 2, "no other sample comes before the sync"


def test_the_flags_that_the_controller_runs_with() -> None:
    flags = Flags(tolerance=0.3, downscale_stabilization=60.0, sync_period=30.0)
    busy = app(told(85, 2, 2), [85, 85], at(29))
    begun = followed(None, app(CALM, [70, 70], at(0)), CALM, at(0), flags)
    assert begun is not None
    found = followed(begun, busy, busy.hpas[0], at(30), flags)
    assert found is not None
    assert (found.agreed, found.compared) == (1, 1)
    assert found.prediction is not None
    assert found.prediction.due == at(60).timestamp()
    assert found.state.flags == flags
    usual = follow((0, app(CALM, [70, 70], at(0))), (15, busy))
    assert (usual.agreed, usual.compared) == (0, 1)
    assert usual.witness is not None
    assert [TOLERANCES[each] for each in sorted(usual.witness.tolerances)][-1] == 0.2
