"""Diagnoses of pods whose node prepares them: image, volumes, network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from portal.domain.objects import Event, Pod
from portal.viewmodels.diagnosis import Diagnosis, Stage, created, newest
from portal.viewmodels.model import Severity
from portal.viewmodels.probes import probe_failure, restarted_by_probe
from portal.viewmodels.readiness import NAMED_AFTER, SLOW_START, failing_probe
from portal.viewmodels.words import shortened

SLOW_CREATION = 300.0
"""Seconds without an event after which a pod that is being set up counts as slow."""


def being_set_up(pod: Pod, own: Sequence[Event], now: datetime) -> Diagnosis:
    """Diagnose a pod that has a node, but whose containers do not all run yet."""
    stuck = newest(own, "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox")
    pulling = newest(own, "Pulling", "Pulled", "Failed")
    since = created(pod)
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
    if since and not own and (now - since).total_seconds() > SLOW_CREATION:
        return Diagnosis(
            Stage.SLOW,
            "Slow to start",
            Severity.WARN,
            "Its node has not started its containers and gives no reason.",
            f"The node may be overloaded: ask an administrator to look at {pod.node}.",
            since,
        )
    step = _present_step(pod)
    return _sidecar_fails(pod, own, step, now) or Diagnosis(
        Stage.STARTING, "Starting", Severity.BUSY, step, "", since
    )


def _sidecar_fails(pod: Pod, own: Sequence[Event], step: str, now: datetime) -> Diagnosis | None:
    """Diagnose a pod whose sidecar runs and fails its startup probe; the others wait for it."""
    one = next((one for one in pod.containers if one.sidecar and one.state == "running"), None)
    event = newest([each for each in own if one and each.container == one.name], "Unhealthy")
    found = probe_failure(pod, event)
    if one is None or found is None or one.ready or one.started_at is None:
        return None
    if killed := restarted_by_probe(pod, own, one):
        return replace(killed, since=one.started_at)
    waited = (now - one.started_at).total_seconds()
    if waited <= NAMED_AFTER:
        return None
    detail = shortened(event.message, 500) if event else ""
    failing = failing_probe(event, found, f"{step} {found.words}", one.started_at, detail)
    if waited <= SLOW_START or failing.stage is Stage.SLOW:
        return failing
    return replace(failing, stage=Stage.SLOW, severity=Severity.WARN)


def _present_step(pod: Pod) -> str:
    """A sentence about what the node is doing: init containers and sidecars start in turn."""
    initial = next((one for one in pod.containers if one.init and one.state == "running"), None)
    if initial:
        return f"Its init container {initial.name} is running."
    initializing = any(one.reason == "PodInitializing" for one in pod.containers)
    sidecar = next((one for one in pod.containers if one.sidecar and not one.ready), None)
    if initializing and sidecar:
        return f"It waits for its sidecar {sidecar.name} to start."
    return "The node is preparing it."


def _not_set_up(event: Event, since: datetime | None) -> Diagnosis:
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
    key = re.search(r"references non-existent (secret|config) key: (.+)$", event.message)
    if key:
        kind = "Secret" if key[1] == "secret" else "ConfigMap"
        volume = re.search(r'for volume "([^"]+)"', event.message)
        which = f" the volume {volume[1]}" if volume else " a volume"
        return Diagnosis(
            Stage.BLOCKED,
            "Key missing",
            Severity.BAD,
            f"It mounts{which} with the key {shortened(key[2])}, which its {kind} does not have.",
            f"Correct the key's name, or add the key to the {kind}.",
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
