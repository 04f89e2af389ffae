"""The page of one app: what each of its parts is made from."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce

import pytest
from msgspec.structs import replace

from portal.domain.compressed import CompressedText
from portal.domain.objects import PodUsage, ReleaseStatus
from portal.domain.operations import OperationPhase, Step
from portal.releases.upgrade import UPGRADE
from portal.state.model import AppState, History, PodHistory, Sample, WatchHealth
from portal.viewmodels.app import app_view
from portal.viewmodels.autoscaler import Decided
from portal.viewmodels.hpa_problems import SEVERAL_HPAS
from portal.viewmodels.model import AppView, ScaleMode, Severity
from portal.viewmodels.releases import release_row
from portal.viewmodels.series import series_view

from .make import (
    KEY,
    NOW,
    ago,
    condition,
    container,
    deployment,
    detail,
    event,
    hpa,
    operation,
    pod,
    pods,
    release,
    sources,
    state,
    unready,
    waiting,
    watched,
)


def view(one: AppState, **changes: WatchHealth) -> AppView:
    return app_view(one, sources(**changes), NOW)


# Scale.

VALUES = {
    "replicaCount": 3,
    "autoscaling": {
        "enabled": False,
        "minReplicas": 2,
        "maxReplicas": 6,
        "targetCPU": 65,
        "targetMemory": None,
    },
}


def test_fixed_starts_from_the_values() -> None:
    found = view(state(detail=detail(values=VALUES), workloads=(deployment(3, 3),))).scale
    assert (found.mode, found.replicas) == (ScaleMode.FIXED, 3)
    assert (found.min_replicas, found.max_replicas) == (2, 6)
    assert (found.target_cpu, found.target_memory) == (65, None)


def test_fixed_starts_from_the_cluster_where_the_values_say_nothing() -> None:
    found = view(state(workloads=(deployment(7, 7),))).scale
    assert (found.mode, found.replicas) == (ScaleMode.FIXED, 7)
    assert found.min_replicas <= found.max_replicas >= 7


def test_an_autoscaler_owns_the_replicas() -> None:
    found = view(state(hpas=(hpa(20),), workloads=(deployment(2, 2),))).scale
    assert (found.mode, found.replicas) == (ScaleMode.AUTOSCALED, 2)
    assert (found.min_replicas, found.max_replicas, found.target_cpu) == (1, 4, 70)


def test_values_of_an_older_revision_are_not_believed() -> None:
    old = detail(values=VALUES)
    found = view(state(release=release(revision=2), detail=old, workloads=(deployment(5, 5),)))
    assert found.scale.replicas == 5


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (state(detail=detail(chart="prometheus")), "values of its chart, prometheus"),
        (state(detail=detail(damaged="not gzip")), "damaged"),
        (
            state(release=release(ReleaseStatus.PENDING_UPGRADE)),
            "has not ended (pending-upgrade)",
        ),
        (state(detail=None), "is still reading"),
        (state(release=None, detail=None, workloads=()), "no release"),
        (state(release=None, detail=None), "managed elsewhere"),
        (state(hpas=(hpa(20, release=""),)), "created outside Helm"),
        (state(hpas=(hpa(20, release="other"),)), "another release"),
    ],
)
def test_read_only(one: AppState, why: str) -> None:
    found = view(one).scale
    assert found.mode is ScaleMode.READ_ONLY
    assert why in found.why


def test_an_operation_of_ours_does_not_make_it_read_only() -> None:
    pending = state(release=release(ReleaseStatus.PENDING_UPGRADE), operation=operation())
    assert view(pending).scale.mode is ScaleMode.FIXED


@pytest.mark.parametrize("odd", ["three", None, True, [], {"a": 1}, 2.5, "9" * 30])
def test_odd_values(odd: object) -> None:
    values = {"replicaCount": odd, "autoscaling": odd}
    assert view(state(detail=detail(values=values))).scale.replicas == 1


# Notices.


def titles(found: AppView) -> list[str]:
    return [notice.title for notice in found.notices]


def test_nothing_to_say_of_an_app_that_is_well() -> None:
    assert view(state()).notices == ()


def test_pods_with_the_same_trouble_share_a_notice() -> None:
    missing = unready(waiting("ErrImagePull", "not found"))
    found = view(state(workloads=(deployment(2, 0),), pods=pods(missing, missing)))
    assert titles(found) == ["Image not found (2 pods)"]


def test_the_error_of_the_last_operation() -> None:
    failed = operation(UPGRADE, OperationPhase.FAILED, error="min exceeds max", advice="Swap them.")
    found = view(state(operation=failed))
    assert (found.notices[0].title, found.notices[0].body) == (
        "The update failed",
        "Min exceeds max.",
    )
    assert found.notices[0].advice == "Swap them."
    later = release(updated_at=NOW)
    assert view(state(operation=failed, release=later)).notices == ()


def test_metrics_missing() -> None:
    gone = watched("metrics", synced=True, available=False)
    quiet = view(state(), metrics=gone).notices[0]
    assert (quiet.severity, quiet.title) == (
        Severity.QUIET,
        "The metrics API is not available",
    )
    assert "metrics-server" in quiet.advice
    assert view(state(hpas=(hpa(None),)), metrics=gone).notices[0].severity is Severity.WARN


def test_scaled_behind_helms_back() -> None:
    one = state(detail=detail(values={"replicaCount": 3}), workloads=(deployment(1, 1),))
    assert titles(view(one)) == ["Scaled outside Helm"]
    assert (view(one).scale.drifted, view(one).scale.replicas) == (True, 3)
    assert titles(view(replace(one, hpas=(hpa(20),)))) == []


def test_the_worst_comes_first() -> None:
    missing = unready(waiting("ErrImagePull", "not found"))
    one = state(
        detail=detail(values={"replicaCount": 3}),
        pods=pods(missing),
        release=release(ReleaseStatus.FAILED),
    )
    severities = [notice.severity for notice in view(one).notices]
    assert severities == [Severity.BAD, Severity.BAD, Severity.QUIET]


def test_several_autoscalers() -> None:
    assert SEVERAL_HPAS in titles(view(state(hpas=(hpa(20), hpa(20)))))


# Freshness.


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (watched("Pod", True, True, ago(5)), ()),
        (
            watched("Pod", True, True, ago(40)),
            ("Pods: may be out of date, last update more than 30 s ago.",),
        ),
        (
            watched("Pod", True, True, ago(4000), "connection refused"),
            ("Pods: may be out of date, last update more than 1 h ago (connection refused).",),
        ),
        (watched("Pod"), ("Pods: not read yet.",)),
        (
            watched("Pod", True, False, None, "forbidden"),
            (
                "Pods: the portal has no permission to read them, or the cluster has none "
                "(forbidden).",
            ),
        ),
    ],
)
def test_stale(source: WatchHealth, words: tuple[str, ...]) -> None:
    assert view(state(), Pod=source).stale == words


def test_apis_that_a_cluster_may_lack_are_not_worth_a_word() -> None:
    gone = {name: watched(name, True, False) for name in ("HTTPRoute", "Gateway", "metrics")}
    assert view(state(), **gone).stale == ()


def test_staleness_is_told_in_coarse_steps() -> None:
    heard = sources(Pod=watched("Pod", True, True, ago(40)))
    assert app_view(state(), heard, NOW) == app_view(state(), heard, NOW + timedelta(seconds=5))


# The rest.


def test_series() -> None:
    samples = (
        Sample(ago(-10), 1, 1, 1),
        Sample(ago(-20), 2, 1, 1, 1, 4, {"cpu": (143, 70)}),
        Sample(ago(-30), 2, 2, 2, 1, 4, {"cpu": (None, 60)}),
    )
    shown = view(state(history=reduce(History.added, samples, History())))
    assert not shown.settled
    found = series_view(shown.unsettled)
    assert found.times == tuple(int(NOW.timestamp()) + later for later in (10, 20, 30))
    assert (found.desired, found.ready) == ((1, 2, 2), (1, 1, 2))
    assert found.max_replicas == (None, 4, 4)
    assert found.metrics == (("CPU", (None, 143, None), (70, 70, 60)),)
    assert series_view(view(state()).unsettled).times == ()


def test_the_parts_of_a_history_have_the_same_metrics() -> None:
    """So that a browser can put one behind the other."""
    samples = [Sample(ago(600), 1, 1, 1, cpu=0.12345678, memory=2.0**30)]
    samples.append(Sample(ago(0), 1, 1, 1, 1, 4, {"memory": (50, 80), "cpu": (20, 70)}))
    shown = view(state(history=reduce(History.added, samples, History())))
    settled, unsettled = series_view(shown.settled), series_view(shown.unsettled)
    assert (settled.cpu, settled.memory) == ((0.1235,), (1024.0,))
    assert settled.metrics == (("CPU", (None,), (None,)), ("Memory", (None,), (None,)))
    assert unsettled.metrics == (("CPU", (20,), (70,)), ("Memory", (50,), (80,)))


def spark_of(*readings: tuple[float, float], request: float | None = None) -> list[int | None]:
    """A pod's small chart, from (minutes ago, cores)."""
    history = PodHistory()
    for minutes, cpu in readings:
        history = history.added(ago(60 * minutes), cpu, 1e8)
    one = replace(pod(), cpu_request=request)
    return list(view(state(pods=(one,), pod_history={one.key: history})).pods[0].spark)


