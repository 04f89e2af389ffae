"""The one word and the one sentence about an app, in each state that an app can be in."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from portal.domain.management import Management
from portal.domain.objects import Kind, Pod, ReleaseStatus, ReplicaSet
from portal.domain.operations import OperationPhase, Verb
from portal.domain.release import DeleteHook
from portal.releases.install import LAUNCH
from portal.releases.rollback import ROLLBACK
from portal.releases.scale import SCALE
from portal.releases.uninstall import UNINSTALL
from portal.releases.upgrade import UPGRADE
from portal.state.model import AppState, WatchHealth
from portal.viewmodels.app import app_view
from portal.viewmodels.model import AppView, Severity
from portal.viewmodels.releases import is_listed

from .make import (
    IMAGE,
    KEY,
    NOW,
    ago,
    condition,
    container,
    deployment,
    detail,
    event,
    hpa,
    operation,
    pending,
    pod,
    pods,
    release,
    sources,
    state,
    unready,
    waiting,
    watched,
)

DELETING = Management(deleting=True)


def view(one: AppState, **changes: WatchHealth) -> AppView:
    return app_view(one, sources(**changes), NOW)


def said(one: AppState) -> tuple[str, Severity, str]:
    found = view(one)
    return found.headline.text, found.headline.severity, found.sentence


STARTING = unready(container(ready=False, started_at=ago(10)))
PULLING = unready(waiting("ContainerCreating"), phase="Pending")
MISSING = unready(waiting("ErrImagePull", "not found"), phase="Pending")
CRASHING = unready(waiting("CrashLoopBackOff", last_exit_code=1, last_reason="Error"))
NO_ROOM = pending(condition("PodScheduled", message="0/1 nodes are available: 1 Insufficient cpu."))


def scaled(desired: int, *found: Pod, **fields: object) -> AppState:
    ready = sum(each.ready for each in found)
    counts = {"current": len(found), "updated": len(found), **fields}
    return state(workloads=(deployment(desired, ready, **counts),), pods=pods(*found))


@pytest.mark.parametrize(
    ("one", "text", "severity", "words"),
    [
        (scaled(1, pod()), "Ready", Severity.GOOD, "Its one pod is ready."),
        (scaled(3, pod(), pod(), pod()), "Ready", Severity.GOOD, "All 3 pods are ready."),
        (
            scaled(3, pod(), pod(), STARTING),
            "Scaling",
            Severity.BUSY,
            "2 of 3 pods are ready; 1 is starting.",
        ),
        (
            scaled(4, pod()),
            "Scaling",
            Severity.BUSY,
            "1 of 4 pods is ready; 3 are yet to be created.",
        ),
        (
            scaled(1, pod(), pod(deleting=True)),
            "Ready",
            Severity.GOOD,
            "Its one pod is ready; 1 is shutting down.",
        ),
        (scaled(1, pod(), pod()), "Scaling", Severity.BUSY, "2 pods are ready, 1 desired."),
        (
            scaled(2, pod(), pod(), STARTING, updated=1),
            "Updating",
            Severity.BUSY,
            "All 2 pods are ready; 1 is starting.",
        ),
        (scaled(1, STARTING), "Starting", Severity.BUSY, "Its pod is starting."),
        (scaled(1), "Starting", Severity.BUSY, "Its pod is yet to be created."),
        (
            scaled(3, pod(), MISSING, MISSING),
            "Degraded",
            Severity.WARN,
            "1 of 3 pods is ready; 2 are unable to start. "
            f"The image {IMAGE} cannot be pulled: its registry has no such image.",
        ),
        (
            scaled(1, MISSING),
            "Cannot start",
            Severity.BAD,
            "Its pod is unable to start. "
            f"The image {IMAGE} cannot be pulled: its registry has no such image.",
        ),
        (
            scaled(1, pod(), MISSING, updated=1),
            "Update stuck",
            Severity.WARN,
            "Its one pod is ready; 1 is unable to start. The image",
        ),
        (scaled(1, CRASHING), "Crashing", Severity.BAD, "Its pod is crashing. It crashed: "),
        (scaled(1, NO_ROOM), "Cannot start", Severity.BAD, "Its pod is unschedulable. "),
        (
            scaled(0),
            "Stopped",
            Severity.QUIET,
            "It is scaled to zero, so it runs no pods.",
        ),
        (
            state(workloads=(), pods=()),
            "Installed",
            Severity.QUIET,
            "It has no Deployment, StatefulSet, DaemonSet, Job or CronJob; ",
        ),
    ],
)
def test_by_pods(one: AppState, text: str, severity: Severity, words: str) -> None:
    got = said(one)
    assert got[:2] == (text, severity)
    assert got[2].startswith(words)
    if words.endswith(("ready.", "starting.", "created.", "wanted.", "image.")):
        assert got[2] == words


def test_a_new_revision_not_seen_by_the_controller_is_an_update() -> None:
    assert said(scaled(1, pod(), generation=2))[0] == "Updating"


@pytest.mark.parametrize("ready", [0, 1])
def test_quota_is_never_running_with_zero_pods(ready: int) -> None:
    message = (
        'pods "demo-7d9c-" is forbidden: exceeded quota: compute, requested: requests.cpu=200m, '
        "used: requests.cpu=900m, limited: requests.cpu=1"
    )
    failure = condition("ReplicaFailure", "True", reason="FailedCreate", message=message)
    refused = ReplicaSet(KEY, "demo", 2, ready, (failure,))
    one = state(
        workloads=(deployment(2, ready, current=ready),),
        pods=pods(*[pod()] * ready),
        replica_sets=(refused,),
    )
    text, severity, words = said(one)
    assert (text, severity) == (
        ("Degraded", Severity.WARN) if ready else ("Cannot start", Severity.BAD)
    )
    assert "cannot be created" in words
    notice = view(one).notices[0]
    assert notice.title == "The namespace's quota is used up"
    assert "requests.cpu 900m of 1 in use, one more needs 200m" in notice.body
    assert view(one).replicas.severity is not Severity.GOOD


def test_a_stateful_sets_quota_is_told_by_its_events() -> None:
    one = state(
        workloads=(deployment(1, 0, current=0, kind=Kind.STATEFUL_SET),),
        pods=(),
        events=(
            event(
                "FailedCreate",
                "create Pod demo-0 in StatefulSet demo failed error: pods is forbidden: violates "
                'PodSecurity "restricted:latest": runAsNonRoot != true',
                about="demo",
                about_kind="StatefulSet",
            ),
        ),
    )
    assert said(one)[0] == "Cannot start"
    assert "Pod Security" in view(one).notices[0].title


@pytest.mark.parametrize(
    ("verb", "text"),
    [
        (UPGRADE, "Updating"),
        (SCALE, "Scaling"),
        (ROLLBACK, "Rolling back"),
        (LAUNCH, "Launching"),
    ],
)
def test_requested_before_the_cluster_moves(verb: Verb, text: str) -> None:
    got = said(state(operation=operation(verb)))
    assert got[0] == text
    assert got[2].startswith("Requested: ")
    assert got[2].endswith("Its one pod is ready.")


def test_a_first_launch_invents_nothing() -> None:
    one = state(release=None, detail=None, workloads=(), pods=(), operation=operation())
    found = view(one)
    assert found.headline.text == "Launching"
    assert found.sentence == "Requested: launch. It has not reached the cluster yet."
    assert not found.exists
    assert found.launched_by == "ada"


def test_once_it_moved_the_pods_tell() -> None:
    begun = release(ReleaseStatus.PENDING_INSTALL, updated_at=ago(20))
    one = replace(scaled(1, MISSING), release=begun, operation=operation())
    assert said(one)[0] == "Cannot start"
    one = replace(
        scaled(3, pod(), STARTING, STARTING),
        release=release(updated_at=ago(10)),
        operation=operation(SCALE, OperationPhase.WAITING),
    )
    assert said(one) == ("Scaling", Severity.BUSY, "1 of 3 pods is ready; 2 are starting.")


def test_damaged() -> None:
    one = state(detail=detail(damaged="the record is not gzip"))
    text, severity, words = said(one)
    assert (text, severity) == ("Damaged", Severity.BAD)
    assert "the record is not gzip" in words
    assert "Its one pod is ready." in words


def test_pending_for_long_is_stuck_since_when() -> None:
    one = state(release=release(ReleaseStatus.PENDING_UPGRADE, updated_at=ago(7200)))
    found = view(one)
    assert found.headline.text == "Stuck"
    assert found.since == ago(7200)
    assert "pending-upgrade since 05:30 UTC on 23 November" in found.sentence
    assert "marks revision 1 as failed" in found.notices[0].advice
    assert found.unlock


def test_pending_for_a_short_time_is_somebody_at_work() -> None:
    one = state(release=release(ReleaseStatus.PENDING_UPGRADE, updated_at=ago(30)))
    assert said(one)[0] == "Updating"


def test_pending_after_our_operation_ended_may_be_somebody_elses() -> None:
    one = state(
        release=release(ReleaseStatus.PENDING_INSTALL, updated_at=ago(30)),
        operation=operation(phase=OperationPhase.INTERRUPTED),
    )
    assert said(one)[0] == "Starting"
    assert not view(one).unlock


def test_failed() -> None:
    why = detail(description='Release "demo" failed: context deadline exceeded')
    down = replace(scaled(1, STARTING), release=release(ReleaseStatus.FAILED), detail=why)
    text, severity, words = said(down)
    assert (text, severity) == ("Failed", Severity.BAD)
    assert "context deadline exceeded. Its pod is starting." in words
    up = replace(scaled(1, pod()), release=release(ReleaseStatus.FAILED), detail=why)
    assert said(up)[:2] == ("Update failed", Severity.WARN)


def test_removing_and_removed() -> None:
    remove = operation(UNINSTALL)
    leaving = pods(pod(deleting=True))
    assert said(state(operation=remove, pods=leaving))[0] == "Removing"
    gone = state(release=None, detail=None, workloads=(), pods=())
    done = replace(remove, phase=OperationPhase.SUCCEEDED)
    assert said(replace(gone, operation=done, pods=leaving))[0] == "Removing"
    assert said(replace(gone, operation=done))[0] == "Removed"
    assert said(replace(gone, operation=None))[0] == "Not found"
    old = release(ReleaseStatus.UNINSTALLING, updated_at=ago(3600))
    assert said(state(release=old))[0] == "Removal failed"
    assert not view(state(release=old)).unlock


def test_what_a_removal_leaves_is_said() -> None:
    gone = state(release=None, detail=None, workloads=(), pods=())
    done = operation(UNINSTALL, phase=OperationPhase.SUCCEEDED, advice="Volumes stay: data-0.")
    assert said(replace(gone, operation=done))[2] == "It was removed. Volumes stay: data-0."


@pytest.mark.parametrize("phase", [OperationPhase.WAITING, OperationPhase.FAILED])
def test_a_finalizer_blocks_a_removal(phase: OperationPhase) -> None:
    held = deployment(
        0, 0, deleting_since=ago(60), finalizers=("example.com/backup",), management=DELETING
    )
    removal = operation(UNINSTALL, phase=phase)
    blocked = state(release=None, detail=None, workloads=(held,), pods=(), operation=removal)
    found = view(blocked)
    assert (found.headline.text, found.headline.severity) == ("Removal blocked", Severity.BAD)
    assert "but kept by the finalizer example.com/backup." in found.sentence
    assert "an administrator can remove it from the Deployment demo" in found.notices[0].advice
    leaving = replace(blocked, pods=pods(pod(deleting=True)))
    assert said(leaving)[0] == "Removing"


def test_a_finalizer_may_take_a_moment() -> None:
    held = deployment(
        0, 0, deleting_since=ago(5), finalizers=("example.com/backup",), management=DELETING
    )
    removal = operation(UNINSTALL, phase=OperationPhase.WAITING)
    found = view(state(release=None, detail=None, workloads=(held,), pods=(), operation=removal))
    assert found.headline.text == "Removing"
    assert not found.notices


def test_a_failure_of_ours_is_told_once_and_in_our_words() -> None:
    raw = detail(description='Release "demo" failed: failed pre-install: resource Job/a/b')
    ours = operation(phase=OperationPhase.FAILED, error="The hook failed", advice="Read its log.")
    one = state(release=release(ReleaseStatus.FAILED), detail=raw, operation=ours)
    found = view(one)
    assert "The hook failed." in found.sentence
    assert "Job/a/b" not in found.sentence
    (notice,) = found.notices
    assert (notice.body, notice.advice) == ("The hook failed.", "Read its log.")
    later = release(ReleaseStatus.FAILED, updated_at=ago(0))
    assert "Job/a/b" in view(replace(one, release=later)).sentence


def test_a_launch_that_left_nothing() -> None:
    failed = operation(phase=OperationPhase.FAILED, error="The chart refuses the values")
    found = view(state(release=None, detail=None, workloads=(), pods=(), operation=failed))
    assert found.headline.text == "Failed"
    assert "The chart refuses the values." in found.sentence


def test_unread_releases_are_not_missing_ones() -> None:
    one = state(release=None, detail=None, workloads=(), pods=())
    assert view(one, Release=watched("Release")).headline.text == "Loading"


def test_zero_pods_with_an_autoscaler() -> None:
    off = condition("ScalingActive", reason="ScalingDisabled", message="scaling is disabled")
    one = replace(scaled(0), hpas=(hpa(None, conditions=(off,)),))
    found = view(one)
    assert found.headline.text == "Stopped"
    (shown,) = found.autoscalers
    assert shown.notices[0].title == "The autoscaler is disabled"


def test_a_deadline_passed_while_pulling_is_no_failure() -> None:
    late = condition("Progressing", reason="ProgressDeadlineExceeded")
    pulling = event("Pulling", "Pulling image", about="demo-0", last_at=ago(700))
    one = replace(scaled(1, PULLING, conditions=(late,)), events=(pulling,))
    text, severity, words = said(one)
    assert (text, severity) == ("Starting", Severity.BUSY)
    assert words == "Its pod is downloading the image. This takes longer than usual."
    assert [notice.title for notice in view(one).notices] == ["This takes longer than usual"]


def test_the_workload_is_believed_while_pods_are_unread() -> None:
    one = state(workloads=(deployment(2, 2),), pods=())
    unread = app_view(one, sources(Pod=watched("Pod")), NOW)
    assert unread.replicas.ready == 2
    assert view(one).replicas.ready == 0


def test_a_release_without_a_record_is_managed_elsewhere_and_says_how_it_is() -> None:
    by_flux = Management(manager="Flux HelmRelease flux/demo")
    workload = replace(deployment(1, 1), management=by_flux)
    one = state(release=None, detail=None, workloads=(workload,), pods=pods(pod()))
    assert said(one) == (
        "Managed elsewhere",
        Severity.QUIET,
        "It is managed by Flux HelmRelease flux/demo outside this portal. Its one pod is ready.",
    )
    found = view(one)
    assert found.elsewhere
    assert not found.exists
    (notice,) = found.notices
    assert "Deployment demo" in notice.body
    assert "Flux HelmRelease flux/demo" in notice.advice
    assert is_listed(one)

    crashing = replace(one, pods=pods(CRASHING))
    assert said(crashing)[:2] == ("Managed elsewhere", Severity.BAD)


def test_what_a_removal_has_kept_is_named() -> None:
    kept = replace(deployment(1, 1), management=Management(kept=True))
    one = state(release=None, detail=None, workloads=(kept,), pods=pods(pod()))
    assert said(one)[0] == "Removed"
    assert "Deployment demo" in said(one)[2]
    assert not view(one).elsewhere


def test_a_release_in_its_place_says_which_tool_manages_it() -> None:
    workload = replace(deployment(1, 1), management=Management(manager="Argo CD application demo"))
    one = state(workloads=(workload,), pods=pods(pod()))
    assert said(one)[0] == "Ready"
    assert "Managed by Argo CD application demo" in [each.title for each in view(one).notices]


GUARD = DeleteHook("Job", "demo-guard", "pre-delete", unfinished=True)
UNINSTALLING = release(ReleaseStatus.UNINSTALLING, updated_at=ago(60))


def test_a_removal_that_failed_says_what_failed_and_the_ways_out() -> None:
    ended = operation(
        UNINSTALL,
        OperationPhase.FAILED,
        error="The chart's hook (Job demo-guard) failed",
        advice="Read its log.",
    )
    one = state(release=UNINSTALLING, operation=ended, detail=detail(delete_hooks=(GUARD,)))
    found = view(one)
    assert (found.headline.text, found.headline.severity) == ("Removal failed", Severity.BAD)
    assert "hook (Job demo-guard) failed. 1 pod is still there." in found.sentence
    assert found.removal_failed
    failure, way_out = found.notices
    assert (failure.title, failure.advice) == ("The removal failed", "Read its log.")
    assert "without hooks: then Job demo-guard will not run." in way_out.advice
    told = " ".join(f"{each.body} {each.advice}" for each in found.notices)
    assert "roll back" not in told, "Helm would refuse that"


def test_a_removal_that_somebody_else_left_is_told_from_the_record() -> None:
    one = state(release=UNINSTALLING, detail=detail(delete_hooks=(GUARD,)))
    assert said(one)[0] == "Removing", "somebody may be at work"
    old = release(ReleaseStatus.UNINSTALLING, updated_at=ago(3600))
    found = view(replace(one, release=old))
    assert found.headline.text == "Removal failed"
    assert "Its hook Job demo-guard did not succeed." in found.sentence
    (notice,) = found.notices
    assert "The hook Job demo-guard was started" in notice.body


def test_a_removal_that_is_repeated_is_under_way() -> None:
    again = operation(UNINSTALL, OperationPhase.RUNNING)
    one = state(release=UNINSTALLING, operation=again)
    assert said(one)[0] == "Removing"
    assert not view(one).removal_failed
    # In a terminal, after ours had ended.
    ended = replace(again, phase=OperationPhase.FAILED, updated_at=ago(600))
    assert said(replace(one, operation=ended))[0] == "Removing"


def test_what_failed_after_the_removal_is_said() -> None:
    ended = operation(UNINSTALL, OperationPhase.FAILED, error="The hook did not succeed")
    gone = state(release=None, detail=None, workloads=(), pods=(), operation=ended)
    assert said(gone) == (
        "Removed",
        Severity.WARN,
        "It was removed. The removal has reported an error: The hook did not succeed.",
    )


def test_a_probe_that_is_answered_is_the_headline() -> None:
    starting = unready(container(ready=False, started_at=ago(400)))
    answer = event(
        "Unhealthy", "Startup probe failed: HTTP probe failed with statuscode: 401", about="demo-0"
    )
    one = state(workloads=(deployment(1, 0),), pods=pods(starting), events=(answer,))
    found = app_view(one, sources(), NOW)
    assert (found.headline.text, found.headline.severity) == (
        "Startup probe gets HTTP 401",
        Severity.WARN,
    )
    assert "The app wants a sign-in for that path." in found.sentence
