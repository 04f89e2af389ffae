from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from portal.domain.objects import Event, Pod, Probe
from portal.domain.operations import Operation, OperationPhase, Step
from portal.releases.install import LAUNCH
from portal.releases.restart import RESTART
from portal.releases.uninstall import UNINSTALL
from portal.state.timeline import Entry, EntryKind, Timeline
from portal.viewmodels.app import app_view
from portal.viewmodels.diagnosis import events_about
from portal.viewmodels.model import StepView
from portal.viewmodels.pod_start import go_seconds
from portal.viewmodels.stages import pull_words

from .make import (
    NOW,
    ago,
    condition,
    container,
    deployment,
    event,
    operation,
    pending,
    pod,
    pods,
    service,
    sources,
    state,
    unready,
    waiting,
)

PULL = (
    'Successfully pulled image "x:1" in 4.3s (4.4s including waiting). Image size: 104857600 bytes.'
)
BEGUN = 100.0
WAITS = Step("Wait for the pods", ago(90), waits=True)
HELM = Step("Run helm upgrade --install", ago(95), ago(90))


def launched(phase: OperationPhase = OperationPhase.WAITING, **fields: Any) -> Operation:
    return operation(
        LAUNCH, phase, created_at=ago(BEGUN), updated_at=ago(1), steps=(HELM, WAITS), **fields
    )


def steps(*found: Pod, operation: Operation | None = None, **fields: Any) -> list[StepView]:
    base: dict[str, Any] = {
        "operation": operation or launched(),
        "workloads": (deployment(max(1, len(found)), 0),),
        "pods": found,
        "services": (service("LoadBalancer", "198.19.0.9"),),
    }
    view = app_view(state(**{**base, **fields}), sources(), NOW).operation
    assert view is not None
    return list(view.steps)


def told(found: list[StepView]) -> list[tuple[str, str]]:
    return [(one.title, one.state.text) for one in found]


SCHEDULED = condition("PodScheduled", "True", changed_at=ago(80))


def running(**fields: Any) -> Pod:
    one = container(ready=False, started_at=ago(70))
    return unready(one, conditions=(SCHEDULED,), created_at=ago(85), **fields)


def there(**fields: Any) -> Pod:
    one = container(started_at=ago(70))
    return pod(
        containers=(one,), conditions=(SCHEDULED,), created_at=ago(85), ready_at=ago(60), **fields
    )


def pulled(message: str = PULL, **fields: Any) -> Event:
    return event("Pulled", message, type="Normal", first_at=ago(75), last_at=ago(75), **fields)


def test_a_launch_shows_what_is_to_come_before_there_are_pods() -> None:
    queued = replace(launched(OperationPhase.RUNNING), steps=(HELM,))
    assert told(steps(operation=queued, release=None, workloads=())) == [
        ("Run helm upgrade --install", "Done"),
        ("Scheduled to a node", "Not begun"),
        ("Image pulled", "Not begun"),
        ("Started", "Not begun"),
        ("Ready", "Not begun"),
        ("URL answers", "Not begun"),
    ]


def test_each_stage_says_what_it_waits_for() -> None:
    full = condition("PodScheduled", message="0/1 nodes are available: 1 Insufficient cpu.")
    found = steps(pending(full, created_at=ago(85)))
    assert told(found)[1] == ("Scheduled to a node", "Waiting")
    assert "cpu" in found[1].detail.lower()
    pulling = event("Pulling", 'Pulling image "x:1"', type="Normal")
    one = unready(waiting("ContainerCreating"), conditions=(SCHEDULED,), created_at=ago(85))
    found = steps(one, events=(pulling,))
    assert told(found)[1:3] == [("Scheduled to a node", "Done"), ("Image pulled", "Waiting")]
    assert found[2].detail.startswith("Downloading the image")


def test_stages_have_their_times_and_lengths() -> None:
    found = steps(running(), events=(pulled(),))
    assert [(one.title, one.ended_at, one.seconds) for one in found[1:4]] == [
        ("Scheduled to a node", ago(80), 10.0),
        ("Image pulled", ago(75), 5.0),
        ("Started", ago(70), 5.0),
    ]
    assert found[2].detail == "100 MiB in 4.3 s"
    assert told(found)[4:] == [("Ready", "Waiting"), ("URL answers", "Not begun")]


def test_the_step_that_waits_is_replaced_by_the_stages_unless_it_failed() -> None:
    assert "Wait for the pods" not in [one.title for one in steps(running())]
    wrong = replace(launched(), steps=(HELM, replace(WAITS, error="lost", ended_at=ago(2))))
    assert "Wait for the pods" in [one.title for one in steps(running(), operation=wrong)]


def test_a_failing_pod_shows_in_the_stage_that_it_does_not_pass() -> None:
    one = container(
        ready=False, state="waiting", reason="CrashLoopBackOff", restarts=2, last_exit_code=1
    )
    found = steps(unready(one, conditions=(SCHEDULED,), created_at=ago(85)))
    assert told(found)[3:5] == [("Started", "Done"), ("Ready", "Waiting")]
    assert found[4].state.severity == "bad"
    assert found[3].ended_at is None  # of a restarted container the first start is not known


