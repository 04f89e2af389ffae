"""From the load to a ready pod: scale-ups as they are, and as people have reported them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from portal.autoscalers.reaction import MOST_PODS, ScaleUp, scale_ups, way_of
from portal.autoscalers.reaction_view import NOTHING, ReactionView, reaction_view
from portal.domain.keys import Key
from portal.domain.load_tests import LoadTestPlan
from portal.domain.objects import Container, ContainerProbe, Event, HpaMetric, Job, Pod
from portal.state.history import History, Sample
from portal.state.model import AppState, LoadTest
from portal.state.timeline import Entry, EntryKind, Timeline
from tests.unit.autoscalers.make import app, at, ready_pods, told
from tests.unit.viewmodels.make import NOW, condition, container, event, pod

HPA = told(140, 2, 4)
DECIDED = 100.0


def decision(seconds: float, old: int | None, new: int, **fields: Any) -> Entry:
    made = Entry(
        f"scaled/demo/{seconds}",
        EntryKind.SCALING,
        at(seconds),
        "Deployment demo",
        "SuccessfulRescale",
        old=old,
        new=new,
    )
    return replace(made, **fields)


def samples(*found: tuple[float, float, float]) -> History:
    """Samples of two pods that request 0.1 cores: a time, percent that is used, and as read."""
    history = History()
    for seconds, used, read in found:
        history = history.added(
            Sample(at(seconds), 2, 2, 2, 1, 10, metrics={"cpu": (read, 70)}, cpu=0.2 * used / 100)
        )
    return history


RISING = samples((60, 40, 40), (70, 40, 40), (80, 139, 40), (100, 140, 140))
"""The use is above the target from 80 s on, and the autoscaler reads it at 100 s."""


def new_pod(
    name: str = "new-1",
    *,
    created: float = 101,
    node: float | None = 101,
    started: float | None = 105,
    ready: float | None = 112,
    **fields: Any,
) -> Pod:
    """A pod that was created by a scale-up, and how far it has come, in seconds."""
    conditions = [condition("PodScheduled", "True", changed_at=at(node))] if node else []
    main = container(
        ready=ready is not None,
        started_at=at(started) if started else None,
        state="running" if started else "waiting",
    )
    found = pod(
        name,
        created_at=at(created),
        conditions=tuple(conditions),
        containers=(main,),
        ready=ready is not None,
        ready_at=at(ready) if ready else None,
        node="node-1" if node else "",
    )
    return replace(found, **fields)


def about(name: str, reason: str, seconds: float, message: str = "", **fields: Any) -> Event:
    found = event(reason, message, name, type="Normal", first_at=at(seconds), last_at=at(seconds))
    return replace(found, key=Key("apps", f"{name}.{reason}.{seconds}"), **fields)


def pulls(name: str, begin: float, end: float, took: str, waited: str = "") -> tuple[Event, ...]:
    including = f" ({waited} including waiting)" if waited else ""
    message = f'Successfully pulled image "x:1" in {took}{including}. Image size: 104857600 bytes.'
    return (
        about(name, "Pulling", begin, 'Pulling image "x:1"'),
        about(name, "Pulled", end, message),
    )


def grown(*pods: Pod, **fields: Any) -> AppState:
    """An app of two old pods that was scaled up."""
    base: dict[str, Any] = {
        "timeline": Timeline(NOW, (decision(DECIDED, 2, 2 + max(1, len(pods))),)),
        "history": RISING,
    }
    return app(HPA, [140, 140], NOW, pods=(*ready_pods(2), *pods), **{**base, **fields})


def known(state: AppState, before: Sequence[ScaleUp] = (), now: float = 200) -> list[ScaleUp]:
    return list(scale_ups(before, state, HPA, state.history, NOW.timestamp() + now))


def ways(state: AppState, **kwargs: Any) -> list[dict[str, float | None]]:
    """The seconds of each step, of each pod of the only scale-up."""
    (one,) = known(state, **kwargs)
    return [{step.name: step.seconds for step in way_of(one, each).steps} for each in one.pods]


def view_of(state: AppState, **kwargs: Any) -> ReactionView:
    return reaction_view(known(state, **kwargs), state.load_tests)


def words(view: ReactionView) -> str:
    """All that is said of blame, remedies and the scale-ups."""
    lines = [view.sentence, *view.notes]
    for blame in view.blames:
        lines += [blame.sentence, *(f"{each.words} ({each.term})" for each in blame.remedies)]
    for one in view.scale_ups:
        lines += [one.title, one.summary, *one.notes]
        lines += [note for each in one.pods for note in (each.state, *each.notes)]
    return "\n".join(lines)


def test_each_step_from_the_load_to_ready() -> None:
    state = grown(new_pod(), events=pulls("new-1", 102, 104, "2s"))
    assert ways(state) == [
        {
            "seen": 30.0,
            "decided": 0.0,
            "created": 1.0,
            "scheduled": 0.0,
            "prepared": 1.0,
            "pulled": 2.0,
            "started": 1.0,
            "ready": 7.0,
        }
    ]
    view = view_of(state)
    assert view.sentence == (
        "From when the load was above the target until a new pod was ready it usually took 42 s, "
        "and 42 s at most (1 scale-up with 1 new pod)."
    )
    assert [(bar.name, bar.typical) for bar in view.bars][:4] == [
        ("seen", "30 s"),
        ("decided", "< 1 s"),
        ("created", "1 s"),
        ("scheduled", "< 1 s"),
    ]
    assert [bar.name for bar in view.bars if bar.blamed] == ["seen"]
    assert [bar.typical for bar in view.bars if bar.name == "request"] == ["not known"]
    last = view.bars[-2]
    assert (last.name, last.begin + last.width) == ("ready", pytest.approx(100, abs=0.3))


def test_nothing_is_said_without_a_scale_up() -> None:
    quiet = grown(timeline=Timeline(NOW, (decision(50, 4, 2),)))
    assert known(quiet) == []
    assert view_of(quiet) is NOTHING


def test_the_pods_of_before_are_none_of_it_and_five_new_ones_are() -> None:
    new = [new_pod(f"new-{number}", ready=110 + number) for number in range(5)]
    state = grown(*new)
    (one,) = known(state)
    assert [each.name for each in one.pods] == [f"new-{number}" for number in range(5)]
    view = view_of(state)
    assert view.sentence.endswith(
        "usually took 42 s, and 44 s at most (1 scale-up with 5 new pods)."
    )
    assert view.scale_ups[0].title == "2 → 7 pods"
    assert view.scale_ups[0].summary == "5 of 5 new pods ready, the last after 44 s"


def test_a_pod_that_takes_the_place_of_a_new_one_is_none_of_it() -> None:
    new, other = new_pod("new-1"), new_pod("new-2", created=150, ready=160)
    timeline = Timeline(NOW, (decision(DECIDED, 2, 3),))
    (one,) = known(grown(new, other, timeline=timeline))
    assert [each.name for each in one.pods] == ["new-1"]


def test_events_that_are_gone_leave_their_step_unknown() -> None:
    (way,) = ways(grown(new_pod()))
    assert (way["prepared"], way["pulled"], way["started"]) == (None, None, 4.0)
    view = view_of(grown(new_pod()))
    by_name = {bar.name: bar for bar in view.bars}
    assert (by_name["pulled"].typical, by_name["pulled"].note) == (
        "not known",
        "the events about it are gone",
    )
    assert by_name["started"].note == "with steps before it whose time is not known"
    assert view.scale_ups[0].pods[0].cells[-2] == "4 s with the one before"


def test_what_was_known_of_a_pod_stays_when_events_and_pod_are_gone() -> None:
    half = grown(new_pod(started=None, ready=None), events=pulls("new-1", 102, 104, "2s"))
    first = known(half, now=106)
    assert not first[0].over
    second = known(grown(new_pod()), first, now=120)
    assert second[0].over
    assert second[0].pods[0].pulled == at(104).timestamp()
    third = known(grown(timeline=Timeline(NOW, (decision(DECIDED, 2, 3),))), second, now=400)
    assert third == second, "the pod was removed since"
    restarted = new_pod(started=300, ready=310)
    assert known(grown(restarted), second, now=400) == second


def test_a_pod_that_is_removed_before_it_is_ready_is_said_to_be() -> None:
    first = known(grown(new_pod(ready=None)), now=120)
    gone = grown(timeline=Timeline(NOW, (decision(DECIDED, 2, 3), decision(160, 3, 2))))
    (one,) = known(gone, first, now=200)
    assert (one.over, one.pods[0].gone) == (True, True)
    assert "removed before it was ready" in words(reaction_view([one]))


def test_what_keda_has_made_is_set_in_its_scaled_object() -> None:
    scaled = known(grown(new_pod()))
    own, of_keda = reaction_view(scaled), reaction_view(scaled, by_keda=True)
    assert [each.fields for each in own.instead] == [("bounds",), ("target_cpu",)]
    assert [each.fields for each in of_keda.instead] == [(), ()]
    assert of_keda.instead[0].term == "minReplicaCount"


def test_one_that_never_becomes_ready_is_waited_for_half_an_hour() -> None:
    state = grown(new_pod(ready=None))
    (one,) = known(state, now=1000)
    assert not one.over
    view = reaction_view([one])
    assert view.sentence == (
        "None of the new pods has become ready yet (1 scale-up with 1 new pod)."
    )
    assert view.scale_ups[0].pods[0].state == "waiting until the started app was ready"
    (one,) = known(state, [one], now=2000)
    assert one.over


def test_clocks_that_differ_make_no_step_shorter_than_nothing() -> None:
    """kubernetes/kubernetes 130432: durations from clocks that differ came out negative."""
    behind = new_pod(started=95, ready=103)
    (way,) = ways(grown(behind, events=pulls("new-1", 93, 94, "1s")))
    assert min(each for each in way.values() if each is not None) == 0
    text = words(view_of(grown(behind, events=pulls("new-1", 93, 94, "1s"))))
    assert "Steps are out of order by 8 s" in text
    assert "The clocks of machines differ by 8 s or more." in text
    assert "out of order" not in words(view_of(grown(new_pod(node=100))))


def test_the_end_of_a_pull_tells_its_beginning_too() -> None:
    state = grown(new_pod(), events=pulls("new-1", 102, 104, "1s", "1.5s")[1:])
    (way,) = ways(state)
    assert (way["prepared"], way["pulled"]) == (1.5, 1.5)


def test_an_image_that_is_there_takes_no_time() -> None:
    here = about("new-1", "Pulled", 102, 'Container image "x:1" already present on machine')
    state = grown(new_pod(), events=(here,))
    (way,) = ways(state)
    assert (way["prepared"], way["pulled"]) == (1.0, 0.0)
    assert "The image was on the node already." in words(view_of(state))
    assert "pulled" not in {blame.name for blame in view_of(state).blames}


def test_a_load_that_goes_on_rises_only_once() -> None:
    timeline = Timeline(NOW, (decision(DECIDED, 2, 3), decision(130, 3, 4)))
    history = samples(
        (70, 40, 40), (80, 139, 40), (100, 140, 140), (115, 150, 150), (130, 160, 160)
    )
    new = (new_pod("new-1"), new_pod("new-2", created=131, node=131, started=135, ready=140))
    first, second = known(grown(*new, timeline=timeline, history=history))
    assert (first.carried, second.carried) == (False, True)
    assert [each.name for each in second.pods] == ["new-2"]
    assert (second.seen, second.crossed) == (None, None)
    assert "above the target at the scale-up before" in words(reaction_view([second]))


def test_a_metric_whose_use_is_not_measured_apart_has_no_crossing() -> None:
    queue = HpaMetric("queue", "AverageValue", 10, 30)
    timeline = Timeline(NOW, (decision(DECIDED, 2, 3, metrics=(queue,)),))
    state = grown(new_pod(), timeline=timeline, history=History())
    (one,) = known(state)
    assert (one.crossed, one.seen) == (None, at(DECIDED).timestamp())
    view = reaction_view([one])
    assert view.sentence.startswith("From when the autoscaler decided until")
    assert "When the load rose is not known" in words(view)


def test_after_a_restart_events_and_pods_still_tell() -> None:
    """The number before is not known then: pods that were created just after are new."""
    told_by_event = decision(DECIDED, None, 4)
    state = grown(new_pod("new-1"), new_pod("new-2"), timeline=Timeline(NOW, (told_by_event,)))
    (one,) = known(state)
    assert (one.before, len(one.pods), one.added) == (None, 2, 2)
    assert reaction_view([one]).scale_ups[0].title == "to 4 pods"
    down = grown(timeline=Timeline(NOW, (told_by_event,)))
    assert known(down) == [], "it may have been a scale-down"


def test_new_pods_of_a_rollout_are_not_taken_for_those_of_the_autoscaler() -> None:
    rollout = Entry("rollout/1", EntryKind.ROLLOUT, at(90), "Deployment demo", ended_at=at(150))
    timeline = Timeline(NOW, (rollout, decision(DECIDED, 2, 3)))
    (one,) = known(grown(new_pod(), timeline=timeline))
    assert (one.rollout, one.pods) == (True, ())
    assert "a rollout" in words(reaction_view([one]))


def test_very_many_new_pods_are_followed_in_part() -> None:
    new = [new_pod(f"new-{number:03}") for number in range(MOST_PODS + 20)]
    (one,) = known(grown(*new))
    assert (len(one.pods), one.more, one.over) == (MOST_PODS, 20, True)
    assert "20 more new pods not followed here." in words(reaction_view([one]))


def test_a_load_test_that_ran_is_named() -> None:
    plan = LoadTestPlan("demo", 80, "/", 20, 60)
    job = Job(Key("apps", "t"), "", 1, 1, 0, 0, (), at(55), load_test=plan)
    sending = pod("t-1", containers=(container(started_at=at(70)),))
    state = grown(new_pod(), load_tests=(LoadTest(job, plan, sending),))
    assert "A load test was running; it had begun 30 s before the decision." in words(
        view_of(state)
    )
    ended = LoadTest(replace(job, completed_at=at(90)), plan, sending)
    assert "load test" not in words(view_of(replace(state, load_tests=(ended,))))


def test_what_restarted_has_its_first_start_from_the_event() -> None:
    one = container(restarts=1, started_at=at(150), last_reason="Error")
    again = new_pod(containers=(one,), ready=160)
    (way,) = ways(grown(again, events=(about("new-1", "Started", 105),)))
    assert way["ready"] == 55.0


# As people have reported it, in its smallest form.


def probed(kind: str, delay: float, period: float) -> Container:
    probe = ContainerProbe(kind, "80", "/", delay + 3 * period, delay, period)
    return container(started_at=at(105), probes=(probe,))


def test_a_probe_that_seldom_asks_keeps_a_started_pod_waiting() -> None:
    """kubernetes/website 43259, kubernetes/kubernetes 62036 and 80431."""
    slow = new_pod(containers=(probed("readiness", 20, 60),), ready=165)
    view = view_of(grown(slow))
    (blame, *_) = view.blames
    assert blame.sentence == "60 s until the started app was ready, 63 % of the way."
    terms = [each.term for each in blame.remedies]
    assert terms[:2] == ["initialDelaySeconds, startupProbe", "periodSeconds"]
    assert "asks every 60 s" in words(view)


def test_pulls_that_wait_for_each_other_on_one_node() -> None:
    """kubernetes/kubernetes 83471, 109673 and 139841."""
    new = [new_pod(f"new-{number}", started=161, ready=165) for number in (1, 2)]
    events = (
        *pulls("new-1", 102, 120, "18s", "18s"),
        *pulls("new-2", 102, 160, "2.5s", "57.5s"),
    )
    view = view_of(grown(*new, events=events))
    (blame, *_) = view.blames
    assert blame.name == "pulled"
    assert "Up to 55 s were spent waiting for other pulls on the same node" in words(view)
    assert "serializeImagePulls, maxParallelImagePulls" in words(view)
    assert "Use a smaller image (now 100 MiB)" in words(view)


FULL = "0/3 nodes are available: 3 Insufficient cpu."


def test_pods_that_wait_for_a_new_node() -> None:
    """kubernetes/autoscaler 3233: minutes pass until a new node is there."""
    late = new_pod(node=240, started=250, ready=255)
    events = (
        about("new-1", "FailedScheduling", 101, FULL),
        about("new-1", "TriggeredScaleUp", 105, "pod triggered scale-up: [{group 1->2 (max: 3)}]"),
        about("new-1", "Scheduled", 240),
    )
    view = view_of(grown(late, events=events), now=300)
    (blame, *_) = view.blames
    assert blame.sentence.startswith("2 min until a node was found")
    assert "A new node was started" in words(view)
    assert ("cpu_request", "memory_request") in [each.fields for each in blame.remedies]
    assert {bar.name: bar.note for bar in view.bars}["scheduled"] == (
        "1 of 1 pod waited, 1 of them for a new one"
    )
    waiting = view_of(grown(new_pod(node=None, started=None, ready=None), events=events[:1]))
    assert waiting.scale_ups[0].pods[0].state == "waiting until a node was found"


def test_a_volume_that_is_bound_late_is_not_a_lack_of_nodes() -> None:
    """kubernetes/autoscaler 923: a new node was asked for, although only the volume was missing."""
    unbound = about("new-1", "FailedScheduling", 101, "pod has unbound PersistentVolumeClaims")
    late = new_pod(node=131, started=135, ready=140)
    view = view_of(grown(late, events=(unbound,)))
    (blame,) = (each for each in view.blames if each.name == "scheduled")
    assert blame.remedies[0].term == "PersistentVolumeClaim"


def test_a_native_sidecar_holds_the_app_up() -> None:
    """cloudnative-pg/plugin-barman-cloud 991: a startup probe that asks every 10 s."""
    sidecar = container(name="proxy", sidecar=True, started_at=at(103))
    conditions = (
        condition("PodScheduled", "True", changed_at=at(101)),
        condition("Initialized", "True", changed_at=at(143)),
    )
    main = container(name="app", started_at=at(145))
    late = new_pod(containers=(main, sidecar), conditions=conditions, ready=146)
    late = replace(late, finished_init=("fetch",))
    events = (
        about("new-1", "Pulled", 102, "already present on machine", container="fetch"),
        about("new-1", "Pulled", 103, "already present on machine", container="proxy"),
        about("new-1", "Pulled", 144, "already present on machine", container="app"),
    )
    state = grown(late, events=events)
    (way,) = ways(state)
    assert (way["initialized"], way["pulled"], way["started"]) == (41.0, 1.0, 1.0)
    view = view_of(state)
    assert view.blames[0].name == "initialized"
    assert "(fetch and proxy)" in words(view)


def test_a_load_that_is_measured_late() -> None:
    """kubernetes/kubernetes 110317, kubernetes-sigs/metrics-server 763: most of it is measuring."""
    late = samples((50, 40, 40), (55, 139, 40), (85, 139, 40), (100, 140, 140))
    view = view_of(grown(new_pod(), history=late))
    (blame, *_) = view.blames
    assert blame.sentence.startswith("50 s until the autoscaler read the load")
    assert "metrics-server --metric-resolution" in words(view)


def test_an_app_that_starts_for_minutes() -> None:
    """kubernetes/kubernetes 28692 and 59975: the program itself takes most of the time."""
    slow = new_pod(ready=700)
    view = view_of(grown(slow), now=800)
    assert view.blames[0].sentence.startswith("10 min until the started app was ready")
    assert [each.term for each in view.instead] == ["minReplicas", "averageUtilization"]