def test_a_pods_spark_is_its_last_half_hour() -> None:
    found = spark_of((45, 9.0), (3, 0.1), (1, 0.4), (0, 0.2))
    assert found == [None] * 26 + [25, None, 100, 50]
    assert spark_of((1, 0.1), (0, 0.2), request=0.4)[-2:] == [25, 50], "of the request"
    assert spark_of((1, 0.0), (0, 0.0))[-2:] == [0, 0]
    assert spark_of((0, 0.1)) == spark_of() == []


def test_operation() -> None:
    steps = (Step("Check", ago(20), ago(18)), Step("Helm upgrade", ago(18)))
    found = view(state(operation=operation(steps=steps))).operation
    assert found is not None
    assert (found.title, found.running) == ("Launch by ada", True)
    assert [(step.state.text, step.seconds) for step in found.steps[:2]] == [
        ("Done", 2.0),
        ("Running", None),
    ]
    failed = operation(phase=OperationPhase.FAILED, steps=steps, error="no")
    ended = view(state(operation=failed)).operation
    assert ended is not None
    assert (ended.running, ended.steps[1].state.text) == (False, "Not finished")


def test_notes_values_and_usage() -> None:
    one = state(detail=detail(notes="Open <b>it</b>", shown=CompressedText("password: (hidden)\n")))
    used = PodUsage(pod().key, 0.05, 2**27, NOW, 15)
    found = view(replace(one, usage={pod().key: used}))
    assert found.notes == "Open <b>it</b>"
    assert str(found.values) == "password: (hidden)\n"
    assert found.pods[0].cpu == "0.05 cores (50 %)"
    assert found.pods[0].memory == "128 MiB (100 %)"


