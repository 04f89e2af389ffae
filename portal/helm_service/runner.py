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
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pyhelm3  # pyright: ignore[reportMissingTypeStubs]  -- it ships no types

from portal.domain.errors import HelmError, HelmTimeout
from portal.helm_service.orphans import STARTED_BY
from portal.helm_service.redaction import redact, secrets_in

log = logging.getLogger(__name__)

_INHERITED = ("PATH", "HOME")
_PLUGINS = Path(__file__).with_name("plugins")
_SOURCES = Path(__file__).resolve().parents[2]
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
        "PYTHONPATH": str(_SOURCES),
        "HELM_CACHE_HOME": str(home / "cache"),
        "HELM_CONFIG_HOME": str(home / "config"),
        "HELM_DATA_HOME": str(home / "data"),
    }
    if kubeconfig is not None:
        own["KUBECONFIG"] = str(kubeconfig)
    return kept | own


class Process(Protocol):
    """A program that was started, in a group of its own."""

    @property
    def pid(self) -> int:
        """Its number, and that of its group."""
        ...

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        ...

    async def communicate(self, input: bytes | None = None) -> tuple[bytes, bytes]:
        """Feed it, and wait until it has ended; what it printed."""
        ...


Start = Callable[[Sequence[str], Mapping[str, str], bool], Awaitable[Process]]
"""Starts a program: its path and arguments, all of its environment, whether it is fed."""


async def start(command: Sequence[str], environment: Mapping[str, str], feed: bool) -> Process:
    """Start a real program, without a shell."""
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=pipe if feed else nothing,
        stdout=pipe,
        stderr=pipe,
        env=environment,
        start_new_session=True,
    )


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
        limit: int = 4,
        history_max: int = 10,
        start: Start = start,
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
        input = None if input is None else _as_yaml(input)
        secrets = secrets_in(input)
        title = _title(arguments)
        async with self._slots:
            began = time.monotonic()
            process = await self._start(arguments, input is not None)
            talk = asyncio.ensure_future(process.communicate(input))
            try:
                async with asyncio.timeout(self._deadline):
                    stdout, stderr = await asyncio.shield(talk)
            except TimeoutError:
                await self._end_for_sure(process, talk)
                log.warning("%s ended after its %.0f s", title, self._deadline)
                raise HelmTimeout(
                    f"Helm did not finish within {self._deadline:.0f} seconds and was ended.",
                    "Look at the release's status before trying again.",
                ) from None
            except asyncio.CancelledError:
                await self._end_for_sure(process, talk)
                log.warning("%s cancelled", title)
                raise
        status = process.returncode or 0
        log.info("%s ended with %d after %.2f s", title, status, time.monotonic() - began)
        if status != 0:
            raise CommandFailed(status, *(redact(_text(out), secrets) for out in (stdout, stderr)))
        return stdout

    async def _start(self, arguments: list[str], feed: bool) -> Process:
        try:
            return await self._start_process([self._program, *arguments], self._environment, feed)
        except (FileNotFoundError, PermissionError) as error:
            raise HelmError(
                f"The helm program could not be started ({error.strerror}).",
                "An administrator has to correct the portal's image or its helm setting.",
            ) from error

    async def _end_for_sure(
        self, process: Process, talk: asyncio.Future[tuple[bytes, bytes]]
    ) -> None:
        """End the process group even while the waiting task is being cancelled again."""
        ending = asyncio.ensure_future(self._end(process, talk))
        while not ending.done():
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                continue  # bounded by the grace

    async def _end(self, process: Process, talk: asyncio.Future[tuple[bytes, bytes]]) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            # As long as nobody closed the pipes, the group has a living member and its id is
            # not anybody else's.
            if talk.done():
                break
            try:
                os.killpg(process.pid, number)
            except ProcessLookupError:
                break
            await asyncio.wait([talk], timeout=self._grace)
        if not talk.done():
            talk.cancel()
        await asyncio.wait([talk])


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


def _text(output: bytes) -> str:
    return output.decode(errors="replace")