def test_several_pods_are_counted_and_the_last_one_decides() -> None:
    later = replace(there(), key=replace_name("demo-b"), ready_at=ago(50))
    found = steps(there(), later, workloads=(deployment(2, 2),))
    ready = next(one for one in found if one.title == "Ready")
    assert (ready.detail, ready.ended_at) == ("2 of 2 pods", ago(50))
    found = steps(there(), workloads=(deployment(2, 1),))
    scheduled = next(one for one in found if one.title == "Scheduled to a node")
    assert scheduled.detail == "1 of 2 pods. Waits for its pods to be created."


def replace_name(name: str) -> Any:
    return replace(pod(name)).key


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ((pulled(),), "100 MiB in 4.3 s"),
        ((pulled('Container image "x:1" already present on machine'),), "Already on the node"),
        ((), "Size and time are not known: the event about it has expired."),
        ((pulled('Successfully pulled image "x" in 2m5s (2m5s including waiting)'),), "2 min"),
    ],
)
def test_what_is_known_of_the_pull(events: tuple[Event, ...], words: str) -> None:
    assert pull_words(events_about(there(), events)) == words


def test_of_several_pulls_the_slowest_is_told() -> None:
    two = pods(there(), there(), there())
    events = (
        pulled(about="demo-0"),
        pulled('Successfully pulled image "x" in 9s (9s including waiting)', about="demo-1"),
        pulled("Container image already present on machine", about="demo-2"),
    )
    own = [event for each in two for event in events_about(each, events)]
    assert pull_words(own) == "9 s, the slowest of 2 pulls; already on the node for 1 more"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1.5s", 1.5),
        ("2m3.5s", 123.5),
        ("345ms", 0.345),
        ("1h0m1s", 3601),
        ("soon", None),
        ("", None),
    ],
)
def test_durations_of_go(text: str, seconds: float | None) -> None:
    assert go_seconds(text) == (None if seconds is None else pytest.approx(seconds))


ANSWERS = Probe("http://198.19.0.9", 200, "", ago(40))


def url(found: list[StepView]) -> StepView:
    return found[-1]


def test_when_the_url_answered_is_told_if_it_was_seen() -> None:
    seen = Timeline(ago(900), (Entry("u", EntryKind.URL, ago(40), what="answers"),))
    one = url(steps(there(), probe=ANSWERS, timeline=seen))
    assert (one.state.text, one.ended_at, one.seconds) == ("Done", ago(40), 20.0)
    lost = url(steps(there(), probe=ANSWERS))
    assert (lost.state.text, lost.ended_at, lost.detail) == (
        "Done",
        None,
        "Since when is not known.",
    )


def test_the_url_of_a_restarted_app_has_answered_all_along() -> None:
    restart = replace(launched(), verb=RESTART)
    one = url(steps(there(), operation=restart, probe=ANSWERS, timeline=Timeline(ago(900))))
    assert one.detail == "It has answered all along."


def test_an_app_without_an_external_url_has_none_to_wait_for() -> None:
    one = url(steps(there(), services=(service("ClusterIP"),)))
    assert (one.state.text, one.detail.startswith("Only inside the cluster")) == ("None", True)


def test_the_stages_of_an_operation_that_has_ended_are_those_of_its_own_pods() -> None:
    ended = launched(OperationPhase.SUCCEEDED)
    ended = replace(ended, updated_at=ago(50), steps=(HELM, replace(WAITS, ended_at=ago(50))))
    later = replace(running(), key=replace_name("demo-b"), created_at=ago(10))
    found = steps(there(), later, operation=ended)
    assert ("Ready", "Done") in told(found)
    gone = steps(later, operation=ended)
    assert told(gone)[1] == ("New pods", "None")


def test_a_later_rollout_is_not_that_of_an_operation_without_new_pods() -> None:
    ended = launched(OperationPhase.SUCCEEDED, base=1)
    ended = replace(ended, updated_at=ago(50), steps=(HELM, replace(WAITS, ended_at=ago(50))))

    def rolled(seconds: float) -> str:
        entry = Entry("r", EntryKind.ROLLOUT, ago(seconds), "Deployment demo")
        later = replace(running(), created_at=ago(10))
        found = steps(later, operation=ended, timeline=Timeline(ago(900), (entry,)))
        return found[1].detail

    assert rolled(10) == "None needed."
    assert rolled(70) == "Its pods are gone, and with them what is known of them."


def test_other_operations_have_no_stages() -> None:
    removal = replace(launched(), verb=UNINSTALL, steps=(HELM,))
    assert [one.title for one in steps(there(), operation=removal)] == [HELM.title]
    quiet = replace(launched(OperationPhase.SUCCEEDED), verb=RESTART, steps=(HELM,))
    assert [one.title for one in steps(there(), operation=quiet)] == [HELM.title]
