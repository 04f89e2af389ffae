"""Diagnoses of running pods that are not ready: starting, slow, or no longer answering."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from portal.domain.objects import Event, Pod
from portal.viewmodels.crashes import restarted
from portal.viewmodels.diagnosis import Diagnosis, Stage, condition, log_command, newest
from portal.viewmodels.model import Severity
from portal.viewmodels.words import sentence, shortened

SLOW_START = 180.0
"""Seconds of running without being ready after which a pod counts as slow to start."""


def not_ready(pod: Pod, own: Sequence[Event], now: datetime) -> Diagnosis:
    """Diagnose a pod whose containers all run, but that is not ready."""
    since = _waiting_since(pod, own)
    event = newest(own, "Unhealthy")
    waited = (now - since).total_seconds()
    words, advice = _probe_words(event.message if event else "")
    detail = shortened(event.message, 500) if event else ""
    killing = newest(own, "Killing")
    restarts = sum(one.restarts for one in pod.containers)
    if restarts and killing and "liveness" in killing.message.lower():
        return Diagnosis(
            Stage.SILENT,
            "Restarted: liveness probe failed",
            Severity.BAD,
            f"It runs, but was restarted because its liveness probe failed. {words}".strip(),
            advice or f"See its log: {log_command(pod)}",
            since,
            detail,
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
        )
    return Diagnosis(
        Stage.STARTING,
        "Starting",
        Severity.BUSY,
        f"It runs, and is not ready to answer yet. {restarted(pod)}".strip(),
        "",
        since,
        detail,
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


def _probe_words(message: str) -> tuple[str, str]:
    """A sentence about a failed probe, and advice, from "Readiness probe failed: …"."""
    lowered = message.lower()
    port = re.search(r"https?://[^/\s\"]*?:(\d+)|tcp [\d.]+:(\d+)", message)
    on = f" on port {port[1] or port[2]}" if port else ""
    if "connection refused" in lowered:
        return (
            f"Nothing listens{on} in it.",
            "Check that the port is the one the app listens on, and that it listens on 0.0.0.0, "
            "not only on 127.0.0.1.",
        )
    status = re.search(r"statuscode: (\d+)", lowered)
    if status:
        return (
            f"Its probe gets HTTP {status[1]}.",
            "Check the probe's path, and the app's log."
            if status[1].startswith("4")
            else "Check the app's log.",
        )
    if "deadline exceeded" in lowered or "timeout" in lowered or "timed out" in lowered:
        return (
            f"It accepts connections{on} but answers too slowly.",
            "It may be overloaded: give it more CPU, more worker processes, or run more pods.",
        )
    if "no route to host" in lowered or "connection reset" in lowered:
        return "Connections to it are reset.", ""
    return (sentence(f"The probe failed: {shortened(message, 160)}"), "") if message else ("", "")
