"""The WebSocket endpoint of the shell: a program in a container, with a terminal in the browser.

The query names the container (``namespace``, ``name``, ``pod``, ``container``), the terminal's size
(``columns``, ``rows``), and ``debug`` for a debug container. Binary messages are what is typed, and
what is shown. Text messages are JSON: ``{"resize": [columns, rows]}`` from the browser,
``{"shell": …}`` once it runs, ``{"heartbeat": true}`` now and then, since proxies cut silent
connections, and ``{"ended": …}`` before it is closed to the browser.

What is typed and shown is kept nowhere. Start and end are logged, and are in the audit trail: a
shell of which that cannot be recorded does not begin.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from msgspec import Struct
from starlette.websockets import WebSocket

from portal.domain.audit import SHELL, UNRECORDED, Event, Outcome, Recorder, recorded
from portal.domain.errors import NotFound, PortalError
from portal.domain.identity import Identity
from portal.domain.limits import LIMITS, Limit
from portal.live.recheck import until_refused
from portal.live.sockets import (
    ENDED,
    GOING_AWAY,
    POLICY_VIOLATION,
    Identify,
    close,
    first_of,
)
from portal.shell.browser import Over, Typed, beat, leaving, send_text, size_of
from portal.shell.place import Place, Places, place_of
from portal.shell.ports import BYTES_A_SECOND, ExecSource, Running
from portal.shell.settings import ShellSettings, minutes

log = logging.getLogger(__name__)

PATH = "/live/shell"

_SETTING = (
    r"""printf '\033]9;%s\007' "$$"; export TERM=xterm-256color LANG="${LANG:-C.UTF-8}"; exec """
)
"""The commands before a shell: they tell its process id, to end it by, and set a locale, without
which input beyond ASCII would be dropped."""
_PID = re.compile(rb"\x1b\]9;([0-9]+)\x07")
_LONGEST_HEAD = 4096
_HANGS_UP_WITHIN = 5.0
"""Seconds for a shell to be ended."""

SHELLS: tuple[tuple[str, ...], ...] = (
    ("bash", "-c", f"{_SETTING}bash"),
    ("ash", "-c", f"{_SETTING}ash"),
    ("sh", "-c", f"{_SETTING}sh"),
    ("busybox", "sh", "-c", f"{_SETTING}busybox sh"),
)
"""The shells that are tried in turn."""

MOST = 50
"""The most shells of everybody at once."""


class Asked(Struct, frozen=True):
    """A browser's request for a shell."""

    place: Place
    columns: int
    rows: int
    debug: bool


def asked_of(query: dict[str, str]) -> Asked | None:
    """Return what the query of a connection asks for; None if it is malformed."""
    place = place_of(query)
    size = size_of([query.get("columns", "80"), query.get("rows", "24")])
    if place is None or size is None:
        return None
    return Asked(place, *size, debug=query.get("debug") == "1")