def test_an_unchanged_app_gives_an_equal_view() -> None:
    busy = unready(waiting("CrashLoopBackOff"), conditions=(condition("Ready"),))
    for one in (state(), state(pods=pods(busy)), state(operation=operation())):
        later = NOW + timedelta(seconds=3)
        assert app_view(one, sources(), NOW) == app_view(one, sources(), later)


def test_each_autoscaler_tells_its_own_decision() -> None:
    front = replace(deployment(2, 2), key=KEY._replace(name="front"))
    worker = replace(deployment(3, 3), key=KEY._replace(name="worker"))
    hpas = (
        hpa(101, key=front.key, target_name="front", max_replicas=2, desired=2),
        hpa(0, key=worker.key, target_name="worker", min_replicas=3, current=3, desired=3),
    )
    one = state(workloads=(front, worker), hpas=hpas, pods=pods(*[pod()] * 5))
    decided = {front.key: Decided("Adds 1."), worker.key: Decided("Stays at 3 pods.")}
    found = app_view(one, sources(), NOW, decided=decided)
    first, second = found.autoscalers
    assert (first.workload, second.workload) == ("front", "worker")
    assert (first.summary, second.summary) == (
        "Keeps between 1 and 2 pods. Adds 1.",
        "Keeps between 3 and 4 pods. Stays at 3 pods.",
    )
    row = release_row(one, sources(), NOW)
    assert row.hpa == "front 1–2, CPU 101 % / 70 %; worker 3–4, CPU 0 % / 70 %"


def test_a_probe_that_fails_has_its_controls_beside_the_notice() -> None:
    message = "Startup probe failed: dial tcp 198.18.0.9:8050: connect: connection refused"
    starting = unready(container(ready=False, started_at=ago(15)))
    told = event("Unhealthy", message, about="demo-0")
    one = state(workloads=(deployment(1, 0),), pods=pods(starting), events=(told,))
    (notice,) = view(one).notices
    assert (notice.severity, notice.title) == (Severity.BUSY, "Fails its startup probe")
    assert notice.fields == ("port", "start_time")
    (notice,) = view(replace(one, detail=detail(chart="another"))).notices
    assert notice.fields == ()
