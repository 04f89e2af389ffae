"""Running the helm program: without a shell, in its own process group, with a deadline, redacted.

``pyhelm3.Command`` builds the command lines; only ``run`` is replaced, which uses a shell, logs
every argument, and leaves Helm running when cancelled.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import math
import os
import re
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Protocol
from weakref import WeakValueDictionary

import pyhelm3  # pyright: ignore[reportMissingTypeStubs]  -- it ships no types

from portal.domain.errors import HelmError, HelmTimeout
from portal.domain.identity import Identity
from portal.domain.impersonation import Impersonated, Impersonation
from portal.domain.request import current_operation
from portal.helm_service.kubeconfig import kubeconfig_file
from portal.helm_service.orphans import STARTED_BY
from portal.helm_service.process import Output, Process
from portal.helm_service.redaction import redact, secrets_in, value_texts
from portal.threads import in_thread
from portal.turns import Turns

log = logging.getLogger(__name__)

_INHERITED = ("PATH", "HOME")
_PLUGINS = Path(__file__).with_name("plugins")
_PAIR = re.compile(rb"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|\\.")

WORKS = 1.0
"""Seconds after which a command leaves its turn to the next one: it waits for Kubernetes then."""


class CommandFailed(Exception):
    """Helm ended with an exit status other than 0; both outputs are redacted."""

    def __init__(self, status: int, stdout: str, stderr: str) -> None:
        super().__init__(f"helm ended with {status}")
        self.status = status
        self.stdout = stdout
        self.stderr = stderr


def helm_environment(
    inherited: Mapping[str, str], home: Path, kubeconfig: Path | None = None
) -> dict[str, str]:
    """The complete environment of Helm: the portal's plug-in only, and folders below ``home``.

    Of ``inherited`` only ``PATH``, ``HOME`` and ``KUBERNETES_*`` are passed on; with the latter
    Helm uses the pod's service account.
    """
    kept = {
        name: value
        for name, value in inherited.items()
        if name in _INHERITED or name.startswith("KUBERNETES_")
    }
    own = {
        "HELM_NO_PLUGINS": "1",  # disables plug-ins that add commands; the portal's adds none
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
    """A started program; ``Process`` is one."""

    @property
    def status(self) -> int:
        """The exit status of an ended program."""
        ...

    async def output(self) -> Output:
        """Wait until the program has ended; returns its output."""
        ...

    async def end(self, grace: float) -> None:
        """End the program, by force after ``grace`` seconds."""
        ...


Start = Callable[[Sequence[str], Mapping[str, str], bytes | None], RunningProgram]
"""Starts a program, by path and arguments, complete environment, and standard input."""


class Runner(pyhelm3.Command):
    """Runs helm commands, at most ``limit`` at once, those of one person in ``turns``.

    A command that has just begun needs a whole processor. One person's leave one processor to the
    others: as many as there are besides are in their first second at once.

    ``deadline`` is in seconds from the start of the process, without time in the queue. A process
    that must end gets SIGTERM, so that Helm can mark the release as failed, and after ``grace``
    seconds SIGKILL. Cancelling the task that waits for a command ends the command in the same way
    before the cancellation continues. Helm's own timeout for hooks (``hook_timeout``) is a little
    shorter, so that Helm can report the hook. ``impersonation`` has Helm act as the person whom a
    command is run for, by a kubeconfig in ``folder``, or (None) among the system's temporary files.
    """

    _person: Impersonated | None = None
    _whose: str = ""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        executable: str = "helm",
        deadline: float = 300.0,
        grace: float = 15.0,
        limit: int = 20,
        history_max: int = 10,
        impersonation: Impersonation | None = None,
        folder: Path | None = None,
        turns: Callable[[], Turns] | None = None,
        start: Start = Process.start,
    ) -> None:
        # On a busy machine it takes Helm seconds to start, and to tell of the hook.
        spare = min(max(deadline * 0.1, 10.0), deadline / 2)
        self.hook_timeout = f"{max(1, int(deadline - spare))}s"
        super().__init__(
            default_timeout=self.hook_timeout,
            executable=executable,
            history_max_revisions=history_max,
        )
        self._program = executable
        self._environment = {**environment, STARTED_BY: str(os.getpid())}
        self._deadline = deadline
        self._grace = grace
        self._slots = asyncio.Semaphore(limit)
        self._new_turns = turns or partial(Turns, max(1, processors() - 1), WORKS)
        self._turns: WeakValueDictionary[str, Turns] = WeakValueDictionary()
        self._added: tuple[str, ...] = ()
        self._impersonation = impersonation
        self._folder = folder
        self._start_process = start

    def with_arguments(self, *arguments: str) -> Runner:
        """A copy that adds ``arguments`` to each command, with a common limit for both."""
        result = copy.copy(self)
        result._added = (*self._added, *arguments)
        return result

    def acting_for(self, identity: Identity | None) -> Runner:
        """Return the runner that acts for ``identity``, or (None) as the portal itself.

        Without ``impersonation`` that is the portal's own account for all users.

        Raises:
            Forbidden: the identity has a name that nobody is impersonated by.
        """
        if identity is None:
            return self
        result = copy.copy(self)
        result._whose = "" if identity.anonymous else identity.user
        if self._impersonation is not None:
            result._person = self._impersonation.of(identity)
        return result

    async def run(self, command: Sequence[object], input: bytes | None = None) -> bytes:
        """Run ``helm`` with these arguments; returns its standard output.

        Raises:
            CommandFailed: it ended with an error.
            HelmTimeout: it did not end within the deadline.
            HelmError: the program cannot be started, or there are no credentials to act with.
        """
        arguments = [*(str(part) for part in command), *self._added]
        input = None if input is None else await in_thread(_as_yaml, input)
        title = _title(arguments)
        async with self._turn(), self._slots:
            began = time.monotonic()
            with self._acting() as environment:
                process = self._start(arguments, environment, input)
                stdout, stderr = await self._ended(process, title)
        status = process.status
        log.info("%s ended with %d after %.2f s", title, status, time.monotonic() - began)
        if status != 0:
            raise CommandFailed(
                status, *await asyncio.to_thread(_redacted, (stdout, stderr), input, arguments)
            )
        return stdout

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        """Take a turn of the person; the portal itself, and who is nobody known, need none."""
        if not self._whose:
            yield
            return
        turns = self._turns.get(self._whose)
        if turns is None:
            turns = self._turns[self._whose] = self._new_turns()
        async with turns.turn():
            yield

    async def _ended(self, process: RunningProgram, title: str) -> Output:
        """Wait until a command has ended, or end it; return its output."""
        try:
            async with asyncio.timeout(self._deadline):
                return await process.output()
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

    @contextmanager
    def _acting(self) -> Generator[Mapping[str, str]]:
        """Yield the environment of a command: with a kubeconfig of its own if for a person."""
        if self._person is None:
            yield self._environment
            return
        operation = current_operation()
        with kubeconfig_file(self._environment, self._person, operation, self._folder) as path:
            yield {**self._environment, "KUBECONFIG": str(path)}

    def _start(
        self, arguments: list[str], environment: Mapping[str, str], stdin: bytes | None
    ) -> RunningProgram:
        try:
            return self._start_process([self._program, *arguments], environment, stdin)
        except (FileNotFoundError, PermissionError) as error:
            raise HelmError(
                f"The helm program could not be started ({error.strerror}).",
                "An administrator has to correct the portal's image or its helm setting.",
            ) from error


def processors(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Return how many processors the portal may use, by the limit of its container too."""
    try:
        found = len(os.sched_getaffinity(0))
    except AttributeError:  # Linux alone has it
        found = os.cpu_count() or 1
    with suppress(OSError, ValueError):  # none, or "max"
        share, period = map(int, quota.read_text().split())
        found = min(found, math.ceil(share / period))
    return found


