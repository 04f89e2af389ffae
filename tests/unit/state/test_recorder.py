from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from portal.domain.keys import Key
from portal.domain.objects import (
    Condition,
    Container,
    Event,
    Hpa,
    HpaMetric,
    Kind,
    Pod,
    Probe,
    ReleaseStatus,
    ReplicaSet,
)
from portal.domain.operations import Operation, OperationPhase
from portal.releases.restart import RESTART
from portal.releases.upgrade import UPGRADE
from portal.state.assemble import nothing
from portal.state.event_kinds import kind_of
from portal.state.model import AppState
from portal.state.recorder import recorded, resumed
from portal.state.store import Store
from portal.state.timeline import (
    MAX_ENTRIES,
    MAX_OF_A_KIND,
    NO_TIMELINE,
    Entry,
    EntryKind,
    Timeline,
    bounded,
)

from .make import T0, Clock, app, deployment, hpa, key, pod, put, release, replica_set

KEY = key("web")
BEFORE = T0 - timedelta(hours=1)


def at(seconds: float) -> Any:
    return T0 + timedelta(seconds=seconds)


def state(**fields: Any) -> AppState:
    base = replace(nothing(KEY), release=release("web"), workloads=(deployment("web"),))
    return replace(base, **fields)


def noted(before: AppState | None, after: AppState, seconds: float = 0) -> tuple[Entry, ...]:
    """The entries of a kind that one change adds to an app that has been watched for an hour."""
    seen = NO_TIMELINE if before is None else recorded(NO_TIMELINE, None, before, BEFORE)
    known = set(seen.entries)
    return tuple(
        one for one in recorded(seen, before, after, at(seconds)).entries if one not in known
    )


def event(reason: str, message: str, kind: str = "Pod", about: str = "web-1", **more: Any) -> Event:
    base = Event(key(f"{about}.{reason}"), kind, about, "", "Warning", reason, message, 1, at(0))
    return replace(base, **more)


def test_nothing_new_keeps_the_same_timeline() -> None:
    one = state(pods=(pod("web-1", "web"),))
    timeline = recorded(NO_TIMELINE, None, one, T0)
    assert recorded(timeline, one, one, at(5)) is timeline


def test_a_revision_is_one_entry_from_pending_to_deployed_with_its_author() -> None:
    before = state()
    pending = state(release=release("web", 2, ReleaseStatus.PENDING_UPGRADE))
    done = replace(
        pending,
        release=release("web", 2),
        operation=Operation("o", KEY, UPGRADE, "ada", OperationPhase.WAITING, T0, T0, revision=2),
    )
    timeline = recorded(NO_TIMELINE, None, before, BEFORE)
    timeline = recorded(timeline, before, pending, at(1))
    timeline = recorded(timeline, pending, done, at(9))
    last = timeline.entries[-1]
    assert [each.new for each in timeline.of(EntryKind.CHANGE)] == [1, 2]
    assert (last.what, last.actor, last.at) == ("deployed", "ada", T0)


def test_an_operation_without_a_revision_is_noted_when_it_ends() -> None:
    under_way = Operation("o", KEY, RESTART, "ada", OperationPhase.WAITING, T0, T0)
    assert not noted(state(), state(operation=under_way))
    (one,) = noted(state(), state(operation=replace(under_way, phase=OperationPhase.SUCCEEDED)))
    assert (one.what, one.detail, one.actor) == ("restart", "succeeded", "ada")


def test_a_decision_has_the_readings_that_it_was_made_on() -> None:
    calm = hpa("web", "web")
    decided = replace(calm, current=1, desired=4, last_scale_at=at(1), metrics=reading(972))
    (one,) = noted(state(hpas=(calm,)), state(hpas=(decided,)))
    assert (one.kind, one.old, one.new, one.at) == (EntryKind.SCALING, 1, 4, at(1))
    assert one.metrics[0].current == 972
    later = replace(decided, current=4, metrics=reading(31))
    timeline = recorded(NO_TIMELINE, None, state(hpas=(calm,)), BEFORE)
    timeline = recorded(timeline, state(hpas=(calm,)), state(hpas=(decided,)), at(1))
    assert recorded(timeline, state(hpas=(decided,)), state(hpas=(later,)), at(16)) is timeline


