"""One reader of a container's log: follows it, resumes it where it broke off, fills its ring."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from portal.domain.errors import ClusterUnavailable, Conflict, Forbidden, NotFound, PortalError
from portal.domain.keys import Key
from portal.domain.scrubber import Scrubber
from portal.logs.cleaner import Cleaner
from portal.logs.lines import Level, Line, PrivateKeys, Splitter, is_not_kept, stamped
from portal.logs.ring import Resume, Ring
from portal.logs.targets import Condition, Target

log = logging.getLogger(__name__)

BATCH = 1_000
BATCH_BYTES = 128 * 1024
"""The most lines, and about the most bytes, of one container that are made safe at a time."""

UNEXPECTED = "An error in the portal: its own log has the details. It is tried again."
"""The note of a stream whose lines could not be read for a reason that nobody foresaw."""


class LogSource(Protocol):
    """Opens logs; see ``portal.cluster.pod_logs.PodLogs.open``."""

    def open(
        self,
        pod: Key,
        container: str,
        *,
        previous: bool = False,
        follow: bool = False,
        tail: int | None = None,
        since: int | None = None,
        limit: int | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open a container's log, as chunks of bytes."""
        ...


class StreamState(StrEnum):
    """The state of a stream, as pages name it."""

    OPENING = "connecting"
    FOLLOWING = "following"
    WAITING = "waiting"
    ENDED = "ended"
    FAILED = "failed"


ATTEMPTS = 5
"""Attempts to read the previous run of a container that is not running. When it has ended once
more, the kubelet removes the run before, and for some ten seconds its status names that one.
"""


class Timing(Struct, frozen=True):
    """Times of a stream, all in seconds.

    ``settle`` is the silence after which the lines of the past count as read, ``quiet`` that after
    which a timeout means nothing, ``retry`` and ``slowest`` the first and the longest pause before
    a log is opened again, and ``refused`` that after it was forbidden.
    """

    settle: float = 0.15
    first: float = 0.6
    quiet: float = 30.0
    retry: float = 1.0
    slowest: float = 10.0
    refused: float = 30.0


USUAL = Timing()


class Next(Struct, frozen=True):
    """The step after the end of a log: the state, a note for people, and the pause in seconds.

    A ``pause`` of None waits for a change of the container; ``over`` ends the stream for good.
    """

    state: StreamState
    note: str = ""
    pause: float | None = None
    over: bool = False


def after(
    error: PortalError | None,
    condition: Condition,
    *,
    previous: bool,
    failures: int,
    timing: Timing = USUAL,
) -> Next:
    """Return what follows the end of a log, or an error in reading it. Pure."""
    pause = min(timing.slowest, timing.retry * 2 ** min(failures, 10))
    if condition.state == "gone" or (isinstance(error, NotFound) and previous):
        return Next(StreamState.ENDED, "The pod no longer exists.", over=True)
    match error:
        case None if previous:
            return Next(StreamState.ENDED, "The end of the previous run.", over=True)
        case Conflict() if previous and condition.state == "waiting" and failures < ATTEMPTS:
            return Next(StreamState.WAITING, "The container has just ended.", pause)
        case Conflict() if previous:
            return Next(StreamState.ENDED, "The log of the previous run is not kept.", over=True)
        case Conflict() | None if condition.state != "running":
            if condition.state == "ended":
                return Next(StreamState.ENDED, "The container has ended.")
            why = f" ({condition.reason})" if condition.reason else ""
            return Next(StreamState.WAITING, f"The container is not running{why}.", timing.slowest)
        case None:
            return Next(StreamState.FOLLOWING, "", pause)
        case Forbidden():
            return Next(StreamState.FAILED, str(error), timing.refused)
        case Conflict() | NotFound():
            return Next(StreamState.WAITING, "There is no log yet.", pause)
        case _:
            return Next(StreamState.OPENING, str(error), pause)


