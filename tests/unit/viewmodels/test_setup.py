from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from portal.autoscaling.lint import Room
from portal.autoscaling.spec import SCALE_DOWN, MetricSource, ScalingBehavior
from portal.catalog.launch_contents import USUAL_START
from portal.domain.keys import Key
from portal.domain.launch import AutoscalingSpec, Exposure, LaunchSpec
from portal.domain.objects import ContainerProbe, HpaMetric, Quota
from portal.state.history import History, PodHistory, Sample
from portal.state.model import AppState
from portal.state.timeline import Entry, EntryKind, Timeline
from portal.viewmodels.setup import (
    live_setup,
    percentile,
    planned_setup,
    readiness_losses,
    start_up,
)
from tests.unit.viewmodels.make import (
    KEY,
    NOW,
    ago,
    container,
    hpa,
    node,
    pod,
    service,
    sources,
    state,
    unready,
)

MI = 2**20


def quota(**hard: str) -> Quota:
    names = {name.replace("_", "."): amount for name, amount in hard.items()}
    return Quota(Key("apps", "small"), names, {"requests.cpu": "500m", "pods": "3"})


def used(*readings: tuple[float, float]) -> PodHistory:
    """A pod's readings, one a minute, of cores and MiB."""
    history = PodHistory()
    for number, (cpu, memory) in enumerate(readings):
        history = history.added(NOW + timedelta(minutes=number), cpu, memory * MI)
    return history


def running(**fields: Any) -> AppState:
    one = pod(cpu_limit=0.4, memory_limit=512 * MI)
    base = state(
        hpas=(hpa(),),
        pods=(one,),
        pod_history={one.key: used((0.05, 90), (0.2, 110), (0.1, 100))},
    )
    return replace(base, **fields)


def test_a_running_app() -> None:
    probes = (
        ContainerProbe("readiness", "http", "/", 30, 12),
        ContainerProbe("startup", "h", "/", 9),
    )
    one = pod(containers=(container(probes=probes),), cpu_limit=0.4)
    sticky = replace(service(), session_affinity=True)
    setup = live_setup(running(pods=(one,), services=(sticky,)), hpa(), fixed=True)

    assert (setup.min_replicas, setup.max_replicas, setup.targets) == (1, 4, {"cpu": 70})
    assert setup.window == 300
    assert setup.start_up == 30
    assert setup.sessions
    assert setup.readiness
    assert setup.delay == 12
    assert setup.fixed
    cpu = setup.resources["cpu"]
    assert (cpu.request, cpu.limit, cpu.readings) == (0.1, 0.4, 3)
    assert (cpu.lowest, cpu.usual, cpu.peak) == pytest.approx((0.05, 0.2, 0.2))
    assert setup.resources["memory"].peak == 110 * MI


def test_targets_are_those_in_percent_of_cpu_and_memory() -> None:
    metrics = (
        HpaMetric("cpu", "AverageValue", 0.5, 0.1),
        HpaMetric("memory", "Utilization", 80, 10),
        HpaMetric("requests", "AverageValue", 10, 3, MetricSource.PODS),
    )
    setup = live_setup(running(), hpa(metrics=metrics))

    assert setup.targets == {"memory": 80}
    assert setup.others


def test_the_window_is_that_of_its_behavior() -> None:
    behavior = ScalingBehavior(down=replace(SCALE_DOWN, window=20))

    assert live_setup(running(), hpa(behavior=behavior)).window == 20


def test_without_pods_nothing_is_known_of_them() -> None:
    setup = live_setup(running(pods=()), hpa())

    assert (setup.resources, setup.start_up, setup.readiness) == ({}, None, None)


@pytest.mark.parametrize(
    ("quotas", "nodes", "room"),
    [
        ((quota(requests_cpu="1"),), (), Room("the quota small (requests.cpu)", 6)),
        ((quota(pods="4"),), (), Room("the quota small (pods)", 2)),
        ((quota(requests_cpu="400m"),), (), Room("the quota small (requests.cpu)", 0)),
        ((quota(limits_cpu="1"),), (), Room("the quota small (limits.cpu)", 3)),
        ((quota(requests_storage="1"),), (), None),
        ((quota(requests_cpu="many"),), (), None),
        ((), (node(cpu=0.25, memory=2**40), node("b", cpu=0.1)), 3),
        ((), (node(cpu=0.25), node("b", ready=False)), 2),
        ((), (node(cpu=0.25), node("b", unschedulable=True)), 2),
        ((), (node(memory=256 * MI),), 2),
        ((), (node(cpu=None),), None),
        ((), (), None),
    ],
)
def test_the_room_for_pods(quotas: Any, nodes: Any, room: Room | int | None) -> None:
    found = live_setup(running(), hpa(), quotas, nodes).room
    if isinstance(room, int):
        assert [each.pods for each in found] == [room]
    else:
        assert found == ((room,) if room else ())


