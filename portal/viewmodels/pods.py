"""The state of one pod in words, for readers who do not know Kubernetes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from portal.domain.objects import Event, Node, Pod, PodUsage
from portal.state.history import PodHistory
from portal.viewmodels.conditions import condition
from portal.viewmodels.containers import broken
from portal.viewmodels.crashes import restarted
from portal.viewmodels.device_claims import claim_missing
from portal.viewmodels.diagnosis import (
    Diagnosis,
    Stage,
    claim_events,
    created,
    events_about,
    newest,
)
from portal.viewmodels.failures import failed
from portal.viewmodels.model import Badge, PodView, Severity
from portal.viewmodels.preparation import being_set_up
from portal.viewmodels.readiness import NAMED_AFTER, not_ready, resizing
from portal.viewmodels.scheduling import no_room
from portal.viewmodels.series import spark
from portal.viewmodels.words import cores, count, joined, percent, sentence, shortened, size


def diagnose(pod: Pod, events: Sequence[Event], nodes: Sequence[Node], now: datetime) -> Diagnosis:
    """Tell what ``pod`` is doing. ``events`` may be about other objects too."""
    own = events_about(pod, events)
    if pod.deleting:
        return _leaving(pod, nodes)
    if pod.phase == "Succeeded":
        return Diagnosis(
            Stage.ENDED,
            "Finished",
            Severity.QUIET,
            "Its program ended without an error (exit code 0).",
        )
    if pod.phase == "Failed":
        return failed(pod)
    if pod.phase == "Unknown" or _node_lost(pod, nodes):
        return Diagnosis(
            Stage.LOST,
            "Node does not answer",
            Severity.BAD,
            f"The node {pod.node or 'it runs on'} does not answer, so the pod's state is unknown.",
            "Kubernetes replaces it after about five minutes by default. Ask an administrator to "
            "check the node.",
        )
    if pod.ready:
        return Diagnosis(
            Stage.READY,
            "Ready",
            Severity.GOOD,
            since=pod.ready_at,
            detail=f"{restarted(pod)} {resizing(pod)}".strip(),
        )
    if not pod.node:
        return _unscheduled(pod, own, claim_events(pod, events), nodes, now)
    if missing := _node_missing(pod, nodes, now):
        return missing
    return _on_node(pod, own, now)


MOST = 50
"""The most pods on an app's page: each change sends all of them."""

MOST_ENDED = 5
"""The most pods on an app's page that have ended: Kubernetes keeps thousands of failed ones."""

Diagnosed = tuple[Pod, Diagnosis]


def foremost(pods: Sequence[Diagnosed]) -> tuple[Sequence[Diagnosed], str]:
    """The pods to show, and a summary of the others: "450 more pods: 448 ready and 2 starting".

    Pods that run come before those that have ended, of which the newest ``MOST_ENDED`` are shown.
    Up to ``MOST`` these are all, in their order; else those with problems, then those that are not
    ready, then the newest.
    """

    def newest(each: Diagnosed) -> float:
        return -each[0].created_at.timestamp()

    def urgency(each: Diagnosed) -> tuple[bool, bool, float]:
        stage = each[1].stage
        return not stage.troubled, stage is Stage.READY, newest(each)

    present = [each for each in pods if not each[1].stage.ended]
    ended = sorted((each for each in pods if each[1].stage.ended), key=newest)
    if len(present) > MOST:
        present.sort(key=urgency)
    shown = [*present[:MOST], *ended[: max(0, min(MOST_ENDED, MOST - len(present)))]]
    hidden = {pod.key for pod, _ in pods} - {pod.key for pod, _ in shown}
    left = Counter(found.stage for pod, found in pods if pod.key in hidden)
    if not left:
        return shown, ""
    if set(left) == {Stage.READY}:
        return shown, f"{count(left.total(), 'more pod')}, all ready"
    states = [f"{left[stage]:,} {stage.value}" for stage in Stage if left[stage]]
    return shown, f"{count(left.total(), 'more pod')}: {joined(states)}"


def pod_view(
    pod: Pod, diagnosis: Diagnosis, usage: PodUsage | None, history: PodHistory | None = None
) -> PodView:
    """The row of one pod."""
    main = [one for one in pod.containers if not one.init]
    return PodView(
        name=pod.key.name,
        status=Badge(diagnosis.title, diagnosis.severity, diagnosis.detail),
        ready=f"{sum(one.ready for one in main)}/{len(main)}",
        restarts=sum(one.restarts for one in pod.containers),
        created_at=pod.created_at,
        node=pod.node,
        cpu=_used(cores, usage.cpu if usage else None, pod.cpu_request),
        memory=_used(size, usage.memory if usage else None, pod.memory_request),
        reason=diagnosis.reason,
        advice=diagnosis.advice,
        since=diagnosis.since,
        spark=spark(history, pod.cpu_request),
    )


def _used(form: Callable[[float], str], used: float | None, request: float | None) -> str:
    """An amount used, with its share of the request: "0.12 cores (120 %)"."""
    if used is None:
        return ""
    text = form(used)
    return f"{text} ({percent(100 * used / request)})" if request and request > 0 else text


def _node_lost(pod: Pod, nodes: Sequence[Node]) -> bool:
    if pod.reason == "NodeLost":
        return True
    return not pod.ready and any(node.name == pod.node and not node.ready for node in nodes)


