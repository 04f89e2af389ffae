"""What keeps a node busy before a pod's containers run: image, volumes, network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from portal.domain.objects import Event, Pod
from portal.viewmodels.diagnosis import Diagnosis, Stage, newest
from portal.viewmodels.model import Severity
from portal.viewmodels.words import shortened

SLOW_CREATION = 300.0
"""Seconds without any news after which a pod that is being set up gets a word of warning."""


def being_set_up(pod: Pod, own: Sequence[Event], now: datetime) -> Diagnosis:
    """A pod on a node whose containers do not all run yet."""
    stuck = newest(own, "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox")
    pulling = newest(own, "Pulling", "Pulled", "Failed")
    since = pod.created_at
    if (
        pulling
        and pulling.reason == "Pulling"
        and (stuck is None or stuck.last_at < pulling.last_at)
    ):
        return Diagnosis(
            Stage.PULLING,
            "Downloading the image",
            Severity.BUSY,
            "The node is downloading the image. A large one takes minutes.",
            "",
            pulling.last_at,
            shortened(pulling.message),
        )
    if stuck and (pulling is None or stuck.last_at >= pulling.last_at):
        return _not_set_up(stuck, since)
    if not own and (now - since).total_seconds() > SLOW_CREATION:
        return Diagnosis(
            Stage.SLOW,
            "Slow to start",
            Severity.WARN,
            "Its node has not started its container, and does not say why.",
            f"kubectl describe pod -n {pod.key.namespace} {pod.key.name} may say more.",
            since,
        )
    waiting = next((one for one in pod.containers if one.reason == "PodInitializing"), None)
    words = "The node is setting it up."
    if waiting:
        words = "Its preparation (init containers) is running."
    return Diagnosis(Stage.STARTING, "Starting", Severity.BUSY, words, "", since)


def _not_set_up(event: Event, since: datetime) -> Diagnosis:
    detail = shortened(event.message, 500)
    missing = re.search(r'(secret|configmap) "([^"]+)" not found', event.message, re.IGNORECASE)
    if missing:
        kind = "secret" if missing[1].lower() == "secret" else "config map"
        return Diagnosis(
            Stage.BLOCKED,
            f"{kind.capitalize()} missing",
            Severity.BAD,
            f"It mounts the {kind} {missing[2]}, which does not exist in this namespace.",
            f"Create the {kind}, or take the mount out of the app's values.",
            since,
            detail,
        )
    if event.reason == "FailedCreatePodSandBox":
        return Diagnosis(
            Stage.SLOW,
            "Waiting for its network",
            Severity.WARN,
            "The node cannot set up its network yet. Kubernetes keeps trying.",
            "If this lasts, the node or its network plugin needs an administrator.",
            since,
            detail,
        )
    elsewhere = "multi-attach" in event.message.lower()
    return Diagnosis(
        Stage.SLOW,
        "Waiting for its volume",
        Severity.WARN,
        "Its volume is still attached to another node."
        if elsewhere
        else "Its volume cannot be mounted yet. Kubernetes keeps trying.",
        "Only one node at a time can use this volume: run one pod, or use a shared volume."
        if elsewhere
        else "If this lasts, check that the volume exists and can be reached from the node.",
        since,
        detail,
    )
