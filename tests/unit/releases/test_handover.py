"""Who owns the replicas where an autoscaler cannot be read: never taken from it."""

from __future__ import annotations

from typing import Any

import pytest

from portal.domain.keys import Key
from portal.domain.manifests import objects
from portal.domain.objects import Kind, Unreadable
from portal.releases.handover import Handover
from portal.state.store import Store
from tests.unit.releases.fakes import FakeReplicas
from tests.unit.state.make import deployment, key

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
    handover = Handover(store, FakeReplicas([]))
    ownership = handover.ownership_with(Key("apps", "web"), objects(MANIFEST, "apps"))
    kept = "Deployment/web" in ownership.conflicting
    assert kept == (belongs.get("release") != "web"), "its own release may remove it"


def test_one_that_scales_something_else_is_left_out() -> None:
    store = Store()
    store.apply(Kind.DEPLOYMENT, key("web"), deployment("web", desired=3))
    lost = Unreadable(Kind.HPA, key("h"), target_kind="Deployment", target_name="other")
    store.apply(Kind.HPA, key("h"), lost)
    handover = Handover(store, FakeReplicas([]))
    ownership = handover.ownership_with(Key("apps", "web"), objects(MANIFEST, "apps"))
    assert not ownership.conflicting