@pytest.mark.parametrize(
    ("pods", "seconds"),
    [
        ((pod(), pod(ready_at=ago(50)), pod(ready_at=ago(10))), 40),
        ((unready(container()),), None),
        ((pod(containers=(container(restarts=1),)),), None),
        ((pod(created_at=ago(90000)),), None),
        ((), None),
    ],
)
def test_the_usual_start_of_pods(pods: Any, seconds: float | None) -> None:
    assert start_up(pods) == seconds


def history(*counts: tuple[int, int, int]) -> History:
    """Samples of desired, current and ready replicas, a minute apart."""
    found = History()
    for number, each in enumerate(counts):
        found = found.added(Sample(NOW + timedelta(minutes=number), *each))
    return found


def test_readiness_that_is_lost_without_a_change() -> None:
    lost = history((2, 2, 2), (2, 2, 1), (2, 2, 2), (2, 2, 0), (1, 2, 2), (1, 1, 1))

    assert readiness_losses(state(history=lost)) == 2


@pytest.mark.parametrize("kind", [EntryKind.ROLLOUT, EntryKind.CRASH, EntryKind.POD])
def test_readiness_that_is_lost_in_a_rollout_or_crash_does_not_count(kind: EntryKind) -> None:
    lost = history((2, 2, 2), (2, 2, 1))
    entry = Entry("a", kind, NOW + timedelta(seconds=30))
    timeline = Timeline(datetime(2026, 1, 1, tzinfo=UTC), (entry,))

    assert readiness_losses(state(history=lost)) == 1
    assert readiness_losses(state(history=lost, timeline=timeline)) == 0


SPEC = LaunchSpec(
    KEY,
    "registry.example.org/team/demo",
    "1.0",
    1,
    AutoscalingSpec(2, 6, 70, None),
    cpu_request="250m",
    cpu_limit="1",
    memory_request="256Mi",
    memory_limit="",
    exposure=Exposure.CLUSTER_IP,
    fields={"session_affinity": True, "start_time": USUAL_START},
)


def test_an_app_to_be_launched() -> None:
    setup = planned_setup(SPEC, state(pods=()), sources(), (quota(requests_cpu="1"),))

    assert setup is not None
    assert (setup.min_replicas, setup.max_replicas, setup.targets) == (2, 6, {"cpu": 70})
    assert setup.resources["cpu"].limit == 1
    assert setup.resources["memory"].limit is None
    assert setup.room == (Room("the quota small (requests.cpu)", 2),)
    assert (setup.window, setup.start_up, setup.sessions, setup.metrics) == (300, None, True, True)


def test_an_app_to_be_changed_has_started_before_and_has_pods() -> None:
    spec = replace(SPEC, autoscaling=AutoscalingSpec(2, 6, 70, None, 15))
    silent = sources(metrics=replace(sources()["metrics"], available=False))
    setup = planned_setup(spec, state(), silent, (quota(requests_cpu="1"),))

    assert setup is not None
    assert setup.room == (Room("the quota small (requests.cpu)", 3),)
    assert (setup.window, setup.start_up, setup.metrics) == (15, 30, False)


def test_without_an_autoscaler_there_is_no_setup() -> None:
    assert planned_setup(replace(SPEC, autoscaling=None), state(), sources()) is None


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 5), (90, 9), (91, 10), (100, 10)])
def test_percentiles(percent: float, value: float) -> None:
    assert percentile(range(1, 11), percent) == value
    assert percentile((), percent) is None


def test_deleted_pods_do_not_count() -> None:
    gone = pod("demo-7d9c-gone", deleting=True, cpu_request=9.0, created_at=NOW)
    app = running()

    assert live_setup(replace(app, pods=(*app.pods, gone)), hpa()).resources["cpu"].request == 0.1
