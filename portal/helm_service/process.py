"""A program in a process group of its own, started without blocking the event loop.

asyncio is not used: uvloop starts programs by a fork, for which the kernel copies the page tables
of the whole portal, 10 ms and more in which the loop is blocked. ``subprocess`` uses ``vfork``,
which does not copy them, and a thread then communicates with the program. The limit for blocking
the loop is 20 ms (``benchmarks/RESULTS.md``).

Programs have a lower priority than the portal: people wait for pages, while a change takes seconds
anyway.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

NICENESS = 10
"""The niceness of programs: beside a busy portal they get a tenth of a processor."""

Output = tuple[bytes, bytes]
"""Standard output and standard error."""


class Process:
    """A running program; it counts as ended when no process of its group holds its pipes."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes | None) -> None:
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[Output] = self._loop.create_future()
        # Not from a pool: at exit, Python would wait for a pool's threads.
        threading.Thread(target=self._communicate, args=(stdin,), daemon=True).start()

    @classmethod
    def start(
        cls, argv: Sequence[str], environment: Mapping[str, str], stdin: bytes | None
    ) -> Process:
        """Start a program with ``stdin`` as its standard input. Raises ``OSError``."""
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        process = subprocess.Popen(
            argv,
            stdin=nothing if stdin is None else pipe,
            stdout=pipe,
            stderr=pipe,
            env=environment,
            # Its own group, and the portal's session: Linux may share out processors by session,
            # and would then compare priorities within one alone.
            process_group=0,
        )
        _give_way(process.pid)
        return cls(process, stdin)

    @property
    def status(self) -> int:
        """The exit status of an ended program."""
        return self._process.returncode

    async def output(self) -> Output:
        """Wait until the program has ended; returns its output."""
        return await asyncio.shield(self._over)

    async def end(self, grace: float) -> None:
        """Send SIGTERM to the group, and SIGKILL after ``grace`` seconds; not cancellable."""
        ending = asyncio.ensure_future(self._end(grace))
        while not ending.done():
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                continue  # the wait is bounded by ``grace``

    async def _end(self, grace: float) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            # While the pipes are open, the program has not been waited for, so that its group's
            # id cannot have been reused.
            if self._over.done():
                break
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                break
            await asyncio.wait([self._over], timeout=grace)

    def _communicate(self, stdin: bytes | None) -> None:
        output = self._process.communicate(stdin)
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._over.set_result, output)


def _give_way(pid: int, proc: Path = Path("/proc")) -> None:
    """Lower the priority of a program; where that cannot be done, it keeps the portal's.

    Linux has a priority for each thread, and a new one has that of the thread that starts it. There
    are few by now, at the start of the program.
    """
    with suppress(OSError):
        threads = [int(each.name) for each in (proc / str(pid) / "task").glob("*")]
        for thread in threads or [pid]:
            with suppress(ProcessLookupError):
                own = os.getpriority(os.PRIO_PROCESS, thread)
                os.setpriority(os.PRIO_PROCESS, thread, max(own, NICENESS))