class Shells:
    """The shells that are open, and the handler that opens them."""

    def __init__(
        self,
        places: Places,
        source: ExecSource,
        settings: ShellSettings,
        identify: Identify,
        reidentify: Identify | None = None,
        clock: Callable[[], float] = time.monotonic,
        recorder: Recorder = UNRECORDED,
        limit: Limit = LIMITS.shells,
    ) -> None:
        self._recorder = recorder
        self._limit = limit
        self._places = places
        self._source = source
        self._settings = settings
        self._identify = identify
        self._reidentify = reidentify or identify
        self._clock = clock
        self._open: dict[asyncio.Event, Identity] = {}
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def settings(self) -> ShellSettings:
        """The administrator's settings."""
        return self._settings

    @property
    def running(self) -> int:
        """The number of open shells."""
        return len(self._open)

    async def close(self) -> None:
        """End all shells: the portal stops."""
        for each in self._open:
            each.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_HANGS_UP_WITHIN):
                while self._open or self._ending:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    async def handle(self, socket: WebSocket) -> None:
        """Handle one connection."""
        identity, asked = self._identify(socket), asked_of(dict(socket.query_params))
        if identity is None or asked is None:
            await socket.close(POLICY_VIOLATION)
            return
        await socket.accept()
        stop = asyncio.Event()
        code, words = ENDED, ""
        try:
            self._admit(identity)
            self._open[stop] = identity
            place = await self._places.find(identity, asked.place)
            event = Event(
                SHELL,
                Outcome.BEGUN,
                identity,
                place.release,
                detail={"pod": place.pod, "container": place.container, "debug": asked.debug},
            )
            async with recorded(self._recorder, event):
                words = await self._shell(socket, identity, place, asked, stop)
        except Over as over:
            words = str(over)
        except PortalError as error:
            code, words = POLICY_VIOLATION, str(error)
        except Exception:
            log.exception("a shell failed")
            words = "An internal error occurred in the portal."
        finally:
            self._open.pop(stop, None)
        if stop.is_set():
            code = GOING_AWAY
        await close(socket, code, json.dumps({"ended": words or "The shell has ended."}))

    def _admit(self, identity: Identity) -> None:
        if not self._settings.on:
            raise NotFound("The shell is switched off in this portal.")
        if refusal := self._limit.refusal_beside(identity, self._open.values(), MOST):
            raise refusal

    async def _shell(
        self,
        socket: WebSocket,
        identity: Identity,
        place: Place,
        asked: Asked,
        stop: asyncio.Event,
    ) -> str:
        """Try the shells in turn; returns why the one that has run has ended."""
        container, debug = place.container, asked.debug
        typed = Typed(socket, (asked.columns, asked.rows), self._clock)
        if debug:
            container = await self._debug(socket, identity, place, typed, stop)
        for command in SHELLS:
            async with self._source.run(
                place.pod_key, container, command, tty=True, identity=identity
            ) as running:
                session = _Session(socket, running, typed, self._settings, self._clock)
                audit = _audit(identity, place, container, command[0], debug=debug)
                try:
                    why = await session.run(
                        audit, lambda: self._problem(socket, identity, place), stop
                    )
                finally:
                    if session.pid and running.ended is None:
                        self._hang_up(place, container, command, session.pid, identity)
                if why is not None:
                    return why
        raise NotFound(
            f"The container {place.container} has no shell that the portal knows "
            f"({', '.join(each[0] for each in SHELLS)}).",
            "Open one in a debug container beside it."
            if self._settings.image and not debug
            else "An administrator can name an image for debug containers in the settings.",
        )

    def _hang_up(
        self,
        place: Place,
        container: str,
        command: tuple[str, ...],
        pid: int,
        identity: Identity,
    ) -> None:
        """End a shell whose connection is closed, and what it runs, as a terminal does.

        Kubernetes does not: it would go on in the container for ever.
        """

        async def hang_up() -> None:
            kill = (*command[:-1], f"kill -HUP {pid}")
            try:
                async with (
                    asyncio.timeout(_HANGS_UP_WITHIN),
                    self._source.run(
                        place.pod_key, container, kill, tty=False, identity=identity
                    ) as running,
                ):
                    async for _ in running.output():
                        pass
            except (PortalError, TimeoutError) as error:
                log.warning("a shell in %s may still run: %s", place.pod_key, error)

        task = asyncio.create_task(hang_up())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _debug(
        self,
        socket: WebSocket,
        identity: Identity,
        place: Place,
        typed: Typed,
        stop: asyncio.Event,
    ) -> str:
        """Return the name of a debug container once it runs, if the shell may still begin then."""
        if not self._settings.image:
            raise NotFound("Debug containers are switched off in this portal.")
        await send_text(socket, json.dumps({"state": "Starting a debug container …"}))
        log.info(
            "a debug container is asked for",
            extra=_fields(identity, place) | {"image": self._settings.image},
        )
        starting = asyncio.create_task(
            self._source.debug(
                place.pod_key,
                place.container,
                self._settings.image,
                self._settings.longest,
                identity=identity,
            )
        )

        def problem() -> Awaitable[str]:
            return self._problem(socket, identity, place)

        try:
            why = await _first_end(
                _done(starting),
                typed.ignore(),
                until_refused(problem, self._settings.recheck),
                beat(socket, self._settings.heartbeat),
                _stopped(stop),
            )
        finally:
            given_up = starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        if not given_up:
            why = await problem()  # it may have taken a minute
        if given_up or why:
            raise Over(why)
        return starting.result()

    async def _problem(self, socket: WebSocket, identity: Identity, place: Place) -> str:
        """Return why a shell has to end, "" if it may go on."""
        if self._reidentify(socket) != identity:
            return "Your sign-in has ended."
        try:
            await self._places.find(identity, place)
        except PortalError as error:
            return error.message
        return ""


