"""What is said of an update that does not get through: each case in its smallest form."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from portal.domain.objects import Kind, Workload
from portal.domain.operations import OperationPhase
from portal.releases.restart import RESTART
from portal.releases.upgrade import UPGRADE
from portal.state.model import AppState
from portal.viewmodels.app import app_view
from portal.viewmodels.listing import bucket
from portal.viewmodels.model import AppView, Severity
from portal.viewmodels.query import Bucket
from portal.viewmodels.refusals import refusal
from portal.viewmodels.releases import release_row

from .make import (
    KEY,
    NOW,
    condition,
    container,
    deployment,
    operation,
    pod,
    pods,
    release,
    sources,
    state,
    unready,
    waiting,
)

SEATS = (
    'pods "demo-7d9c-x" is forbidden: exceeded quota: seats, requested: pods=1, used: pods=2, '
    "limited: pods=2"
)


def view(one: AppState) -> AppView:
    return app_view(one, sources(), NOW)


def updating(kind: Kind = Kind.DEPLOYMENT, **changes: Any) -> AppState:
    """Both pods are ready, and of the version before."""
    fields = {"kind": kind, "updated": 0, **changes}
    return state(
        release=release(revision=2),
        workloads=(replace(deployment(2, 2), **fields),),
        pods=pods(pod(), pod()),
    )


def refused(message: str, **changes: Any) -> AppState:
    failure = condition("ReplicaFailure", "True", reason="FailedCreate", message=message)
    return updating(conditions=(failure,), **changes)


@pytest.mark.parametrize(
    ("one", "text", "words", "advice"),
    [
        (
            refused(SEATS),
            "Update stuck",
            "2 old pods serve on; the new one cannot be created. The quota seats of apps leaves "
            "no room for one more pod: pods 2 of 2 in use, one more needs 1.",
            "Or roll back.",
        ),
        (
            refused(SEATS, current=1, ready=1),
            "Update stuck",
            "1 old pod serves on; the new one cannot be created. The quota ",
            "Or roll back.",
        ),
        (
            updating(paused=True),
            "Paused",
            "Paused: changes are not rolled out. 2 pods of the version before are ready.",
            "Resume rolls out what is held back.",
        ),
        (
            updating(paused=True, ready=0),
            "Paused",
            "Paused: changes are not rolled out. None of its 2 pods of the version before is "
            "ready.",
            "Resume rolls out",
        ),
        (
            replace(updating(paused=True, current=0, ready=0), pods=()),
            "Paused",
            "Paused, so no pods are made.",
            "Resume rolls out",
        ),
        (
            updating(Kind.STATEFUL_SET, strategy="OnDelete"),
            "Not rolled out",
            "The new version is not rolled out. 2 pods of the version before are ready. The update "
            "strategy OnDelete replaces a pod only when somebody deletes it.",
            "Delete its pods one after another",
        ),
        (
            updating(Kind.STATEFUL_SET, updated=1, partition=1),
            "Partly rolled out",
            "The new version is rolled out to 1 of 2 pods. 1 pod of the version before is ready. "
            "The partition of the rolling update keeps it as it is.",
            "Lower the partition",
        ),
    ],
)
def test_an_update_that_is_held_needs_attention(
    one: AppState, text: str, words: str, advice: str
) -> None:
    found = view(one)
    assert (found.headline.text, found.headline.severity) == (text, Severity.WARN)
    assert found.sentence.startswith(words)
    notice = found.notices[0]
    assert advice in notice.advice
    assert found.back_to == 1
    row = release_row(one, sources(), NOW)
    assert row.problem.startswith(text if text == "Update stuck" else notice.title)
    assert bucket(row) is Bucket.ATTENTION


@pytest.mark.parametrize("one", [refused(SEATS), updating(paused=True)])
def test_an_operation_that_waits_says_what_for(one: AppState) -> None:
    waits = operation(UPGRADE, OperationPhase.WAITING, revision=2)
    found = view(replace(one, operation=waits))
    assert found.operation is not None
    assert found.operation.obstacle == found.notices[0]
    assert found.back_to == 1
    done = view(replace(one, operation=replace(waits, phase=OperationPhase.SUCCEEDED)))
    assert done.operation is not None
    assert done.operation.obstacle is None


def test_an_operation_that_waits_for_a_pod_in_trouble_says_so() -> None:
    missing = unready(waiting("ErrImagePull", "not found"), phase="Pending")
    waits = operation(UPGRADE, OperationPhase.WAITING, revision=2)
    one = state(workloads=(deployment(1, 0),), pods=pods(missing), operation=waits)
    found = view(one)
    assert found.operation is not None
    assert found.operation.obstacle is not None
    assert "cannot be pulled" in found.operation.obstacle.body
    assert found.back_to == 0, "there is only one revision"


def test_a_restart_is_not_undone_by_a_rollback() -> None:
    waits = operation(RESTART, OperationPhase.WAITING)
    assert view(replace(refused(SEATS), operation=waits)).back_to == 0


def test_an_update_that_goes_on_offers_no_way_back() -> None:
    starting = unready(container(ready=False))
    one = state(
        release=release(revision=2),
        workloads=(deployment(1, 1, current=2, updated=1),),
        pods=pods(pod(), starting),
    )
    found = view(one)
    assert (found.headline.text, found.back_to) == ("Updating", 0)


def test_a_paused_deployment_without_changes_is_ready_and_says_what_is_to_come() -> None:
    found = view(state(workloads=(deployment(1, 1, paused=True),)))
    assert found.headline.text == "Ready"
    assert found.notices[0].severity is Severity.QUIET
    assert "next change will not be rolled out" in found.notices[0].body


def test_an_update_without_its_first_pod_is_late_in_the_list() -> None:
    late = condition("Progressing", reason="ProgressDeadlineExceeded")
    one = updating(conditions=(late,))
    assert view(one).headline.text == "Updating"
    assert release_row(one, sources(), NOW).problem == "Takes longer than usual."
    assert view(one).notices[0].title == "This takes longer than usual"


def test_trouble_of_pods_comes_before_an_update_that_is_held_on_purpose() -> None:
    crashing = unready(waiting("CrashLoopBackOff", last_exit_code=1, last_reason="Error"))
    one = replace(updating(paused=True, ready=0), pods=pods(crashing, crashing))
    assert view(one).headline.text == "Crashing"


def test_of_several_workloads_the_one_that_is_held_is_named() -> None:
    other = replace(deployment(2, 2), key=KEY._replace(name="worker"))
    one = refused(SEATS)
    found = view(replace(one, workloads=(*one.workloads, other), pods=pods(*[pod()] * 4)))
    assert found.sentence.startswith("Deployment demo: 2 old pods serve on; ")
    assert [(each.name, each.state.text) for each in found.workloads] == [
        ("demo", "Update stuck"),
        ("worker", "Ready"),
    ]


def test_one_workload_has_no_line_of_its_own() -> None:
    assert view(state()).workloads == ()


@pytest.mark.parametrize(
    ("one", "text", "words"),
    [
        (deployment(2, 1), "Not ready", "1 of 2 pods ready."),
        (deployment(2, 2, current=3, updated=1), "Updating", ", 2 of the version before."),
        (deployment(2, 2, generation=2), "Updating", "2 of 2 pods ready."),
        (deployment(0, 0), "No pods", "0 of 0 pods ready."),
    ],
)
def test_the_state_of_one_of_several_workloads(one: Workload, text: str, words: str) -> None:
    other = replace(deployment(), key=KEY._replace(name="worker"))
    line = view(state(workloads=(one, other))).workloads[0]
    assert line.state.text == text
    assert line.words.endswith(words)


def test_a_daemon_set_that_no_node_matches_is_not_scaled_to_zero() -> None:
    one = state(workloads=(deployment(0, 0, kind=Kind.DAEMON_SET),), pods=())
    assert view(one).sentence == "No node matches it, so it runs no pods."
    assert view(one).replicas.words == "It runs no pods."


@pytest.mark.parametrize(
    ("message", "title", "body"),
    [
        (
            'pods "web-" is forbidden: exceeded quota: compute, requested: limits.cpu=80m,pods=1, '
            "used: limits.cpu=50m,pods=3, limited: limits.cpu=110m,pods=3",
            "The namespace's quota is used up",
            "The quota compute of apps leaves no room for one more pod: limits.cpu 50m of 110m in "
            "use, one more needs 80m and pods 3 of 3 in use, one more needs 1.",
        ),
        (
            'pods "web-" is forbidden: [maximum cpu usage per Container is 60m, but limit is 100m, '
            "maximum memory usage per Container is 64Mi, but limit is 1Gi]",
            "The namespace's LimitRange refuses the pods",
            "In apps the maximum cpu usage per Container is 60m, but limit is 100m, maximum memory "
            "usage per Container is 64Mi, but limit is 1Gi.",
        ),
        (
            'pods "web-" is forbidden: cpu max limit to request ratio per Container is 2, but '
            "provided ratio is 5.000000",
            "The namespace's LimitRange refuses the pods",
            "In apps the cpu max limit to request ratio per Container is 2, but provided ratio is "
            "5.000000.",
        ),
        (
            'admission webhook "images.example.com" denied the request: image not signed',
            "An admission webhook refuses the pods",
            "The webhook images.example.com denies them: image not signed.",
        ),
        (
            'admission webhook "images.example.com" denied the request without explanation',
            "An admission webhook refuses the pods",
            "The webhook images.example.com denies them.",
        ),
        (
            'Internal error occurred: failed calling webhook "images.example.com": failed to call '
            'webhook: Post "https://images.default.svc:443/?timeout=2s": service "images" not '
            "found",
            "An admission webhook does not answer",
            "Every new pod has to be admitted by the webhook images.example.com, which cannot be "
            'reached: service "images" not found.',
        ),
        (
            "pods \"web-\" is forbidden: ValidatingAdmissionPolicy 'tags' with binding 'tags' "
            "denied request: no latest",
            "An admission policy refuses the pods",
            "The policy tags denies them: no latest.",
        ),
        (
            'pods "web-" is forbidden: no PriorityClass with name high was found',
            "The priority class is missing",
            "The pods are to have the priority class high, which does not exist.",
        ),
        (
            'pods "web-" is forbidden: pod rejected: RuntimeClass "gvisor" not found',
            "The runtime class is missing",
            "The pods are to have the runtime class gvisor, which does not exist.",
        ),
        (
            'pods "web-" is forbidden: unable to create new content in namespace apps because it '
            "is being terminated",
            "The namespace is being deleted",
            "No pods are created in apps any more.",
        ),
        (
            'pods "web-" is forbidden: error looking up service account apps/robot: serviceaccount '
            '"robot" not found',
            "The service account is missing",
            "The pods are to run as the service account robot, which does not exist.",
        ),
        ("something {new}", "Pods cannot be created", "Something {new}."),
    ],
)
def test_refusals(message: str, title: str, body: str) -> None:
    found = refusal(message, "apps")
    assert (found.title, found.body) == (title, body)
