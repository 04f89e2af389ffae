"""Diagnoses of pods whose node prepares them: image, volumes, network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from portal.domain.objects import Event, Pod
from portal.viewmodels.diagnosis import Diagnosis, Stage, newest
from portal.viewmodels.model import Severity
from portal.viewmodels.words import shortened

SLOW_CREATION = 300.0
"""Seconds without an event after which a pod that is being set up counts as slow."""


def being_set_up(pod: Pod, own: Sequence[Event], now: datetime) -> Diagnosis:
    """Diagnose a pod that has a node, but whose containers do not all run yet."""
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
            "The node is downloading the image. A large image takes minutes.",
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
            "Its node has not started its containers and gives no reason.",
            f"kubectl describe pod -n {pod.key.namespace} {pod.key.name} may give details.",
            since,
        )
    waiting = next((one for one in pod.containers if one.reason == "PodInitializing"), None)
    words = "The node is preparing it."
    if waiting:
        words = "Its init containers are running."
    return Diagnosis(Stage.STARTING, "Starting", Severity.BUSY, words, "", since)


def _not_set_up(event: Event, since: datetime) -> Diagnosis:
    detail = shortened(event.message, 500)
    missing = re.search(r'(secret|configmap) "([^"]+)" not found', event.message, re.IGNORECASE)
    if missing:
        kind = "Secret" if missing[1].lower() == "secret" else "ConfigMap"
        return Diagnosis(
            Stage.BLOCKED,
            f"{kind} missing",
            Severity.BAD,
            f"It mounts the {kind} {missing[2]}, which does not exist in this namespace.",
            f"Create the {kind}, or remove the mount from the app's values.",
            since,
            detail,
        )
    if event.reason == "FailedCreatePodSandBox":
        return Diagnosis(
            Stage.SLOW,
            "Waiting for its network",
            Severity.WARN,
            "The node cannot set up its network yet. Kubernetes keeps trying.",
            "If this lasts, ask an administrator to check the node and its network plug-in.",
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
