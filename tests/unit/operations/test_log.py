"""Log lines of operations."""

from __future__ import annotations

import logging

import pytest

from portal.domain.errors import ChartError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.operations import Operation, OperationPhase
from portal.operations.executor import OperationExecutor
from portal.operations.progress import Progress
from portal.operations.registry import OperationRegistry
from portal.operations.rollout import Rollout
from portal.operations.waiting import WaitCondition
from portal.releases.scale import SCALE
from portal.releases.upgrade import UPGRADE
from portal.state.store import Store
from tests.unit.releases.fakes import Clock, FakeLeases, until

KEY = Key("apps", "sales")


def make_executor(store: Store) -> OperationExecutor:
    async def mark_pending_failed(operation: Operation, identity: Identity | None) -> str:
        return ""

    registry = OperationRegistry(store, "portal-1")
    return OperationExecutor(
        store, FakeLeases(), registry, mark_pending_failed, Clock(), lambda _: {}, holder="portal-1"
    )


async def logged(
    caplog: pytest.LogCaptureFixture, error: Exception | None = None
) -> list[dict[str, object]]:
    """Run one operation that ends with ``error``; return the fields of the lines it logged."""
    store = Store()
    executor = make_executor(store)

    async def work(progress: Progress) -> None:
        with progress.step("Run helm"):
            if error:
                raise error

    with caplog.at_level(logging.INFO, logger="portal.operations.progress"):
        begun = await executor.begin(KEY, SCALE, Identity("ann"), work, base=0)
        assert len(lines(caplog)) == 1, "the beginning is logged at once"
        await until(store, lambda: ended(store, begun))
    return [vars(record) for record in lines(caplog)]


def lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [each for each in caplog.records if each.name == "portal.operations.progress"]


def ended(store: Store, begun: Operation) -> bool:
    now = store.snapshot.app(KEY).operation
    return now is not None and now.id == begun.id and now.phase.terminal


async def test_an_operation_is_logged_when_it_begins_and_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begin, end = await logged(caplog)
    for line in (begin, end):
        assert line["levelno"] == logging.INFO
        assert line["verb"] == "scale"
        assert (line["namespace"], line["release"]) == ("apps", "sales")
        assert line["actor"] == "ann"
    assert begin["operation"] == end["operation"] != ""
    assert begin["message"] == "scale of apps/sales began, asked for by ann"
    assert (begin["phase"], end["phase"]) == ("queued", "succeeded")
    assert end["error"] == ""
    assert isinstance(end["seconds"], float)
    assert 0 < end["seconds"] < 1  # of the test's own clock
    assert "seconds" not in begin


@pytest.mark.parametrize(
    "error", [ChartError("env.TOKEN: 'hunter2' is wrong", output="hunter2"), ValueError("hunter2")]
)
async def test_a_failure_is_logged_without_what_it_quotes(
    caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    _, end = await logged(caplog, error)
    assert (end["phase"], end["error"]) == ("failed", type(error).__name__)
    assert "hunter2" not in str(end)


async def test_an_operation_that_is_superseded_ends_in_the_log_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Store()
    executor = make_executor(store)

    async def wait(progress: Progress) -> WaitCondition:
        return WaitCondition("Wait", lambda state, seen: Rollout(False))

    async def broken(progress: Progress) -> None:
        raise ChartError("no")

    with caplog.at_level(logging.INFO, logger="portal.operations.progress"):
        begun = await executor.begin(KEY, SCALE, Identity("ann"), wait, base=0)
        waiting = OperationPhase.WAITING
        await until(store, lambda: _phase(store) is waiting)
        await executor.begin(KEY, UPGRADE, Identity("bob"), broken, base=0)
        await until(store, lambda: _phase(store) is OperationPhase.FAILED)
        await executor.drain(5, 0)
    of_first = [vars(each) for each in lines(caplog) if vars(each)["operation"] == begun.id]
    assert [line["phase"] for line in of_first] == ["queued", "cancelled"]
    order = [(vars(each)["verb"], vars(each)["phase"]) for each in lines(caplog)]
    assert order[1:] == [("scale", "cancelled"), ("upgrade", "queued"), ("upgrade", "failed")]


def _phase(store: Store) -> OperationPhase | None:
    operation = store.snapshot.app(KEY).operation
    return operation.phase if operation else None
