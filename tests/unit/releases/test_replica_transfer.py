"""Who owns the replicas beside what the release itself makes: never taken from an autoscaler."""

from __future__ import annotations

from typing import Any

import pytest

from portal.domain.errors import Conflict
from portal.domain.keys import Key
from portal.domain.manifests import objects
from portal.domain.objects import Kind, Unreadable
from portal.domain.operations import Operation, OperationPhase
from portal.domain.scalers import ScaledObject
from portal.operations.progress import Progress
from portal.releases.install import LAUNCH
from portal.releases.replica_transfer import ReplicaTransfer
from portal.state.store import Store
from tests.unit.releases.fakes import FakeReplicas
from tests.unit.state.make import T0, deployment, hpa, key

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 2}
"""


@pytest.mark.parametrize(
    "belongs",
    [
        {"target_kind": "Deployment", "target_name": "web"},
        {"release": "web", "target_kind": "Deployment", "target_name": "web"},
        {"release": "elsewhere", "target_kind": "Deployment", "target_name": "web"},
        {"release": "web"},
    ],
)
def test_an_autoscaler_that_cannot_be_read_keeps_the_replicas(belongs: dict[str, Any]) -> None:
    store = Store()
    store.apply(Kind.DEPLOYMENT, key("web"), deployment("web", desired=3))
    store.apply(Kind.HPA, key("h"), Unreadable(Kind.HPA, key("h"), **belongs))
    transfer = ReplicaTransfer(store, FakeReplicas([]))
    ownership = transfer.ownership_with(Key("apps", "web"), objects(MANIFEST, "apps"))
    kept = "Deployment/web" in ownership.conflicting
    assert kept == (belongs.get("release") != "web"), "its own release may remove it"


def test_one_that_scales_something_else_is_left_out() -> None:
    store = Store()
    store.apply(Kind.DEPLOYMENT, key("web"), deployment("web", desired=3))
    lost = Unreadable(Kind.HPA, key("h"), target_kind="Deployment", target_name="other")
    store.apply(Kind.HPA, key("h"), lost)
    transfer = ReplicaTransfer(store, FakeReplicas([]))
    ownership = transfer.ownership_with(Key("apps", "web"), objects(MANIFEST, "apps"))
    assert not ownership.conflicting


# KEDA.

AUTOSCALED = (
    MANIFEST
    + """
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {kind: Deployment, name: web}, minReplicas: 1, maxReplicas: 4}
"""
)
SCALED = (
    MANIFEST
    + """
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: worker}
spec: {scaleTargetRef: {name: web}, maxReplicaCount: 9}
"""
)
WEB = Key("apps", "web")


def with_keda(desired: int = 3, release: str = "") -> tuple[Store, ReplicaTransfer]:
    store = Store()
    store.apply(Kind.DEPLOYMENT, key("web"), deployment("web", desired=desired))
    scaled = ScaledObject(key("worker"), release, "Deployment", "web")
    store.apply(Kind.SCALED_OBJECT, scaled.key, scaled)
    return store, ReplicaTransfer(store, FakeReplicas([]))


@pytest.mark.parametrize("desired", [3, 0])
def test_an_upgrade_leaves_the_replicas_to_keda(desired: int) -> None:
    """keda 4578, 5572: a deployer that sets replicas takes away the pods that KEDA has added, and
    wakes what it has scaled to zero (3052). A paused one has no HPA either."""
    _, transfer = with_keda(desired)
    assert transfer.ownership_with(WEB, objects(MANIFEST, "apps")).conflicting == {"Deployment/web"}


def test_a_scaled_object_of_the_chart_owns_the_replicas() -> None:
    _, transfer = with_keda(0, release="web")
    assert transfer.ownership_with(WEB, objects(SCALED, "apps")).conflicting == {"Deployment/web"}
    # The next revision has none any more: then the chart's number counts.
    assert not transfer.ownership_with(WEB, objects(MANIFEST, "apps")).conflicting


def test_at_zero_without_keda_the_number_of_the_chart_counts() -> None:
    store = Store()
    store.apply(Kind.DEPLOYMENT, key("web"), deployment("web", desired=0))
    transfer = ReplicaTransfer(store, FakeReplicas([]))
    assert not transfer.ownership_with(WEB, objects(AUTOSCALED, "apps")).conflicting


def test_an_autoscaler_beside_keda_is_refused() -> None:
    """keda 3087: nobody refuses an HPA for what a ScaledObject scales."""
    store, transfer = with_keda()
    with pytest.raises(Conflict, match="KEDA scales Deployment web already"):
        transfer.ownership_with(WEB, objects(AUTOSCALED, "apps"))
    # What is there already does not keep a release from being changed.
    store.apply(Kind.HPA, key("web"), hpa("web", "web", "web"))
    assert transfer.ownership_with(WEB, objects(AUTOSCALED, "apps")).autoscaled


async def test_what_sleeps_is_handed_over_at_zero() -> None:
    """Given up by Helm without another owner, the number would become 1."""
    store, _ = with_keda(0)
    calls: list[tuple[str, Key, dict[str, object]]] = []
    transfer = ReplicaTransfer(store, FakeReplicas(calls))
    ownership = transfer.ownership_with(WEB, objects(MANIFEST, "apps"))
    work = Operation("1", WEB, LAUNCH, "ann", OperationPhase.RUNNING, created_at=T0, updated_at=T0)
    await transfer.transfer(Progress(store, lambda: T0, work), {}, ownership)
    assert calls == [("hand over", WEB, {})]