def reading(percent: float) -> tuple[HpaMetric, ...]:
    return (HpaMetric("cpu", "Utilization", 70, percent),)


def rescaled(size: int = 4, **more: Any) -> Event:
    message = f"New size: {size}; reason: cpu resource utilization above target"
    return event(
        "SuccessfulRescale", message, "HorizontalPodAutoscaler", "web", type="Normal", **more
    )


@pytest.mark.parametrize("event_first", [True, False])
def test_the_event_about_a_decision_and_its_status_are_one_entry(event_first: bool) -> None:
    calm = hpa("web", "web")
    decided = replace(calm, current=1, desired=4, last_scale_at=at(1), metrics=reading(972))
    steps = [state(hpas=(calm,), events=(rescaled(),)), state(hpas=(decided,))]
    if not event_first:
        steps.reverse()
    last = state(hpas=(decided,), events=(rescaled(),))
    timeline, before = recorded(NO_TIMELINE, None, state(hpas=(calm,)), BEFORE), state(hpas=(calm,))
    for each in (*steps, last):
        timeline = recorded(timeline, before, each, at(2))
        before = each
    (one,) = timeline.of(EntryKind.SCALING)
    assert (one.old, one.new, one.metrics[0].current) == (1, 4, 972)
    assert "above target" in one.detail


def test_of_a_decision_before_the_portal_started_only_what_the_event_tells_is_known() -> None:
    settled: Hpa = replace(hpa("web", "web"), current=4, desired=4, last_scale_at=at(-60))
    entries = noted(None, state(hpas=(settled,), events=(rescaled(last_at=at(-60)),)))
    (one,) = [each for each in entries if each.kind is EntryKind.SCALING]
    assert (one.old, one.new, one.metrics) == (None, 4, ())


def test_two_decisions_for_one_size_are_two_entries() -> None:
    first = state(hpas=(hpa("web", "web"),), events=(rescaled(),))
    second = replace(first, events=(rescaled(last_at=at(600), count=2, first_at=at(0)),))
    timeline = recorded(NO_TIMELINE, None, first, at(1))
    timeline = recorded(timeline, first, second, at(601))
    assert [each.at for each in timeline.of(EntryKind.SCALING)] == [at(0), at(600)]


def crashed(seconds: float, why: str = "Error", code: int = 1, **more: Any) -> Pod:
    one = Container("app", "image", ready=False, restarts=1, state="waiting")
    one = replace(one, last_reason=why, last_exit_code=code, ended_at=at(seconds))
    return replace(pod("web-1", "web"), containers=(one,), **more)


def test_repeated_crashes_are_one_entry_with_a_count() -> None:
    steps = [state(pods=(crashed(0),)), state(pods=(crashed(30),)), state(pods=(crashed(90),))]
    timeline, before = recorded(NO_TIMELINE, None, state(), BEFORE), state()
    for each in steps:
        timeline = recorded(timeline, before, each, at(100))
        before = each
    (one,) = timeline.of(EntryKind.CRASH)
    assert (one.count, one.first_at, one.at, one.new) == (3, at(0), at(90), 1)


def test_a_container_out_of_memory_is_told_apart() -> None:
    one, two = crashed(0), crashed(5, "OOMKilled", 137)
    timeline = recorded(NO_TIMELINE, None, state(pods=(one,)), at(1))
    timeline = recorded(timeline, state(pods=(one,)), state(pods=(two,)), at(6))
    assert [each.what for each in timeline.of(EntryKind.CRASH)] == ["Error", "OOMKilled"]


def test_the_end_of_a_pod_that_is_removed_is_no_crash() -> None:
    assert not noted(state(), state(pods=(crashed(0, code=143, deleting=True),)))
    assert not noted(state(), state(pods=(crashed(0, owner_kind="Job"),)))