def _node_missing(pod: Pod, nodes: Sequence[Node], now: datetime) -> Diagnosis | None:
    """Diagnose a pod whose node is not in the cluster; None if it is, or may be."""
    since = created(pod)
    known = not nodes or any(node.name == pod.node for node in nodes)
    if known or since is None or (now - since).total_seconds() <= NAMED_AFTER:
        return None
    return Diagnosis(
        Stage.BLOCKED if pod.phase == "Pending" else Stage.LOST,
        "Node missing",
        Severity.BAD,
        f"It is assigned to the node {pod.node}, which the cluster does not have.",
        "If the app's values name the node (nodeName), correct them. Else it has been removed, and "
        "Kubernetes replaces the pod.",
        since,
    )


def _leaving(pod: Pod, nodes: Sequence[Node]) -> Diagnosis:
    disruption = condition(pod, "DisruptionTarget")
    why = ""
    if disruption and disruption.status == "True":
        why = sentence(shortened(disruption.message))
    if any(node.name == pod.node and not node.ready for node in nodes):
        why = f"Its node {pod.node} does not answer, so its end cannot be confirmed."
    elif pod.finalizers and not any(one.state == "running" for one in pod.containers):
        return Diagnosis(
            Stage.LEAVING,
            "Kept by a finalizer",
            Severity.WARN,
            f"It has ended, but {joined(pod.finalizers)} keeps it from being deleted.",
            "The controller that set the finalizer removes it when its clean-up is done.",
            pod.deleting_since,
        )
    return Diagnosis(
        Stage.LEAVING,
        "Shutting down",
        Severity.QUIET,
        why or "It is terminating and gets no new requests.",
    )


UNSEEN = 60.0
"""Seconds after which it counts as trouble that no scheduler has looked at a pod."""


def _unseen(pod: Pod, since: datetime) -> Diagnosis:
    """Diagnose a pod that no scheduler has looked at."""
    return Diagnosis(
        Stage.SLOW,
        "No scheduler",
        Severity.WARN,
        f"It asks for the scheduler {pod.scheduler}, and none of that name has looked at it."
        if pod.scheduler
        else "Kubernetes' scheduler has not looked at it yet.",
        "Name a scheduler that the cluster runs (schedulerName) in the app's values, or ask an "
        "administrator."
        if pod.scheduler
        else "Ask an administrator to check Kubernetes' scheduler.",
        since,
    )


def _gates(pod: Pod) -> str:
    gates = pod.scheduling_gates
    if not gates:
        return "It has a scheduling gate"
    return f"It has the scheduling {'gate' if len(gates) == 1 else 'gates'} {joined(gates)}"


def _unscheduled(
    pod: Pod,
    own: Sequence[Event],
    claims: Sequence[Event],
    nodes: Sequence[Node],
    now: datetime,
) -> Diagnosis:
    scheduled = condition(pod, "PodScheduled")
    message = scheduled.message if scheduled else ""
    since = scheduled.changed_at if scheduled and scheduled.changed_at else created(pod)
    event = newest(own, "FailedScheduling", "TriggeredScaleUp", "Nominated", "NotTriggerScaleUp")
    if scheduled and scheduled.reason == "SchedulingGated":
        return Diagnosis(
            Stage.WAITING,
            "Scheduling gated",
            Severity.BUSY,
            f"{_gates(pod)}, so it is not scheduled yet.",
            "The controller or administrator that set the gate removes it.",
            since,
        )
    if missing := claim_missing(message, own):
        return Diagnosis(
            Stage.BLOCKED, missing.title, Severity.BAD, missing.words, missing.advice, since
        )
    if pod.nominated_node:
        return Diagnosis(
            Stage.WAITING,
            "Waiting for room",
            Severity.BUSY,
            f"Pods of a lower priority are being removed from the node {pod.nominated_node} to "
            "make room for it.",
            "",
            since,
        )
    if any(one.reason in {"TriggeredScaleUp", "Nominated"} for one in own):
        return Diagnosis(
            Stage.WAITING,
            "Waiting for a new node",
            Severity.BUSY,
            "No node has room for it. The cluster autoscaler is adding one, which usually takes a "
            "few minutes.",
            "",
            since,
            shortened(message, 500),
        )
    if not message and event and event.reason == "FailedScheduling":
        message = event.message
    if not message and since and (now - since).total_seconds() > UNSEEN:
        return _unseen(pod, since)
    if not message:
        return Diagnosis(
            Stage.WAITING,
            "Waiting for a node",
            Severity.BUSY,
            "The scheduler is choosing a node.",
            "",
            since,
        )
    why = no_room(pod, message, nodes, claims)
    advice = why.advice
    if any(one.reason == "NotTriggerScaleUp" for one in own):
        advice = f"{advice} The cluster autoscaler cannot add a node for it.".strip()
    return Diagnosis(
        Stage.NO_ROOM,
        why.title,
        Severity.WARN,
        sentence(why.words),
        advice,
        since,
        shortened(message, 500),
    )


def _on_node(pod: Pod, own: Sequence[Event], now: datetime) -> Diagnosis:
    for one in pod.containers:
        found = broken(pod, one, own)
        if found:
            return found
    if all(one.state == "running" for one in pod.containers) and pod.containers:
        return not_ready(pod, own, now)
    return being_set_up(pod, own, now)
