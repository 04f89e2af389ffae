"""Pods that have failed: evicted, refused by their node, preempted, or ended with an error.

Kubernetes keeps them and creates others in their place, so that one says little, and many of them
that the app cannot run as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from portal.domain.objects import Container, Pod
from portal.state.workloads import endless
from portal.viewmodels.conditions import condition
from portal.viewmodels.crashes import ending
from portal.viewmodels.diagnosis import Diagnosis, Stage, container_name
from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.words import cores, count, moment, sentence, shortened, size

REPEATED = 3
"""Failed pods of one cause from which on their app needs attention."""
RECENT = 1800.0
"""Seconds for which a failed pod counts."""


def failed(pod: Pod) -> Diagnosis:
    """Diagnose a failed pod by its message; the reason's name alone does not tell the cause."""
    message = pod.message.removeprefix("Pod was rejected: ")
    if pod.reason == "Evicted":
        return _evicted(message)
    disruption = condition(pod, "DisruptionTarget")
    by_scheduler = disruption is not None and disruption.reason == "PreemptionByScheduler"
    if by_scheduler or pod.reason == "Preempting" or "preempt" in message.lower():
        return _ended(
            "Preempted",
            "It was removed for a pod with a higher priority.",
            "Kubernetes replaces it when a node has room.",
        )
    if pod.reason in {"NodeShutdown", "Terminated"} or "node shutdown" in message.lower():
        return _ended(
            "Ended with its node",
            f"Its node was shut down. {sentence(shortened(message))}".strip(),
            "Kubernetes replaces it on another node.",
        )
    if pod.reason == "DeadlineExceeded":
        return _ended(
            "Deadline exceeded",
            "It ran longer than its activeDeadlineSeconds allow.",
            "Raise the deadline, or have it do less.",
        )
    if message != pod.message or _refused_for_room(pod.reason):
        return _refused(pod.reason, message)
    broken = next(
        (one for one in pod.containers if one.state == "terminated" and one.exit_code), None
    )
    if broken:
        return _exited(pod, broken)
    said = shortened(message) or pod.reason
    return Diagnosis(
        Stage.FAILED,
        "Failed",
        Severity.BAD,
        sentence(f"It ended: {said}") if said else "It ended; Kubernetes gives no reason.",
        "" if said else _UNKNOWN,
    )


_UNKNOWN = "The portal does not know the cause. The pod's events and its node's log may tell."


def _ended(title: str, words: str, advice: str) -> Diagnosis:
    return Diagnosis(Stage.FAILED, title, Severity.WARN, words, advice)


_EVICTIONS: tuple[tuple[str, str, str, str], ...] = (
    (
        r'Usage of EmptyDir volume "([^"]+)" exceeds the limit "([^"]+)"',
        "Evicted: volume full",
        "It wrote more into its emptyDir volume {0} than the limit of {1} allows",
        "Write less into the volume {0}, or raise its sizeLimit. The node is not at fault.",
    ),
    (
        r'Container (\S+) exceeded its local ephemeral storage limit "([^"]+)"',
        "Evicted: disk limit",
        "Its container {0} wrote more to disk than its limit of {1} allows",
        "Write less to disk, or raise the ephemeral-storage limit. The node is not at fault.",
    ),
    (
        r"Pod ephemeral local storage usage exceeds the total limit of containers (\S+?)\.?\s*$",
        "Evicted: disk limit",
        "It wrote more to disk than the limits of its containers, {0} together, allow",
        "Write less to disk, or raise the ephemeral-storage limits. The node is not at fault.",
    ),
    (
        r"The node was low on resource: memory",
        "Evicted: node short of memory",
        "Its node ran short of memory: {message}",
        "A memory request as high as the use makes evictions less likely.",
    ),
    (
        r"The node was low on resource: (\S+?)\.?(?:\s|$)",
        "Evicted: node short of {0}",
        "Its node ran short of {0}: {message}",
        "Write less to disk, or ask an administrator to make room on the node.",
    ),
    (
        r"The node had condition: \[?([^\].]+)",
        "Refused by its node",
        "Its node took no pods like this one while it had the condition {0}",
        "Kubernetes creates another pod. If this lasts, ask an administrator to check the node.",
    ),
)


def _evicted(message: str) -> Diagnosis:
    for pattern, title, words, advice in _EVICTIONS:
        found = re.search(pattern, message)
        if found:
            said = [shortened(each) for each in found.groups()]
            return _ended(
                title.format(*said),
                sentence(words.format(*said, message=shortened(message))),
                advice.format(*said),
            )
    return _ended(
        "Evicted",
        sentence(f"It was evicted: {shortened(message)}")
        if message
        else "It was evicted; Kubernetes gives no reason.",
        _UNKNOWN,
    )


def _refused_for_room(reason: str) -> bool:
    return reason.startswith(("OutOf", "Insufficient")) or reason in {
        "NodeAffinity",
        "NodePorts",
        "TopologyAffinityError",
        "UnexpectedAdmissionError",
    }


