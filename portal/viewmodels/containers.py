"""Diagnoses of containers that do not run: image, configuration, crash."""

from __future__ import annotations

import re
from collections.abc import Sequence

from portal.domain.objects import Container, Event, Pod
from portal.domain.secrets import without_secret_patterns
from portal.viewmodels.crashes import (
    MOUNT_ADVICE,
    Ending,
    ending,
    last_lines,
    last_words,
    mount_point,
)
from portal.viewmodels.diagnosis import Diagnosis, Stage, container_name, newest, see_log
from portal.viewmodels.images import PULL_REASONS, pull_problem
from portal.viewmodels.model import Severity
from portal.viewmodels.probes import restarted_by_probe
from portal.viewmodels.words import joined, sentence, shortened, span


def broken(pod: Pod, one: Container, own: Sequence[Event]) -> Diagnosis | None:
    """The diagnosis of a container that cannot run; None if nothing is wrong with it."""
    detail = shortened(": ".join(part for part in (one.reason, one.message) if part), 500)
    if one.state == "waiting" and one.reason in PULL_REASONS:
        failed = newest(own, "Failed", "InspectFailed", "ErrImageNeverPull")
        messages = f"{one.message}\n{failed.message if failed else ''}"
        why = pull_problem(one.reason, one.image, messages)
        return Diagnosis(
            Stage.BLOCKED,
            why.title,
            Severity.BAD,
            why.words,
            why.advice,
            None,
            detail,
            why.fields,
        )
    if one.state == "waiting" and one.reason in {
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "PreStartHookError",
        "PostStartHookError",
    }:
        return _not_created(one, detail)
    looping = one.state == "waiting" and one.reason == "CrashLoopBackOff"
    if looping or one.state == "terminated":
        return _crashed(pod, one, own, detail)
    return None


def crashed_before(pod: Pod, own: Sequence[Event]) -> Diagnosis | None:
    """The diagnosis of a pod with a container that runs again after a crash; None without one."""
    for one in pod.containers:
        if one.restarts and one.state == "running" and (one.last_reason or one.last_exit_code):
            return _crashed(pod, one, own, "")
    return None


def _not_created(one: Container, detail: str) -> Diagnosis:
    message = one.message.lower()
    advice, fields = "", ("command",)
    title = "Cannot be started"
    said = one.message.rpartition("unable to start container process: ")[2]
    words = f"Its container cannot be started: {shortened(said) or one.reason}"
    missing = re.search(r'(secret|configmap) "([^"]+)" not found', one.message, re.IGNORECASE)
    if "runasnonroot" in message:
        title = "Image runs as root"
        words = "Its image runs as root, which its security context forbids (runAsNonRoot)"
        if "non-numeric user" in message:
            words = (
                "Its image sets its user by name, so Kubernetes cannot verify that it is not "
                "root (runAsNonRoot)"
            )
        advice = (
            "Give the image a numeric user that is not root, such as USER 1000 at the end of its "
            "Dockerfile, or run it as a user's number."
        )
        fields = ("runs_as",)
    elif "breaks non-root policy" in message:
        title = "Runs as root"
        words = "It is to run as root (runAsUser: 0), which its security context forbids"
        advice = "Set runAsUser to another number, or remove runAsNonRoot, in the app's values."
        fields = ("runs_as",)
    elif "error mounting" in message:
        title = "Volume cannot be mounted"
        words = f"A volume cannot be mounted {mount_point(said)}"
        advice = MOUNT_ADVICE
        fields = ()
    elif missing:
        kind = "Secret" if missing[1].lower() == "secret" else "ConfigMap"
        title = f"{kind} missing"
        words = f"It uses the {kind} {missing[2]}, which does not exist in this namespace"
        advice = f"Create the {kind}, or remove the reference from the app's values."
        fields = ("env_secret" if kind == "Secret" else "env_config_map",)
    elif "couldn't find key" in message:
        title = "Key missing"
        words = f"It uses a key that does not exist: {shortened(one.message)}"
        advice = "Correct the key's name, or add the key to the Secret or ConfigMap."
        fields = ("env_secret", "env_config_map")
    elif "no command specified" in message:
        title = "No command"
        words = "Its image has neither an entry point nor a command (ENTRYPOINT, CMD)"
        advice = "Give the command that starts the app, or set CMD in the image's Dockerfile."
    elif "executable file not found" in message or "no such file or directory" in message:
        title = "Command not found"
        words = f"Its command is not in the image: {shortened(one.message, 160)}"
        advice = "Check the image's command, and that the program is installed in the image."
    elif "exec format error" in message:
        title = "Wrong CPU architecture"
        words = "Its image was built for another CPU architecture than the node has"
        advice = "Build it for the nodes' architecture, for example with --platform linux/amd64."
        fields = ("tag", "repository")
    elif "read-only file system" in message:
        title = "Read-only file system"
        words = "It needs to write where the file system is read-only"
        advice = "Write below /tmp, or mount a volume."
        fields = ("writable_folders", "writable_root")
    return Diagnosis(
        Stage.BLOCKED, title, Severity.BAD, sentence(words), advice, None, detail, fields
    )


