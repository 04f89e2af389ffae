"""What load tests measure, read from the logs of their pods."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from portal.domain.errors import Conflict
from portal.domain.keys import Key
from portal.domain.load_tests import (
    CONTAINER,
    NOTHING_MEASURED,
    LoadTestPlan,
    Measured,
    PodThroughput,
    Shape,
)
from portal.domain.objects import Job
from portal.logs.load_tests import SHOWN, LoadTestReader
from portal.state.assemble import nothing
from portal.state.model import AppState, LoadTest
from tests.unit.domain.test_load_tests import LINE
from tests.unit.logs.fakes import Logs
from tests.unit.logs.test_targets import APP, container, pod
from tests.waiting import until

AT = datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)
PLAN = LoadTestPlan("web", 80, "/", 10, 5, Shape.CLIMB, ready=1)


class Site:
    def __init__(self) -> None:
        self.logs = Logs()
        self.changed: list[Key] = []
        self.ready = 3
        self.reader = LoadTestReader(
            self.logs, self.changed.append, lambda _: self.ready, lambda: AT, pause=0
        )

    def write(self, pod_name: str, *lines: dict[str, Any]) -> None:
        self.logs.of(pod_name, CONTAINER).write(
            *(json.dumps(LINE | {"success": 1} | each) for each in lines)
        )

    def known(self, state: AppState, uid: str = "uid-a") -> Measured:
        return self.reader.measured(state)[uid]


def load_test(name: str = "a", *, state: str = "running") -> LoadTest:
    job = Job(Key("apps", name), "", 1, 1, 0, 0, (), AT, uid=f"uid-{name}", load_test=PLAN)
    made = pod(name, replace(container(state=state), name=CONTAINER))
    return LoadTest(job, PLAN, made)


def app(*tests: LoadTest) -> AppState:
    return replace(nothing(APP), load_tests=tests)


async def test_each_second_is_shown_as_it_comes_with_the_pods_of_that_moment() -> None:
    site, state = Site(), app(load_test())
    site.write("a", {"seconds": 1})
    assert site.known(state) == NOTHING_MEASURED
    await until(lambda: len(site.known(state).seconds) == 1)
    site.ready = 4
    site.write("a", {"seconds": 2}, {"seconds": 2.5, "end": True, "stopped": "latency"})
    await until(lambda: site.known(state).summary is not None)
    known = site.known(state)
    assert [(each.seconds, each.ready) for each in known.seconds] == [(1, 3), (2, 4)]
    assert known.seconds[0].at is not None
    assert site.changed == [APP, APP]
    found = site.reader.throughput(state)
    assert found is not None
    assert replace(found, at=None) == PodThroughput(9.9 / 3, at_least=False, p95=2.5)
    assert site.known(app(replace(state.load_tests[0], pod=None))) == known, "its pod is gone"
    assert len(site.logs.of("a", CONTAINER).opened) == 1


async def test_nothing_is_read_before_it_runs_and_of_old_ones() -> None:
    site = Site()
    many = [load_test(str(number)) for number in range(SHOWN + 1)]
    waiting = app(load_test(state="waiting"), replace(load_test("b"), pod=None))
    assert set(site.reader.measured(waiting)) == {"uid-a", "uid-b"}
    assert site.logs.all == {}
    site.reader.measured(app(*many))
    await until(lambda: len(site.logs.all) == SHOWN)
    assert str(SHOWN) not in {name for name, _ in site.logs.all}
    site.reader.close()


async def test_a_log_that_breaks_off_is_read_again_without_a_loss() -> None:
    site, state = Site(), app(load_test())
    site.write("a", {"seconds": 1})
    site.known(state)
    await until(lambda: len(site.known(state).seconds) == 1)
    site.ready = 9
    site.logs.of("a", CONTAINER).cut(Conflict("broken"))
    site.write("a", {"seconds": 2}, {"seconds": 2, "end": True})
    await until(lambda: site.known(state).summary is not None)
    assert [each.ready for each in site.known(state).seconds] == [3, 9]


async def test_a_log_without_an_end_is_said_and_not_read_for_ever() -> None:
    site, state = Site(), app(load_test())
    site.logs.of("a", CONTAINER).down = Conflict("no such container")
    site.known(state)
    await until(lambda: bool(site.known(state).problem))
    assert site.known(state).problem == "Its log cannot be read: no such container"
    tried = len(site.logs.of("a", CONTAINER).opened)
    site.known(state)
    assert len(site.logs.of("a", CONTAINER).opened) == tried


async def test_what_is_no_line_of_the_program_is_left_out() -> None:
    site, state = Site(), app(load_test())
    log = site.logs.of("a", CONTAINER)
    log.write("hello", "x" * 100_000, '{"seconds": 1}')
    site.write("a", {"seconds": 1}, {"seconds": 2, "end": True})
    site.known(state)
    await until(lambda: site.known(state).summary is not None)
    assert len(site.known(state).seconds) == 1
