"""A rollout's state comes from its own facts, not from counts of ready pods."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from portal.domain.objects import Condition, Event, Kind, ReplicaSet, Workload
from portal.state.assemble import nothing
from portal.state.rollouts import Hold, WorkloadRollout, rollout_of

from .make import T0, deployment, hpa, key

QUOTA = "exceeded quota: seats, requested: pods=1, used: pods=2, limited: pods=2"
REFUSED = Condition("ReplicaFailure", "True", "FailedCreate", QUOTA)
DEADLINE = Condition("Progressing", "False", "ProgressDeadlineExceeded")


def workload(kind: Kind = Kind.DEPLOYMENT, **changes: Any) -> Workload:
    """Two of two pods are ready, and of the newest pod template."""
    return replace(deployment("web", 2, 2), kind=kind, **changes)


def rollout(
    one: Workload, *events: Event, sets: tuple[ReplicaSet, ...] = (), scaled: bool = False
) -> WorkloadRollout:
    hpas = (hpa("web", "web"),) if scaled else ()
    state = replace(
        nothing(key("web")), workloads=(one,), events=events, replica_sets=sets, hpas=hpas
    )
    return rollout_of(state, one)


def told(reason: str, seconds: float, kind: str = "StatefulSet", about: str = "web") -> Event:
    at = T0 + timedelta(seconds=seconds)
    return Event(key(f"{reason}-{seconds}"), kind, about, "", "Warning", reason, QUOTA, 1, at)


def revision(number: int, ready: int, *conditions: Condition, owner: str = "web") -> ReplicaSet:
    name = key(f"web-{number}")
    return ReplicaSet(name, owner, ready, ready, conditions, ready=ready, revision=number)


@pytest.mark.parametrize(
    ("one", "hold"),
    [
        (workload(), Hold.NONE),
        (workload(updated=0), Hold.NONE),
        (workload(updated=0, conditions=(REFUSED,)), Hold.REFUSED),
        (workload(current=1, updated=1, conditions=(REFUSED,)), Hold.REFUSED),
        (workload(conditions=(REFUSED,)), Hold.NONE),
        (workload(updated=0, paused=True), Hold.PAUSED),
        (workload(current=0, ready=0, updated=0, paused=True), Hold.PAUSED),
        (workload(paused=True), Hold.NONE),
        (workload(updated=0, paused=True, generation=2), Hold.NONE),
        (workload(Kind.STATEFUL_SET, updated=0, strategy="OnDelete"), Hold.ON_DELETE),
        (workload(Kind.DAEMON_SET, updated=1, strategy="OnDelete"), Hold.ON_DELETE),
        (workload(Kind.STATEFUL_SET, strategy="OnDelete"), Hold.NONE),
        (workload(Kind.STATEFUL_SET, updated=1, partition=1), Hold.PARTITION),
        (workload(Kind.STATEFUL_SET, updated=0, partition=1), Hold.NONE),
        (workload(Kind.STATEFUL_SET, partition=1), Hold.NONE),
    ],
)
def test_why_a_rollout_does_not_go_on(one: Workload, hold: Hold) -> None:
    assert rollout(one).hold is hold


def test_a_paused_deployment_is_scaled_all_the_same() -> None:
    """Its ReplicaSet makes the pods that are missing."""
    one = workload(current=1, ready=1, updated=1, paused=True)
    assert rollout(one, sets=(revision(1, 1),)).hold is Hold.NONE


def test_the_newest_replica_set_tells_why_its_pods_are_refused() -> None:
    other = Condition("ReplicaFailure", "True", "FailedCreate", "something older")
    sets = (revision(1, 2, other), revision(2, 0, REFUSED), revision(3, 0, owner="other"))
    found = rollout(workload(updated=0), sets=sets)
    assert (found.hold, found.refusal) == (Hold.REFUSED, QUOTA)


@pytest.mark.parametrize("kind", [Kind.STATEFUL_SET, Kind.DAEMON_SET])
def test_without_a_condition_the_newest_event_tells(kind: Kind) -> None:
    one = workload(kind, current=1, ready=1, updated=0)
    refused, made = told("FailedCreate", 5, kind), told("SuccessfulCreate", 9, kind)
    assert rollout(one, refused).hold is Hold.REFUSED
    assert rollout(one, refused, made).hold is Hold.NONE
    assert rollout(one, told("FailedCreate", 10, kind), made).hold is Hold.REFUSED
    assert rollout(one, told("FailedCreate", 10, kind, "other")).hold is Hold.NONE
    assert rollout(workload(kind), refused).hold is Hold.NONE, "nothing is missing any more"


def test_the_old_pods_that_serve_on_are_counted() -> None:
    assert rollout(workload(updated=0)).old_ready == 2
    # Three pods, one of them new: it is not ready, so both that are ready are old.
    one = workload(current=3, updated=1)
    sets = (revision(1, 2), revision(2, 0))
    assert (rollout(one, sets=sets).old, rollout(one, sets=sets).old_ready) == (2, 2)
    sets = (revision(1, 1), revision(2, 1))
    assert rollout(one, sets=sets).old_ready == 1
    assert rollout(workload(updated=0, ready=0)).old_ready == 0


@pytest.mark.parametrize(
    ("one", "complete"),
    [
        (workload(), True),
        (workload(updated=1), False),
        (workload(ready=1), False),
        (workload(generation=2), False),
        (workload(current=1, updated=1, ready=1), False),
        (workload(Kind.STATEFUL_SET, updated=1, partition=1), True),
        (workload(Kind.STATEFUL_SET, updated=0, partition=1), False),
        (workload(Kind.DAEMON_SET, desired=0, current=0, ready=0, updated=0), True),
    ],
)
def test_complete(one: Workload, complete: bool) -> None:
    assert rollout(one).complete is complete


def test_an_autoscaler_may_change_the_replicas_while_one_waits() -> None:
    growing = workload(desired=4)
    assert rollout(growing, scaled=True).complete
    assert not rollout(growing).complete
    assert not rollout(workload(updated=1), scaled=True).complete


def test_a_deadline_that_has_passed_is_late() -> None:
    assert rollout(workload(conditions=(DEADLINE,))).late
    assert not rollout(workload(conditions=(replace(DEADLINE, reason="ReplicaSetUpdated"),))).late
