"""Explanations of terminated containers, from exit code, reason and termination message."""

from __future__ import annotations

import re
from datetime import datetime

from msgspec import Struct

from portal.domain.objects import Container, Pod
from portal.domain.secrets import without_secret_patterns
from portal.viewmodels.diagnosis import container_name
from portal.viewmodels.words import shortened

MOST_LINES = 10
MOST_CHARACTERS = 2_000
"""The most lines and characters of the end of a log that are shown."""

_SIGNALS = {
    129: "SIGHUP",
    130: "SIGINT",
    131: "SIGQUIT",
    132: "SIGILL",
    134: "SIGABRT",
    136: "SIGFPE",
    140: "SIGUSR2",
}

_MEMORY = "memory_request", "memory_limit"
CODES: dict[int, tuple[str, str, tuple[str, ...]]] = {
    0: (
        "its program ended by itself, without an error (exit code 0)",
        "A web app must keep running: check the image's command.",
        ("command", "args"),
    ),
    1: ("its program ended with an error (exit code 1)", "", ()),
    126: (
        "its command was found but cannot be run (exit code 126)",
        "Check that the file is executable.",
        ("command",),
    ),
    127: (
        "its command was not found in the image (exit code 127)",
        "Check the image's command, and that the program is installed in the image, where every "
        "user may read it: not below /root.",
        ("command", "runs_as"),
    ),
    135: (
        "its program was ended by a memory that it maps (SIGBUS, exit code 135)",
        "Most often /dev/shm is full: it has 64 MiB unless more is asked for.",
        ("shared_memory",),
    ),
    137: (
        "it was killed from outside (SIGKILL, exit code 137)",
        "Kubernetes does not say why. Its events, its memory use and the node's log may tell.",
        (),
    ),
    139: ("its program crashed on a memory access (SIGSEGV, exit code 139)", "", ()),
    143: (
        "it was told to stop (SIGTERM, exit code 143)",
        "Its events say whether its liveness probe failed.",
        (),
    ),
    255: ("its program ended with exit code 255, or its node lost contact with it", "", ()),
}

_WRITABLE = "writable_folders", "writable_root"
HINTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        r"unable to open database file|attempt to write a readonly database",
        "It keeps an SQLite database where it may not write. Name the folder as writable, or, if "
        "the data are to last, keep the file in a volume.",
        _WRITABLE,
    ),
    (
        r"insufficient shared memory|/dev/shm|\bbus error",
        "Its shared memory (/dev/shm) is full: it has 64 MiB unless more is asked for.",
        ("shared_memory",),
    ),
    (
        r"inotify (?:instance|watch) limit|inotify watches",
        "It watches files, and the node allows no more of that (inotify). In a pod no file "
        "changes: switch it off, for Streamlit by STREAMLIT_SERVER_FILE_WATCHER_TYPE=none.",
        ("env",),
    ),
    (
        r"cannot cache function .* no locator available",
        "Numba, which librosa and UMAP use, keeps what it compiles beside the code, where the app "
        "may not write: set NUMBA_CACHE_DIR=/tmp/numba.",
        ("env",),
    ),
    (
        r"no space left on device",
        "What it writes to is full: /dev/shm, which has 64 MiB unless more is asked for, a volume, "
        "or the limit of its own disk.",
        ("shared_memory", "scratch_size"),
    ),
    (
        r"read-only file system",
        "It writes to a file system that is read-only. Write below /tmp, name the folder as "
        "writable, or mount a volume.",
        _WRITABLE,
    ),
    (
        r"no module named ['\"]?([\w.]+)",
        "The Python package {0} is not in the image: install it there.",
        (),
    ),
    (
        r"address already in use",
        "Its port is already in use inside the pod: two programs listen on the same port.",
        ("port",),
    ),
    (
        r"exec format error",
        "The image was built for another CPU architecture, or its script begins without #!: build "
        "it with --platform for the nodes, and give scripts a first line such as #!/bin/sh.",
        (),
    ),
    (
        r"(?:\r|\\r|\^M)['\"]?:",
        "A script has Windows' line ends (CRLF): save it with Unix line ends (LF).",
        (),
    ),
    (
        r"\bexec:? [\"']?(/[^\s\"':]+)[\"']?: permission denied",
        "{0} is not executable: set its mode in the Dockerfile (RUN chmod +x), or give a command "
        "that names its shell, such as sh {0}.",
        ("command",),
    ),
    (
        r"\bexec [\"']?(/[^\s\"':]+)[\"']?: no such file or directory",
        "{0}, or the program that its first line (#!) names, is not in the image. Windows' line "
        "ends (CRLF) in that line do this too: save it with Unix line ends (LF).",
        ("command",),
    ),
    (
        r"\b(?:ba|da)?sh: (?:line )?(?:\d+: )?([\w.+-]+): "
        r"(?:(?:command )?not found|permission denied)",
        "{0} is not in the image, or not where every user finds it: a program below /root, where "
        "pip install --user puts it, is out of reach.",
        ("command", "runs_as"),
    ),
    (
        r"executable file not found",
        "The program is not in the image, or below a folder such as /root, which only root may "
        "read (pip install --user puts it there): install it for all users.",
        ("command", "runs_as"),
    ),
    (
        r"no such file or directory",
        "A program or file that it starts with is not in the image.",
        ("command",),
    ),
    (
        r"operation not permitted|must be (?:run|started) as root|are you root",
        "It does what only root may, such as changing its user or the owner of files. Start the "
        "program itself, or run it as a user that an administrator allows.",
        ("runs_as", "command"),
    ),
    (
        r"permission ?(error|denied)",
        "It lacks permission for a file or port. The container does not run as root: "
        "listen above port 1024, and make its files readable to all users, or run it as the "
        "image's own user.",
        ("runs_as", "writable_folders"),
    ),
    (
        r"uid not found: (\d+)",
        "It asks for the name of its user, and the image knows none with the number {0}: set the "
        "variables USER and LOGNAME, or run it as the image's own user.",
        ("env", "runs_as"),
    ),
    (
        r"keyerror: ['\"]([A-Z][A-Z0-9_]{2,})['\"]",
        "It reads {0}, most likely an environment variable that is not set.",
        ("env", "env_secret"),
    ),
    (
        r"environment variables? ['\"`]?([A-Z][A-Z0-9_]{2,})",
        "It needs the environment variable {0}.",
        ("env", "env_secret"),
    ),
    (
        r"name or service not known|name resolution|nodename nor servname|network is unreachable"
        r"|connection refused|max retries exceeded|could not translate host name",
        "Another server that it needs at its start could not be reached. Check its address, and "
        "whether apps may reach it from this cluster; what is downloaded (a model, data) can be "
        "put into the image or a volume.",
        ("env",),
    ),
    (
        r"perhaps out of memory",
        "A worker process was killed, most likely for its memory: raise the memory limit, or start "
        "fewer workers (WEB_CONCURRENCY) than the node has cores.",
        ("memory_limit", "env"),
    ),
    (
        r"worker failed to boot",
        "gunicorn's workers did not start: most often the app fails while it is imported.",
        (),
    ),
    (
        r"failed to find attribute|failed to parse .* as an attribute",
        "gunicorn does not find the WSGI app: for Dash that is app.server, given as app:server.",
        ("command", "args"),
    ),
)


