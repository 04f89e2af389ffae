from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from portal.autoscaling.spec import MetricSource
from portal.domain.keys import Key
from portal.domain.objects import (
    Condition,
    CronJob,
    Gateway,
    HpaMetric,
    HttpRoute,
    Job,
    Kind,
    Probe,
    Quota,
    ReleaseStatus,
    Service,
    ServicePort,
)
from portal.domain.operations import Operation, OperationPhase
from portal.domain.release import ReleaseRecord, ReleaseRevision
from portal.domain.scalers import ScaledJob, ScaledObject, Trigger, Vpa
from portal.releases.install import LAUNCH
from portal.state.assemble import assemble, sample, served_since
from portal.state.history import Sample
from portal.state.index import Objects
from portal.state.model import AppState
from portal.state.store import APPS_A_TURN, GRACE, LIGHT, Store
from tests.unit.state import make
from tests.unit.state.make import T0, Clock, key, put


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Store:
    return Store(clock)


def operation(name: str) -> Operation:
    return Operation("1", key(name), LAUNCH, "ann", OperationPhase.RUNNING, T0, T0)


def test_an_app_is_put_together_from_its_release_and_owners(store: Store) -> None:
    make.app(store, "one")
    make.app(store, "two")
    put(store, make.service("one"), make.hpa("one", "one", release="one"))
    state = store.snapshot.app(key("one"))
    assert state.release == make.release("one")
    assert [each.key.name for each in state.workloads] == ["one"]
    assert [each.key.name for each in state.replica_sets] == ["one-1"]
    assert [each.key.name for each in state.pods] == ["one-1-a"]
    assert [each.key.name for each in state.hpas] == ["one"]
    assert [each.key.name for each in state.services] == ["one"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_the_order_in_which_watches_speak_does_not_matter(
    store: Store, order: tuple[int, ...]
) -> None:
    objects = (make.deployment("a"), make.replica_set("a-1", "a"), make.pod("a-1-x", "a-1"))
    for index in order:
        put(store, objects[index])
        store.snapshot  # noqa: B018 - publishing between the steps is the point
    assert [each.key.name for each in store.snapshot.app(key("a")).pods] == ["a-1-x"]


def test_the_same_names_in_another_namespace_are_another_app(store: Store) -> None:
    make.app(store, "one")
    put(
        store,
        make.release("one", space="b"),
        make.deployment("one", space="b"),
        make.replica_set("one-1", "one", space="b"),
        make.pod("other", "one-1", space="b"),
    )
    assert [p.key for p in store.snapshot.app(Key("b", "one")).pods] == [Key("b", "other")]
    assert sorted(store.snapshot.apps) == [Key("apps", "one"), Key("b", "one")]


def test_stateful_sets_own_their_pods_directly(store: Store) -> None:
    pod = replace(make.pod("db-0", "db"), owner_kind=Kind.STATEFUL_SET)
    put(store, replace(make.deployment("db"), kind=Kind.STATEFUL_SET), pod)
    assert [each.key.name for each in store.snapshot.app(key("db")).pods] == ["db-0"]


def test_pods_belong_to_their_owner_by_its_kind_and_name(store: Store) -> None:
    agent = replace(make.deployment("agent"), kind=Kind.DAEMON_SET)
    put(store, agent, replace(make.deployment("other"), kind=Kind.STATEFUL_SET))
    put(store, replace(make.pod("agent-x", "agent"), owner_kind=Kind.DAEMON_SET))
    put(store, replace(make.pod("agent-0", "agent"), owner_kind=Kind.STATEFUL_SET))
    put(store, make.pod("agent-y", "agent"))
    assert [each.key.name for each in store.snapshot.app(key("agent")).pods] == ["agent-x"]


def job(name: str, release: str = "", owner: str = "") -> Job:
    return Job(key(name), release, 1, 1, 0, 0, (), make.T0, uid=f"uid-{name}", owner=owner)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_cron_job_brings_its_jobs_and_their_pods(store: Store, order: tuple[int, ...]) -> None:
    cron = CronJob(key("nightly"), "one", "0 2 * * *", make.T0)
    objects = (
        (Kind.CRON_JOB, cron),
        (Kind.JOB, job("nightly-1", owner="nightly")),
        (Kind.POD, replace(make.pod("nightly-1-x", "nightly-1"), owner_kind=Kind.JOB)),
    )
    for index in order:
        kind, each = objects[index]
        store.apply(kind, each.key, each)
    state = store.snapshot.app(key("one"))
    assert state.cron_jobs == (cron,)
    assert [each.key.name for each in state.jobs] == ["nightly-1"]
    assert [each.key.name for each in state.pods] == ["nightly-1-x"]
    store.delete(Kind.CRON_JOB, cron.key)
    assert not store.snapshot.app(key("one")).jobs


def test_a_job_of_a_release_has_its_pods_and_events(store: Store) -> None:
    store.apply(Kind.JOB, key("load"), job("load", release="one"))
    put(store, replace(make.pod("load-x", "load"), owner_kind=Kind.JOB))
    put(store, make.event("refused", "Job", "load"), make.event("else", "CronJob", "load"))
    state = store.snapshot.app(key("one"))
    assert [each.key.name for each in state.pods] == ["load-x"]
    assert [each.key.name for each in state.events] == ["refused"]


def test_an_hpa_belongs_by_its_target_even_without_the_annotation(store: Store) -> None:
    put(store, make.hpa("by-hand", "one"))
    make.app(store, "one")
    assert [each.key.name for each in store.snapshot.app(key("one")).hpas] == ["by-hand"]
    put(store, make.hpa("by-hand", "another"))
    assert store.snapshot.app(key("one")).hpas == ()


def test_the_newest_revision_wins_and_its_removal_uncovers_the_one_before(store: Store) -> None:
    put(store, make.release("a", 3), make.release("a", 4, ReleaseStatus.FAILED))
    found = store.snapshot.app(key("a")).release
    assert found is not None
    assert (found.revision, found.status) == (4, ReleaseStatus.FAILED)
    store.delete(Kind.RELEASE, key("sh.helm.release.v1.a.v4"))
    found = store.snapshot.app(key("a")).release
    assert found is not None
    assert found.revision == 3
    store.delete(Kind.RELEASE, key("sh.helm.release.v1.a.v3"))
    assert not store.snapshot.apps


def test_a_snapshot_never_changes(store: Store) -> None:
    make.app(store, "one")
    before = store.snapshot
    pods = before.app(key("one")).pods
    put(store, make.pod("one-1-b", "one-1"))
    store.delete(Kind.RELEASE, key("sh.helm.release.v1.one.v1"))
    after = store.snapshot
    assert before.app(key("one")).pods == pods
    assert len(pods) == 1
    assert len(after.app(key("one")).pods) == 2
    assert after.version > before.version
    assert list(before.apps) == [key("one")]
    with pytest.raises(TypeError):
        before.apps[key("x")] = before.app(key("one"))  # type: ignore[index]
    with pytest.raises(AttributeError):
        before.version = 9  # type: ignore[misc]


def test_what_did_not_change_stays_the_same_object(store: Store) -> None:
    make.app(store, "one")
    make.app(store, "two")
    before = store.snapshot
    put(store, make.pod("one-1-a", "one-1", ready=False))
    after = store.snapshot
    assert after.app(key("two")) is before.app(key("two"))
    assert after.app(key("one")) is not before.app(key("one"))
    put(store, make.pod("one-1-a", "one-1", ready=False))
    assert store.snapshot is after


def test_keys_are_those_of_one_namespace_or_of_all(store: Store) -> None:
    make.app(store, "one")
    put(store, make.release("far", space="b"))
    assert store.keys(Kind.RELEASE, "b") == {Key("b", make.release("far").secret_name)}
    assert len(store.keys(Kind.RELEASE)) == 2
    assert store.keys(Kind.RELEASE, "nowhere") == set()
    make.clear(store, Kind.RELEASE, "apps")
    assert store.snapshot.app(key("one")).release is None
    assert store.snapshot.app(Key("b", "far")).release is not None
    make.clear(store, Kind.RELEASE)
    assert Key("b", "far") not in store.snapshot.apps


def test_what_is_left_of_a_release_is_still_shown_while_it_goes(store: Store) -> None:
    make.app(store, "one")
    store.delete(Kind.RELEASE, key("sh.helm.release.v1.one.v1"))
    assert store.snapshot.app(key("one")).release is None
    assert len(store.snapshot.app(key("one")).pods) == 1
    store.delete(Kind.POD, key("one-1-a"))
    store.delete(Kind.REPLICA_SET, key("one-1"))
    store.delete(Kind.DEPLOYMENT, key("one"))
    assert key("one") not in store.snapshot.apps
    assert not store.snapshot.app(key("one")).history


def test_events_are_about_this_app_and_newest_first(store: Store) -> None:
    make.app(store, "one")
    put(
        store,
        make.event("e1", "Pod", "one-1-a", seconds=1),
        make.event("e2", "Deployment", "one", seconds=2),
        make.event("e3", "Pod", "two-1-a", seconds=3),
        make.event("e4", "Deployment", "one", uid="an-older-one", seconds=4),
        make.event("e5", "Frobnicator", "one", seconds=5),
    )
    assert [each.key.name for each in store.snapshot.app(key("one")).events] == ["e2", "e1"]


def test_an_event_that_came_before_its_object_is_found_later(store: Store) -> None:
    put(store, make.event("e1", "Pod", "one-1-a"))
    make.app(store, "one")
    assert len(store.snapshot.app(key("one")).events) == 1


def test_a_gateway_answers_at_the_ports_of_its_load_balancer(store: Store) -> None:
    gateway = Key("kube-system", "traefik")
    listens = Gateway(gateway, ("198.19.255.1",), (("HTTP", 8000), ("HTTPS", 8443), ("TCP", 5)))
    route = HttpRoute(key("one"), "one", ("gw.test",), (gateway,), True)
    make.app(store, "one")
    store.apply(Kind.HTTP_ROUTE, route.key, route)
    store.apply(Kind.GATEWAY, gateway, listens)
    assert store.snapshot.app(key("one")).gateways == (listens,)
    balancer = Service(
        gateway, "", "LoadBalancer", "1", (ServicePort(80), ServicePort(443)), ("198.19.255.1",)
    )
    store.apply(Kind.SERVICE, gateway, balancer)
    (found,) = store.snapshot.app(key("one")).gateways
    assert found.protocols == (("HTTP", 80), ("HTTPS", 443), ("TCP", 5))
    store.apply(Kind.SERVICE, gateway, replace(balancer, ports=(ServicePort(8000),)))
    (found,) = store.snapshot.app(key("one")).gateways
    assert found.protocols[0] == ("HTTP", 8000)
    store.delete(Kind.SERVICE, gateway)
    assert store.snapshot.app(key("one")).gateways == (listens,)


def test_scalers_of_a_workload_are_the_apps(store: Store) -> None:
    make.app(store, "one")
    external = HpaMetric("s0-kafka", "AverageValue", 5, 12, MetricSource.EXTERNAL)
    own = replace(make.hpa("keda-hpa-s", "one"), scaled_object="s", metrics=(external,))
    store.apply(Kind.HPA, own.key, own)
    scaled = ScaledObject(key("s"), "", "Deployment", "one", triggers=(Trigger("kafka"),))
    store.apply(Kind.SCALED_OBJECT, scaled.key, scaled)
    vpa = Vpa(key("v"), "", "Deployment", "one")
    store.apply(Kind.VPA, vpa.key, vpa)
    put(store, make.event("e1", "ScaledObject", "s"))
    app = store.snapshot.app(key("one"))
    assert (app.scaled_objects, app.vpas) == ((scaled,), (vpa,))
    assert app.hpas[0].metrics[0].title == "Kafka"
    assert [each.key.name for each in app.events] == ["e1"]
    store.delete(Kind.SCALED_OBJECT, scaled.key)
    assert store.snapshot.app(key("one")).hpas[0].metrics[0].title == "kafka"


def test_jobs_of_a_scaled_job_are_the_apps(store: Store) -> None:
    make.app(store, "one")
    scaled = ScaledJob(key("s"), "one")
    store.apply(Kind.SCALED_JOB, scaled.key, scaled)
    job = Job(key("s-1"), "", 1, 1, 0, 0, (), T0, uid="j", owner="s", owner_kind=Kind.SCALED_JOB)
    store.apply(Kind.JOB, job.key, job)
    app = store.snapshot.app(key("one"))
    assert (app.scaled_jobs, app.jobs) == ((scaled,), (job,))


def test_nodes_are_the_snapshots_and_touch_no_app(store: Store) -> None:
    make.app(store, "one")
    before = store.snapshot
    store.apply(Kind.NODE, Key("", "n2"), make.node("n2"))
    store.apply(Kind.NODE, Key("", "n1"), make.node())
    after = store.snapshot
    assert [each.name for each in after.nodes] == ["n1", "n2"]
    assert before.nodes == ()
    assert after.apps is before.apps
    store.apply(Kind.NODE, Key("", "n1"), make.node())
    assert store.snapshot is after, "a node that says what it said before"


def test_quotas_are_kept_by_namespace(store: Store) -> None:
    def quota(name: str, space: str, used: str = "1") -> Quota:
        return Quota(key(name, space), {"pods": "4"}, {"pods": used})

    for each in (quota("b", "apps"), quota("a", "apps"), quota("a", "other")):
        store.apply(Kind.QUOTA, each.key, each)
    before = store.snapshot
    assert [each.key.name for each in before.quotas["apps"]] == ["a", "b"]
    store.apply(Kind.QUOTA, key("a"), quota("a", "apps", used="2"))
    after = store.snapshot
    assert after.quotas["apps"][0].used == {"pods": "2"}
    assert before.quotas["apps"][0].used == {"pods": "1"}
    assert after.quotas["other"] is before.quotas["other"]
    store.delete(Kind.QUOTA, key("a", "other"))
    assert set(store.snapshot.quotas) == {"apps"}


def test_a_key_with_only_an_operation_is_listed(store: Store) -> None:
    store.put_operation(operation("new"))
    assert list(store.snapshot.apps) == [key("new")]
    found = store.snapshot.app(key("new")).operation
    assert found is not None
    assert found.verb == LAUNCH
    store.drop_operation(key("new"))
    assert not store.snapshot.apps


def test_detail_and_probe_go_with_the_release(store: Store) -> None:
    make.app(store, "one")
    store.put_detail(ReleaseRevision(key("one"), 1, chart="dash-app"))
    store.put_probe(key("one"), Probe("http://x", 200, "", T0))
    state = store.snapshot.app(key("one"))
    assert state.detail is not None
    assert state.probe is not None
    store.delete(Kind.RELEASE, key("sh.helm.release.v1.one.v1"))
    state = store.snapshot.app(key("one"))
    assert state.detail is None
    assert state.probe is None
    put(store, make.release("one"))
    assert store.snapshot.app(key("one")).detail is None


@pytest.mark.parametrize(("revision", "kept"), [(1, False), (2, False), (3, True)])
def test_a_body_of_the_install_before_is_dropped(store: Store, revision: int, kept: bool) -> None:
    put(store, make.release("one", 2, uid="old"))
    store.put_detail(ReleaseRevision(key("one"), 2, chart="old", uid="old"))
    assert store.snapshot.app(key("one")).detail is not None
    new = make.release("one", revision, uid="new")
    make.clear(store, Kind.RELEASE)
    put(store, new)
    # A higher revision is an upgrade as well as anything: what it was is shown meanwhile.
    assert (store.snapshot.app(key("one")).detail is not None) is kept


def moved(record: ReleaseRecord, namespace: str) -> ReleaseRevision:
    """A revision as its body tells it: the release is of another namespace than its Secret."""
    own = Key(namespace, record.key.name)
    return ReleaseRevision(
        own, record.revision, record.status, storage_namespace=record.key.namespace, chart="web"
    )


def test_a_release_kept_in_another_namespace_is_shown_with_its_objects(store: Store) -> None:
    there, here = make.release("one", space="flux"), key("one")
    put(store, there, make.deployment("one"))
    assert store.snapshot.app(here).release is None, "its labels do not tell"
    assert store.snapshot.app(there.key).release is not None
    assert store.storage_namespace(here) == "apps"

    store.put_detail(moved(there, "apps"))
    state = store.snapshot.app(here)
    assert state.release is not None
    assert (state.release.key, state.release.secret) == (here, there.secret)
    assert state.detail is not None
    assert state.detail.chart == "web"
    assert len(state.workloads) == 1
    assert set(store.snapshot.apps) == {here}, "once"
    assert store.storage_namespace(here) == "flux"

    # The next revision is filed there at once, and the list made anew changes nothing.
    put(store, make.release("one", 2, space="flux"))
    assert store.snapshot.app(here).release.revision == 2  # type: ignore[union-attr]
    before = store.snapshot
    put(store, there)
    assert store.snapshot is before

    make.clear(store, Kind.RELEASE)
    assert store.snapshot.app(here).release is None
    put(store, there)
    assert store.snapshot.app(there.key).release is not None, "it may be another one"


def test_a_release_that_is_at_home_after_all(store: Store) -> None:
    there = make.release("one", space="flux")
    put(store, there)
    store.put_detail(moved(there, "apps"))
    store.put_detail(ReleaseRevision(there.key, 1))
    assert set(store.snapshot.apps) == {there.key}


def test_the_record_beside_the_objects_is_the_release(store: Store) -> None:
    there = make.release("one", 7, space="flux")
    put(store, there, make.release("one", 2))
    store.put_detail(moved(there, "apps"))
    assert store.snapshot.app(key("one")).release == make.release("one", 2)


def test_history_is_sampled_on_changes_and_at_each_metrics_poll(store: Store, clock: Clock) -> None:
    make.app(store, "one")
    assert len(store.snapshot.app(key("one")).history) == 1
    put(store, make.event("e1", "Pod", "one-1-a"))
    assert len(store.snapshot.app(key("one")).history) == 1, "nothing counted has changed"
    clock.forward(1)
    put(store, make.deployment("one", desired=3, ready=1))
    clock.forward(1)
    store.put_usage([make.usage("one-1-a", cpu=0.5), make.usage("stranger")])
    history = store.snapshot.app(key("one")).history
    assert [(each.desired, each.ready, each.cpu) for each in history] == [
        (1, 1, None),
        (3, 1, None),
        (3, 1, 0.5),
    ]
    clock.forward(1)
    store.put_usage([])
    state = store.snapshot.app(key("one"))
    assert state.usage == {}
    assert state.history[-1].cpu is None


def test_of_several_autoscalers_each_has_its_own_metrics(store: Store) -> None:
    front, worker = make.deployment("front", 2, 2), make.deployment("worker", 3, 3)
    put(store, *(replace(each, release="one") for each in (front, worker)))
    put(store, replace(make.deployment("cache", 5, 5), release="one"))
    put(store, make.hpa("a", "front", current=101), make.hpa("b", "worker", current=0))
    found = sample(store.snapshot.app(key("one")), {}, make.T0)
    assert found is not None
    assert (found.desired, found.ready) == (5, 5)
    assert (found.min_replicas, found.max_replicas) == (2, 8)
    assert found.metrics == {"front/cpu": (101, 50), "worker/cpu": (0, 50)}


def test_samples_hold_the_autoscalers_bounds_and_metrics(store: Store) -> None:
    make.app(store, "one")
    put(store, make.hpa("one", "one", current=143))
    last = store.snapshot.app(key("one")).history[-1]
    assert (last.min_replicas, last.max_replicas) == (1, 4)
    assert last.metrics == {"cpu": (143, 50)}


def test_sources_are_handed_out_with_the_snapshot(store: Store, clock: Clock) -> None:
    store.set_source("Pod", synced=False)
    assert store.snapshot.loading == ("Pod",)
    store.set_source("Pod", synced=True, alive_at=clock.now)
    store.set_source("metrics", synced=False, available=False, error="not installed")
    assert store.snapshot.loading == ()
    assert not store.snapshot.sources["Pod"].stale(clock.now)
    assert store.snapshot.sources["Pod"].stale(clock.now + timedelta(seconds=16))
    assert not store.snapshot.sources["metrics"].stale(clock.now)


async def turn() -> None:
    """Let what is scheduled on the loop run."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def test_listeners_are_called_once_a_turn_with_what_was_touched(store: Store, clock: Clock) -> None:
    async def run() -> None:
        calls: list[frozenset[Key]] = []
        undo = store.on_change(calls.append)
        make.app(store, "one")
        make.app(store, "two")
        assert len(store.snapshot.apps) == 2, "reading at once sees everything"
        assert calls == []
        await turn()
        assert calls == [frozenset({key("one"), key("two")})]

        store.set_source("Pod", synced=True, alive_at=clock.now)
        await turn()
        assert calls[1:] == [frozenset()]
        clock.forward(5)
        store.set_source("Pod", synced=True, alive_at=clock.now)
        await turn()
        assert len(calls) == 2, "a heartbeat is no news"
        assert store.snapshot.sources["Pod"].alive_at == clock.now
        clock.forward(60)
        store.set_source("Pod", synced=True, alive_at=clock.now)
        await turn()
        assert len(calls) == 3, "the end of a silence is"

        undo()
        make.app(store, "three")
        await turn()
        assert len(calls) == 3

    asyncio.run(run())


def test_a_failing_listener_does_not_silence_the_others(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        calls: list[frozenset[Key]] = []

        def broken(_: frozenset[Key]) -> None:
            raise ValueError("broken")

        store.on_change(broken)
        store.on_change(calls.append)
        make.app(store, "one")
        await turn()
        assert len(calls) == 1

    asyncio.run(run())
    assert "listener" in caplog.text


class Counting:
    """Counts how often the store puts an app together, and how often it measures one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.built: list[Key] = []
        self.sampled: list[Key] = []

        def counted_build(objects: Objects, key: Key) -> AppState:
            self.built.append(key)
            return assemble(objects, key)

        def counted_sample(state: AppState, *rest: Any) -> Sample | None:
            self.sampled.append(state.key)
            return sample(state, *rest)

        monkeypatch.setattr("portal.state.store.assemble", counted_build)
        monkeypatch.setattr("portal.state.store.sample", counted_sample)

    def taken(self) -> tuple[list[Key], list[Key]]:
        found = (self.built, self.sampled)
        self.built, self.sampled = [], []
        return found


def test_a_change_costs_what_it_touches_and_not_what_there_is(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(200):
        make.app(store, f"app-{number}")
    before = store.snapshot
    work = Counting(monkeypatch)

    put(store, make.pod("app-7-1-a", "app-7-1", ready=False))
    put(store, make.deployment("app-7", ready=0))
    after = store.snapshot
    assert work.taken() == ([key("app-7")], [key("app-7")])
    changed = [each for each in after.apps if after.apps[each] is not before.apps[each]]
    assert changed == [key("app-7")]

    store.apply(Kind.NODE, Key("", "n1"), make.node())
    store.set_source("Pod", synced=True)
    store.apply(Kind.QUOTA, key("q"), Quota(key("q"), {}, {}))
    assert store.snapshot.apps is after.apps
    assert work.taken() == ([], [])

    store.put_usage([])
    assert len(store.snapshot.apps) == 200
    built, sampled = work.taken()
    assert (len(built), len(sampled)) == (0, 200)


def test_a_poll_is_spread_over_turns_of_the_loop(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        names = [f"app-{number}" for number in range(3 * APPS_A_TURN + 1)]
        for name in names:
            make.app(store, name)
        await turn()
        work = Counting(monkeypatch)
        told: list[int] = []
        store.on_change(lambda touched: told.append(len(touched)))
        store.put_usage([make.usage(f"{name}-1-a") for name in names])
        while len(told) < 4:
            assert store.snapshot
            assert len(work.taken()[1]) <= APPS_A_TURN, "reading takes no more than one turn's"
            await asyncio.sleep(0)
        assert told == [APPS_A_TURN, APPS_A_TURN, APPS_A_TURN, 1]
        assert all(state.usage for state in store.snapshot.apps.values())

    asyncio.run(run())


def test_nodes_and_sources_are_told_of_beside_releases(store: Store) -> None:
    async def run() -> None:
        calls: list[frozenset[Key]] = []
        store.on_change(calls.append)
        make.app(store, "one")
        store.apply(Kind.NODE, Key("", "n1"), make.node())
        await turn()
        assert calls == [frozenset({key("one")}), frozenset()]
        store.apply(Kind.NODE, Key("", "n1"), make.node())
        store.apply(Kind.NODE, Key("", "n2"), make.node("n2"))
        store.delete(Kind.NODE, Key("", "n2"))
        await turn()
        assert len(calls) == 2, "all is as it was"

    asyncio.run(run())


def test_a_quota_concerns_the_releases_of_its_namespace(store: Store) -> None:
    async def run() -> None:
        calls: list[frozenset[Key]] = []
        make.app(store, "one")
        put(store, make.release("far", space="b"))
        await turn()
        store.on_change(calls.append)
        for used in ("1", "2"):
            store.apply(Kind.QUOTA, key("q"), Quota(key("q"), {}, {"pods": used}))
            await turn()
        store.delete(Kind.QUOTA, key("q"))
        await turn()
        assert calls == [frozenset({key("one")})] * 3
        store.apply(Kind.QUOTA, key("q"), Quota(key("q"), {}, {}))
        store.delete(Kind.QUOTA, key("q"))
        await turn()
        assert len(calls) == 3, "all is as it was"

    asyncio.run(run())


def test_the_history_of_each_pod_is_kept_until_it_has_been_gone_for_a_while(
    store: Store, clock: Clock
) -> None:
    make.app(store, "one")
    pod = key("one-1-a")
    for cpu in (0.1, 0.2):
        store.put_usage([make.usage("one-1-a", cpu=cpu), make.usage("stranger")])
        clock.forward(60)
    state = store.snapshot.app(key("one"))
    assert list(state.pod_history) == [pod]
    assert [cpu for _, cpu, _ in state.pod_history[pod].since(0)] == pytest.approx([0.1, 0.2])
    clock.forward(2 * GRACE)
    store.put_usage([])
    assert len(store.snapshot.app(key("one")).pod_history[pod]) == 2, "a pod without readings"
    store.delete(Kind.POD, pod)
    store.put_usage([])
    put(store, make.pod("one-1-a", "one-1"))
    assert not store.snapshot.app(key("one")).pod_history


def test_an_app_that_comes_back_soon_finds_its_history(store: Store, clock: Clock) -> None:
    def gone_for(seconds: float) -> int:
        for kind in (Kind.DEPLOYMENT, Kind.REPLICA_SET, Kind.POD):
            make.clear(store, kind)
        make.clear(store, Kind.RELEASE)
        assert key("one") not in store.snapshot.apps
        clock.forward(seconds)
        store.put_usage([])
        make.app(store, "one")
        return len(store.snapshot.app(key("one")).history)

    make.app(store, "one")
    assert len(store.snapshot.app(key("one")).history) == 1
    put(store, make.deployment("one", ready=0))
    assert len(store.snapshot.app(key("one")).history) == 2
    assert gone_for(GRACE - 1) == 3
    assert gone_for(GRACE + 1) == 1


async def test_no_app_is_shown_while_the_first_lists_are_on_their_way() -> None:
    store, told = Store(), list[frozenset[Key]]()
    store.on_change(told.append)
    store.begin_initial_sync()
    put(store, make.deployment("web"))
    store.set_source("Pod", synced=False)
    await asyncio.sleep(0)
    assert not store.snapshot.apps
    assert "Pod" in store.snapshot.sources, "how the lists are doing is told all the same"
    assert told == [frozenset()]
    store.end_initial_sync()
    await asyncio.sleep(0)
    assert set(store.snapshot.apps) == {make.key("web")}
    assert told[1:] == [{make.key("web")}]


async def test_an_app_of_many_pods_is_not_put_together_anew_for_each_event() -> None:
    told, spent = list[frozenset[Key]](), itertools.count(step=5 * LIGHT)
    store = Store(spent=lambda: next(spent))
    put(store, make.deployment("big"), make.replica_set("big-1", "big"))
    put(store, *(make.pod(f"big-1-{n}", "big-1") for n in range(200)))
    _ = store.snapshot
    store.on_change(told.append)
    for n in range(200):
        put(store, make.pod(f"big-1-{n}", "big-1", ready=False))
        await asyncio.sleep(0)
    assert len(told) < 20
    last = asyncio.Event()
    store.on_change(lambda _: last.set())
    put(store, make.pod("big-1-0", "big-1", ready=False, space=make.SPACE))
    await asyncio.wait_for(last.wait(), 10)
    state = store.snapshot.app(make.key("big"))
    assert sum(not pod.ready for pod in state.pods) == 200
    assert told[-1] == {make.key("big")}


def test_samples_tell_the_load_from_the_work_of_starting(store: Store, clock: Clock) -> None:
    make.app(store, "one")
    since = T0 - timedelta(minutes=9)
    steady = replace(make.pod("one-1-a", "one-1"), ready_at=since)
    starting = replace(make.pod("one-1-b", "one-1", ready=False), started_at=T0)
    lost = replace(
        make.pod("one-1-c", "one-1", ready=False),
        started_at=since,
        conditions=(Condition("Ready", "False", changed_at=T0 - timedelta(seconds=40)),),
    )
    job = replace(make.pod("one-1-d", "one-1"), owner_kind="Job", ready_at=since)
    put(store, steady, starting, lost)
    assert served_since(job) == since
    assert (served_since(steady), served_since(starting), served_since(lost)) == (
        since,
        None,
        since,
    )
    store.put_usage([make.usage(f"one-1-{name}", 0.25) for name in "abc"])
    sample = store.snapshot.app(key("one")).history[-1]
    assert (sample.cpu, sample.ready_cpu, sample.measured) == (0.75, 0.5, 3)
