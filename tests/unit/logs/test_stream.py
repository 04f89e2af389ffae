from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from portal.domain.errors import ClusterUnavailable, Conflict, Forbidden, NotFound, PortalError
from portal.domain.keys import Key
from portal.domain.scrubber import Scrubber
from portal.logs import cleaner as cleaner_module
from portal.logs.cleaner import Budget, Cleaner
from portal.logs.lines import Line
from portal.logs.stream import UNEXPECTED, LogStream, Next, StreamState, Timing, after
from portal.logs.targets import GONE, Condition, Target
from tests.unit.logs.fakes import FAST, Logs
from tests.waiting import until

APP, OTHER = Key("apps", "web"), Key("apps", "other")
TARGET = Target(Key("apps", "web-1"), "uid", "main")
RUNNING = Condition("running")


@asynccontextmanager
async def reading(
    logs: Logs,
    target: Target = TARGET,
    *,
    tail: int = 100,
    budget: Budget | None = None,
    scrubber: Scrubber | None = None,
) -> AsyncIterator[LogStream]:
    hides = scrubber or Scrubber(())

    async def secrets() -> Scrubber:
        return hides

    stream = LogStream(
        1,
        target,
        RUNNING,
        logs,
        secrets,
        lambda _: None,
        app=APP,
        tail=tail,
        cleaner=Cleaner(budget, interval=0),
        timing=FAST,
    )
    task = asyncio.create_task(stream.run())
    try:
        yield stream
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def texts(stream: LogStream) -> list[str]:
    return [line.text for line in stream.ring.between(0, stream.ring.end)]


async def test_it_begins_with_the_tail_and_follows() -> None:
    logs = Logs()
    logs.of("web-1").write("one", "two", "three")
    async with reading(logs, tail=2) as stream:
        await until(lambda: texts(stream) == ["two", "three"])
        logs.of("web-1").write("four")
        await until(lambda: texts(stream)[-1:] == ["four"])
        assert stream.state is StreamState.FOLLOWING
        assert stream.settled.is_set()


async def test_what_breaks_off_resumes_without_doubles_and_gaps() -> None:
    logs = Logs()
    log = logs.of("web-1")
    log.write("one", "two", "two again", at=5_000_000)
    async with reading(logs) as stream:
        await until(lambda: len(texts(stream)) == 3)
        log.cut(ClusterUnavailable("away"))
        log.write("two once more", at=5_000_000)
        log.write("three", at=5_000_001)
        await until(lambda: texts(stream)[-1:] == ["three"])
        assert texts(stream) == ["one", "two", "two again", "two once more", "three"]
        assert log.opened[0]["tail"] == 100
        assert log.opened[0]["since"] is None
        assert log.opened[-1]["tail"] is None
        assert log.opened[-1]["since"] == 5


async def test_secrets_are_hidden_before_a_line_is_kept() -> None:
    logs = Logs()
    logs.of("web-1").write("it is correct-horse")
    async with reading(logs, scrubber=Scrubber(["correct-horse"])) as stream:
        await until(lambda: texts(stream) == ["it is (hidden)"])


async def test_without_the_secrets_no_line_is_shown_and_none_is_lost() -> None:
    logs = Logs()
    logs.of("web-1").write("it is correct-horse")
    known = False

    async def secrets() -> Scrubber:
        if not known:
            raise PortalError("The secrets are not known.")
        return Scrubber(["correct-horse"])

    stream = LogStream(
        1,
        TARGET,
        RUNNING,
        logs,
        secrets,
        lambda _: None,
        app=APP,
        tail=9,
        cleaner=Cleaner(interval=0),
        timing=FAST,
    )
    task = asyncio.create_task(stream.run())
    await until(lambda: "not known" in stream.note)
    assert texts(stream) == []
    known = True
    await until(lambda: texts(stream) == ["it is (hidden)"])
    task.cancel()


