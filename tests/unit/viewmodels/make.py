"""Small objects with sensible defaults, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from portal.cluster.kinds import RESOURCES
from portal.cluster.leases import LEASES
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.objects import (
    Condition,
    Container,
    Event,
    Hpa,
    HpaMetric,
    Kind,
    Node,
    Pod,
    ReleaseStatus,
    Service,
    ServicePort,
    Workload,
)
from portal.domain.operations import Operation, OperationPhase, Verb
from portal.domain.release import ReleaseRecord, ReleaseRevision
from portal.releases.install import LAUNCH
from portal.state.assemble import nothing
from portal.state.model import AppState, WatchHealth
from portal.viewmodels import releases
from portal.viewmodels.listing import ListView
from portal.viewmodels.query import EVERYTHING, ListQuery

NOW = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
KEY = Key("apps", "demo")
IMAGE = "registry.example.org/team/demo:1.0"


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


TITLES = {each.kind.value: (each.title, each.optional) for each in (*RESOURCES, LEASES)}


def watched(name: str, *how: Any, **more: Any) -> WatchHealth:
    """Return the health of a watch."""
    title, optional = TITLES.get(name, ("CPU and memory use", True))
    return WatchHealth(name, *how, title=title, optional=optional, **more)


def sources(**changes: WatchHealth) -> dict[str, WatchHealth]:
    fresh = {
        name: watched(name, synced=True, alive_at=NOW)
        for name in [*(kind.value for kind in Kind), "metrics"]
    }
    return {**fresh, **changes}


def list_view(
    states: Iterable[AppState],
    sources: Mapping[str, WatchHealth],
    now: datetime,
    *,
    query: ListQuery = EVERYTHING,
    owner: str | None = None,
    nodes: Sequence[Node] = (),
    rows: releases.RowCache | None = None,
) -> ListView:
    """The list of ``states``, of rows that are made anew unless ``rows`` has them."""
    rows = releases.RowCache() if rows is None else rows
    listed = rows.release_list({one.key: one for one in states}, sources, now, nodes)
    return releases.list_view(listed, sources, now, query=query, owner=owner)


def condition(kind: str, status: str = "False", **fields: Any) -> Condition:
    return Condition(kind, status, **{"changed_at": ago(60), **fields})


def waiting(reason: str, message: str = "", **fields: Any) -> Container:
    return container(ready=False, state="waiting", reason=reason, message=message, **fields)


def container(**fields: Any) -> Container:
    base = Container("demo", IMAGE, ready=True, restarts=0, state="running")
    return replace(base, **fields)


def pod(name: str = "demo-7d9c-abcde", **fields: Any) -> Pod:
    base = Pod(
        key=Key("apps", name),
        uid=f"uid-{name}",
        labels={"app": "demo"},
        phase="Running",
        ready=True,
        conditions=(),
        containers=(container(),),
        created_at=ago(90),
        ready_at=ago(60),
        node="node-1",
        owner="demo-7d9c",
        cpu_request=0.1,
        memory_request=128 * 2**20,
    )
    return replace(base, **fields)


def unready(*containers: Container, **fields: Any) -> Pod:
    return pod(**{"ready": False, "ready_at": None, "containers": containers, **fields})


def pending(*conditions: Condition, **fields: Any) -> Pod:
    """A pod without a node."""
    base = {"phase": "Pending", "node": "", "containers": (), "conditions": conditions}
    return unready(**{**base, **fields})


def event(reason: str, message: str, about: str = "demo-7d9c-abcde", **fields: Any) -> Event:
    base = Event(
        key=Key("apps", f"{about}.{reason}"),
        about_kind="Pod",
        about_name=about,
        about_uid="",
        type="Warning",
        reason=reason,
        message=message,
        count=1,
        last_at=ago(30),
    )
    return replace(base, **fields)


def deployment(desired: int = 1, ready: int = 1, **fields: Any) -> Workload:
    base = Workload(
        kind=Kind.DEPLOYMENT,
        key=KEY,
        uid="uid-demo",
        release="demo",
        annotations={LAUNCHED_BY: "ada"},
        selector={"app": "demo"},
        desired=desired,
        current=desired,
        ready=ready,
        updated=desired,
        conditions=(),
        created_at=ago(900),
        generation=1,
        observed_generation=1,
    )
    return replace(base, **fields)


def hpa(reading: float | None = 143, **fields: Any) -> Hpa:
    base = Hpa(
        key=KEY,
        release="demo",
        target_kind="Deployment",
        target_name="demo",
        min_replicas=1,
        max_replicas=4,
        current=2,
        desired=4,
        metrics=(HpaMetric("cpu", "Utilization", 70, reading),),
        conditions=(),
    )
    return replace(base, **fields)


def release(status: ReleaseStatus = ReleaseStatus.DEPLOYED, **fields: Any) -> ReleaseRecord:
    base = ReleaseRecord(KEY, 1, status, ago(900), "sh.helm.release.v1.demo.v1")
    return replace(base, **fields)


def detail(**fields: Any) -> ReleaseRevision:
    base = ReleaseRevision(
        KEY, 1, chart="dash-app", chart_version="1.2.0", app_version="1.0", values={}
    )
    return replace(base, **fields)


def operation(
    verb: Verb = LAUNCH, phase: OperationPhase = OperationPhase.RUNNING, **fields: Any
) -> Operation:
    base = Operation("op1", KEY, verb, "ada", phase, created_at=ago(20), updated_at=ago(5))
    return replace(base, **fields)


def service(kind: str = "LoadBalancer", *addresses: str) -> Service:
    return Service(KEY, "demo", kind, "198.19.0.5", (ServicePort(80, 30080, "http"),), addresses)


def node(name: str = "node-1", **fields: Any) -> Node:
    base = Node(name, True, False, "198.18.0.1", 4.0, 8 * 2**30)
    return replace(base, **fields)


def state(**fields: Any) -> AppState:
    base = replace(
        nothing(KEY), release=release(), detail=detail(), workloads=(deployment(),), pods=(pod(),)
    )
    return replace(base, **fields)


def pods(*found: Pod) -> tuple[Pod, ...]:
    """The pods, each under a name of its own."""
    return tuple(
        replace(each, key=Key("apps", f"demo-{number}"), uid=f"uid-{number}")
        for number, each in enumerate(found)
    )
