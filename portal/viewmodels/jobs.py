"""Jobs and CronJobs in words: whether they run, how they ended, when they run next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from portal.domain.objects import CronJob, Job, Kind, Pod
from portal.domain.scalers import ScaledJob
from portal.domain.schedules import next_run
from portal.state.model import AppState
from portal.state.workloads import refused_pod
from portal.viewmodels.conditions import condition
from portal.viewmodels.diagnosis import Diagnosis
from portal.viewmodels.failures import REPEATED
from portal.viewmodels.model import Badge, Notice, Severity, WorkloadView
from portal.viewmodels.refusals import refusal
from portal.viewmodels.words import count, moment, sentence, shortened

Diagnosed = tuple[Pod, Diagnosis]


class JobSummary(Struct, frozen=True):
    """A Job or CronJob: its state, a sentence, and a notice if it needs attention."""

    kind: Kind
    name: str
    state: Badge
    words: str
    notice: Notice | None = None


_WORST_FIRST = (Severity.BAD, Severity.WARN, Severity.BUSY, Severity.GOOD, Severity.QUIET)

_FAILURES = {
    "BackoffLimitExceeded": "its pods failed more often than its backoff limit allows",
    "DeadlineExceeded": "it took longer than its deadline allows",
    "PodFailurePolicy": "its failure policy ended it",
    "FailedIndexes": "some of its indexes have failed",
    "MaxFailedIndexesExceeded": "more of its indexes have failed than it allows",
}


def job_summaries(
    state: AppState, pods: Sequence[Diagnosed], now: datetime
) -> tuple[JobSummary, ...]:
    """The Jobs, CronJobs and ScaledJobs of an app, worst first; the latter stand for their Jobs."""
    found = [
        *(job_summary(each, state, pods) for each in state.jobs if not each.owner),
        *(_cron_job(each, state, pods, now) for each in state.cron_jobs),
        *(_scaled_job(each, state, pods) for each in state.scaled_jobs),
    ]
    return tuple(sorted(found, key=lambda each: _WORST_FIRST.index(each.state.severity)))


def job_views(found: Sequence[JobSummary]) -> tuple[WorkloadView, ...]:
    """Their lines on the app's page."""
    return tuple(WorkloadView(each.kind.value, each.name, each.state, each.words) for each in found)


def _ended(job: Job, kind: str) -> str | None:
    """The reason of the condition that ended a Job, None if it has not ended so."""
    found = condition(job, kind)
    return found.reason if found and found.status == "True" else None


def job_summary(job: Job, state: AppState, pods: Sequence[Diagnosed]) -> JobSummary:
    """The state of one Job."""
    who = f"The Job {job.key.name}"
    badge, words, notice = _run(job, who, who, state, pods)
    return JobSummary(Kind.JOB, job.key.name, badge, words, notice)


def _run(
    job: Job, who: str, title: str, state: AppState, pods: Sequence[Diagnosed]
) -> tuple[Badge, str, Notice | None]:
    """State, sentence and notice of one Job; ``who`` and ``title`` name it in the last two."""
    reason = _ended(job, "Failed")
    if reason is not None:
        why = _why(job, reason, pods)
        notice = Notice(
            Severity.BAD,
            f"{title} has failed",
            sentence(why),
            "Its pods' log is under Logs, as long as they are kept.",
        )
        return Badge("Failed", Severity.BAD), sentence(f"{who} has failed: {why}"), notice
    if _ended(job, "Complete") is not None:
        return Badge("Succeeded", Severity.GOOD), f"{who} has succeeded.", None
    if job.suspended:
        return Badge("Suspended", Severity.QUIET), f"{who} is suspended: it runs no pods.", None
    refused = _refused(job, state)
    if refused:
        body = f"{refused.title}. {refused.body}"
        notice = Notice(refused.severity, f"{title} cannot start", body, refused.advice)
        words = f"{who} runs no pods. {refused.body}"
        return Badge("Cannot start", Severity.BAD), words, notice
    if job.failed >= REPEATED and job.failed > job.succeeded:
        return _retried(job, who, title, pods)
    failed = f"; {count(job.failed, 'pod')} failed before" if job.failed else ""
    done = f", {job.succeeded} of {job.completions} have succeeded" if job.completions > 1 else ""
    if job.active:
        are = "is" if job.active == 1 else "are"
        words = f"{who} is running: {count(job.active, 'pod')} {are} at work{done}{failed}."
        return Badge("Running", Severity.BUSY), words, None
    return Badge("Starting", Severity.BUSY), f"{who} is starting{done}{failed}.", None


