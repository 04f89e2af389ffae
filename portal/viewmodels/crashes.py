"""Explanations of terminated containers, from exit code, reason and termination message."""

from __future__ import annotations

import re
from datetime import datetime

from msgspec import Struct

from portal.domain.objects import Container, Pod
from portal.domain.secrets import without_secret_patterns
from portal.viewmodels.diagnosis import container_name
from portal.viewmodels.words import shortened

_SIGNALS = {
    129: "SIGHUP",
    130: "SIGINT",
    131: "SIGQUIT",
    132: "SIGILL",
    134: "SIGABRT",
    135: "SIGBUS",
    136: "SIGFPE",
    140: "SIGUSR2",
}

_CODES: dict[int, tuple[str, str]] = {
    0: (
        "its program ended by itself, without an error (exit code 0)",
        "A web app must keep running: check the image's command.",
    ),
    1: (
        "its program ended with an error (exit code 1)",
        "",
    ),
    126: (
        "its command was found but cannot be run (exit code 126)",
        "Check that the file is executable.",
    ),
    127: (
        "its command was not found in the image (exit code 127)",
        "Check the image's command, and that the program is installed in the image.",
    ),
    137: (
        "it was killed from outside (SIGKILL, exit code 137)",
        "Kubernetes does not say why. Its events, its memory use and the node's log may tell.",
    ),
    139: (
        "its program crashed on a memory access (SIGSEGV, exit code 139)",
        "",
    ),
    143: (
        "it was told to stop (SIGTERM, exit code 143)",
        "Its events say whether its liveness probe failed.",
    ),
    255: (
        "its program ended with exit code 255, or its node lost contact with it",
        "",
    ),
}

_HINTS: tuple[tuple[str, str], ...] = (
    (
        r"read-only file system",
        "It writes to a file system that is read-only. Write below /tmp, or mount a volume.",
    ),
    (
        r"no module named ['\"]?([\w.]+)",
        "The Python package {0} is not in the image: install it there.",
    ),
    (
        r"address already in use",
        "Its port is already in use inside the pod: two programs listen on the same port.",
    ),
    (
        r"exec format error",
        "The image was built for another CPU architecture: build it with --platform for the nodes.",
    ),
    (
        r"executable file not found|no such file or directory",
        "A program or file that it starts with is not in the image.",
    ),
    (
        r"permission ?(error|denied)",
        "It lacks permission for a file or port. The container does not run as root: "
        "listen above port 1024, and make its files readable to all users.",
    ),
    (
        r"worker failed to boot",
        "gunicorn's workers did not start: most often the app fails while it is imported.",
    ),
    (
        r"failed to find attribute|failed to parse .* as an attribute",
        "gunicorn does not find the WSGI app: for Dash that is app.server, given as app:server.",
    ),
)


class Ending(Struct, frozen=True):
    """A container's termination explained: a title, a clause ("it used more memory…"), advice."""

    title: str
    clause: str
    advice: str


def ending(reason: str, exit_code: int | None, message: str = "") -> Ending:
    """Explain how a container ended; ``message`` is its termination message, if it left one."""
    hint = _hint(message)
    if reason == "OOMKilled":
        return Ending(
            "Out of memory",
            "it used more memory than its limit allows and was killed",
            "Raise the memory limit, or load less data in each process: every worker process of "
            "gunicorn holds its own copy.",
        )
    if exit_code is None:
        clause = f"it ended ({reason})" if reason else "it ended"
        return Ending("Crashing", clause, hint)
    if reason in {"StartError", "ContainerCannotRun"}:
        detail = f" ({shortened(without_secret_patterns(message), 160)})" if message else ""
        return Ending(
            "Cannot be started",
            f"its program could not be started{detail}",
            hint or _CODES[127][1],
        )
    clause, advice = _CODES.get(exit_code, ("", ""))
    if not clause:
        signal = _SIGNALS.get(exit_code)
        clause = (
            f"it was ended by the signal {signal} (exit code {exit_code})"
            if signal
            else f"its program ended with exit code {exit_code}"
        )
    return Ending("Crashing", clause, hint or advice)


RESTARTS = 3
"""Restarts from which on a container that ran shortly before counts as restarting."""
STEADY = 600.0
"""Seconds of running after which its earlier restarts are past."""


def restarting(pod: Pod, now: datetime) -> Container | None:
    """The container of a running pod that keeps being restarted, None if none does."""
    one = max(pod.containers, key=lambda each: each.restarts, default=None)
    if one is None or one.restarts < RESTARTS or one.started_at is None:
        return None
    return one if (now - one.started_at).total_seconds() < STEADY else None


def named(pod: Pod, one: Container) -> str:
    """A container as the subject of a sentence about the app."""
    name = container_name(pod, one)
    return "The app" if name == "It" else name


def restarted(pod: Pod) -> str:
    """The earlier restarts of a running pod's containers, in words; "" if there were none."""
    one = max(pod.containers, key=lambda each: each.restarts, default=None)
    if one is None or not one.restarts:
        return ""
    times = "once" if one.restarts == 1 else f"{one.restarts} times"
    words = f"{container_name(pod, one)} was restarted {times}"
    if one.last_exit_code is None and not one.last_reason:
        return f"{words}."
    end = ending(one.last_reason, one.last_exit_code, one.last_message)
    return f"{words}: {end.clause}."


def last_words(message: str) -> str:
    """The last line of a termination message that says something, secrets hidden, or ""."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return shortened(without_secret_patterns(lines[-1]), 200) if lines else ""


def _hint(message: str) -> str:
    for pattern, advice in _HINTS:
        found = re.search(pattern, message, re.IGNORECASE)
        if found:
            return advice.format(*found.groups())
    return ""