def _crashed(pod: Pod, one: Container, own: Sequence[Event], detail: str) -> Diagnosis:
    looping, again = one.state == "waiting", one.state == "running"
    if looping or again:
        reason, code, message = one.last_reason, one.last_exit_code, one.last_message
    else:
        reason, code, message = one.reason, one.exit_code, one.message
    if code in _STOPPED and reason != "OOMKilled" and not one.init:
        refused = restarted_by_probe(pod, own, one)
        if refused:
            return refused
    end = _hook_failed(one, code, own) or ending(reason, code, message)
    ends = one.restarts + (not again)
    times = f" {ends} times so far" if ends > 1 else ""
    words = [sentence(f"{container_name(pod, one)} crashed{times}: {end.clause}")]
    said = last_words(message)
    if said and said not in words[0]:
        words.append(f"Its last message: “{said}”")
    pause = re.search(r"back-off (?:(\d+)m)?(?:(\d+)s)? ?restarting", one.message)
    if looping and pause and (pause[1] or pause[2]):
        length = 60 * int(pause[1] or 0) + int(pause[2] or 0)
        words.append(f"Kubernetes waits up to {span(length)} before it retries.")
    elif again:
        words.append("It runs again, and is not ready yet.")
    elif not looping:
        words.append("Kubernetes is starting it again.")
    if running := _running_app(pod, one):
        words.append(running)
    advice = f"{end.advice} {see_log(pod, one)}".strip()
    title = end.title if container_name(pod, one) == "It" else f"{end.title}: {one.name}"
    return Diagnosis(
        Stage.CRASHING,
        title,
        Severity.BAD,
        " ".join(words),
        advice,
        None,
        detail,
        end.fields,
        last_lines(message),
    )


def _hook_failed(one: Container, code: int | None, own: Sequence[Event]) -> Ending | None:
    """The end of a container that Kubernetes killed because its postStart hook failed."""
    failed = newest(own, "FailedPostStartHook")
    if failed is None or code not in _STOPPED or failed.container not in {"", one.name}:
        return None
    said = failed.message.removeprefix("PostStartHook failed").strip(" :")
    return Ending(
        "postStart hook failed",
        "it was ended because its postStart hook failed"
        + (f" ({shortened(without_secret_patterns(said), 160)})" if said else ""),
        "Correct the command of lifecycle.postStart in the app's values.",
    )


def _running_app(pod: Pod, broken: Container) -> str:
    """A sentence that names the containers that run all the same; "" if none does."""
    names = [
        each.name
        for each in pod.containers
        if each.state == "running" and each is not broken and not (each.init or each.sidecar)
    ]
    if not names:
        return ""
    return f"Its container {names[0]} runs." if len(names) == 1 else f"{joined(names)} run."


_STOPPED = frozenset({0, 137, 143})
"""Exit codes of a container that was told to stop."""
