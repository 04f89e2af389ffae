"""The marks on an app's chart come from its timeline and its load tests."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from portal.domain.keys import Key
from portal.domain.load_tests import LoadTestPlan
from portal.domain.objects import Job
from portal.domain.permissions import UNLIMITED
from portal.state.model import AppState, LoadTest
from portal.state.timeline import Entry, EntryKind, Timeline
from portal.viewmodels.app import app_view
from portal.viewmodels.marks import FOREVER
from portal.viewmodels.model import ChartMark

from .make import NOW, ago, sources, state


def entry(kind: EntryKind, seconds: float, id: str = "one", **fields: Any) -> Entry:
    return replace(Entry(id, kind, ago(seconds)), **fields)


def at(seconds: float) -> int:
    return int(ago(seconds).timestamp())


def marks(*entries: Entry, tests: dict[str, Any] | None = None, **fields: Any) -> Any:
    shown: AppState = state(timeline=Timeline(ago(900), entries), **fields)
    return app_view(shown, sources(), NOW, scope=UNLIMITED, load_tests=tests).marks


CRASH = {"about": "Pod demo-1", "warning": True}


def test_revisions_decisions_crashes_and_lack_of_memory() -> None:
    found = marks(
        entry(EntryKind.CHANGE, 90, "revision/1", what="deployed", new=3, actor="ada"),
        entry(EntryKind.SCALING, 80, "scaled/demo/1", what="SuccessfulRescale", old=2, new=4),
        entry(EntryKind.CRASH, 70, "crash/1", what="Error", new=3, **CRASH),
        entry(EntryKind.CRASH, 60, "crash/2", what="OOMKilled", new=137, **CRASH),
    )
    assert [(each.at, each.kind) for each in found] == [
        (at(90), "revision"),
        (at(80), "decision"),
        (at(70), "crash"),
        (at(60), "out-of-memory"),
    ]
    assert found[0].words.startswith("Revision 3 by ada.")
    assert found[1].words.startswith("2 → 4.")
    assert found[2].words.startswith("Crashed: Pod demo-1 (Error, exit code 3).")
    assert "(OOMKilled, exit code 137)" in found[3].words


def test_what_is_no_mark() -> None:
    assert (
        marks(
            entry(EntryKind.CRASH, 9, "event/demo.1", what="BackOff", detail="back-off"),
            entry(EntryKind.SCALING, 9, "event/demo.2", what="FailedGetResourceMetric"),
            entry(EntryKind.URL, 9, what="silent"),
            entry(EntryKind.CHANGE, 9, "operation/1", what="restart", detail="succeeded"),
        )
        == ()
    )


def test_a_crash_that_was_repeated_has_its_first_and_its_last_time() -> None:
    repeated = {"what": "Error", "new": 1, "count": 5, "first_at": ago(300), **CRASH}
    first, last = marks(entry(EntryKind.CRASH, 60, "crash/1", **repeated))
    assert (first.at, last.at) == (at(300), at(60))
    assert first.words.endswith("The first of 5 times.")
    assert last.words.endswith("The last of 5 times.")


PLAN = LoadTestPlan("demo", 80, "/", 20, 60, actor="ada", operation="op7")


def load_test(**fields: Any) -> LoadTest:
    job = Job(Key("apps", "t"), "", 1, 1, 0, 0, (), ago(100), started_at=ago(99), load_test=PLAN)
    return LoadTest(replace(job, **fields), PLAN)


def test_a_load_test_lasts_and_is_there_once() -> None:
    noted = entry(
        EntryKind.CHANGE, 101, "operation/op7", what="load test", detail="succeeded",
        actor="ada", ended_at=ago(30),
    )  # fmt: skip
    (kept,) = marks(noted)
    assert (kept.at, kept.until, kept.kind) == (at(101), at(30), "load-test")
    assert kept.words == "Load test by ada."
    (both,) = marks(noted, tests={}, load_tests=(load_test(completed_at=ago(35)),))
    assert (both.at, both.until) == (at(99), at(35))
    assert both.words == "Load test by ada: Steady, 20 requests/s for 60 s."
    (going,) = marks(tests={}, load_tests=(load_test(),))
    assert going.until == FOREVER


def test_who_may_not_see_load_tests_sees_only_that_there_was_one() -> None:
    (one,) = marks(load_tests=(load_test(),))
    assert one == ChartMark(at(99), "load-test", "Load test.", FOREVER, "operation/op7")