def test_a_failed_pod_is_noted_once() -> None:
    gone = replace(
        pod("web-1", "web"), phase="Failed", reason="Evicted", message="short of memory",
        conditions=(Condition("DisruptionTarget", "True", changed_at=at(3)),),
    )  # fmt: skip
    (one,) = noted(state(), state(pods=(gone,)), 10)
    assert (one.kind, one.what, one.detail, one.at) == (
        EntryKind.POD, "Evicted", "short of memory", at(3),
    )  # fmt: skip


def test_a_rollout_begins_with_a_new_pod_template_and_ends_when_it_is_complete() -> None:
    def rolling(revision: int, updated: int, ready: int) -> AppState:
        sets = tuple(
            replace(replica_set(f"web-{each}", "web"), revision=each)
            for each in range(1, revision + 1)
        )
        one = replace(deployment("web", 2, ready), updated=updated, current=2)
        return state(workloads=(one,), replica_sets=sets)

    timeline, before = NO_TIMELINE, None
    for seconds, step in enumerate((rolling(1, 2, 2), rolling(2, 1, 1), rolling(2, 2, 2))):
        timeline = recorded(timeline, before, step, at(seconds))
        before = step
    (one,) = timeline.of(EntryKind.ROLLOUT)
    assert (one.at, one.ended_at, one.old, one.about) == (at(1), at(2), 2, "Deployment web")


def test_a_change_of_replicas_is_no_rollout() -> None:
    sets = (ReplicaSet(key("web-1"), "web", 1, 1, (), revision=1),)
    one = state(workloads=(deployment("web", 1),), replica_sets=sets)
    assert not noted(one, state(workloads=(deployment("web", 3, 1),), replica_sets=sets))


def test_a_workload_of_another_kind_with_the_same_name_is_another_one() -> None:
    sets = (replace(replica_set("web-1", "web"), revision=1),)
    both = (replace(deployment("web"), kind=Kind.STATEFUL_SET), deployment("web"))
    one = state(workloads=both, replica_sets=sets)
    assert not noted(one, replace(one, probe=None))


def probe(status: int, seconds: float = 0) -> Probe:
    return Probe("http://web", status, "", at(seconds))


def test_when_the_url_begins_and_stops_to_answer() -> None:
    old = (pod("web-1", "web"),)
    (one,) = noted(state(pods=old, probe=probe(503)), state(pods=old, probe=probe(200, 4)), 5)
    assert (one.what, one.at, one.new) == ("answers", at(4), 200)
    (one,) = noted(state(pods=old, probe=probe(200)), state(pods=old, probe=probe(502, 4)), 5)
    assert (one.what, one.warning) == ("silent", True)


def test_a_url_that_is_tried_for_the_first_time_may_have_answered_for_long() -> None:
    older = replace(pod("web-1", "web"), created_at=at(-7200))
    assert not noted(state(pods=(older,)), state(pods=(older,), probe=probe(200)))
    newer = (pod("web-1", "web"),)
    (one,) = noted(state(pods=newer), state(pods=newer, probe=probe(200)))
    assert one.kind is EntryKind.URL


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (event("BackOff", "Back-off restarting failed container app"), EntryKind.CRASH),
        (event("BackOff", 'Back-off pulling image "x"'), EntryKind.IMAGE),
        (event("Failed", 'Failed to pull image "x": not found'), EntryKind.IMAGE),
        (event("Failed", "Error: ErrImagePull"), EntryKind.IMAGE),
        (event("Failed", "Error: container create failed"), EntryKind.WARNING),
        (event("FailedMount", "no such claim"), EntryKind.WARNING),
        (event("Unhealthy", "Readiness probe failed: refused"), EntryKind.WARNING),
        (event("Unhealthy", "Startup probe failed: refused", count=3), EntryKind.ROUTINE),
        (event("Unhealthy", "Startup probe failed: refused", count=10), EntryKind.WARNING),
        (event("Evicted", "low on memory"), EntryKind.POD),
        (event("NodeNotReady", "Node is not ready"), EntryKind.NODE),
        (event("TaintManagerEviction", "Marking for deletion", type="Normal"), EntryKind.NODE),
        (
            event("FailedGetResourceMetric", "no metrics", "HorizontalPodAutoscaler", "web"),
            EntryKind.SCALING,
        ),
        (rescaled(), EntryKind.SCALING),
        (event("Created", "Created container", type="Normal"), EntryKind.ROUTINE),
        (event("Pulled", "Successfully pulled", type="Normal"), EntryKind.ROUTINE),
    ],
)
def test_kinds_of_events(one: Event, kind: EntryKind) -> None:
    assert kind_of(one) is kind


