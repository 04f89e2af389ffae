"""Programs in containers without a cluster, and a release with pods."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from portal.domain.errors import NotFound
from portal.domain.exec import ContainerUsage, Ended
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.request import current_operation
from portal.shell.place import Place
from portal.shell.top import Top

MISSING = Ended(message='exec: "bash": executable file not found in $PATH: unknown')


class FakeRunning:
    """A program whose output a test writes; None ends it."""

    def __init__(self) -> None:
        self.written: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.typed: list[bytes] = []
        self.sizes: list[tuple[int, int]] = []
        self.ended: Ended | None = None
        self.on_input: Callable[[bytes], None] = lambda data: None
        self.closed = False

    async def send(self, data: bytes) -> None:
        self.typed.append(data)
        self.on_input(data)

    async def resize(self, columns: int, rows: int) -> None:
        self.sizes.append((columns, rows))

    async def output(self) -> AsyncIterator[bytes]:
        while (data := await self.written.get()) is not None:
            yield data

    def write(self, text: str) -> None:
        self.written.put_nowait(text.encode())

    def end(self, ended: Ended | None) -> None:
        self.ended = ended
        self.written.put_nowait(None)


async def at_once() -> None:
    """Start a debug container without waiting."""


class FakeExec:
    """Runs what ``programs`` has by name; everything else is missing in the container."""

    def __init__(self, **programs: Callable[[FakeRunning], None]) -> None:
        self.programs = programs
        self.ran: list[str] = []
        self.operations: set[str] = set()
        """In which operations programs were run."""
        self.commands: list[tuple[str, ...]] = []
        self.open: list[FakeRunning] = []
        self.usages: tuple[ContainerUsage, ...] = ()
        self.debugged: list[tuple[str, str, float]] = []
        self.starting: Callable[[], Awaitable[None]] = at_once

    @asynccontextmanager
    async def run(
        self,
        pod: Key,
        container: str,
        command: Sequence[str],
        *,
        tty: bool,
        identity: Identity | None,
    ) -> AsyncGenerator[FakeRunning]:
        running = FakeRunning()
        self.operations.add(current_operation())
        self.ran.append(command[0])
        self.commands.append(tuple(command))
        start = self.programs.get(command[0])
        if start is None:
            running.end(MISSING)
        elif "kill" in command[-1]:
            running.end(Ended(0))
        else:
            start(running)
        self.open.append(running)
        try:
            yield running
        finally:
            self.open.remove(running)
            running.closed = True

    async def debug(
        self, pod: Key, container: str, image: str, seconds: float, *, identity: Identity | None
    ) -> str:
        self.operations.add(current_operation())
        self.debugged.append((container, image, seconds))
        await self.starting()
        return "portal-debug-1"

    async def usage(self, pod: Key) -> tuple[ContainerUsage, ...]:
        return self.usages


async def no_top(identity: Identity, place: Place) -> Top:
    """Read processes where there is no pod."""
    raise NotFound(f"There is no pod {place.pod} in the release {place.release.name}.")


async def found_place(identity: Identity, place: Place) -> Place:
    """Find a container wherever it is."""
    return Place(place.release, place.pod, place.container or "app")
