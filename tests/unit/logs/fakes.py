"""Logs as a test writes them, in place of the API server's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from portal.domain.errors import PortalError
from portal.domain.identity import ANONYMOUS
from portal.domain.keys import Key
from portal.domain.scrubber import Scrubber
from portal.logs.hub import LogHub
from portal.logs.stream import Timing
from portal.logs.subscription import LogSubscription
from portal.logs.targets import Selection

FAST = Timing(settle=0.001, first=0.001, quiet=1e9, retry=0, slowest=0, refused=0)
"""No pauses."""


def stamp(micros: int) -> str:
    at = datetime.fromtimestamp(micros / 1e6, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"


class Log:
    """One container's log. ``cut`` ends all who read it; while ``down`` it cannot be opened."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []
        self.opened: list[dict[str, object]] = []
        self.open = 0
        self.error: PortalError | None = None
        self.down: PortalError | None = None
        self._changed = asyncio.Event()
        self._round = 0
        self._at = 1_000_000

    def write(self, *texts: str, at: int | None = None) -> None:
        for text in texts:
            self._at = at if at is not None else self._at + 1
            self.lines.append((self._at, text))
        self._changed.set()

    def cut(self, error: PortalError | None = None) -> None:
        self.error = error
        self._round += 1
        self._changed.set()

    async def read(self, **how: object) -> AsyncIterator[bytes]:
        now = self._round
        since, tail = how.get("since"), how.get("tail")
        sent = 0
        if isinstance(since, int):
            sent = next(
                (n for n, (at, _) in enumerate(self.lines) if at >= since * 1_000_000),
                len(self.lines),
            )
        elif isinstance(tail, int):
            sent = max(0, len(self.lines) - tail)
        while True:
            if sent < len(self.lines):
                written = self.lines[sent:]
                sent += len(written)
                yield "".join(f"{stamp(at)} {text}\n" for at, text in written).encode()
                continue
            if not how.get("follow"):
                return
            if self._round != now:
                if self.error is not None:
                    raise self.error
                return
            self._changed.clear()
            await self._changed.wait()


class Logs:
    """The logs of all containers, by pod and container."""

    def __init__(self) -> None:
        self.all: dict[tuple[str, str], Log] = {}

    def of(self, pod: str, container: str = "main") -> Log:
        return self.all.setdefault((pod, container), Log())

    @asynccontextmanager
    async def open(
        self, pod: Key, container: str, **how: object
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        log = self.of(pod.name, container)
        log.opened.append(how)
        if log.down is not None:
            raise log.down
        if log.error is not None:
            error, log.error = log.error, None
            raise error
        log.open += 1
        try:
            yield log.read(**how)
        finally:
            log.open -= 1


async def nothing_hidden(key: Key) -> Scrubber:
    return Scrubber(())


async def joined(
    hub: LogHub, selection: Selection, *, tail: int = 100, since: int = 0
) -> LogSubscription:
    """Look at a selection."""
    subscription = hub.admit(ANONYMOUS, selection)
    assert subscription is not None
    await hub.join(subscription, tail=tail, since=since)
    return subscription