def test_an_event_that_happens_again_stays_one_entry() -> None:
    first = state(events=(event("BackOff", "Back-off restarting"),))
    again = state(events=(event("BackOff", "Back-off restarting", count=7, last_at=at(60)),))
    timeline = recorded(NO_TIMELINE, None, first, T0)
    timeline = recorded(timeline, first, again, at(61))
    (one,) = timeline.of(EntryKind.CRASH)
    assert (one.count, one.at) == (7, at(60))


def test_a_timeline_is_bounded_and_keeps_the_newest_of_each_kind() -> None:
    def many(kind: EntryKind, amount: int) -> list[Entry]:
        return [Entry(f"{kind}/{each}", kind, at(each)) for each in range(amount)]

    kept = bounded([*many(EntryKind.WARNING, 500), *many(EntryKind.CHANGE, 3)])
    assert len(kept) == MAX_OF_A_KIND + 3
    assert kept[-1].at == at(499)
    every = [one for kind in EntryKind for one in many(kind, 30)]
    assert len(bounded(every)) == MAX_ENTRIES


def test_the_store_keeps_a_timeline_and_drops_it_with_its_app() -> None:
    clock = Clock()
    store = Store(clock)
    app(store, "web")
    assert store.snapshot.app(KEY).timeline.since == T0
    put(store, release("web", 2))
    assert [each.new for each in store.snapshot.app(KEY).timeline.of(EntryKind.CHANGE)] == [1, 2]
    lasting: Timeline = store.snapshot.app(KEY).timeline
    store.put_usage(())
    assert store.snapshot.app(KEY).timeline is lasting
    assert store.snapshot.app(Key("apps", "other")).timeline is NO_TIMELINE


def test_a_kept_timeline_is_continued_without_doubles() -> None:
    decided = replace(hpa("web", "web"), current=1, desired=3, last_scale_at=at(-600))
    then = state(hpas=(decided,))
    kept = recorded(Timeline(BEFORE), state(), then, at(-600))
    assert [each.old for each in kept.of(EntryKind.SCALING)] == [1]
    now = state(hpas=(replace(decided, current=3),))
    live = recorded(Timeline(at(0)), None, now, at(0))
    assert [each.old for each in live.of(EntryKind.SCALING)] == [None]
    again = replace(decided, current=3, desired=5, last_scale_at=at(20))
    live = recorded(live, now, state(hpas=(again,)), at(20))
    both = resumed(kept, live, state(hpas=(again,)), at(30))
    assert [(each.old, each.new) for each in both.of(EntryKind.SCALING)] == [(1, 3), (3, 5)]
    assert (both.since, both.resumed_at) == (BEFORE, at(0))
    assert resumed(kept, NO_TIMELINE, now, at(30)).resumed_at == at(30)


def test_a_url_that_answered_before_the_restart_does_not_begin_to_answer() -> None:
    begun = replace(pod("web-1-a", "web-1"), created_at=at(-600))
    probed = probe(200, 5)
    kept = resumed(Timeline(BEFORE), NO_TIMELINE, state(pods=(begun,)), at(0))
    found = recorded(kept, state(pods=(begun,)), state(pods=(begun,), probe=probed), at(5))
    assert not found.of(EntryKind.URL)
    watched = recorded(
        Timeline(BEFORE), state(pods=(begun,)), state(pods=(begun,), probe=probed), at(5)
    )
    assert watched.of(EntryKind.URL)
