"""Small objects for the state tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from portal.domain.keys import Key
from portal.domain.objects import (
    Event,
    Hpa,
    HpaMetric,
    Kind,
    Node,
    Pod,
    PodUsage,
    ReleaseStatus,
    ReplicaSet,
    Service,
    ServicePort,
    Workload,
)
from portal.domain.release import ReleaseRecord
from portal.state.store import Store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SPACE = "apps"


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def key(name: str, space: str = SPACE) -> Key:
    return Key(space, name)


def release(
    name: str,
    revision: int = 1,
    status: ReleaseStatus = ReleaseStatus.DEPLOYED,
    space: str = SPACE,
    uid: str = "",
) -> ReleaseRecord:
    secret = f"sh.helm.release.v1.{name}.v{revision}"
    return ReleaseRecord(key(name, space), revision, status, T0, secret, uid)


def deployment(name: str, desired: int = 1, ready: int = 1, space: str = SPACE) -> Workload:
    return Workload(
        kind=Kind.DEPLOYMENT,
        key=key(name, space),
        uid=f"uid-{name}",
        release=name,
        annotations={},
        selector={"app": name},
        desired=desired,
        current=desired,
        ready=ready,
        updated=desired,
        conditions=(),
        created_at=T0,
    )


def replica_set(name: str, owner: str, space: str = SPACE) -> ReplicaSet:
    return ReplicaSet(key(name, space), owner, 1, 1, ())


def pod(name: str, owner: str, ready: bool = True, space: str = SPACE) -> Pod:
    return Pod(
        key=key(name, space),
        uid=f"uid-{name}",
        labels={},
        phase="Running",
        ready=ready,
        conditions=(),
        containers=(),
        created_at=T0,
        owner=owner,
    )


def hpa(name: str, target: str, release: str = "", current: float | None = 10) -> Hpa:
    return Hpa(
        key=key(name),
        release=release,
        target_kind="Deployment",
        target_name=target,
        min_replicas=1,
        max_replicas=4,
        current=1,
        desired=1,
        metrics=(HpaMetric("cpu", "Utilization", 50, current),),
        conditions=(),
    )


def service(name: str) -> Service:
    return Service(key(name), name, "ClusterIP", "198.19.0.9", (ServicePort(80),))


def event(name: str, kind: str, about: str, uid: str = "", seconds: float = 0) -> Event:
    return Event(
        key(name), kind, about, uid, "Warning", "Why", "because", 1, T0 + timedelta(seconds=seconds)
    )


def node(name: str = "n1", ready: bool = True) -> Node:
    return Node(name, ready, False, "198.18.0.1", 2.0, 4e9)


def usage(name: str, cpu: float = 0.1, memory: float = 1e8) -> PodUsage:
    return PodUsage(key(name), cpu, memory, T0, 10.0)


def clear(store: Store, kind: Kind, namespace: str | None = None) -> None:
    """Delete all of a kind, as a fresh list does that finds none."""
    for each in store.keys(kind, namespace):
        store.delete(kind, each)


def put(
    store: Store, *objects: ReleaseRecord | Workload | ReplicaSet | Pod | Hpa | Service | Event
) -> None:
    """Apply objects under the kind and key that a watch would give them."""
    for each in objects:
        match each:
            case ReleaseRecord():
                store.apply(Kind.RELEASE, Key(each.key.namespace, each.secret_name), each)
            case Workload():
                store.apply(each.kind, each.key, each)
            case ReplicaSet():
                store.apply(Kind.REPLICA_SET, each.key, each)
            case Pod():
                store.apply(Kind.POD, each.key, each)
            case Hpa():
                store.apply(Kind.HPA, each.key, each)
            case Service():
                store.apply(Kind.SERVICE, each.key, each)
            case Event():
                store.apply(Kind.EVENT, each.key, each)


def app(store: Store, name: str) -> None:
    """A whole running app: release, deployment, replica set, one pod."""
    put(
        store,
        release(name),
        deployment(name),
        replica_set(f"{name}-1", name),
        pod(f"{name}-1-a", f"{name}-1"),
    )
