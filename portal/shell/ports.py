"""Interfaces of what the shell and the processes need of the cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from portal.domain.exec import ContainerUsage, Ended
from portal.domain.identity import Identity
from portal.domain.keys import Key

BYTES_A_SECOND = 4 * 2**20
"""The most output of a program that is read in a second: the event loop is for everybody."""


class Running(Protocol):
    """A program that runs in a container."""

    ended: Ended | None

    async def send(self, data: bytes) -> None:
        """Write to its standard input."""
        ...

    async def resize(self, columns: int, rows: int) -> None:
        """Tell it the size of its terminal."""
        ...

    def output(self) -> AsyncIterator[bytes]:
        """Yield what it writes until it ends."""
        ...


class ExecSource(Protocol):
    """Runs programs in containers; ``portal.cluster.exec`` implements it."""

    def run(
        self,
        pod: Key,
        container: str,
        command: Sequence[str],
        *,
        tty: bool,
        identity: Identity | None,
    ) -> AbstractAsyncContextManager[Running]:
        """Run a program; raises a ``PortalError`` if that is refused."""
        ...

    async def debug(
        self, pod: Key, container: str, image: str, seconds: float, *, identity: Identity | None
    ) -> str:
        """Return the name of a running debug container beside ``container``."""
        ...

    async def usage(self, pod: Key) -> tuple[ContainerUsage, ...]:
        """Return what each container uses; raises a ``PortalError``."""
        ...
