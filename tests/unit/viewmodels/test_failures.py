from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from portal.domain.keys import Key
from portal.domain.objects import Pod
from portal.viewmodels.app import app_view
from portal.viewmodels.diagnosis import Stage
from portal.viewmodels.failures import failed
from portal.viewmodels.model import AppView, Severity

from .make import NOW, ago, condition, container, deployment, list_view, pod, pods, sources, state

BY_SCHEDULER = condition("DisruptionTarget", "True", reason="PreemptionByScheduler")
SCRATCH = 'Usage of EmptyDir volume "scratch" exceeds the limit "1Mi". '


def ended(message: str, reason: str = "Evicted", **fields: Any) -> Pod:
    return pod(phase="Failed", ready=False, reason=reason, message=message, **fields)


@pytest.mark.parametrize(
    ("message", "title", "words", "advice"),
    [
        (SCRATCH, "Evicted: volume full", "volume scratch than the limit of 1Mi", "its sizeLimit"),
        (
            'Container app exceeded its local ephemeral storage limit "1Gi". ',
            "Evicted: disk limit",
            "container app wrote more to disk than its limit of 1Gi",
            "ephemeral-storage limit",
        ),
        (
            "Pod ephemeral local storage usage exceeds the total limit of containers 2Gi. ",
            "Evicted: disk limit",
            "2Gi together",
            "ephemeral-storage limits",
        ),
        (
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 9Mi. ",
            "Evicted: node short of memory",
            "available: 9Mi",
            "memory request",
        ),
        (
            "The node was low on resource: ephemeral-storage. ",
            "Evicted: node short of ephemeral-storage",
            "Its node ran short of ephemeral-storage",
            "room on the node",
        ),
        (
            "The node had condition: [DiskPressure]. ",
            "Refused by its node",
            "the condition DiskPressure",
            "check the node",
        ),
        ("The moon was full.", "Evicted", "The moon was full.", "does not know the cause"),
        ("", "Evicted", "gives no reason", "does not know the cause"),
    ],
)
def test_advice_about_an_eviction_follows_its_message(
    message: str, title: str, words: str, advice: str
) -> None:
    found = failed(ended(message))
    assert (found.stage, found.severity, found.title) == (Stage.FAILED, Severity.WARN, title)
    assert words in found.reason
    assert advice in found.advice
    assert ("The node is not at fault." in found.advice) == ("exceed" in message)


@pytest.mark.parametrize(
    ("reason", "message", "words", "advice"),
    [
        (
            "OutOfcpu",
            "Pod was rejected: Node didn't have enough resource: cpu, requested: 99000, used: 515, "
            "capacity: 1800",
            "not enough CPU (99 cores requested, 1.8 cores there, 0.52 cores in use)",
            "Request less CPU, or choose another node.",
        ),
        (
            "OutOfmemory",
            "Pod was rejected: Node didn't have enough resource: memory, requested: 8589934592, "
            "used: 0, capacity: 1073741824",
            "not enough memory (8 GiB requested, 1 GiB there",
            "Request less memory",
        ),
        (
            "OutOfpods",
            "Node didn't have enough resource: pods, requested: 1, used: 110, capacity: 110",
            "not enough pods (1 requested, 110 there",
            "Run fewer pods on this node.",
        ),
        (
            "TopologyAffinityError",
            "Pod was rejected: Resources cannot be allocated with Topology locality",
            "topology manager",
            "topology policy",
        ),
        ("NodeAffinity", "Pod was rejected: Predicate failed", "node selector", "node selector"),
        ("Novel", "Pod was rejected: it is too blue", "it is too blue", "does not know the cause"),
    ],
)
def test_pods_that_their_node_refuses(reason: str, message: str, words: str, advice: str) -> None:
    found = failed(ended(message, reason))
    assert (found.stage, found.title) == (Stage.FAILED, "Refused by its node")
    assert words in found.reason
    assert advice in found.advice


@pytest.mark.parametrize(
    ("one", "title", "words"),
    [
        (ended("", "Preempting"), "Preempted", "higher priority"),
        (
            ended("", "", conditions=(BY_SCHEDULER,)),
            "Preempted",
            "higher priority",
        ),
        (
            ended("Pod was terminated in response to imminent node shutdown.", "Terminated"),
            "Ended with its node",
            "imminent node shutdown",
        ),
        (ended("Pod was active too long", "DeadlineExceeded"), "Deadline exceeded", "longer than"),
        (ended("", ""), "Failed", "gives no reason"),
        (ended("", "Odd"), "Failed", "It ended: Odd."),
    ],
)  # fmt: skip
def test_other_ends(one: Pod, title: str, words: str) -> None:
    found = failed(one)
    assert (found.title, found.stage) == (title, Stage.FAILED)
    assert words in found.reason


def test_the_container_that_failed_is_named() -> None:
    broken = container(name="exporter", state="terminated", exit_code=7)
    found = failed(ended("", "", containers=(container(state="terminated", exit_code=0), broken)))
    assert found.reason == "Its container exporter failed: its program ended with exit code 7."


def page(*found: Pod, desired: int = 2) -> AppView:
    there = deployment(desired, sum(each.ready and each.phase == "Running" for each in found))
    return app_view(state(workloads=(there,), pods=found), sources(), NOW)


def evicted(amount: int, age: float = 600) -> list[Pod]:
    one = ended(SCRATCH, created_at=ago(age))
    return [replace(one, key=Key("apps", f"gone-{number:04}")) for number in range(amount)]


def test_pods_that_fail_again_and_again_need_attention() -> None:
    view = page(*evicted(92), *pods(pod(), pod()))
    assert (view.headline.text, view.headline.severity) == ("Degraded", Severity.WARN)
    assert "All 2 pods are ready. 92 pods have failed since 07:20 UTC" in view.sentence
    assert "limit of 1Mi" in view.sentence
    assert [each.title for each in view.notices] == ["Evicted: volume full (92 pods)"]
    there = (*evicted(92), *pods(pod(), pod()))
    shown = list_view([state(workloads=(deployment(2),), pods=there)], sources(), NOW)
    assert shown.rows[0].problem == "Evicted: volume full (92 pods)."


def test_pods_that_run_come_before_those_that_ended() -> None:
    view = page(*evicted(92), *pods(pod(), pod()))
    assert [each.status.text for each in view.pods[:3]] == [
        "Ready",
        "Ready",
        "Evicted: volume full",
    ]
    assert len(view.pods) == 7
    assert view.more_pods == "87 more pods: 87 failed"


def test_failures_of_before_are_past() -> None:
    view = page(*evicted(92, age=7200), *pods(pod(), pod()))
    assert view.headline.text == "Ready"
    assert not view.notices


def test_a_rollout_that_is_ready_ends_the_trouble_of_the_version_before() -> None:
    before = [replace(each, labels={"pod-template-hash": "old"}) for each in evicted(12)]
    after = pods(pod(labels={"pod-template-hash": "new"}), pod(labels={"pod-template-hash": "new"}))
    assert page(*before, *after).headline.text == "Ready"
    same = [replace(each, labels={"pod-template-hash": "new"}) for each in evicted(12)]
    assert page(*same, *after).headline.text == "Degraded"
    assert page(*before, *after[:1]).headline.text == "Degraded"


def test_a_few_failed_pods_are_no_trouble() -> None:
    assert page(*evicted(2), *pods(pod(), pod())).headline.text == "Ready"


def test_without_a_pod_that_is_ready_failing_pods_are_bad() -> None:
    view = page(*evicted(12))
    assert (view.headline.text, view.headline.severity) == ("Pods fail", Severity.BAD)