class Ending(Struct, frozen=True):
    """A container's termination explained: a title, a clause ("it used more memory…"), advice.

    ``fields`` are the fields of the launch form that mend it.
    """

    title: str
    clause: str
    advice: str
    fields: tuple[str, ...] = ()


def ending(reason: str, exit_code: int | None, message: str = "") -> Ending:
    """Explain how a container ended; ``message`` is its termination message, if it left one."""
    hint, fields = _hint(message)
    if reason == "OOMKilled":
        return Ending(
            "Out of memory",
            "it used more memory than its limit allows and was killed",
            "Raise the memory limit, or load less data in each process: every worker process of "
            "gunicorn holds its own copy.",
            ("memory_limit", "memory_request"),
        )
    if exit_code is None:
        clause = f"it ended ({reason})" if reason else "it ended"
        return Ending("Crashing", clause, hint, fields)
    if reason in {"StartError", "ContainerCannotRun"} and "error mounting" in message:
        return Ending(
            "Volume cannot be mounted",
            f"a volume cannot be mounted {mount_point(message)}",
            MOUNT_ADVICE,
        )
    if reason in {"StartError", "ContainerCannotRun"}:
        # What comes before is which of the runtime's parts have passed the error on.
        cause = message.rpartition("unable to start container process: ")[2]
        detail = f" ({shortened(without_secret_patterns(cause), 160)})" if message else ""
        return Ending(
            "Cannot be started",
            f"its program could not be started{detail}",
            hint or CODES[127][1],
            fields if hint else CODES[127][2],
        )
    clause, advice, usual = CODES.get(exit_code, ("", "", ()))
    if not clause:
        signal = _SIGNALS.get(exit_code)
        clause = (
            f"it was ended by the signal {signal} (exit code {exit_code})"
            if signal
            else f"its program ended with exit code {exit_code}"
        )
    return Ending("Crashing", clause, hint or advice, fields if hint else usual)


MOUNT_ADVICE = (
    "Check the mount's path: a directory cannot be mounted over a file, nor a file over a "
    "directory. subPath mounts a single file of a volume."
)


def mount_point(message: str) -> str:
    """The place where a volume cannot be mounted, and the cause: "at /data: not a directory"."""
    found = re.search(r'at "([^"]+)".*?: ([^:]+?)(?:: unknown)?$', message, re.DOTALL)
    return f"at {found[1]}: {shortened(found[2])}" if found else f"({shortened(message, 160)})"


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
    if not lines:
        return ""
    last = lines[-1].rpartition("unable to start container process: ")[2]
    return shortened(without_secret_patterns(last), 200)


def last_lines(message: str) -> str:
    """The last lines of a termination message, secrets hidden; "" if there are fewer than two."""
    lines = [line.rstrip() for line in message.splitlines() if line.strip()][-MOST_LINES:]
    return without_secret_patterns("\n".join(lines))[-MOST_CHARACTERS:] if len(lines) > 1 else ""


def _hint(message: str) -> tuple[str, tuple[str, ...]]:
    """Advice by the last line of a log that any is known for, and the fields that mend it."""
    for line in reversed(message.split("\n")):
        for pattern, advice, fields in HINTS:
            found = re.search(pattern, line, re.IGNORECASE)
            if found:
                return advice.format(*found.groups()), fields
    return "", ()