def _retried(
    job: Job, who: str, title: str, pods: Sequence[Diagnosed]
) -> tuple[Badge, str, Notice | None]:
    """State, sentence and notice of a Job whose pods fail again and again."""
    why = f"{count(job.failed, 'pod')} have failed"
    if last := _last(job, pods):
        why = f"{why}. The last one: {last}"
    notice = Notice(
        Severity.WARN,
        f"{title} fails again and again",
        f"{sentence(why)} Kubernetes tries again until its backoff limit is reached.",
        "Its pods' log is under Logs, as long as they are kept.",
    )
    return Badge("Retrying", Severity.WARN), sentence(f"{who} is tried again: {why}"), notice


def _last(job: Job, pods: Sequence[Diagnosed]) -> str:
    """The end of a Job's newest pod that has failed; "" if none is kept."""
    own = [
        (pod.created_at, found)
        for pod, found in pods
        if pod.owner_kind == Kind.JOB and pod.owner == job.key.name and pod.phase == "Failed"
    ]
    return max(own, key=lambda each: each[0])[1].reason if own else ""


def _why(job: Job, reason: str, pods: Sequence[Diagnosed]) -> str:
    """The reason why a Job failed: what Kubernetes says, and how its last pod ended."""
    failed = condition(job, "Failed")
    message = failed.message if failed else ""
    said = _FAILURES.get(reason) or shortened(message).rstrip(".") or "Kubernetes gives no reason"
    last = _last(job, pods)
    return f"{said}. The last one: {last}" if last else said


def _refused(job: Job, state: AppState) -> Notice | None:
    message = "" if job.active else refused_pod(state, {(Kind.JOB.value, job.key.name)})
    return refusal(message, job.key.namespace) if message else None


def _cron_job(
    cron: CronJob, state: AppState, pods: Sequence[Diagnosed], now: datetime
) -> JobSummary:
    runs = [each for each in state.jobs if each.owner == cron.key.name]
    newest = max(runs, key=lambda each: (each.created_at, each.key), default=None)
    if newest is not None:
        begun = moment(newest.started_at or newest.created_at)
        title = f"The last run of the CronJob {cron.key.name}"
        badge, words, notice = _run(newest, f"Its run at {begun}", title, state, pods)
    else:
        badge, words, notice = Badge("Scheduled", Severity.QUIET), _before(cron), None
    if badge.severity in {Severity.GOOD, Severity.QUIET}:
        badge = Badge("Scheduled", badge.severity)
    who = f"The CronJob {cron.key.name}"
    if cron.suspended:
        badge = badge if notice else Badge("Suspended", Severity.QUIET)
        words = f"{who} is suspended: it begins no new runs. {words}"
    else:
        waits = cron.one_at_a_time and newest is not None and newest.active > 0
        then = _ONE_AT_A_TIME if waits else _next(cron, now)
        words = f"{who} runs at “{cron.schedule}”{_zone(cron)}. {words} {then}"
    return JobSummary(Kind.CRON_JOB, cron.key.name, badge, words.strip(), notice)


_ONE_AT_A_TIME = "No other run begins while it is at work (concurrencyPolicy Forbid)."


def _zone(cron: CronJob) -> str:
    return f" ({cron.time_zone})" if cron.time_zone else " (UTC)"


def _before(cron: CronJob) -> str:
    """The times of runs whose Jobs are deleted."""
    last = cron.last_scheduled_at
    if last is None:
        return "It has not run yet."
    if cron.last_succeeded_at and cron.last_succeeded_at >= last:
        return f"It last ran at {moment(last)}, and succeeded."
    return f"It last ran at {moment(last)}."


def _next(cron: CronJob, now: datetime) -> str:
    due = next_run(cron.schedule, cron.time_zone, now.replace(second=0, microsecond=0))
    return f"Next: {moment(due)}." if due else ""


def _scaled_job(scaled: ScaledJob, state: AppState, pods: Sequence[Diagnosed]) -> JobSummary:
    """The state of a ScaledJob: how many of its Jobs are at work, and how its last one ended."""
    who = f"The ScaledJob {scaled.key.name}"
    runs = [
        each
        for each in state.jobs
        if (each.owner_kind, each.owner) == (Kind.SCALED_JOB, scaled.key.name)
    ]
    active = sum(1 for each in runs if each.active)
    newest = max(runs, key=lambda each: each.created_at, default=None)
    if scaled.paused:
        badge = Badge("Paused", Severity.QUIET)
        words = f"{who} is paused: KEDA starts no Jobs."
    elif active:
        badge = Badge("Running", Severity.BUSY)
        words = f"{who} has {count(active, 'Job')} at work."
    else:
        badge = Badge("Waiting", Severity.QUIET)
        words = f"{who} has no Job at work; KEDA starts some when a trigger is active."
    if newest is None or newest.active:
        return JobSummary(Kind.SCALED_JOB, scaled.key.name, badge, words)
    last, said, notice = _run(newest, "Its last Job", f"The last Job of {who[4:]}", state, pods)
    if last.severity.troubled and not active:
        badge = last
    return JobSummary(Kind.SCALED_JOB, scaled.key.name, badge, f"{words} {said}", notice)