class LogStream:
    """Reads one container's log into its ring, for as long as ``run`` is not cancelled.

    ``tail`` is the number of lines of the past to begin with. ``scrubber`` returns what hides the
    secrets of ``app``, ``cleaner`` makes lines safe to show, and ``changed`` is called after each
    change of lines or state.
    """

    def __init__(
        self,
        id: int,
        target: Target,
        condition: Condition,
        source: LogSource,
        scrubber: Callable[[], Awaitable[Scrubber]],
        changed: Callable[[LogStream], None],
        *,
        app: Key,
        tail: int,
        cleaner: Cleaner,
        timing: Timing = USUAL,
    ) -> None:
        self.id = id
        self.target = target
        self.condition = condition
        self.ring = Ring()
        self.state = StreamState.OPENING
        self.note = ""
        self.read = 0
        """Lines read since the start, those discarded included."""
        self.settled = asyncio.Event()
        """Set once the lines of the past have been read."""
        self.over = False
        """True once nothing more will be read."""
        self._source = source
        self._scrubber = scrubber
        self._changed = changed
        self._app = app
        self._tail = tail
        self._cleaner = cleaner
        self._timing = timing
        self._resume = Resume()
        self._keys = PrivateKeys()
        self._poked = asyncio.Event()
        self._failures = 0
        self._timer: asyncio.TimerHandle | None = None

    def poke(self, condition: Condition) -> None:
        """Take note of a container's condition; a change ends a pause."""
        before, self.condition = self.condition, condition
        if condition == before:
            return
        if condition.restarts > before.restarts and not self.target.previous:
            self._mark(f"The container was restarted (restart {condition.restarts}).")
        self._poked.set()

    async def run(self) -> None:
        """Read the log until it has ended for good, or until cancelled."""
        try:
            while not await self._once_safely():
                pass
        finally:
            self.over = True
            self._settle()
            self._changed(self)

    async def _once_safely(self) -> bool:
        """Do as ``_once`` does; an unexpected error is shown, and the log is opened again."""
        try:
            return await self._once()
        except Exception:
            log.exception("reading the log of %s/%s", self.target.pod, self.target.container)
        self._show(StreamState.FAILED, UNEXPECTED)
        self._settle()
        await self._pause(self._timing.slowest)
        return False

    async def _once(self) -> bool:
        """Read until the log ends or breaks off, and pause. Return True if that was all."""
        self._poked.clear()
        error: PortalError | None = None
        started, before = time.monotonic(), self.read
        try:
            await self._read()
        except PortalError as failed:
            quiet = isinstance(failed.__cause__, TimeoutError)
            if not (quiet and time.monotonic() - started >= self._timing.quiet):
                error = failed
            elif isinstance(failed, ClusterUnavailable):
                return False  # nothing was written for a while: open it again
        self._failures = 0 if self.read > before else self._failures + 1
        then = after(
            error,
            self.condition,
            previous=self.target.previous,
            failures=self._failures,
            timing=self._timing,
        )
        self._show(then.state, then.note)
        self._settle()
        if then.over:
            return True
        await self._pause(then.pause)
        return False

    async def _pause(self, seconds: float | None) -> None:
        """Wait for a change of the container, for some seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._poked.wait()

    async def _read(self) -> None:
        since = self._resume.since
        self._resume.reopen()
        splitter = Splitter()
        self._settle_in(self._timing.first)
        async with self._source.open(
            self.target.pod,
            self.target.container,
            previous=self.target.previous,
            follow=not self.target.previous,
            tail=self._tail if since is None else None,
            since=since,
        ) as chunks:
            async for chunk in chunks:
                if self.state is not StreamState.FOLLOWING:
                    self._show(StreamState.FOLLOWING)
                await self._take(splitter.feed(chunk))
                self._settle_in(self._timing.settle)
        await self._take(splitter.end())

    async def _take(self, raws: Sequence[bytes]) -> None:
        if not raws:
            return
        scrubber = await self._scrubber()  # before any line counts as read
        stamps: list[int] = []
        texts: list[bytes] = []
        size = 0
        for raw in raws:
            at, text = stamped(raw)
            if is_not_kept(at, text):
                raise Conflict("There is no log of this container.")
            if self._resume.skip(at):
                continue
            stamps.append(at)
            texts.append(text)
            size += len(text)
            if len(texts) >= BATCH or size >= BATCH_BYTES:
                await self._add(stamps, texts, scrubber)
                stamps, texts, size = [], [], 0
        if texts:
            await self._add(stamps, texts, scrubber)

    async def _add(self, stamps: list[int], texts: list[bytes], scrubber: Scrubber) -> None:
        self.read += len(texts)
        try:
            lines = await self._cleaner.lines(self._app, stamps, texts, scrubber, self._keys)
        except Exception:
            self.ring.lost += len(texts)
            raise
        if lines is None:
            self._keys.take([text.decode("utf-8", "replace") for text in texts])
            self.ring.lost += len(texts)
        else:
            self.ring.extend(lines)
        self._changed(self)

    def _mark(self, words: str) -> None:
        self.ring.extend([Line(time.time_ns() // 1000, Level.MARK, words)])
        self._changed(self)

    def _show(self, state: StreamState, note: str = "") -> None:
        if (state, note) != (self.state, self.note):
            self.state, self.note = state, note
            self._changed(self)

    def _settle_in(self, seconds: float) -> None:
        if self.settled.is_set():
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._silent)

    def _silent(self) -> None:
        """Count the log as followed: it is open, and nothing more was written."""
        if self.state is StreamState.OPENING and self.condition.state == "running":
            self._show(StreamState.FOLLOWING)
        self._settle()

    def _settle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.settled.set()
