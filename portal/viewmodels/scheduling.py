"""Explanations of unschedulable pods, from the scheduler's message."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from portal.domain.objects import Event, Node, Pod
from portal.viewmodels.words import cores, count, joined, sentence, shortened, size

UNSCHEDULABLE = "Unschedulable"
"""The title of a pod that no node takes."""


class NoRoom(Struct, frozen=True):
    """The reason why a pod cannot be scheduled: a title, a sentence, advice."""

    title: str
    words: str
    advice: str


_ROOM = "Request less CPU or memory, run fewer pods, or ask an administrator for more nodes."
_UNKNOWN = "The portal does not know this cause. Ask an administrator if this lasts."
_RULES: tuple[tuple[str, str, str, str], ...] = (
    (r"insufficient cpu", "has too little CPU left", "have too little CPU left", _ROOM),
    (r"insufficient memory", "has too little memory left", "have too little memory left", _ROOM),
    (
        r"insufficient ephemeral-storage",
        "has too little disk left",
        "have too little disk left",
        _ROOM,
    ),
    (r"insufficient (\S+)", "has no {0} free", "have no {0} free", _ROOM),
    (
        r"too many pods",
        "already runs as many pods as it may",
        "already run as many pods as they may",
        "Run fewer pods, or ask an administrator for more nodes.",
    ),
    (
        r"taint\S* \{([^:}]*)",
        "has a taint that the app does not tolerate ({0})",
        "have a taint that the app does not tolerate ({0})",
        "Those nodes are reserved for other uses, or unhealthy. Ask an administrator.",
    ),
    (
        r"taint",
        "has a taint that the app does not tolerate",
        "have taints that the app does not tolerate",
        "Those nodes are reserved for other uses, or unhealthy. Ask an administrator.",
    ),
    (
        r"volume node affinity|no available volume zone",
        "cannot reach the app's volume",
        "cannot reach the app's volume",
        "The volume is bound to another node or zone. Ask an administrator.",
    ),
    (
        r"anti-affinity",
        "already runs a pod that this one may not share a node with (anti-affinity)",
        "already run a pod that this one may not share a node with (anti-affinity)",
        "Run fewer pods, or relax the chart's pod anti-affinity.",
    ),
    (
        r"pod affinity",
        "does not run the pods that this one has to share a node with (pod affinity)",
        "do not run the pods that this one has to share a node with (pod affinity)",
        "Check the app's pod affinity.",
    ),
    (
        r"node affinity|node selector|affinity/selector",
        "does not match the app's node selector or affinity",
        "do not match the app's node selector or affinity",
        "Check the app's node selector and affinity.",
    ),
    (
        r"topology spread constraints \(missing required label\)",
        "lacks the label that the app's topology spread constraints count by",
        "lack the label that the app's topology spread constraints count by",
        "Name a label that the nodes have as topologyKey, or ask an administrator.",
    ),
    (
        r"topology spread",
        "would violate the app's topology spread constraints",
        "would violate the app's topology spread constraints",
        "Run fewer pods, or ask an administrator for more nodes.",
    ),
    (
        r"unschedulable",
        "takes no new pods (cordoned)",
        "take no new pods (cordoned)",
        "An administrator has cordoned those nodes, perhaps for maintenance. Wait, or ask.",
    ),
    (
        r"free ports",
        "already uses the host port that it requests",
        "already use the host port that it requests",
        "Only one such pod fits on a node: run fewer pods, or do without a host port.",
    ),
)


def no_room(pod: Pod, message: str, nodes: Sequence[Node], claims: Sequence[Event] = ()) -> NoRoom:
    """Explain a scheduler's message ("0/3 nodes are available: 3 Insufficient cpu. …").

    ``claims`` are the events about the pod's volume claims, the newest first.
    """
    if "persistentvolumeclaim" in message.lower() or "binding volumes" in message:
        return _volume(message, claims)
    if "no nodes available" in message.lower() or message.startswith("0/0 nodes"):
        return NoRoom(
            "No nodes",
            "The cluster has no node that can take pods.",
            "Ask an administrator, or wait if nodes are being added.",
        )
    found = re.match(r"\s*\d+/(\d+) nodes? (?:are|is) available:?\s*(.*)", message, re.DOTALL)
    if not found:
        return NoRoom(
            "Waiting for a node",
            sentence(f"No node takes it: {shortened(message)}" if message else "No node takes it"),
            _UNKNOWN,
        )
    total = int(found[1])
    parts = re.split(r"\.?\s*preemption:|,?\s*no new claims", found[2])[0].strip(" .")
    causes: list[str] = []
    advice: list[str] = []
    for part in re.split(r",\s*(?=\d+ )", parts):
        words, what = _cause(part.strip(" ."), total, bool(causes))
        causes.append(words)
        if what and what not in advice:
            advice.append(what)
    too_large = _too_large(pod, nodes)
    if too_large:
        advice = [too_large]
    asks = _asks(pod) if _ROOM in advice or too_large else ""
    return NoRoom(UNSCHEDULABLE, asks + joined(causes) + ".", " ".join(advice[:2]))


def _cause(part: str, total: int, again: bool) -> tuple[str, str]:
    """One cause in words, with what to do about it: ``part`` is "2 Insufficient cpu"."""
    number, _, cause = part.partition(" ")
    if not number.isdigit():
        return shortened(part) or "no node is free", _UNKNOWN
    amount = int(number)
    who = f"{amount} of {count(total, 'node')}" if amount != total else f"all {amount} nodes"
    if total == 1:
        who = "it" if again else "the only node"
    for pattern, one, many, advice in _RULES:
        match = re.search(pattern, cause, re.IGNORECASE)
        if match:
            words = (one if amount == 1 else many).format(*match.groups())
            return f"{who} {words}", advice
    return f"{who}: {shortened(cause)}", _UNKNOWN


def _asks(pod: Pod) -> str:
    wanted = joined(
        [
            cores(pod.cpu_request) if pod.cpu_request else "",
            f"{size(pod.memory_request)} of memory" if pod.memory_request else "",
        ]
    )
    return f"It requests {wanted}, but " if wanted else "No node has room: "


def _too_large(pod: Pod, nodes: Sequence[Node]) -> str:
    """Advice for a pod that no node could take, even an empty one."""
    if not nodes:
        return ""
    most_cpu = _most([node.cpu for node in nodes])
    most_memory = _most([node.memory for node in nodes])
    if pod.cpu_request and most_cpu and most_cpu < pod.cpu_request:
        return f"No node is that large: request less than {cores(most_cpu)} of CPU."
    if pod.memory_request and most_memory and most_memory < pod.memory_request:
        return f"No node is that large: request less than {size(most_memory)} of memory."
    return ""


def _most(amounts: Sequence[float | None]) -> float | None:
    """The largest amount; None if any of them is not known."""
    known = [each for each in amounts if each is not None]
    return max(known) if len(known) == len(amounts) else None


_WAITING = "Waiting for its volume"
_CLAIMS: tuple[tuple[str, str, str, str], ...] = (
    (
        r'storageclass\S* "([^"]+)" not found',
        "Storage class missing",
        "The storage class {0} that its volume claim {claim} names does not exist.",
        "Name a storage class that the cluster has in the app's values, or none for the default.",
    ),
    (
        r"no storage class is set",
        "No storage class",
        "Its volume claim {claim} names no storage class, the cluster has no default one, and no "
        "free volume fits.",
        "Name a storage class in the app's values, or ask an administrator for a default one.",
    ),
    (
        r"external provisioner '([^']+)'",
        _WAITING,
        "The provisioner {0} has not created the volume of its claim {claim} yet.",
        "If this lasts, ask an administrator whether that provisioner runs.",
    ),
    (
        r"waiting for first consumer|waiting for pod \S+ to be scheduled",
        _WAITING,
        "The volume of its claim {claim} is created when it has a node.",
        "",
    ),
)


def _claim(claims: Sequence[Event]) -> NoRoom | None:
    """Explain the newest event about a volume claim; None without one that tells a cause."""
    told = [each for each in claims if each.reason not in {"Provisioning", "ProvisioningSucceeded"}]
    if not told:
        return None
    event = told[0]
    for pattern, title, words, advice in _CLAIMS:
        found = re.search(pattern, event.message)
        if found:
            return NoRoom(title, words.format(*found.groups(), claim=event.about_name), advice)
    if event.type != "Warning":
        return None
    return NoRoom(
        "Volume cannot be provisioned",
        f"The volume of its claim {event.about_name} cannot be provided: "
        f"{sentence(shortened(event.message))}",
        "If this does not tell you what to change, ask an administrator.",
    )


def _volume(message: str, claims: Sequence[Event]) -> NoRoom:
    claim = re.search(r'persistentvolumeclaim "([^"]+)" (not found|is being deleted)', message)
    if claim:
        return NoRoom(
            "Volume missing",
            f"The volume claim {claim[1]} that it mounts does not exist in this namespace."
            if claim[2] == "not found"
            else f"The volume claim {claim[1]} that it mounts is being deleted.",
            "Create the claim, or choose one that exists.",
        )
    return _claim(claims) or NoRoom(
        _WAITING,
        "The volume that it mounts has not been provisioned yet.",
        "If this lasts, the cluster may have no default storage class: ask an administrator.",
    )
