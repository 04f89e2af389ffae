from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from portal.domain.keys import Key
from portal.domain.manifests import Ref
from portal.domain.objects import HttpRoute, Ingress, Job, Kind, ReplicaSet, Unreadable
from portal.domain.permissions import ALL, UNLIMITED, Permission, Scope
from portal.objects.inventory import Inventory, inventory_of, unwatched_refs
from portal.objects.states import ObjectState
from portal.objects.tree import ObjectNode, ObjectsView, node_of, objects_view
from portal.state.model import AppState
from portal.viewmodels.model import Badge, Severity
from portal.viewmodels.pods import MOST
from tests.unit.objects.make import KINDS
from tests.unit.viewmodels import make

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: demo}
spec:
  template:
    spec:
      containers:
      - name: app
        envFrom: [{secretRef: {name: demo-env-0a1b2c}}, {secretRef: {name: outside}}]
        env: [{name: A, valueFrom: {configMapKeyRef: {name: settings, key: a}}}]
---
apiVersion: v1
kind: Service
metadata: {name: gone}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
---
apiVersion: v1
kind: Secret
metadata: {name: password}
stringData: {password: long-password}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: demo}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: far, namespace: elsewhere}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}
  volumeClaimTemplates: [{metadata: {name: data}}]
"""
INVENTORY = inventory_of(make.detail(manifest=MANIFEST))
SETS = (
    ReplicaSet(Key("apps", "demo-7d9c"), "demo", 1, 1, (), ready=1, revision=3),
    ReplicaSet(Key("apps", "demo-old"), "demo", 0, 0, (), revision=2),
    ReplicaSet(Key("apps", "demo-older"), "demo", 0, 0, (), revision=1),
)


def seen(state: AppState, inventory: Inventory = INVENTORY, **changes: Any) -> ObjectsView:
    usual: dict[str, Any] = {"scope": UNLIMITED, "readable": KINDS}
    return objects_view(state, inventory, {}, make.sources(), make.NOW, **(usual | changes))


def walk(nodes: tuple[ObjectNode, ...]) -> Iterator[ObjectNode]:
    for node in nodes:
        yield node
        yield from walk(node.children)


def names(view: ObjectsView) -> set[tuple[str, str]]:
    return {(each.kind, each.name) for group in view.groups for each in walk(group.nodes)}


def found(view: ObjectsView, kind: str, name: str) -> ObjectNode:
    node = node_of(view, kind, name)
    assert node is not None
    return node


def test_from_the_release_to_the_pods() -> None:
    state = make.state(replica_sets=SETS, hpas=(make.hpa(),))
    workload = found(seen(state), "Deployment", "demo")
    assert [(each.kind, each.name) for each in workload.children[:2]] == [
        ("HorizontalPodAutoscaler", "demo"),
        ("ReplicaSet", "demo-7d9c"),
    ]
    assert [each.name for each in workload.children[1].children] == ["demo-7d9c-abcde"]
    assert workload.children[1].children[0].state.text == "Ready"
    assert workload.more == "And 2 earlier ReplicaSets without pods."


def test_the_manifest_adds_what_is_not_watched_and_tells_what_is_missing() -> None:
    view = seen(make.state(replica_sets=SETS))
    assert found(view, "ConfigMap", "settings").opens
    assert found(view, "Secret", "password").opens
    assert found(view, "PodDisruptionBudget", "demo").opens
    role = found(view, "Role", "reader")
    assert (role.opens, role.state.text) == (False, "Not read")
    far = found(view, "ConfigMap", "far")
    assert (far.opens, far.state.text) == (False, "Not read"), "it is in another namespace"
    gone = found(view, "Service", "gone")
    assert (gone.opens, gone.state.text, gone.state.severity) == (False, "Missing", Severity.WARN)


def test_nothing_is_missing_before_the_kind_has_been_listed() -> None:
    sources = make.sources(Service=make.watched("Service"))
    view = objects_view(
        make.state(), INVENTORY, {}, sources, make.NOW, scope=UNLIMITED, readable=KINDS
    )
    assert ("Service", "gone") not in names(view)


def test_what_pods_use_beside_the_manifest() -> None:
    workload = found(seen(make.state(replica_sets=SETS)), "Deployment", "demo")
    used = {each.name: each for each in workload.children if each.kind == "Secret"}
    assert used["demo-env-0a1b2c"].opens, "the portal made it for this release"
    assert not used["outside"].opens
    assert "not of this release" in used["outside"].words
    assert "settings" not in {each.name for each in workload.children}, "it is in the manifest"


def test_claims_of_a_stateful_set_are_those_of_its_pods() -> None:
    db = make.deployment(kind=Kind.STATEFUL_SET, key=Key("apps", "db"))
    state = make.state(
        workloads=(db,), pods=(make.pod("db-0", owner="db", owner_kind="StatefulSet"),)
    )
    claim = Ref("PersistentVolumeClaim", "data-db-0", "apps")
    assert claim in unwatched_refs(state, INVENTORY)
    view = objects_view(
        state,
        INVENTORY,
        {claim: ObjectState(Badge("Bound", Severity.GOOD), "1Gi")},
        make.sources(),
        make.NOW,
        scope=UNLIMITED,
        readable=KINDS,
    )
    below = found(view, "StatefulSet", "db").children
    assert [(each.kind, each.name, each.state.text) for each in below] == [
        ("Pod", "db-0", "Ready"),
        ("PersistentVolumeClaim", "data-db-0", "Bound"),
    ]


def test_states_are_asked_for_of_unwatched_objects_of_the_own_namespace_alone() -> None:
    refs = unwatched_refs(make.state(), INVENTORY)
    assert {(each.kind, each.name) for each in refs} == {
        ("ConfigMap", "settings"),
        ("Secret", "password"),
        ("Role", "reader"),
        ("PodDisruptionBudget", "demo"),
        ("Secret", "demo-env-0a1b2c"),
    }


def test_many_pods_are_cut_with_the_troubled_ones_first() -> None:
    pods = [make.pod(f"demo-{number}") for number in range(MOST + 20)]
    pods.append(make.unready(make.waiting("CrashLoopBackOff"), key=Key("apps", "demo-bad")))
    node = found(seen(make.state(replica_sets=SETS, pods=tuple(pods))), "ReplicaSet", "demo-7d9c")
    assert node.children[0].name == "demo-bad"
    assert len(node.children) == MOST
    assert "And 21 more pods" in node.more


def test_jobs_routes_and_what_cannot_be_read() -> None:
    job = Job(Key("apps", "migrate"), "demo", 1, 1, 0, 0, (), created_at=make.ago(5), uid="j")
    ingress = Ingress(Key("apps", "front"), "demo", "nginx", ("a.example.com",), ())
    route = HttpRoute(Key("apps", "route"), "demo", (), (), accepted=False, message="no listener")
    odd = Unreadable(Kind.HPA, Key("apps", "odd"), "demo", error="no number")
    view = seen(
        make.state(jobs=(job,), ingresses=(ingress,), routes=(route,), unreadable=(odd,)),
        Inventory(),
    )
    assert {("Job", "migrate"), ("Ingress", "front"), ("HTTPRoute", "route")} <= names(view)
    assert found(view, "HTTPRoute", "route").state == Badge(
        "Not accepted", Severity.BAD, "no listener"
    )
    assert found(view, "HorizontalPodAutoscaler", "odd").state.text == "Cannot be read"


def test_who_may_not_read_the_manifest_sees_no_names_of_it_and_opens_nothing() -> None:
    scope = Scope(frozenset({Permission.SEE}))
    view = seen(make.state(replica_sets=SETS), scope=scope)
    assert not any(each.opens for group in view.groups for each in walk(group.nodes))
    assert not {kind for kind, _ in names(view)} & {"ConfigMap", "Secret", "Role"}
    assert "Only users who may change the app" in view.note
    hidden = seen(make.state(), scope=replace(scope, unanswered="Nobody answers."))
    assert (hidden.groups, hidden.sentence) == ((), "Nobody answers.")
    assert seen(make.state(), scope=Scope(ALL)).reads
