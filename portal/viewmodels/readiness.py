"""Diagnoses of running pods that are not ready: starting, slow, or no longer answering."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from portal.domain.objects import Event, Pod
from portal.viewmodels.crashes import restarted
from portal.viewmodels.diagnosis import Diagnosis, Stage, condition, log_command, newest
from portal.viewmodels.model import Severity
from portal.viewmodels.probes import ProbeFailure, probe_failure
from portal.viewmodels.words import shortened

SLOW_START = 180.0
"""Seconds of running without being ready after which a pod counts as slow to start."""


NAMED_AFTER = 10.0
"""Seconds of running after which the failure of a probe is named: most apps listen sooner."""

NO_FAILURE = ProbeFailure("")


def not_ready(pod: Pod, own: Sequence[Event], now: datetime) -> Diagnosis:
    """Diagnose a pod whose containers all run, but that is not ready."""
    since = _waiting_since(pod, own)
    event = newest(own, "Unhealthy")
    waited = (now - since).total_seconds()
    found = probe_failure(pod, event.message if event else "") or NO_FAILURE
    words, advice = found.words, found.advice
    detail = shortened(event.message, 500) if event else ""
    killing = newest(own, "Killing")
    restarts = sum(one.restarts for one in pod.containers)
    killed = re.search(r"(liveness|startup) probe", killing.message.lower()) if killing else None
    if restarts and killed:
        return Diagnosis(
            Stage.SILENT,
            f"Restarted: {killed[1]} probe failed",
            Severity.BAD,
            f"It runs, but was restarted because its {killed[1]} probe failed. {words}".strip(),
            advice or f"See its log: {log_command(pod)}",
            since,
            detail,
            found.fields,
        )
    if _was_ready(pod):
        return Diagnosis(
            Stage.SILENT,
            "Not answering",
            Severity.WARN,
            f"It was ready before, but does not answer its readiness probe any more. "
            f"{words}".strip(),
            advice
            or "It gets no requests until it answers. It may be overloaded: run more pods or "
            "give it more CPU.",
            since,
            detail,
            found.fields,
        )
    if waited > SLOW_START:
        return Diagnosis(
            Stage.SLOW,
            "Slow to start",
            Severity.WARN,
            f"It runs but has not become ready. {words}".strip(),
            advice or f"See its log: {log_command(pod).removesuffix(' --previous')}",
            since,
            detail,
            found.fields,
        )
    if words and waited > NAMED_AFTER:
        return _failing(event, found, since, detail)
    return Diagnosis(
        Stage.STARTING,
        "Starting",
        Severity.BUSY,
        f"It runs, and is not ready to answer yet. {restarted(pod)}".strip(),
        "",
        since,
        detail,
    )


def _failing(event: Event | None, found: ProbeFailure, since: datetime, detail: str) -> Diagnosis:
    """Diagnose a pod that runs for a while and fails its probe."""
    kind = event.message.partition(" ")[0].lower() if event else ""
    title = f"Fails its {kind} probe" if kind in {"startup", "readiness"} else "Fails its probe"
    stage, severity = (
        (Stage.SLOW, Severity.WARN) if found.answered else (Stage.STARTING, Severity.BUSY)
    )
    return Diagnosis(
        stage,
        title,
        severity,
        f"It runs, and is not ready to answer yet. {found.words}",
        found.advice,
        since,
        detail,
        found.fields,
    )


def _was_ready(pod: Pod) -> bool:
    """Return True if a pod that is not ready was ready before in its present run.

    Both conditions are first written at the same moment; ``Ready`` changes later only if it
    has been true in between.
    """
    if pod.ready_at is not None:
        return True
    ready, initialized = condition(pod, "Ready"), condition(pod, "Initialized")
    if not (ready and initialized and ready.changed_at and initialized.changed_at):
        return False
    started = [one.started_at for one in pod.containers if one.started_at]
    if started and max(started) > ready.changed_at:
        return False
    return (ready.changed_at - initialized.changed_at).total_seconds() > _SAME_MOMENT


_SAME_MOMENT = 2.0


def _waiting_since(pod: Pod, own: Sequence[Event]) -> datetime:
    """The time since when a running pod is not ready."""
    times = [one.started_at for one in pod.containers if one.started_at]
    started = newest(own, "Started")
    if not times and started:
        times.append(started.last_at)
    ready = condition(pod, "Ready")
    if ready and ready.changed_at:
        times.append(ready.changed_at)
    return max(times, default=pod.created_at)