_REFUSALS: dict[str, tuple[str, str]] = {
    "NodeAffinity": (
        "its node does not match its node selector or affinity",
        "Check the app's node selector and affinity.",
    ),
    "NodePorts": (
        "its host port is already in use on its node",
        "Run fewer pods, or do without a host port.",
    ),
    "TopologyAffinityError": (
        "its node cannot give it its CPUs, memory and devices close to each other "
        "(topology manager)",
        "Request less, or ask an administrator about the node's topology policy.",
    ),
}


def _refused(reason: str, message: str) -> Diagnosis:
    """Diagnose a pod that its node did not admit."""
    why, advice = _REFUSALS.get(reason, ("", ""))
    room = _ROOM.search(message)
    if room:
        resource, why = room[1], lack_of_room(message)
        advice = (
            "Run fewer pods on this node."
            if resource == "pods"
            else f"Request less {_RESOURCES.get(resource, resource)}, or choose another node."
        )
    return _ended(
        "Refused by its node",
        sentence(f"Its node refused it: {why or shortened(message) or reason}"),
        advice or _UNKNOWN,
    )


_ROOM = re.compile(
    r"enough resource: (\S+), requested: (\d+), used: (\d+), capacity: (\d+)", re.IGNORECASE
)
_RESOURCES = {"cpu": "CPU"}


def lack_of_room(message: str) -> str:
    """A kubelet's message about a resource that its node is short of, in words; "" if it is none.

    For example "not enough CPU (2 cores requested, 1.8 cores there, 0.5 cores in use)".
    """
    room = _ROOM.search(message)
    if room is None:
        return ""
    resource, asked, used, there = room[1], int(room[2]), int(room[3]), int(room[4])
    return (
        f"not enough {_RESOURCES.get(resource, resource)} ({_amount(resource, asked)} "
        f"requested, {_amount(resource, there)} there, {_amount(resource, used)} in use)"
    )


def _amount(resource: str, number: int) -> str:
    """An amount in the kubelet's units: thousandths of a core, bytes, or a number."""
    if resource == "cpu":
        return cores(number / 1000)
    return size(number) if resource in {"memory", "ephemeral-storage"} else f"{number:,}"


def _exited(pod: Pod, one: Container) -> Diagnosis:
    end = ending(one.reason, one.exit_code, one.message)
    name = container_name(pod, one)
    words = end.clause if name == "It" else f"{name} failed: {end.clause}"
    return Diagnosis(
        Stage.FAILED, "Failed", Severity.BAD, sentence(words), end.advice, None, one.message
    )


class Failures(Struct, frozen=True):
    """The pods that failed recently for one cause: how many, since when, and the newest one."""

    amount: int
    since: datetime
    newest: Diagnosis

    @property
    def words(self) -> str:
        """Sentences: "92 pods have failed since 07:12 UTC on 23 November. …"."""
        begin = f"{count(self.amount, 'pod')} have failed since {moment(self.since)}."
        return f"{begin} {self.newest.reason}"

    @property
    def title(self) -> str:
        """The newest one's title, and how many there are: "A container failed (92 pods)"."""
        return f"{self.newest.title} ({count(self.amount, 'pod')})"

    @property
    def notice(self) -> Notice:
        """A notice of the pods and their cause."""
        return Notice(
            Severity.WARN,
            self.title,
            f"{self.words} Kubernetes creates others in their place.",
            self.newest.advice,
        )


def repeated(
    pods: Sequence[tuple[Pod, Diagnosis]], now: datetime, *, rolled_out: bool = False
) -> tuple[Failures, ...]:
    """Group the pods that failed recently by cause; only causes of several, the most first.

    Pods of Jobs are left out: how often those are tried is the Job's to decide. Once a new pod
    template is ``rolled_out`` those of earlier ones are past: it has repaired them.
    """
    current = {_template(pod) for pod, found in pods if found.stage is Stage.READY}
    grouped: dict[str, list[tuple[Pod, Diagnosis]]] = {}
    for pod, found in pods:
        recent = (now - pod.created_at).total_seconds() <= RECENT
        past = rolled_out and bool(current) and _template(pod) not in {"", *current}
        if found.stage is Stage.FAILED and recent and endless(pod) and not past:
            grouped.setdefault(found.title, []).append((pod, found))
    causes = [_failures(each) for each in grouped.values() if len(each) >= REPEATED]
    return tuple(sorted(causes, key=lambda each: -each.amount))


def _template(pod: Pod) -> str:
    """The hash of a pod's template, as its controller labels it; "" if it does not."""
    labels = pod.labels
    return labels.get("pod-template-hash") or labels.get("controller-revision-hash", "")


def _failures(found: Sequence[tuple[Pod, Diagnosis]]) -> Failures:
    newest = max(found, key=lambda each: (each[0].created_at, each[0].key))
    return Failures(len(found), min(pod.created_at for pod, _ in found), newest[1])
