"""A program in a process group of its own, started without holding up the loop.

Not by asyncio: uvloop starts programs by a fork, for which the kernel copies the page tables of the
whole portal, 10 ms and more in which nobody else is served. ``subprocess`` has the child borrow
the memory until its program runs (``vfork``). A thread of its own then talks to the program. It
serves the bar of 20 ms for what holds the loop up (``benchmarks/RESULTS.md``).
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress

Printed = tuple[bytes, bytes]


class Process:
    """A running program. It is over when all of its group are: when nobody holds its pipes."""

    def __init__(self, process: subprocess.Popen[bytes], given: bytes | None) -> None:
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[Printed] = self._loop.create_future()
        # No pool's: at the end of Python those are waited for, whatever they wait for.
        threading.Thread(target=self._talk, args=(given,), daemon=True).start()

    @classmethod
    def start(
        cls, argv: Sequence[str], environment: Mapping[str, str], given: bytes | None
    ) -> Process:
        """Start a program with ``given`` on its standard input. Raises ``OSError``."""
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        return cls(
            subprocess.Popen(
                argv,
                stdin=nothing if given is None else pipe,
                stdout=pipe,
                stderr=pipe,
                env=environment,
                start_new_session=True,
            ),
            given,
        )

    @property
    def status(self) -> int:
        """The exit status of a program that is over."""
        return self._process.returncode

    async def printed(self) -> Printed:
        """Wait until it is over; what it printed on standard output and standard error."""
        return await asyncio.shield(self._over)

    async def end(self, grace: float) -> None:
        """SIGTERM to the group, and SIGKILL after ``grace`` seconds. Cancelling waits for it."""
        ending = asyncio.ensure_future(self._end(grace))
        while not ending.done():
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                continue  # bounded by the grace

    async def _end(self, grace: float) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            # As long as nobody closed the pipes, the program has not been waited for, and its
            # group's number is not anybody else's.
            if self._over.done():
                break
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                break
            await asyncio.wait([self._over], timeout=grace)

    def _talk(self, given: bytes | None) -> None:
        printed = self._process.communicate(given)
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._over.set_result, printed)