async def test_a_restart_is_marked_and_wakes_what_waits() -> None:
    logs = Logs()
    log = logs.of("web-1")
    log.write("first run")
    async with reading(logs) as stream:
        await until(lambda: texts(stream) == ["first run"])
        stream.poke(Condition("waiting", reason="CrashLoopBackOff"))
        log.down = Conflict("waiting to start")
        log.cut()
        await until(lambda: stream.state is StreamState.WAITING)
        assert "CrashLoopBackOff" in stream.note
        stream.poke(Condition("running", restarts=1))
        log.down = None
        log.write("second run")
        await until(lambda: texts(stream)[-1:] == ["second run"])
        assert "was restarted" in texts(stream)[1]


async def test_it_ends_with_its_pod() -> None:
    logs = Logs()
    logs.of("web-1").write("last words")
    async with reading(logs) as stream:
        await until(lambda: texts(stream) == ["last words"])
        stream.poke(GONE)
        logs.of("web-1").cut()
        await until(lambda: stream.over)
        assert stream.state is StreamState.ENDED


async def test_a_previous_run_is_read_once() -> None:
    logs = Logs()
    log = logs.of("web-1")
    log.write("it crashed")
    previous = Target(TARGET.pod, "uid", "main", previous=True, restarts=1)
    async with reading(logs, previous) as stream:
        await until(lambda: stream.over)
        assert texts(stream) == ["it crashed"]
        assert len(log.opened) == 1
        assert log.opened[0]["previous"]
        assert not log.opened[0]["follow"]


async def test_a_log_that_is_not_kept_is_said() -> None:
    logs = Logs()

    @asynccontextmanager
    async def opened(*_: object, **__: object) -> AsyncIterator[AsyncIterator[bytes]]:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"unable to retrieve container logs for containerd://1"

        yield chunks()

    logs.open = opened  # type: ignore[method-assign, assignment]
    previous = Target(TARGET.pod, "uid", "main", previous=True, restarts=1)
    async with reading(logs, previous) as stream:
        await until(lambda: stream.over)
        assert texts(stream) == []
        assert "not kept" in stream.note


async def test_lines_beyond_the_budget_are_counted() -> None:
    now = 0.0
    budget = Budget(share=1, burst=1, clock=lambda: now)
    logs = Logs()
    log = logs.of("web-1")
    async with reading(logs, budget=budget) as stream:
        log.write("one")
        await until(lambda: texts(stream) == ["one"])
        budget.spend(APP, 5)
        log.write("two", "three")
        await until(lambda: stream.ring.lost == 2)
        now = 6.0
        log.write("four")
        await until(lambda: texts(stream) == ["one", "four"])
        assert stream.read == 4


def test_a_budget_fills_up_again_to_its_limit() -> None:
    now = 0.0
    budget = Budget(share=0.5, burst=2, clock=lambda: now)
    assert budget.left([APP]) == {APP: 2}
    budget.spend(APP, 3)
    assert budget.left([APP]) == {APP: -1}
    now = 3.0
    assert budget.left([APP]) == {APP: 0.5}
    now = 1_000.0
    assert budget.left([APP]) == {APP: 2}


def test_apps_share_what_comes_in() -> None:
    now = 0.0
    budget = Budget(share=0.5, burst=2, clock=lambda: now)
    budget.left([APP, OTHER])
    budget.spend(APP, 3)
    budget.spend(OTHER, 1)
    now = 2.0
    assert budget.left([APP, OTHER]) == {APP: -1.5, OTHER: 0.5}


async def test_an_app_that_writes_without_end_costs_no_other_one_its_lines() -> None:
    budget = Budget(share=1, burst=1, clock=lambda: 0.0)
    budget.spend(APP, 100)
    cleaner = Cleaner(budget, interval=0)
    flood, quiet = await asyncio.gather(
        cleaner.lines(APP, [1], [b"flood"], Scrubber(())),
        cleaner.lines(OTHER, [1], [b"quiet"], Scrubber(())),
    )
    assert flood is None
    assert quiet is not None


