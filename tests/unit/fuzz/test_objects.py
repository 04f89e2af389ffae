"""Every watched kind with whatever its OpenAPI schema allows: no object is lost, none made up.

The summary of the run says how many objects were tried.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import strategies as st

from portal.cluster.decode import unreadable
from portal.cluster.kinds import RESOURCES
from portal.cluster.resource import Resource
from portal.domain.keys import Key
from portal.domain.objects import Hpa, Job, Kind, Node, Pod, Quota, Service, Unreadable, Workload
from portal.domain.quantities import QuantityError, parse
from portal.domain.scalers import ScaledJob, ScaledObject, Vpa
from portal.state.store import Store
from portal.ui.app.live import app_patches
from portal.viewmodels.app import app_view
from portal.viewmodels.model import AppView, ScaleMode
from portal.viewmodels.releases import RowCache
from tests.tried import tried
from tests.unit.fuzz.objects import RELEASE, Json, Maker

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
APP = Key("apps", RELEASE)
KINDS = {each.kind: each for each in RESOURCES}
TIMES = 120

BASE: dict[Kind, Json] = {
    Kind.RELEASE: {
        "metadata": {
            "name": "sh.helm.release.v1.web.v1",
            "labels": {"owner": "helm", "name": RELEASE, "version": "1", "status": "deployed"},
        }
    },
    Kind.DEPLOYMENT: {"metadata": {"name": "web"}, "spec": {"replicas": 2}},
    Kind.REPLICA_SET: {
        "metadata": {
            "name": "web-1",
            "ownerReferences": [{"kind": "Deployment", "name": "web", "controller": True}],
        },
        "spec": {"replicas": 2},
    },
}
"""What stands beside the object that is tried."""


@cache
def maker(kind: Kind) -> Maker:
    return Maker(KINDS[kind])


def put(store: Store, resource: Resource, raw: Json) -> object:
    key, obj = resource.decode(json.dumps(raw))
    store.apply(resource.kind, key, obj)
    return obj


def page(store: Store) -> AppView:
    """The page of the app; lists and parts of the page are made too, to see that they can be."""
    snapshot = store.snapshot
    state = snapshot.app(APP)
    view = app_view(
        state, snapshot.sources, NOW, nodes=snapshot.nodes, quotas=snapshot.quotas.get("apps", ())
    )
    RowCache().release_list(snapshot.apps, snapshot.sources, NOW, snapshot.nodes)
    app_patches(view)
    return view


def amount(text: Any) -> Decimal | None:
    try:
        return parse(str(text))
    except QuantityError:
        return None


def check(raw: Json, obj: object, view: AppView) -> None:
    """Compare what is shown with what is in ``raw``: nothing is less than it is there."""
    spec: Json = raw.get("spec") or {}
    status: Json = raw.get("status") or {}
    assert not isinstance(obj, Unreadable)
    match obj:
        case Hpa():
            assert len(view.autoscalers) == 1
            assert view.scale.mode is not ScaleMode.FIXED
            assert (obj.current, obj.desired) == (
                status.get("currentReplicas") or 0,
                status.get("desiredReplicas") or 0,
            )
            assert obj.max_replicas == spec["maxReplicas"]
            assert len(obj.metrics) == len(spec.get("metrics") or ())
        case ScaledObject():
            assert [each.name for each in view.scalers] == ["x"]
            assert len(view.scalers[0].triggers) == len(spec.get("triggers") or ())
            assert view.scale.mode is not ScaleMode.FIXED
        case ScaledJob():
            assert [each.name for each in view.scalers] == ["x"]
            assert ("ScaledJob", "x") in {(each.kind, each.name) for each in view.workloads}
        case Vpa():
            assert [each.name for each in view.vertical] == ["x"]
        case Pod():
            assert [each.name for each in view.pods] == ["x"]
            main = [each for each in obj.containers if not (each.init or each.sidecar)]
            assert len(main) == len(spec.get("containers") or ())
            assert obj.cpu_request != 0 or 0 in _requests(raw, "cpu")
        case Workload():
            assert (obj.kind.value, "x") in {(each.kind, each.name) for each in view.workloads}
            if obj.kind is not Kind.DAEMON_SET:
                replicas = spec.get("replicas")
                assert obj.desired == (1 if replicas is None else replicas)
                assert obj.ready == (status.get("readyReplicas") or 0)
        case Job():
            assert obj.failed == (status.get("failed") or 0)
        case Node():
            there = status.get("allocatable") or {}
            for said, name in ((obj.cpu, "cpu"), (obj.memory, "memory")):
                found = amount(there.get(name, ""))
                assert said == (None if found is None else float(found))
        case Quota():
            hard = status.get("hard") or {}
            assert set(obj.hard) == {name for name, each in hard.items() if each is not None}
        case Service():
            ports = spec.get("ports") or ()
            protocols = [each.get("protocol") for each in ports]
            assert len(obj.ports) == sum(each in {None, "TCP"} for each in protocols)
        case _:
            pass


def _requests(raw: Json, name: str) -> set[Decimal]:
    """All amounts of a resource anywhere in an object."""
    found: set[Decimal] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if (said := amount(value.get(name, "x"))) is not None:
                found.add(said)
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(raw)
    return found


def cluster() -> Store:
    """A cluster with a release, its Deployment and that one's ReplicaSet."""
    store = Store(lambda: NOW)
    for kind, base in BASE.items():
        meta = {
            "namespace": "apps",
            "creationTimestamp": "2026-11-23T07:00:00Z",
            "annotations": {"meta.helm.sh/release-name": RELEASE},
        }
        put(store, KINDS[kind], {**base, "metadata": {**meta, **base["metadata"]}})
    return store


