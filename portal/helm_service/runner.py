"""Running the helm program: no shell, a process group of its own, a deadline, and redaction.

``pyhelm3.Command`` builds the command lines; only how they are run is ours. Its own ``run`` goes
through a shell, logs every argument, and leaves Helm running when cancelled.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pyhelm3  # pyright: ignore[reportMissingTypeStubs]  -- it ships no types

from portal.aside import aside
from portal.domain.errors import HelmError, HelmTimeout
from portal.helm_service.orphans import STARTED_BY
from portal.helm_service.process import Printed, Process
from portal.helm_service.redaction import given_in, redact, secrets_in

log = logging.getLogger(__name__)

_INHERITED = ("PATH", "HOME")
_PLUGINS = Path(__file__).with_name("plugins")
_PAIR = re.compile(rb"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|\\.")


class CommandFailed(Exception):
    """Helm ended with an exit status other than 0. Both outputs are redacted."""

    def __init__(self, status: int, stdout: str, stderr: str) -> None:
        super().__init__(f"helm ended with {status}")
        self.status = status
        self.stdout = stdout
        self.stderr = stderr


def helm_environment(
    inherited: Mapping[str, str], home: Path, kubeconfig: Path | None = None
) -> dict[str, str]:
    """The whole environment of Helm: no plug-ins but ours, its own folders below ``home``.

    Of ``inherited`` only what finds programs and the API server of the pod is passed on
    (``KUBERNETES_*``, with which Helm uses the pod's service account).
    """
    kept = {
        name: value
        for name, value in inherited.items()
        if name in _INHERITED or name.startswith("KUBERNETES_")
    }
    own = {
        "HELM_NO_PLUGINS": "1",  # as commands; ours is none
        "HELM_PLUGINS": str(_PLUGINS),
        "DASH_PORTAL_PYTHON": sys.executable,
        "HELM_CACHE_HOME": str(home / "cache"),
        "HELM_CONFIG_HOME": str(home / "config"),
        "HELM_DATA_HOME": str(home / "data"),
    }
    if kubeconfig is not None:
        own["KUBECONFIG"] = str(kubeconfig)
    return kept | own


class RunningProgram(Protocol):
    """A program that was started; ``Process`` is one."""

    @property
    def status(self) -> int:
        """Its exit status, once it is over."""
        ...

    async def printed(self) -> Printed:
        """Wait until it is over; what it printed on standard output and standard error."""
        ...

    async def end(self, grace: float) -> None:
        """Have it end, by force after ``grace`` seconds."""
        ...


Start = Callable[[Sequence[str], Mapping[str, str], bytes | None], RunningProgram]
"""Starts a program: its path and arguments, all of its environment, what it is fed."""


class Runner(pyhelm3.Command):
    """Runs helm commands, at most ``limit`` at once.

    ``deadline`` is in seconds and counts from the start of the process, not from its place in
    the queue. A process that must end gets SIGTERM, so that Helm can mark the release as
    failed, and after ``grace`` seconds SIGKILL. Cancelling the task that waits for a command
    ends the command in the same way, before the cancellation goes on. Helm itself gives up
    waiting, for hooks, a little earlier (``patience``): so it can say what it has waited for.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        executable: str = "helm",
        deadline: float = 300.0,
        grace: float = 15.0,
        limit: int = 20,
        history_max: int = 10,
        start: Start = Process.start,
    ) -> None:
        self.patience = f"{max(1, int(deadline * 0.9))}s"
        super().__init__(
            default_timeout=self.patience,
            executable=executable,
            history_max_revisions=history_max,
        )
        self._program = executable
        self._environment = {**environment, STARTED_BY: str(os.getpid())}
        self._deadline = deadline
        self._grace = grace
        self._slots = asyncio.Semaphore(limit)
        self._added: tuple[str, ...] = ()
        self._start_process = start

    def adding(self, *arguments: str) -> Runner:
        """This runner, adding ``arguments`` to each command; its limit counts for both."""
        twin = copy.copy(self)
        twin._added = arguments
        return twin

    async def run(self, command: Sequence[object], input: bytes | None = None) -> bytes:
        """Run ``helm`` with these arguments, and return what it printed.

        Raises ``CommandFailed``, ``HelmTimeout``, or ``HelmError`` if there is no such program.
        """
        arguments = [*(str(part) for part in command), *self._added]
        input = None if input is None else await aside(_as_yaml, input)
        title = _title(arguments)
        async with self._slots:
            began = time.monotonic()
            process = self._start(arguments, input)
            try:
                async with asyncio.timeout(self._deadline):
                    stdout, stderr = await process.printed()
            except TimeoutError:
                await process.end(self._grace)
                log.warning("%s ended after its %.0f s", title, self._deadline)
                raise HelmTimeout(
                    f"Helm did not finish within {self._deadline:.0f} seconds and was ended.",
                    "Look at the release's status before trying again.",
                ) from None
            except asyncio.CancelledError:
                await process.end(self._grace)
                log.warning("%s cancelled", title)
                raise
        status = process.status
        log.info("%s ended with %d after %.2f s", title, status, time.monotonic() - began)
        if status != 0:
            raise CommandFailed(
                status, *await asyncio.to_thread(_redacted, (stdout, stderr), input, arguments)
            )
        return stdout

    def _start(self, arguments: list[str], given: bytes | None) -> RunningProgram:
        try:
            return self._start_process([self._program, *arguments], self._environment, given)
        except (FileNotFoundError, PermissionError) as error:
            raise HelmError(
                f"The helm program could not be started ({error.strerror}).",
                "An administrator has to correct the portal's image or its helm setting.",
            ) from error


def _as_yaml(values: bytes) -> bytes:
    """The JSON that ``pyhelm3`` writes, so that it is YAML as well: Helm reads that.

    JSON may write an emoji as a pair of escapes, YAML must not.
    """

    def whole(found: re.Match[bytes]) -> bytes:
        if not found[1]:
            return found[0]
        return bytes.fromhex((found[1] + found[2]).decode()).decode("utf-16-be").encode()

    return _PAIR.sub(whole, values)


def _title(arguments: Sequence[str]) -> str:
    """What may be logged of a command: its verb, release and namespace, never a value."""
    shown: list[str] = []
    for argument in arguments:
        if argument.startswith("-") or len(shown) == 2:
            break
        shown.append(argument[:80])
    if "--namespace" in arguments[:-1]:
        shown.append("in " + arguments[arguments.index("--namespace") + 1][:80])
    return "helm " + " ".join(shown)


def _redacted(printed: Sequence[bytes], given: bytes | None, arguments: Sequence[str]) -> list[str]:
    """What Helm printed, without what was given to it; its arguments name the release."""
    secrets, values = secrets_in(given), given_in(given, arguments)
    return [redact(_text(each), secrets, values) for each in printed]


def _text(output: bytes) -> str:
    return output.decode(errors="replace")
