"""Logs as text to download: one container after the other, masked, within limits."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

from msgspec.structs import replace

from portal.domain.errors import Conflict, LimitReached, PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.limits import LIMITS, Limit
from portal.domain.objects import Pod
from portal.domain.scrubber import Scrubber
from portal.logs.lines import Line, PrivateKeys, Splitter, is_not_kept, lines_of, stamped
from portal.logs.stream import BATCH, LogSource
from portal.logs.targets import Selection, Target, targets
from portal.threads import in_stream_thread

BYTES = 16 * 2**20
"""The most bytes of one container's log."""

AT_ONCE = 4
"""The most downloads of everybody at the same time."""

ATTEMPTS = 6
AGAIN = 1.0
"""Attempts to read a log that is not kept, and the seconds between them: when a container has just
ended once more, the kubelet removes the run before it, and the status names that one for seconds.
"""


class Download:
    """Reads logs once, from their beginning; see ``LogHub`` for the parameters."""

    def __init__(
        self,
        source: LogSource,
        pods: Callable[[Key], Sequence[Pod]],
        scrubber: Callable[[Key], Awaitable[Scrubber]],
        limit: Limit = LIMITS.downloads,
    ) -> None:
        self._source = source
        self._pods = pods
        self._scrubber = scrubber
        self._limit = limit
        self._running: list[Identity] = []

    def reserve(self, identity: Identity) -> LimitReached | None:
        """Count one more download, until ``release``; return the refusal if there are too many."""
        refusal = self._limit.refusal_beside(identity, self._running, AT_ONCE)
        if refusal is None:
            self._running.append(identity)
        return refusal

    def release(self, identity: Identity) -> None:
        """Count one download less."""
        self._running.remove(identity)

    def filename(self, selection: Selection) -> str:
        """Return the name of the file."""
        parts = (selection.pod or selection.app.name, selection.container)
        return "-".join(re.sub(r"[^A-Za-z0-9.-]", "", each) for each in parts if each) + ".log"

    async def text(self, selection: Selection, since: int) -> AsyncGenerator[str, None]:
        """Yield the logs of a selection, ``since`` seconds old at most (0: all that is kept)."""
        found, left_out = targets(self._pods(selection.app), selection)
        begin = int(time.time()) - since if since else None
        for target in found:
            yield f"# {target.pod.name} / {target.container}\n"
            try:
                async with aclosing(self._kept(selection.app, target, begin)) as parts:
                    async for part in parts:
                        yield part
            except PortalError as error:
                yield f"# {error}\n"
        if left_out:
            yield f"# {left_out} more containers are left out.\n"

    async def _kept(self, app: Key, target: Target, since: int | None) -> AsyncGenerator[str, None]:
        """Yield the log of one container; raises ``Conflict`` if it is not kept."""
        asked = target
        for left in reversed(range(ATTEMPTS)):
            if left < ATTEMPTS - 1 and target.previous:
                asked = replace(target, previous=not self._has_ended(app, target))
            try:
                async with aclosing(self._one(app, asked, since)) as parts:
                    async for part in parts:
                        yield part
            except Conflict:
                if not left:
                    raise
                await asyncio.sleep(AGAIN)
            else:
                return

    def _has_ended(self, app: Key, target: Target) -> bool:
        """Return True if the container has ended, and the kubelet has not looked after it yet.

        For some ten seconds its log is the newest run's, and the one before has been removed.
        """
        return any(
            each.name == target.container and each.state == "terminated"
            for pod in self._pods(app)
            if pod.uid == target.uid
            for each in pod.containers
        )

    async def _one(self, app: Key, target: Target, since: int | None) -> AsyncGenerator[str, None]:
        splitter, keys = Splitter(), PrivateKeys()
        read = 0
        async with self._source.open(
            target.pod, target.container, previous=target.previous, since=since, limit=BYTES
        ) as chunks:
            async for chunk in chunks:
                read += len(chunk)
                for part in await self._shown(app, splitter.feed(chunk), keys):
                    yield part
        if read < BYTES:
            for part in await self._shown(app, splitter.end(), keys):
                yield part
        else:  # the last line was cut, perhaps within a secret
            yield f"# Only the first {BYTES // 2**20} MiB are given here.\n"

    async def _shown(self, app: Key, raws: Sequence[bytes], keys: PrivateKeys) -> list[str]:
        if not raws:
            return []
        scrubber = await self._scrubber(app)
        parts: list[str] = []
        for start in range(0, len(raws), BATCH):
            pairs = [stamped(raw) for raw in raws[start : start + BATCH]]
            if is_not_kept(*pairs[0]):
                raise Conflict("The log of this run is not kept.")
            lines = await in_stream_thread(
                lines_of, [at for at, _ in pairs], [text for _, text in pairs], scrubber, keys
            )
            parts.append("".join(map(_written, lines)))
        return parts


def _written(line: Line) -> str:
    at = datetime.fromtimestamp(line.at / 1e6, UTC).isoformat(timespec="milliseconds")
    return f"{at.replace('+00:00', 'Z')} {line.text}\n"
