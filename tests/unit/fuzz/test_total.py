"""Whatever the cluster holds, there is a page: no state makes a view fail."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any, get_type_hints

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from portal.domain.keys import Key
from portal.domain.objects import (
    Condition,
    Container,
    Event,
    Gateway,
    Hpa,
    HpaMetric,
    HttpRoute,
    Ingress,
    Kind,
    Node,
    Pod,
    ReplicaSet,
    Service,
    ServicePort,
    Workload,
)
from portal.domain.operations import Operation, Step, Verb
from portal.domain.release import ReleaseRevision
from portal.releases.install import LAUNCH
from portal.releases.restart import RESTART
from portal.releases.uninstall import UNINSTALL
from portal.state.model import AppState, History, Sample, WatchHealth
from portal.viewmodels.app import app_view
from portal.viewmodels.model import Badge, Notice
from portal.viewmodels.series import series_view
from tests.unit.viewmodels.make import NOW, list_view

WORDS = st.sampled_from(
    [
        "",
        "demo",
        "Pod",
        "Deployment",
        "cpu",
        "memory",
        "Utilization",
        "AverageValue",
        "Running",
        "Pending",
        "Failed",
        "Succeeded",
        "waiting",
        "running",
        "terminated",
        "Ready",
        "Initialized",
        "PodScheduled",
        "ScalingActive",
        "AbleToScale",
        "ScalingLimited",
        "ReplicaFailure",
        "Progressing",
        "True",
        "False",
        "ErrImagePull",
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "Unhealthy",
        "Pulling",
        "FailedMount",
        "FailedScheduling",
        "FailedCreate",
        "OOMKilled",
        "Evicted",
        "TooManyReplicas",
        "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had taint {a: b}.",
        "0/0 nodes are available: .",
        "exceeded quota: q, requested: cpu=1, used: cpu=1, limited: cpu=1",
        "missing request for cpu",
        "back-off 10s restarting failed container",
        "LoadBalancer",
        "NodePort",
        "ClusterIP",
        "\u0000{0}%s\ud7ff‮",
    ]
) | st.text(max_size=20)  # fmt: skip

NUMBERS = st.integers(-3, 300)
MONTH = datetime(2026, 11, 1, tzinfo=UTC)
# One number each: a state has a hundred of them, and a date's parts are seven.
TIMES = st.integers(0, 30 * 24 * 3600 * 1000).map(lambda n: MONTH + timedelta(milliseconds=n))
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
VALUES = st.dictionaries(
    st.sampled_from(["replicaCount", "autoscaling", "commonAnnotations", "password", "env"]),
    st.none()
    | NUMBERS
    | WORDS
    | FLOATS
    | st.lists(WORDS, max_size=2)
    | st.dictionaries(st.sampled_from(["minReplicas", "maxReplicas", "targetCPU"]), FLOATS | WORDS),
    max_size=3,
)

st.register_type_strategy(str, WORDS)
st.register_type_strategy(int, NUMBERS)
st.register_type_strategy(float, FLOATS)
st.register_type_strategy(datetime, TIMES)
st.register_type_strategy(Key, st.builds(Key, WORDS, WORDS))
# Their words are the portal's own; an operation by another portal's verb is named by its verb.
st.register_type_strategy(Verb, st.sampled_from([LAUNCH, RESTART, UNINSTALL]))


def build(kind: type, **fields: Any) -> st.SearchStrategy[Any]:
    """A struct with every field drawn from its type, those with a default as well."""
    drawn = {name: st.from_type(hint) for name, hint in get_type_hints(kind).items()}
    return st.builds(kind, **(drawn | fields))


def few(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=2).map(tuple)


def remembered(samples: Iterable[Sample]) -> History:
    return reduce(History.added, samples, History())


CONDITIONS = few(build(Condition))
PODS = build(Pod, conditions=CONDITIONS, containers=few(build(Container)))
HPAS = build(Hpa, conditions=CONDITIONS, metrics=few(build(HpaMetric)))
STATES = build(
    AppState,
    detail=st.none() | build(ReleaseRevision, values=VALUES),
    operation=st.none() | build(Operation, steps=few(build(Step))),
    workloads=few(build(Workload, conditions=CONDITIONS, images=st.just(()))),
    replica_sets=few(build(ReplicaSet, conditions=CONDITIONS)),
    pods=few(PODS),
    hpas=few(HPAS),
    services=few(build(Service, ports=few(build(ServicePort)), addresses=few(WORDS))),
    ingresses=few(build(Ingress, hosts=few(WORDS), tls_hosts=few(WORDS), addresses=few(WORDS))),
    routes=few(build(HttpRoute, hosts=few(WORDS))),
    gateways=few(build(Gateway, addresses=few(WORDS))),
    events=few(build(Event)),
    usage=st.just({}),
    history=few(build(Sample)).map(remembered),
    pod_history=st.just({}),
)
SOURCES = st.dictionaries(
    st.sampled_from([*(kind.value for kind in Kind), "metrics", "odd"]), st.from_type(WatchHealth)
)
ALL_CHECKS: Any = list(HealthCheck)
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=ALL_CHECKS)


def texts(view: Any) -> list[str]:
    """All text in a view."""
    if isinstance(view, str):
        return [view]
    if isinstance(view, Struct):
        return [t for name in view.__struct_fields__ for t in texts(getattr(view, name))]
    return [t for each in view for t in texts(each)] if isinstance(view, tuple | list) else []


@SLOW
@given(STATES, SOURCES, few(build(Node)))
def test_any_state_gives_a_page(
    state: AppState, sources: dict[str, WatchHealth], nodes: tuple[Node, ...]
) -> None:
    view = app_view(state, sources, NOW, nodes=nodes)
    assert view.headline.text
    assert view.sentence
    assert isinstance(view.headline, Badge)
    assert all(isinstance(notice, Notice) and notice.title for notice in view.notices)
    assert view.scale.min_replicas <= view.scale.max_replicas
    for part in (view.settled, view.unsettled):
        series = series_view(part)
        assert len({len(series.times), len(series.ready), len(series.desired)}) == 1
    assert all(url.href.startswith(("http://", "https://")) for url in view.urls if url.href)
    assert isinstance(str(view.values), str)


@SLOW
@given(st.lists(STATES, max_size=3), SOURCES, st.none() | WORDS)
def test_any_states_give_a_list(
    states: list[AppState], sources: dict[str, WatchHealth], owner: str | None
) -> None:
    assert list_view(states, sources, NOW, owner=owner).summary


@settings(SLOW, max_examples=100)
@given(PODS, few(build(Event)))
def test_any_pod_is_explained(pod: Pod, events: tuple[Event, ...]) -> None:
    from tests.unit.viewmodels.make import deployment, state

    view = app_view(state(pods=(pod,), events=events, workloads=(deployment(1, 0),)), {}, NOW)
    row = view.pods[0]
    assert row.status.text
    assert row.reason or row.status.text == "Ready"


@settings(SLOW, max_examples=100)
@given(build(Hpa, conditions=CONDITIONS))
def test_any_autoscaler_is_put_into_words(hpa: Hpa) -> None:
    from tests.unit.viewmodels.make import state

    view = app_view(state(hpas=(hpa,)), {}, NOW)
    (shown,) = view.autoscalers
    assert shown.summary
    assert not any("nan" in text or "None" in text for text in texts(shown.metrics)) or (
        "nan" in "".join(metric.name for metric in hpa.metrics).lower()
        or "None" in "".join(metric.name for metric in hpa.metrics)
    )


@SLOW
@given(STATES)
def test_time_only_passes_in_steps(state: AppState) -> None:
    """Far from every threshold a second changes nothing."""
    still = NOW + timedelta(days=400)
    later = still + timedelta(seconds=1)
    assert repr(app_view(state, {}, still)) == repr(app_view(state, {}, later))
