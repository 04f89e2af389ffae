"""The last lines of crashed containers, for the notices on an app's page.

Most containers leave no termination message, so the end of the log takes its place. It is asked
for once for each crash, and only of apps that somebody looks at.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from portal.domain.errors import PortalError
from portal.domain.keys import Key
from portal.domain.objects import Container, Pod
from portal.domain.scrubber import Scrubber
from portal.logs.lines import PrivateKeys, Splitter, is_not_kept, lines_of, stamped
from portal.logs.stream import LogSource
from portal.state.model import AppState
from portal.threads import in_stream_thread

log = logging.getLogger(__name__)

LINES = 10
BYTES = 16 * 1024
CHARACTERS = 2_000
"""The most lines of a log that are asked for, their bytes, and the characters that are kept."""

MOST = 500
"""The most crashes whose last lines are kept."""

AT_ONCE = 4
"""The most logs that are asked for at the same time, and of one app for one view."""

Crash = tuple[str, str, int]
"""One crash: the pod's uid, the container, and its restarts so far."""


def crashed(one: Container) -> bool | None:
    """Return True if a container's newest run crashed without a message, False if its run before.

    None if neither did.
    """
    if one.state == "terminated":
        return True if one.exit_code and not one.message else None
    ended = one.last_exit_code and not one.last_message
    return False if ended else None


class LastLines:
    """Fills in the last lines of crashed containers, as they become known.

    ``scrubber`` returns what hides an app's secrets; ``changed`` is called with an app of which
    something has become known.
    """

    def __init__(
        self,
        source: LogSource,
        scrubber: Callable[[Key], Awaitable[Scrubber]],
        changed: Callable[[Key], None],
    ) -> None:
        self._source = source
        self._scrubber = scrubber
        self._changed = changed
        self._known: dict[Crash, str] = {}
        self._reading: dict[Crash, asyncio.Task[None]] = {}

    def fill(self, state: AppState) -> AppState:
        """Return a state with the lines that are known; those that are not are asked for."""
        pods = tuple(self._filled(state.key, pod) for pod in state.pods)
        same = all(new is old for new, old in zip(pods, state.pods, strict=True))
        return state if same else replace(state, pods=pods)

    def close(self) -> None:
        """Stop reading."""
        for task in self._reading.values():
            task.cancel()

    def _filled(self, app: Key, pod: Pod) -> Pod:
        containers = tuple(self._with_lines(app, pod, one) for one in pod.containers)
        same = all(new is old for new, old in zip(containers, pod.containers, strict=True))
        return pod if same else replace(pod, containers=containers)

    def _with_lines(self, app: Key, pod: Pod, one: Container) -> Container:
        now = crashed(one)
        if now is None:
            return one
        crash = (pod.uid, one.name, one.restarts + now)
        lines = self._known.get(crash)
        if lines is None:
            if crash not in self._reading and len(self._reading) < AT_ONCE:
                task = asyncio.create_task(self._read(app, pod.key, one.name, crash, not now))
                self._reading[crash] = task
            return one
        if not lines:
            return one
        return replace(one, message=lines) if now else replace(one, last_message=lines)

    async def _read(self, app: Key, pod: Key, container: str, crash: Crash, previous: bool) -> None:
        lines = ""
        try:
            lines = await self._lines(app, pod, container, previous)
        except PortalError as error:
            log.info("no last lines of %s/%s: %s", pod, container, error)
        except Exception:  # known to be none: else it would be read again at every rendering
            log.exception("reading the last lines of %s/%s", pod, container)
        finally:
            del self._reading[crash]
        self._known[crash] = lines
        while len(self._known) > MOST:
            del self._known[next(iter(self._known))]
        self._changed(app)

    async def _lines(self, app: Key, pod: Key, container: str, previous: bool) -> str:
        splitter = Splitter()
        raws: list[bytes] = []
        read = 0
        scrubber = await self._scrubber(app)
        async with self._source.open(
            pod, container, previous=previous, tail=LINES, limit=BYTES
        ) as chunks:
            async for chunk in chunks:
                read += len(chunk)
                raws += splitter.feed(chunk)
        if read < BYTES:  # else the last line was cut, perhaps within a secret
            raws += splitter.end()
        pairs = [each for each in map(stamped, raws) if not is_not_kept(*each)]
        found = await in_stream_thread(
            lines_of, [at for at, _ in pairs], [text for _, text in pairs], scrubber, PrivateKeys()
        )
        return "\n".join(line.text for line in found).strip()[-CHARACTERS:]
