from __future__ import annotations

import asyncio
import threading

import pytest

from portal.domain.errors import ClusterUnavailable, Forbidden
from portal.domain.exec import ContainerUsage, Ended
from portal.domain.keys import Key
from portal.domain.scrubber import Scrubber
from portal.shell import top
from portal.shell.place import Place, Places
from portal.shell.processes import COMMANDS, MOST_BYTES, Parser, Snapshot
from portal.shell.top import Top, Tops
from tests.unit.auth.test_authorizer import Clock
from tests.unit.objects.make import ANN, BOB, KEY, POD, Site, hides
from tests.unit.shell.make import FakeExec, FakeRunning
from tests.unit.shell.test_processes import said, stat
from tests.waiting import until

PLACE = Place(KEY, POD)


def answering(running: FakeRunning) -> None:
    """Answer each line with a snapshot, as the program does."""

    def answer(_: bytes) -> None:
        running.written.put_nowait(said(100 + len(running.typed), stat(1)))

    running.on_input = answer


def tops(source: FakeExec, site: Site, clock: Clock | None = None, every: float = 0) -> Tops:
    return Tops(
        Places(site.store, site.access), source, hides, clock or Clock(), every=every, first_after=0
    )


async def test_one_program_for_all_who_look_and_none_when_nobody_does() -> None:
    source, clock = FakeExec(sh=answering), Clock()
    looking = tops(source, Site(), clock)
    found = await asyncio.gather(*(looking.read(ANN, PLACE) for _ in range(50)))
    assert {each.known for each in found} == {True}
    assert [each.pid for each in found[0].rows] == [1]
    assert source.ran == ["sh"]
    clock.now += 60
    await until(lambda: looking.running == 0)
    assert source.open == [], "its connection is closed"


async def test_programs_are_tried_in_turn() -> None:
    source = FakeExec(python3=answering)
    looking = tops(source, Site())
    assert (await looking.read(ANN, PLACE)).known
    assert source.ran == [each[0] for each in COMMANDS[:5]]
    await looking.close()
    assert source.open == []


async def test_without_any_it_says_why_and_what_the_metrics_api_knows() -> None:
    source = FakeExec(sh=lambda running: running.end(Ended(1, "no /proc")))
    source.usages = (ContainerUsage("demo", 0.25, 2**20),)
    looking = tops(source, Site())
    found = [await looking.read(ANN, PLACE) for _ in range(3)]
    assert isinstance(found[0], Top)
    assert (found[0].known, found[0].usage) == (False, source.usages)
    assert "no shell and no Python" in found[0].problem
    assert len(source.ran) == len(COMMANDS), "they are not tried again while somebody looks"
    await looking.close()


async def test_what_the_cluster_refuses_is_told() -> None:
    def refuses(running: FakeRunning) -> None:
        raise ClusterUnavailable("pods/exec is forbidden")

    looking = tops(FakeExec(sh=refuses), Site())
    assert (await looking.read(ANN, PLACE)).problem == "pods/exec is forbidden"
    await looking.close()


async def test_permission_is_asked_each_time() -> None:
    site, source = Site(), FakeExec(sh=answering)
    looking = tops(source, site)
    await looking.read(ANN, PLACE)
    with pytest.raises(Forbidden):
        await looking.read(BOB, PLACE)
    site.authorizer.policy = site.policy(allow_exec=False)
    with pytest.raises(Forbidden):
        await looking.read(ANN, PLACE)
    await looking.close()


async def test_a_container_that_tells_without_end_is_ended_and_that_is_said() -> None:
    def floods(running: FakeRunning) -> None:
        running.written.put_nowait(b"x" * (MOST_BYTES + 1))

    source = FakeExec(sh=floods)
    looking = tops(source, Site())
    assert "than the portal reads" in (await looking.read(ANN, PLACE)).problem
    assert (source.ran, source.open) == (["sh"], [])
    await looking.close()


async def test_secrets_of_the_app_are_hidden_in_command_lines() -> None:
    def shows(running: FakeRunning) -> None:
        commands = "/proc/1/cmdline:serve\0with long-password\0"
        running.written.put_nowait(said(1, stat(1), commands=commands))

    looking = tops(FakeExec(sh=shows), Site())
    found = await looking.read(ANN, PLACE)
    assert [each.command for each in found.rows] == ["serve with (hidden)"]
    await looking.close()


async def test_secrets_that_are_not_known_hide_all() -> None:
    async def fails(key: Key) -> Scrubber:
        raise ClusterUnavailable("The secrets are not known.")

    site = Site()
    looking = Tops(Places(site.store, site.access), FakeExec(sh=answering), fails, Clock())
    assert (await looking.read(ANN, PLACE)).problem == "The secrets are not known."
    await looking.close()


async def test_what_it_tells_is_read_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    class Watched(Parser):
        def feed(self, data: bytes) -> list[Snapshot]:
            threads.append(threading.current_thread())
            return super().feed(data)

    monkeypatch.setattr(top, "Parser", Watched)
    looking = tops(FakeExec(sh=answering), Site())
    assert (await looking.read(ANN, PLACE)).known
    assert threads
    assert threading.current_thread() not in threads
    await looking.close()


async def test_a_container_that_answers_late_is_shown_once_it_does() -> None:
    found: list[FakeRunning] = []
    site, source = Site(), FakeExec(sh=found.append)
    looking = Tops(Places(site.store, site.access), source, hides, Clock(), answers_within=0)
    assert (await looking.read(ANN, PLACE)).problem == "The container does not answer."
    await until(lambda: bool(found))
    found[0].written.put_nowait(said(1, stat(1)))
    late = await looking.read(ANN, PLACE)
    async with asyncio.timeout(10):
        while not late.known:
            await asyncio.sleep(0)
            late = await looking.read(ANN, PLACE)
    assert (late.problem, len(late.rows)) == ("", 1)
    await looking.close()
