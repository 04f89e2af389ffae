from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from portal.domain.errors import Conflict
from portal.domain.keys import Key
from portal.domain.objects import Container
from portal.domain.scrubber import Scrubber
from portal.logs import last_lines as module
from portal.logs.last_lines import LINES, LastLines
from portal.state.assemble import nothing
from portal.state.model import AppState
from tests.unit.logs.fakes import Logs
from tests.unit.logs.test_targets import APP, container, pod
from tests.waiting import until


class Site:
    def __init__(self) -> None:
        self.logs = Logs()
        self.changed: list[Key] = []
        self.lines = LastLines(self.logs, self.secrets, self.changed.append)

    async def secrets(self, _: Key) -> Scrubber:
        return Scrubber(["correct-horse"])


def app(*containers: Container) -> AppState:
    return replace(nothing(APP), pods=(pod("a", *containers),))


def looping(**more: Any) -> Container:
    known: dict[str, Any] = {"restarts": 2, "last_exit_code": 1, "reason": "CrashLoopBackOff"}
    return container(state="waiting", **(known | more))


async def test_the_previous_run_is_read_once_for_each_crash() -> None:
    site = Site()
    log = site.logs.of("a")
    log.write(*map(str, range(20)), "it is correct-horse")
    assert site.lines.fill(app(looping())) == app(looping())
    site.lines.fill(app(looping()))
    await until(lambda: site.changed == [APP])
    (filled,) = site.lines.fill(app(looping())).pods[0].containers
    assert filled.last_message.splitlines()[-2:] == ["19", "it is (hidden)"]
    assert len(filled.last_message.splitlines()) == LINES
    assert [each["previous"] for each in log.opened] == [True]
    site.lines.fill(app(looping(restarts=3)))
    await until(lambda: len(site.changed) == 2)
    assert len(log.opened) == 2


async def test_a_container_that_has_just_ended_has_its_own_lines() -> None:
    site = Site()
    site.logs.of("a").write("bye")
    ended = container(state="terminated", exit_code=3)
    site.lines.fill(app(ended))
    await until(lambda: bool(site.changed))
    (filled,) = site.lines.fill(app(ended)).pods[0].containers
    assert filled.message == "bye"
    assert site.logs.of("a").opened[0]["previous"] is False


async def test_who_left_a_message_or_did_not_crash_is_not_asked_for() -> None:
    site = Site()
    state = app(
        looping(last_message="its own words"),
        container("fine", restarts=1, last_exit_code=0),
        container("done", "terminated", exit_code=0),
    )
    assert site.lines.fill(state) is state
    assert site.logs.all == {}


async def test_a_log_that_is_not_kept_is_asked_for_once() -> None:
    site = Site()
    site.logs.of("a").down = Conflict("previous terminated container not found")
    site.lines.fill(app(looping()))
    await until(lambda: bool(site.changed))
    assert site.lines.fill(app(looping())) == app(looping())
    assert len(site.logs.of("a").opened) == 1


async def test_a_log_that_fails_unexpectedly_is_asked_for_once() -> None:
    site = Site()
    reads: list[Key] = []

    async def broken(app: Key) -> Scrubber:
        reads.append(app)
        raise ValueError("unforeseen")

    lines = LastLines(site.logs, broken, site.changed.append)
    lines.fill(app(looping()))
    await until(lambda: site.changed == [APP])
    lines.fill(app(looping()))
    await asyncio.sleep(0)
    assert len(reads) == 1


async def test_the_line_that_the_limit_cuts_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()

    @asynccontextmanager
    async def opened(*_: object, **__: object) -> AsyncIterator[AsyncIterator[bytes]]:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"whole\n"
            yield b"it is correct-ho"

        yield chunks()

    monkeypatch.setattr(site.logs, "open", opened)
    monkeypatch.setattr(module, "BYTES", 22)
    site.lines.fill(app(looping()))
    await until(lambda: site.changed == [APP])
    (filled,) = site.lines.fill(app(looping())).pods[0].containers
    assert filled.last_message == "whole"
