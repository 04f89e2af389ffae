"""Jobs and CronJobs: whether they run, how they ended, and when they run next."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from portal.domain.objects import Condition, CronJob, Event, Job, Kind, Pod
from portal.state.model import AppState
from portal.viewmodels.app import app_view
from portal.viewmodels.listing import bucket
from portal.viewmodels.model import AppView, Severity
from portal.viewmodels.query import Bucket
from portal.viewmodels.releases import release_row

from .make import (
    KEY,
    NOW,
    ago,
    condition,
    container,
    deployment,
    event,
    pod,
    pods,
    sources,
    state,
    unready,
    waiting,
)


def job(*conditions: Condition, **fields: Any) -> Job:
    base = Job(
        key=KEY._replace(name="load"),
        release="demo",
        completions=1,
        active=0,
        succeeded=0,
        failed=0,
        conditions=conditions,
        created_at=ago(90),
    )
    return replace(base, **fields)


def cron(**fields: Any) -> CronJob:
    base = CronJob(KEY._replace(name="nightly"), "demo", "0 2 * * *", ago(9e5))
    return replace(base, **fields)


def of_job(one: Pod, owner: str = "load") -> Pod:
    return replace(one, owner=owner, owner_kind=Kind.JOB)


EXIT_2 = container(ready=False, state="terminated", reason="Error", exit_code=2)
FAILED_POD = of_job(unready(EXIT_2, phase="Failed"))
DONE_POD = of_job(unready(phase="Succeeded"))
FAILED = condition(
    "Failed",
    "True",
    reason="BackoffLimitExceeded",
    message="Job has reached the specified backoff limit",
)
COMPLETE = condition("Complete", "True")


def jobs(*found: Job, crons: tuple[CronJob, ...] = (), **fields: Any) -> AppState:
    base = {"workloads": (), "pods": (), "jobs": found, "cron_jobs": crons}
    return state(**{**base, **fields})


def view(one: AppState) -> AppView:
    return app_view(one, sources(), NOW)


def refused() -> Event:
    message = 'pods "load-x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, '
    return event("FailedCreate", f"{message}limited: pods=2", about="load", about_kind="Job")


@pytest.mark.parametrize(
    ("one", "text", "severity", "words"),
    [
        (
            jobs(job(FAILED, failed=2), pods=(FAILED_POD,)),
            "Failed",
            Severity.BAD,
            "The Job load has failed: its pods failed more often than its backoff limit allows. "
            "The last one: Its program ended with exit code 2",
        ),
        (
            jobs(job(condition("Failed", "True", reason="New", message="Odd thing."))),
            "Failed",
            Severity.BAD,
            "The Job load has failed: Odd thing.",
        ),
        (
            jobs(job(COMPLETE, succeeded=1), pods=(DONE_POD,)),
            "Succeeded",
            Severity.GOOD,
            "The Job load has succeeded.",
        ),
        (
            jobs(job(active=1, failed=1), pods=(of_job(pod()),)),
            "Running",
            Severity.BUSY,
            "The Job load is running: 1 pod is at work; 1 pod failed before.",
        ),
        (
            jobs(job(active=2, completions=5, succeeded=3)),
            "Running",
            Severity.BUSY,
            "The Job load is running: 2 pods are at work, 3 of 5 have succeeded.",
        ),
        (jobs(job()), "Starting", Severity.BUSY, "The Job load is starting."),
        (
            jobs(job(suspended=True)),
            "Suspended",
            Severity.QUIET,
            "The Job load is suspended: it runs no pods.",
        ),
        (
            jobs(job(), events=(refused(),)),
            "Cannot start",
            Severity.BAD,
            "The Job load runs no pods. The quota q of apps leaves no room for one more pod",
        ),
        (
            jobs(crons=(cron(),)),
            "Scheduled",
            Severity.QUIET,
            "The CronJob nightly runs at “0 2 * * *” (UTC). It has not run yet. "
            "Next: 02:00 UTC on 24 November.",
        ),
        (
            jobs(crons=(cron(last_scheduled_at=ago(3600), last_succeeded_at=ago(3500)),)),
            "Scheduled",
            Severity.QUIET,
            "The CronJob nightly runs at “0 2 * * *” (UTC). It last ran at 06:30 UTC on 23 "
            "November, and succeeded.",
        ),
        (
            jobs(job(COMPLETE, owner="nightly"), crons=(cron(time_zone="Asia/Tokyo"),)),
            "Scheduled",
            Severity.GOOD,
            "The CronJob nightly runs at “0 2 * * *” (Asia/Tokyo). Its run at 07:28 UTC on 23 "
            "November has succeeded. Next: 17:00 UTC on 23 November.",
        ),
        (
            jobs(
                job(FAILED, owner="nightly", key=KEY._replace(name="load-1"), created_at=ago(900)),
                job(owner="nightly", active=1),
                crons=(cron(),),
            ),
            "Running",
            Severity.BUSY,
            "The CronJob nightly runs at “0 2 * * *” (UTC). Its run at 07:28 UTC",
        ),
        (
            jobs(crons=(cron(suspended=True),)),
            "Suspended",
            Severity.QUIET,
            "The CronJob nightly is suspended: it begins no new runs. It has not run yet.",
        ),
    ],
)
def test_a_release_of_jobs(one: AppState, text: str, severity: Severity, words: str) -> None:
    found = view(one)
    assert (found.headline.text, found.headline.severity) == (text, severity)
    assert found.sentence.startswith(words)
    (line,) = found.workloads
    assert line.words == found.sentence
    attention = bucket(release_row(one, sources(), NOW)) is Bucket.ATTENTION
    assert attention is (severity is Severity.BAD)
    assert bool(found.notices) is attention


def test_a_cron_job_whose_last_run_failed_needs_attention() -> None:
    one = jobs(job(FAILED, owner="nightly"), crons=(cron(),))
    found = view(one)
    assert found.headline.text == "Failed"
    assert found.notices[0].title == "The last run of the CronJob nightly has failed"
    assert "under Logs" in found.notices[0].advice


def test_the_worst_of_several_is_the_headline() -> None:
    other = job(FAILED, key=KEY._replace(name="other"))
    found = view(jobs(job(COMPLETE), other))
    assert found.headline.text == "Failed"
    assert [each.name for each in found.workloads] == ["other", "load"]


def test_a_job_that_crashes_again_and_again_is_trouble() -> None:
    crashing = of_job(unready(waiting("CrashLoopBackOff", last_exit_code=1, last_reason="Error")))
    found = view(jobs(job(active=1), pods=(crashing,)))
    assert (found.headline.text, found.headline.severity) == ("Crashing", Severity.BAD)


def test_a_failed_job_beside_an_app_that_runs() -> None:
    one = state(jobs=(job(FAILED),), pods=pods(pod(), FAILED_POD))
    found = view(one)
    assert (found.headline.text, found.headline.severity) == ("Job failed", Severity.WARN)
    assert found.sentence.startswith("Its one pod is ready. The Job load has failed: ")
    assert [each.kind for each in found.workloads] == ["Deployment", "Job"]


def test_the_pods_of_jobs_are_no_replicas() -> None:
    one = state(jobs=(job(active=1),), pods=pods(pod(), of_job(pod())))
    found = view(one)
    assert (found.replicas.ready, found.replicas.current) == (1, 1)
    assert len(found.pods) == 2
    assert view(replace(one, workloads=(deployment(2, 1),))).replicas.ready == 1


def test_a_release_of_jobs_never_says_that_it_runs_no_pods() -> None:
    assert "runs no pods" not in view(jobs(job(active=1))).replicas.words
