"""Reads the processes of containers while somebody looks: one program for all who do."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from msgspec import Struct

from portal.domain.errors import Conflict, PortalError
from portal.domain.exec import ContainerUsage
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.scrubber import Scrubber
from portal.shell.place import Place, Places, containers_of
from portal.shell.ports import BYTES_A_SECOND, ExecSource, Running
from portal.shell.processes import COMMANDS, Parser, ProcessRow, rows
from portal.threads import in_thread

log = logging.getLogger(__name__)

EVERY = 3.0
"""Seconds between two snapshots."""
FIRST_AFTER = 1.0
"""Seconds between the first two, before which there is no CPU."""
STOPS_AFTER = 12.0
"""Seconds without anybody who looks after which the program is ended."""
ANSWERS_WITHIN = 10.0
"""Seconds for the first snapshot."""
MOST = 50
"""The most containers that are looked at in the same time."""


class Top(Struct, frozen=True):
    """The processes of a container; without them, why not, and what its pod uses instead."""

    place: Place
    containers: tuple[str, ...] = ()
    rows: tuple[ProcessRow, ...] = ()
    known: bool = False
    problem: str = ""
    usage: tuple[ContainerUsage, ...] = ()


class _Look:
    """One container that is looked at."""

    def __init__(self, now: float) -> None:
        self.asked = now
        self.known = asyncio.Event()
        self.rows: tuple[ProcessRow, ...] = ()
        self.problem = ""
        self.task: asyncio.Task[None] | None = None


class Tops:
    """The processes of all containers that are looked at."""

    def __init__(
        self,
        places: Places,
        source: ExecSource,
        scrubber: Callable[[Key], Awaitable[Scrubber]],
        clock: Callable[[], float] = time.monotonic,
        every: float = EVERY,
        first_after: float = FIRST_AFTER,
        stops_after: float = STOPS_AFTER,
        answers_within: float = ANSWERS_WITHIN,
    ) -> None:
        self._places = places
        self._source = source
        self._scrubber = scrubber
        self._clock = clock
        self._every = every
        self._first_after = first_after
        self._stops_after = stops_after
        self._answers_within = answers_within
        self._looks: dict[Place, _Look] = {}

    @property
    def running(self) -> int:
        """The number of containers that are looked at."""
        return len(self._looks)

    async def read(self, identity: Identity, asked: Place) -> Top:
        """Return the newest processes of a container; who calls it again keeps them coming.

        Raises:
            Forbidden: ``identity`` may not run commands in the release's pods.
            NotFound: there is no such container in the release.
            Conflict: it does not run, or too many are looked at.
        """
        place = await self._places.find(identity, asked)
        look = self._looks.get(place)
        if look is None:
            if len(self._looks) >= MOST:
                raise Conflict(
                    f"The processes of {MOST} containers are looked at already.", "Try again later."
                )
            look = self._looks[place] = _Look(self._clock())
            look.task = asyncio.create_task(self._follow(place, look, identity))
        look.asked = self._clock()
        slow = ""
        try:
            async with asyncio.timeout(self._answers_within):
                await look.known.wait()
        except TimeoutError:
            slow = "The container does not answer."  # now: it may yet
        pod = self._places.pod(place)
        running = containers_of(pod) if pod else ()
        problem = look.problem or slow
        if problem:
            return Top(place, running, problem=problem, usage=await self._usage(place))
        return Top(place, running, look.rows, known=True)

    async def close(self) -> None:
        """End all programs."""
        tasks = [each.task for each in self._looks.values() if each.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _usage(self, place: Place) -> tuple[ContainerUsage, ...]:
        try:
            return await self._source.usage(place.pod_key)
        except PortalError:
            return ()

    async def _follow(self, place: Place, look: _Look, identity: Identity) -> None:
        """Try the programs in turn; once one has run, its end is the end.

        They run for ``identity``, who looked first. Each of the others has been asked for
        permission.
        """
        try:
            for command in COMMANDS:
                if await self._run(place, look, command, identity):
                    return
            look.problem = (
                "Its image has no shell and no Python, with which the portal could read them."
            )
            look.known.set()
            await self._until_nobody_looks(look)
        except PortalError as error:
            look.problem = error.message
            look.known.set()
            await self._until_nobody_looks(look)
        except Exception:
            log.exception("cannot read the processes of %s", place.pod_key)
        finally:
            look.known.set()
            self._looks.pop(place, None)

    async def _until_nobody_looks(self, look: _Look) -> None:
        """Keep an answer for those who look: asking again would run the programs again."""
        while self._clock() - look.asked < self._stops_after:  # noqa: ASYNC110
            await asyncio.sleep(self._every)

    async def _run(
        self, place: Place, look: _Look, command: tuple[str, ...], identity: Identity
    ) -> bool:
        """Follow one program until nobody looks; False if it has not told anything."""
        async with self._source.run(
            place.pod_key, place.container, command, tty=False, identity=identity
        ) as running:
            sides = {
                asyncio.create_task(self._read(running, place, look)),
                asyncio.create_task(self._tick(running, look)),
            }
            try:
                done, _ = await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
                for each in done:
                    each.result()
            finally:
                for each in sides:
                    each.cancel()
                await asyncio.gather(*sides, return_exceptions=True)
        return look.known.is_set()

    async def _read(self, running: Running, place: Place, look: _Look) -> None:
        parser, before = Parser(), None
        async for data in running.output():
            parser.scrubber = await self._scrubber(place.release)
            for snapshot in await in_thread(parser.feed, data):
                look.rows, before = rows(before, snapshot), snapshot
                look.known.set()
            await asyncio.sleep(len(data) / BYTES_A_SECOND)

    async def _tick(self, running: Running, look: _Look) -> None:
        """Ask for a snapshot every few seconds, for as long as somebody looks."""
        await running.send(b"\n")
        await asyncio.sleep(self._first_after)
        while self._clock() - look.asked < self._stops_after:
            await running.send(b"\n")
            await asyncio.sleep(self._every)
