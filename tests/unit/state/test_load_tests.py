"""Load tests are filed under the app they test, and are no part of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from portal.domain.keys import Key
from portal.domain.load_tests import LoadTestPlan
from portal.domain.objects import Condition, Job, Kind, Pod, ServicePort
from portal.state.assemble import nothing
from portal.state.load_tests import ended_at, targets, under_way, used_minutes
from portal.state.model import LoadTest
from portal.state.store import Store
from tests.unit.releases.fakes import T0
from tests.unit.viewmodels import make

KEY = Key("apps", "sales")
PLAN = LoadTestPlan("sales", 80, "/", 10, 90, actor="ann")


def job(name: str, *, at: float = 0, plan: LoadTestPlan = PLAN, **fields: Any) -> Job:
    own = Key("apps", name)
    began = T0 + timedelta(seconds=at)
    made = Job(own, "", 1, 1, 0, 0, (), began, load_test_of="sales", load_test=plan)
    return replace(made, **fields)


def pod(name: str, owner: str) -> Pod:
    found = replace(make.pod(name), key=Key("apps", name))
    return replace(found, owner=owner, owner_kind=Kind.JOB.value)


def test_it_is_filed_apart_and_tells_of_its_changes() -> None:
    store = Store()
    told: list[frozenset[Key]] = []
    store.on_change(told.append)
    store.apply(Kind.RELEASE, Key("apps", "r1"), make.release(key=KEY))
    for found in (job("one"), job("two", at=5)):
        store.apply(Kind.JOB, found.key, found)
    store.apply(Kind.POD, Key("apps", "one-x"), pod("one-x", "one"))
    state = store.snapshot.app(KEY)
    assert [each.job.key.name for each in state.load_tests] == ["two", "one"]
    assert [each.pod and each.pod.key.name for each in state.load_tests] == [None, "one-x"]
    assert (state.jobs, state.pods, state.workloads) == ((), (), ())
    store.delete(Kind.JOB, Key("apps", "one"))
    assert len(store.snapshot.app(KEY).load_tests) == 1
    store.delete(Kind.RELEASE, Key("apps", "r1"))
    assert KEY not in store.snapshot.apps, "a load test alone makes no app"


def test_which_targets_there_are() -> None:
    def service(name: str, *ports: ServicePort, **fields: Any) -> Any:
        found = replace(make.service("ClusterIP"), key=Key("apps", name), ports=ports)
        return replace(found, **fields)

    web, tls = ServicePort(80), ServicePort(8443)
    state = replace(
        nothing(KEY),
        services=(
            service("sales", web, tls, ServicePort(8786)),
            service("away", web, type="ExternalName"),
            service("other", web, key=Key("elsewhere", "other")),
        ),
    )
    assert [(each.id, each.scheme) for each in targets(state)] == [
        ("sales:80", "http"),
        ("sales:8443", "https"),
    ]


def test_when_it_has_ended() -> None:
    end = T0 + timedelta(seconds=7)
    assert ended_at(job("a")) is None
    assert ended_at(job("a", conditions=(Condition("Failed", "False", "", "", end),))) is None
    assert ended_at(job("a", completed_at=end)) == end
    assert ended_at(job("a", conditions=(Condition("Failed", "True", "", "", end),))) == end
    running = LoadTest(job("a"), PLAN)
    done = LoadTest(job("b", completed_at=end), PLAN)
    assert under_way(replace(nothing(KEY), load_tests=(done, running))) == running
    assert under_way(replace(nothing(KEY), load_tests=(done,))) is None


def test_begun_minutes_of_a_day_count_for_who_began_them() -> None:
    now = T0 + timedelta(days=2)

    def used(*jobs: Job) -> int:
        tests = tuple(LoadTest(each, each.load_test or PLAN) for each in jobs)
        return used_minutes({KEY: replace(nothing(KEY), load_tests=tests)}, "ann", now)

    day = 86400.0
    assert used() == 0
    assert used(job("a", at=2 * day - 10)) == 2, "of one that runs, all that was asked for"
    early = T0 + timedelta(days=2, seconds=-30)
    assert used(job("a", at=2 * day - 40, completed_at=early)) == 1, "10 of 90 s"
    assert used(job("a", at=day + 1), job("b", at=day + 2)) == 4
    assert used(job("a", at=day - 1)) == 0, "more than a day ago"
    assert used(job("a", at=day + 1, plan=replace(PLAN, actor="bob"))) == 0