def _as_yaml(values: bytes) -> bytes:
    """The JSON of ``pyhelm3`` as valid YAML, which Helm reads.

    JSON may escape a character as a surrogate pair, YAML must not.
    """

    def unescaped(found: re.Match[bytes]) -> bytes:
        if not found[1]:
            return found[0]
        return bytes.fromhex((found[1] + found[2]).decode()).decode("utf-16-be").encode()

    return _PAIR.sub(unescaped, values)


def _title(arguments: Sequence[str]) -> str:
    """The part of a command that may be logged: verb, release and namespace, never a value."""
    shown: list[str] = []
    for argument in arguments:
        if argument.startswith("-") or len(shown) == 2:
            break
        shown.append(argument[:80])
    if "--namespace" in arguments[:-1]:
        shown.append("in " + arguments[arguments.index("--namespace") + 1][:80])
    return "helm " + " ".join(shown)


def _redacted(outputs: Sequence[bytes], stdin: bytes | None, arguments: Sequence[str]) -> list[str]:
    """Helm's outputs without the values on its standard input; names in arguments stay."""
    secrets, values = secrets_in(stdin), value_texts(stdin, arguments)
    return [redact(_text(each), secrets, values) for each in outputs]


def _text(output: bytes) -> str:
    return output.decode(errors="replace")
