from __future__ import annotations

from portal.domain.keys import Key
from portal.domain.objects import Kind, Unreadable, Watched
from portal.state.store import Store
from portal.state.workloads import may_be_autoscaled, unreadable_hpas, unreadable_workloads

from .make import deployment, key, pod, release, replica_set


def store(*objects: tuple[Kind, Key, Watched]) -> Store:
    found = Store()
    for kind, own, each in objects:
        found.apply(kind, own, each)
    return found


def lost(kind: Kind, name: str, **belongs: str) -> tuple[Kind, Key, Unreadable]:
    return kind, key(name), Unreadable(kind, key(name), **belongs)


WEB = (Kind.DEPLOYMENT, key("web"), deployment("web"))
SET = (Kind.REPLICA_SET, key("web-1"), replica_set("web-1", "web"))
OTHER = (Kind.DEPLOYMENT, key("other"), deployment("other"))


def test_it_belongs_to_its_release_and_to_no_other() -> None:
    by_owner = lost(Kind.POD, "p", owner_kind="ReplicaSet", owner="web-1")
    by_target = lost(Kind.HPA, "h", target_kind="Deployment", target_name="web")
    by_note = lost(Kind.SERVICE, "s", release="web")
    nowhere = lost(Kind.POD, "q")
    snapshot = store(WEB, SET, OTHER, by_owner, by_target, by_note, nowhere).snapshot
    assert {each.key.name for each in snapshot.app(key("web")).unreadable} == {"p", "h", "s"}
    assert snapshot.app(key("other")).unreadable == ()


def test_it_is_replaced_once_it_can_be_read() -> None:
    found = store(WEB, SET, lost(Kind.POD, "p", owner_kind="ReplicaSet", owner="web-1"))
    assert not found.snapshot.app(key("web")).pods
    found.apply(Kind.POD, key("p"), pod("p", "web-1"))
    state = found.snapshot.app(key("web"))
    assert (len(state.pods), state.unreadable) == (1, ())


def test_the_pods_of_an_unreadable_workload_stay() -> None:
    unread = lost(Kind.DEPLOYMENT, "web", release="web")
    there = (Kind.POD, key("p"), pod("p", "web-1"))
    state = store((Kind.RELEASE, key("r"), release("web")), unread, SET, there).snapshot.app(
        key("web")
    )
    assert [each.key.name for each in state.pods] == ["p"]
    assert unreadable_workloads(state) == state.unreadable


def test_an_unreadable_autoscaler_may_scale_what_it_names_or_anything() -> None:
    workload = WEB[2]
    named = store(
        WEB, lost(Kind.HPA, "h", release="web", target_kind="Deployment", target_name="x")
    )
    state = named.snapshot.app(key("web"))
    assert len(unreadable_hpas(state)) == 1
    assert not may_be_autoscaled(state, workload)
    unknown = store(WEB, lost(Kind.HPA, "h", release="web")).snapshot.app(key("web"))
    assert may_be_autoscaled(unknown, workload)