@pytest.mark.parametrize(
    ("error", "condition", "previous", "expected"),
    [
        (None, RUNNING, False, Next(StreamState.FOLLOWING, "", 1.0)),
        (None, GONE, False, Next(StreamState.ENDED, "The pod no longer exists.", over=True)),
        (None, Condition("ended"), False, Next(StreamState.ENDED, "The container has ended.")),
        (None, RUNNING, True, Next(StreamState.ENDED, "The end of the previous run.", over=True)),
        (
            Conflict("previous terminated container not found"),
            RUNNING,
            True,
            Next(StreamState.ENDED, "The log of the previous run is not kept.", over=True),
        ),
        (
            Conflict("removed"),
            Condition("waiting", reason="Error"),
            True,
            Next(StreamState.WAITING, "The container has just ended.", 1.0),
        ),
        (
            Conflict("waiting to start"),
            Condition("waiting", reason="ContainerCreating"),
            False,
            Next(StreamState.WAITING, "The container is not running (ContainerCreating).", 10.0),
        ),
        (NotFound("no pod"), RUNNING, False, Next(StreamState.WAITING, "There is no log yet.", 1)),
        (Forbidden("no"), RUNNING, False, Next(StreamState.FAILED, "no", 30.0)),
        (ClusterUnavailable("away"), RUNNING, False, Next(StreamState.OPENING, "away", 1.0)),
    ],
)
def test_what_follows_the_end_of_a_log(
    error: PortalError | None, condition: Condition, previous: bool, expected: Next
) -> None:
    assert after(error, condition, previous=previous, failures=0) == expected


def test_failures_back_off_to_a_limit() -> None:
    def pause(failures: int) -> float | None:
        away = ClusterUnavailable("away")
        return after(away, RUNNING, previous=False, failures=failures, timing=Timing()).pause

    assert [pause(each) for each in (0, 1, 2, 9)] == [1.0, 2.0, 4.0, 10.0]


def test_the_pause_stays_at_its_limit_after_any_number_of_failures() -> None:
    away = ClusterUnavailable("away")
    then = after(away, RUNNING, previous=False, failures=5_000, timing=Timing())
    assert then.pause == 10.0


async def test_what_cannot_be_made_safe_harms_no_other_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail_on(monkeypatch, b"poison")
    cleaner = Cleaner(interval=0)
    hides = Scrubber(())
    bad, good = await asyncio.gather(
        cleaner.lines(APP, [1], [b"poison"], hides),
        cleaner.lines(APP, [1], [b"fine"], hides),
        return_exceptions=True,
    )
    assert isinstance(bad, ValueError)
    assert isinstance(good, list)
    assert [line.text for line in good] == ["fine"]


async def test_a_stream_says_that_it_failed_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_on(monkeypatch, b"poison")
    logs = Logs()
    log = logs.of("web-1")
    log.write("one")
    async with reading(logs) as stream:
        shown: list[tuple[str, str]] = []
        stream._changed = lambda now: shown.append((now.state, now.note))
        await until(lambda: texts(stream) == ["one"])
        log.write("poison")
        await until(lambda: ("failed", UNEXPECTED) in shown)
        log.write("two")
        await until(lambda: texts(stream) == ["one", "two"])
        assert stream.ring.lost == 1
        assert not stream.over


def fail_on(monkeypatch: pytest.MonkeyPatch, poison: bytes) -> None:
    real = cleaner_module.lines_of

    def lines_of(stamps: Sequence[int], raws: Sequence[bytes], *more: Any) -> list[Line]:
        if poison in raws:
            raise ValueError(poison)
        return real(stamps, raws, *more)

    monkeypatch.setattr(cleaner_module, "lines_of", lines_of)


async def test_a_private_key_that_begins_in_a_discarded_line_is_hidden() -> None:
    now = 0.0
    budget = Budget(share=1, burst=1, clock=lambda: now)
    budget.spend(APP, 5)
    logs = Logs()
    log = logs.of("web-1")
    async with reading(logs, budget=budget) as stream:
        log.write("-----BEGIN PRIVATE KEY-----")
        await until(lambda: stream.ring.lost == 1)
        now = 6.0
        log.write("MIIEow")
        await until(lambda: texts(stream) == ["(hidden)"])
