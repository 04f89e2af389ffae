"""Sidecars, second containers, readiness gates, resizes and devices."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from portal.domain.objects import Container, Event, Pod
from portal.viewmodels.app import app_view
from portal.viewmodels.diagnosis import Diagnosis, Stage
from portal.viewmodels.model import Severity
from portal.viewmodels.pods import diagnose, pod_view

from .make import (
    NOW,
    ago,
    condition,
    container,
    event,
    node,
    pending,
    pod,
    sources,
    state,
    unready,
    waiting,
)

APP = container(name="app", started_at=ago(900))


def told(one: Pod, *events: Event) -> Diagnosis:
    return diagnose(one, events, (node(),), NOW)


def looping(name: str, **fields: object) -> Container:
    base = waiting("CrashLoopBackOff", "back-off 40s restarting failed container", name=name)
    return replace(base, restarts=7, last_exit_code=3, last_reason="Error", **fields)


def test_a_native_sidecar_counts_and_is_named() -> None:
    one = unready(APP, looping("log-shipper", sidecar=True))
    found = told(one)
    assert found.title == "Crashing: log-shipper"
    assert "Its sidecar log-shipper crashed 8 times so far" in found.reason
    assert "exit code 3" in found.reason
    assert "Its container app runs." in found.reason
    assert "gunicorn" not in f"{found.reason} {found.advice}"
    assert found.advice.endswith("See the previous run of the container log-shipper under Logs.")
    view = pod_view(one, found, None)
    assert (view.ready, view.restarts) == ("1/2", 7)


def test_the_second_container_that_crashes_is_named() -> None:
    found = told(unready(APP, looping("metrics-exporter")))
    assert "Its container metrics-exporter crashed" in found.reason
    assert "Its container app runs." in found.reason
    assert "the previous run of the container metrics-exporter under Logs" in found.advice


def test_the_only_container_needs_no_name() -> None:
    found = told(unready(looping("app")))
    assert found.title == "Crashing"
    assert found.reason.startswith("It crashed 8 times")
    assert " -c " not in found.advice


def test_an_init_container_is_named_with_its_log() -> None:
    found = told(unready(waiting("PodInitializing", name="app"), looping("migrate", init=True)))
    assert "Its init container migrate crashed" in found.reason
    assert "the previous run of the container migrate under Logs" in found.advice


def test_what_a_starting_pod_waits_for() -> None:
    app = waiting("PodInitializing", name="app")
    runs = container(name="migrate", init=True, ready=False)
    assert (
        "init container migrate is running" in told(unready(app, runs), event("Pulled", "")).reason
    )
    sidecar = container(name="proxy", sidecar=True, ready=False)
    assert "waits for its sidecar proxy" in told(unready(app, sidecar), event("Pulled", "")).reason


def test_a_container_that_restarts_while_the_pod_is_ready_between_is_trouble() -> None:
    shaky = container(name="exporter", restarts=4, last_exit_code=1, started_at=ago(30))
    view = app_view(state(pods=(pod(containers=(APP, shaky)),)), sources(), NOW)
    assert (view.headline.text, view.headline.severity) == ("Degraded", Severity.WARN)
    assert "Its container exporter was restarted 4 times" in view.sentence
    assert [each.title for each in view.notices] == ["Its container exporter keeps restarting"]
    steady = replace(shaky, started_at=ago(3600))
    view = app_view(state(pods=(pod(containers=(APP, steady)),)), sources(), NOW)
    assert (view.headline.text, view.notices) == ("Ready", ())
    assert "exporter was restarted 4 times" in view.pods[0].status.detail


@pytest.mark.parametrize(("seconds", "stage"), [(30, Stage.STARTING), (600, Stage.SLOW)])
def test_a_readiness_gate_is_named(seconds: float, stage: Stage) -> None:
    gate = "target-health.elbv2.k8s.aws/web"
    one = unready(
        replace(APP, started_at=ago(seconds)),
        readiness_gates=(gate,),
        conditions=(
            condition("ContainersReady", "True"),
            condition("Ready", changed_at=ago(seconds)),
            condition(gate, message="Target registration is in progress"),
        ),
    )
    found = told(one)
    assert (found.stage, found.title) == (stage, "Waiting for a readiness gate")
    assert gate in found.reason
    assert "Target registration is in progress." in found.reason


@pytest.mark.parametrize(
    ("kind", "reason", "words"),
    [
        ("PodResizePending", "Deferred", "Its resize waits until its node has room: Node is full."),
        ("PodResizePending", "Infeasible", "Its resize is not possible on its node: Node is full."),
        ("PodResizeInProgress", "Error", "Its resize failed: Node is full."),
        ("PodResizeInProgress", "", "It is being resized: Node is full."),
    ],
)
def test_resizes_in_place(kind: str, reason: str, words: str) -> None:
    one = pod(conditions=(condition(kind, "True", reason=reason, message="Node is full."),))
    found = told(one)
    assert (found.stage, found.detail) == (Stage.READY, words)
    notices = app_view(state(pods=(one,)), sources(), NOW).notices
    severity = {"Infeasible": Severity.WARN, "Error": Severity.WARN, "Deferred": Severity.QUIET}
    assert [each.severity for each in notices] == ([severity[reason]] if reason else [])


MISSING_CLASS = (
    "0/1 nodes are available: request gpu: device class gpu.vendor.example.com does not exist. "
    "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
)
MISSING_TEMPLATE = (
    'PodResourceClaim gpu: resource claim template "nowhere": '
    'resourceclaimtemplate.resource.k8s.io "nowhere" not found'
)


def test_a_device_class_that_is_missing() -> None:
    found = told(pending(condition("PodScheduled", message=MISSING_CLASS)))
    assert (found.stage, found.title) == (Stage.BLOCKED, "Device class missing")
    assert "The device class gpu.vendor.example.com" in found.reason
    assert "CPU" not in found.advice


def test_a_claim_template_that_is_missing_is_told_by_an_event_only() -> None:
    found = told(pending(), event("FailedResourceClaimCreation", MISSING_TEMPLATE))
    assert (found.stage, found.title) == (Stage.BLOCKED, "Resource claim template missing")
    assert "The resource claim template nowhere does not exist" in found.reason


def test_a_claim_that_was_made_later_is_no_trouble() -> None:
    then = event("FailedResourceClaimCreation", MISSING_TEMPLATE, last_at=ago(60))
    now = event("FailedScheduling", "0/1 nodes are available: 1 Insufficient cpu.", last_at=ago(5))
    assert told(pending(), then, now).stage is Stage.NO_ROOM


def test_other_failures_of_claims_are_quoted() -> None:
    found = told(pending(), event("FailedResourceClaimCreation", "PodResourceClaim gpu: denied"))
    assert "PodResourceClaim gpu: denied" in found.reason


def test_devices_that_are_all_taken() -> None:
    message = "0/1 nodes are available: 1 cannot allocate all claims."
    found = told(pending(condition("PodScheduled", message=message)))
    assert found.title == "No device free"
    assert "CPU" not in found.advice


def test_room_made_by_preemption_is_waited_for() -> None:
    message = "0/1 nodes are available: 1 Insufficient cpu."
    found = told(pending(condition("PodScheduled", message=message), nominated_node="node-1"))
    assert (found.stage, found.title) == (Stage.WAITING, "Waiting for room")
    assert "lower priority are being removed from the node node-1" in found.reason


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("1 node(s) didn't match pod affinity rules", "(pod affinity)"),
        (
            "1 node(s) didn't match pod topology spread constraints (missing required label)",
            "lacks the label",
        ),
        ("1 node(s) didn't match pod topology spread constraints", "topology spread constraints"),
    ],
)
def test_causes_that_have_nothing_to_do_with_room(cause: str, words: str) -> None:
    found = told(pending(condition("PodScheduled", message=f"0/1 nodes are available: {cause}.")))
    assert words in found.reason
    assert "It requests" not in found.reason


def test_an_unknown_cause_is_shown_and_said_to_be_unknown() -> None:
    found = told(pending(condition("PodScheduled", message="0/1 nodes are available: 1 too blue.")))
    assert "too blue" in found.reason
    assert "does not know this cause" in found.advice
