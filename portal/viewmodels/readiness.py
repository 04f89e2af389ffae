"""Diagnoses of running pods that are not ready: starting, slow, or no longer answering."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from portal.domain.objects import Condition, Event, Pod
from portal.viewmodels.conditions import condition
from portal.viewmodels.containers import crashed_before
from portal.viewmodels.diagnosis import (
    Diagnosis,
    Stage,
    container_name,
    created,
    newest,
    see_log,
    several,
)
from portal.viewmodels.failures import lack_of_room
from portal.viewmodels.model import Severity
from portal.viewmodels.probes import ProbeFailure, probe_failure, restarted_by_probe
from portal.viewmodels.words import sentence, shortened

SLOW_START = 180.0
"""Seconds of running without being ready after which a pod counts as slow to start."""


NAMED_AFTER = 10.0
"""Seconds of running after which the failure of a probe is named: most apps listen sooner."""

NO_FAILURE = ProbeFailure("")


def not_ready(pod: Pod, own: Sequence[Event], now: datetime) -> Diagnosis:
    """Diagnose a pod whose containers all run, but that is not ready."""
    since = _waiting_since(pod, own)
    event = newest(own, "Unhealthy")
    waited = (now - since).total_seconds() if since else 0.0
    found = probe_failure(pod, event) or NO_FAILURE
    words, advice = found.words, found.advice
    detail = shortened(event.message, 500) if event else ""
    gate = _closed_gate(pod)
    if gate:
        return _gated(gate, since, waited)
    unready = next((one for one in pod.containers if not one.ready and several(pod)), None)
    if unready:
        words = f"{container_name(pod, unready)} is not ready. {words}".strip()
    killed = restarted_by_probe(pod, own)
    if killed:
        return replace(killed, since=since)
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
    crashed = crashed_before(pod, own)
    if crashed:
        return replace(crashed, since=since)
    if waited > SLOW_START and not found.answer:
        return Diagnosis(
            Stage.SLOW,
            "Slow to start",
            Severity.WARN,
            f"It runs but has not become ready. {words}".strip(),
            advice or see_log(pod, unready, previous=False),
            since,
            detail,
            found.fields,
        )
    if found.words and waited > NAMED_AFTER:
        return failing_probe(
            event, found, f"It runs, and is not ready to answer yet. {words}", since, detail
        )
    return Diagnosis(
        Stage.STARTING,
        "Starting",
        Severity.BUSY,
        "It runs, and is not ready to answer yet.",
        "",
        since,
        detail,
    )


def failing_probe(
    event: Event | None, found: ProbeFailure, words: str, since: datetime | None, detail: str
) -> Diagnosis:
    """Diagnose a pod that runs for a while and fails its probe, described in ``words``."""
    kind = event.message.partition(" ")[0].lower() if event else ""
    named = kind in {"startup", "readiness"}
    title = f"Fails its {kind} probe" if named else "Fails its probe"
    if found.answer:
        title = f"{kind.capitalize() if named else 'Its'} probe {found.answer}"
    stage, severity = (
        (Stage.SLOW, Severity.WARN) if found.answer else (Stage.STARTING, Severity.BUSY)
    )
    return Diagnosis(
        stage,
        title,
        severity,
        words,
        found.advice,
        since,
        detail,
        found.fields,
    )


def _closed_gate(pod: Pod) -> Condition | None:
    """Return the readiness gate that a pod waits for though its containers are ready, or None."""
    containers = condition(pod, "ContainersReady")
    if containers is None or containers.status != "True":
        return None
    gates = (condition(pod, each) or Condition(each, "") for each in pod.readiness_gates)
    return next((each for each in gates if each.status != "True"), None)


def _gated(gate: Condition, since: datetime | None, waited: float) -> Diagnosis:
    late = waited > SLOW_START
    why = sentence(shortened(gate.message)) or "Its controller gives no reason."
    return Diagnosis(
        Stage.SLOW if late else Stage.STARTING,
        "Waiting for a readiness gate",
        Severity.WARN if late else Severity.BUSY,
        f"Its containers are ready, but its readiness gate {gate.type} is not. {why}",
        "A controller outside the app, such as that of a load balancer, sets it: ask an "
        "administrator."
        if late
        else "",
        since,
    )


def resize_failed(pod: Pod) -> bool:
    """Return True if a pod's resize in place has failed, or is not possible on its node."""
    pending, going = condition(pod, "PodResizePending"), condition(pod, "PodResizeInProgress")
    return bool(
        (pending and pending.status == "True" and pending.reason == "Infeasible")
        or (going and going.status == "True" and going.reason == "Error")
    )


def resize_waits(pod: Pod) -> bool:
    """Return True if a pod's resize in place waits for room on its node."""
    pending = condition(pod, "PodResizePending")
    return pending is not None and pending.status == "True" and pending.reason == "Deferred"


def resizing(pod: Pod) -> str:
    """A sentence about a resize in place that is not done; "" if there is none."""
    pending, going = condition(pod, "PodResizePending"), condition(pod, "PodResizeInProgress")
    if pending and pending.status == "True":
        how = {
            "Deferred": "waits until its node has room",
            "Infeasible": "is not possible on its node",
        }.get(pending.reason, "is pending")
        return _resize(f"Its resize {how}", pending)
    if going and going.status == "True":
        failed = going.reason == "Error"
        return _resize("Its resize failed" if failed else "It is being resized", going)
    return ""


def _resize(words: str, said: Condition) -> str:
    why = lack_of_room(said.message) or shortened(said.message)
    return sentence(f"{words}: {why}" if why else words)


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


def _waiting_since(pod: Pod, own: Sequence[Event]) -> datetime | None:
    """The time since when a running pod is not ready, None if it is not known."""
    times = [one.started_at for one in pod.containers if one.started_at]
    started = newest(own, "Started")
    if not times and started:
        times.append(started.last_at)
    ready = condition(pod, "Ready")
    if ready and ready.changed_at:
        times.append(ready.changed_at)
    return max(times, default=created(pod))