@tried(TIMES * len(RESOURCES), accepting=1.0, seed=st.integers(0, 2**32))
def test_no_object_is_lost_or_made_less(seed: int) -> bool:
    some = random.Random(seed)
    resource = RESOURCES[seed % len(RESOURCES)]
    raw = maker(resource.kind).make(some)
    store = cluster()
    obj = put(store, resource, raw)
    check(raw, obj, page(store))
    return True


def spoil(value: Any, some: random.Random) -> bool:
    """Put a value of the wrong type somewhere into an object, metadata apart; True if it could."""
    places = list(_places(value))
    if not places:
        return False
    there, name = some.choice(places)
    there[name] = some.choice(([[]], {"a": {"b": 1}}, "many", True, -0.5, 10**30, "2026-13-45"))
    return True


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for name, each in list(pairs):
        if name != "metadata":
            yield value, name
        if isinstance(each, dict | list) and name != "metadata":
            yield from _places(each)


OWNED = tuple(
    each
    for each in RESOURCES
    if each.kind not in {Kind.NODE, Kind.QUOTA, Kind.GATEWAY, Kind.EVENT, Kind.RELEASE}
)
"""The kinds of which each object belongs to a release."""


@tried(60 * len(OWNED), seed=st.integers(0, 2**32))
def test_an_object_of_another_shape_is_named_on_its_page(seed: int) -> bool:
    some = random.Random(seed)
    resource = OWNED[seed % len(OWNED)]
    raw = maker(resource.kind).make(some)
    if resource.kind is Kind.REPLICA_SET:
        raw["metadata"]["ownerReferences"] = [
            {"kind": "Deployment", "name": "web", "controller": True}
        ]
    if not spoil(raw, some):
        return False
    store = cluster()
    text = json.dumps(raw)
    try:
        key, obj = resource.decode(text)
    except ValueError as error:
        lost = unreadable(resource.kind, text, error)
        assert lost
        key, obj = lost.key, lost
    store.apply(resource.kind, key, obj)
    view = page(store)
    if isinstance(obj, Unreadable):
        assert any("cannot be read" in each.title for each in view.notices)
        assert any(f"{obj.kind.value} x" in each.body for each in view.notices)
        assert resource.kind is not Kind.HPA or view.autoscaler_unknown
    assert resource.kind is not Kind.HPA or view.scale.mode is not ScaleMode.FIXED
    return isinstance(obj, Unreadable)


def test_some_objects_of_another_shape_cannot_be_read() -> None:
    text = json.dumps({"metadata": {"name": "x", "namespace": "apps"}, "spec": {"replicas": "two"}})
    with pytest.raises(ValueError, match=r"spec\.replicas"):
        KINDS[Kind.DEPLOYMENT].decode(text)