class _Session:
    """One shell that runs, between its container and a browser."""

    def __init__(
        self,
        socket: WebSocket,
        running: Running,
        typed: Typed,
        settings: ShellSettings,
        clock: Callable[[], float],
    ) -> None:
        self._socket = socket
        self._running = running
        self._typed = typed
        self._settings = settings
        self._clock = clock
        self._begun = False
        self.pid = 0
        """The shell's process id in its container, 0 until it has begun."""

    async def run(
        self,
        audit: dict[str, object],
        problem: Callable[[], Awaitable[str]],
        stop: asyncio.Event,
    ) -> str | None:
        """Run until either side ends; returns why, or None if there is no such shell."""
        started, why = self._clock(), ""
        try:
            why = await _first_end(
                self._show(str(audit["shell"]), audit),
                self._type(),
                until_refused(problem, self._settings.recheck),
                self._expire(started),
                beat(self._socket, self._settings.heartbeat),
                _stopped(stop),
            )
        finally:
            if self._begun:
                seconds = round(self._clock() - started, 1)
                log.info("a shell has ended", extra=audit | {"seconds": seconds, "reason": why})
        ended = self._running.ended
        if not self._begun and ended is not None and ended.missing:
            return None
        if not self._begun and ended is not None and ended.exit_code is None:
            raise PortalError(f"The shell cannot be started: {ended.message[:500]}")
        return why

    async def _show(self, shell: str, audit: dict[str, object]) -> str:
        await self._running.resize(*self._typed.size)
        head = b""
        async for data in self._running.output():
            if not self._begun:
                head += data
                found = _PID.match(head)
                if found is None:
                    if len(head) > _LONGEST_HEAD:
                        break  # something else than a shell answers
                    continue
                self._begun, self.pid = True, int(found[1])
                data = head[found.end() :]
                log.info("a shell begins", extra=audit)
                told = {"shell": shell, "container": audit["container"]}
                await send_text(self._socket, json.dumps(told))
            if not data:
                continue
            with leaving():
                await self._socket.send_bytes(data)  # waits while the browser does not read
            await asyncio.sleep(len(data) / BYTES_A_SECOND)
        ended = self._running.ended
        if ended is None:
            return "The connection to the pod was lost."
        code = ended.exit_code
        return f"The shell has ended{f' with exit code {code}' if code else ''}."

    async def _type(self) -> str:
        while True:
            data = await self._typed.next()
            if data:
                await self._running.send(data)
            else:
                await self._running.resize(*self._typed.size)

    async def _expire(self, started: float) -> str:
        while True:
            now = self._clock()
            idle = self._typed.at + self._settings.idle - now
            left = started + self._settings.longest - now
            if left <= 0:
                return f"A shell lasts at most {minutes(self._settings.longest)}."
            if idle <= 0:
                return f"Nothing was typed for {minutes(self._settings.idle)}."
            await asyncio.sleep(min(idle, left))


async def _first_end(*sides: Coroutine[Any, Any, str]) -> str:
    """Run all until one of them ends, and end the others; returns why."""
    return await first_of(*map(_reason, sides))


async def _reason(side: Coroutine[Any, Any, str]) -> str:
    """Return why a side ends, by an error or not."""
    try:
        return await side
    except Over as over:
        return str(over)
    except PortalError as error:
        return error.message


async def _done(task: asyncio.Task[str]) -> str:
    await asyncio.wait([task])
    return ""


async def _stopped(stop: asyncio.Event) -> str:
    await stop.wait()
    return "The portal is restarting. Open the shell again."


def _fields(identity: Identity, place: Place) -> dict[str, object]:
    return {
        "actor": identity.user,
        "groups": ",".join(identity.groups),
        "namespace": place.release.namespace,
        "release": place.release.name,
        "pod": place.pod,
    }


def _audit(
    identity: Identity, place: Place, container: str, shell: str, *, debug: bool
) -> dict[str, object]:
    return _fields(identity, place) | {
        "container": container,
        "target": place.container,
        "debug": debug,
        "shell": shell,
    }
