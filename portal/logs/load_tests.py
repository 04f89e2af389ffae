"""Reads what load tests measure from the logs of their pods, for those who look at an app's page.

A finished one is read as well, as long as its pod is kept, so that a restarted portal and any
other shows the same. What was read is kept when the pod is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from portal.domain.errors import PortalError
from portal.domain.keys import Key
from portal.domain.load_tests import (
    CONTAINER,
    NOTHING_MEASURED,
    Measured,
    PodThroughput,
    Second,
    pod_throughput,
    read_second,
)
from portal.domain.objects import Pod
from portal.logs.lines import Splitter, stamped
from portal.logs.stream import LogSource
from portal.state.model import AppState

log = logging.getLogger(__name__)

SHOWN = 5
"""The newest load tests of an app, which are read."""
MOST = 200
"""The most load tests whose results are kept, and the most that are read at the same time."""
LONGEST = 4000
"""The most lines of one load test."""
BYTES = 4 * 2**20
TRIES = 5
LIVE = timedelta(seconds=5)
"""The age of a line up to which the app's pods of this moment are those of the line."""


class LoadTestReader:
    """The measured values of load tests, by the uid of their Jobs.

    ``changed`` is called with an app of which something has become known; ``ready`` returns how
    many of its pods are ready. After a log that breaks off it waits ``pause`` seconds.
    """

    def __init__(
        self,
        source: LogSource,
        changed: Callable[[Key], None],
        ready: Callable[[Key], int],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        pause: float = 1.0,
    ) -> None:
        self._source = source
        self._changed = changed
        self._ready = ready
        self._clock = clock
        self._pause = pause
        self._known: dict[str, Measured] = {}
        self._reading: dict[str, asyncio.Task[None]] = {}

    def measured(self, state: AppState) -> Mapping[str, Measured]:
        """Return what is known of an app's newest load tests; what is not is asked for."""
        found: dict[str, Measured] = {}
        for test in state.load_tests[:SHOWN]:
            uid = test.job.uid
            known = self._known.get(uid, NOTHING_MEASURED)
            wanted = known.summary is None and not known.problem
            if wanted and test.pod is not None and self._may_begin(uid, test.pod):
                self._reading[uid] = asyncio.create_task(self._read(state.key, uid, test.pod.key))
            found[uid] = known
        return found

    def throughput(self, state: AppState) -> PodThroughput | None:
        """Return what the newest climb tells of one pod's throughput; None if none does."""
        known = self.measured(state)
        found = (
            pod_throughput(test.plan, known[test.job.uid]) for test in state.load_tests[:SHOWN]
        )
        return next((each for each in found if each is not None), None)

    def close(self) -> None:
        """Stop reading."""
        for task in self._reading.values():
            task.cancel()

    def _may_begin(self, uid: str, pod: Pod) -> bool:
        if uid in self._reading or len(self._reading) >= MOST:
            return False
        return any(one.name == CONTAINER and one.state != "waiting" for one in pod.containers)

    async def _read(self, app: Key, uid: str, pod: Key) -> None:
        problem = ""
        try:
            for _ in range(TRIES):
                problem = await self._follow(app, uid, pod)
                if not problem:
                    return
                await asyncio.sleep(self._pause)
            self._keep(app, uid, replace(self._known.get(uid, NOTHING_MEASURED), problem=problem))
        except Exception:  # known to be unreadable: else it would be read at every rendering
            log.exception("reading the load test in %s", pod)
            self._keep(app, uid, replace(NOTHING_MEASURED, problem="Its log cannot be read."))
        finally:
            del self._reading[uid]

    async def _follow(self, app: Key, uid: str, pod: Key) -> str:
        """Read a log from its beginning to its end; return why that could not be done."""
        known = self._known.get(uid, NOTHING_MEASURED)
        before = {each.seconds: each.ready for each in known.seconds}
        seconds: list[Second] = []
        splitter, read = Splitter(), 0
        try:
            async with self._source.open(pod, CONTAINER, follow=True) as chunks:
                async for chunk in chunks:
                    read += len(chunk)
                    for raw in splitter.feed(chunk):
                        found = self._second(app, raw, before)
                        if found is not None:
                            seconds.append(found)
                    ended = seconds[-1] if seconds and seconds[-1].end else None
                    if ended is not None or len(seconds) >= len(before):
                        each_second = tuple(one for one in seconds if not one.end)
                        self._keep(app, uid, Measured(each_second, ended))
                    if ended is not None or read > BYTES or len(seconds) > LONGEST:
                        return ""
        except PortalError as error:
            return f"Its log cannot be read: {error}"
        return "It ended without a result."

    def _second(self, app: Key, raw: bytes, before: Mapping[float, int | None]) -> Second | None:
        micros, text = stamped(raw)
        found = read_second(text)
        if found is None:
            return None
        at = datetime.fromtimestamp(micros / 1e6, UTC) if micros else None
        ready = before.get(found.seconds)
        if ready is None and at is not None and abs(self._clock() - at) < LIVE:
            ready = self._ready(app)
        return replace(found, at=at, ready=ready)

    def _keep(self, app: Key, uid: str, measured: Measured) -> None:
        self._known.pop(uid, None)
        self._known[uid] = measured
        while len(self._known) > MOST:
            del self._known[next(iter(self._known))]
        self._changed(app)
