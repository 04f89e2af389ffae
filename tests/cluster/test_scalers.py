"""KEDA's objects and a VerticalPodAutoscaler on a real API server, with the published types.

No operator runs: what it would write is written here, as KEDA writes it.
"""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from portal.domain.errors import Conflict
from portal.domain.keys import Key
from portal.releases.forms import ScaleRequest
from portal.viewmodels.app import app_view
from portal.viewmodels.model import AppView
from tests.charts.k8s_schemas import crd_of
from tests.cluster.test_actions import ANN, Portal, portal, sample

pytestmark = pytest.mark.cluster

KINDS = (
    ("keda.sh", "ScaledObject"),
    ("keda.sh", "ScaledJob"),
    ("autoscaling.k8s.io", "VerticalPodAutoscaler"),
)


def kubectl(*arguments: str, stdin: Any = None) -> str:
    done = subprocess.run(
        ("kubectl", *arguments),
        input=None if stdin is None else json.dumps(stdin),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
    return done.stdout


@pytest.fixture
def types() -> Iterator[None]:
    """The types of KEDA and of VerticalPodAutoscaler; those that were there before stay."""
    there = kubectl("get", "crd", "-o", "name")
    made: list[str] = []
    try:
        for group, kind in KINDS:
            crd = crd_of(group, kind)
            name = crd["metadata"]["name"]
            if f"/{name}\n" not in there:
                made.append(name)
                kubectl("create", "-f", "-", stdin=crd)
                accepted = "--for=jsonpath={.status.acceptedNames.kind}=" + kind
                kubectl("wait", f"crd/{name}", accepted, "--timeout=60s")
        yield
    finally:
        for name in made:
            kubectl("delete", "crd", name, "--ignore-not-found")


@pytest.fixture
def namespace(types: None) -> Iterator[str]:
    name = f"scalers-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def manifest(api: str, kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec}


SCALED = manifest(
    "keda.sh/v1alpha1",
    "ScaledObject",
    "worker",
    scaleTargetRef={"name": "sleeper"},
    maxReplicaCount=5,
    triggers=[
        {
            "type": "cron",
            "metadata": {
                "timezone": "Etc/UTC",
                "start": "0 8 * * *",
                "end": "0 18 * * *",
                "desiredReplicas": "2",
            },
        }
    ],
)
SIZES = manifest(
    "autoscaling.k8s.io/v1",
    "VerticalPodAutoscaler",
    "sizes",
    targetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "sleeper"},
    updatePolicy={"updateMode": "Off"},
)
ADVICE = {
    "recommendation": {
        "containerRecommendations": [
            {
                "containerName": "sleeper",
                "target": {"cpu": "25m", "memory": "262144k"},
                "lowerBound": {"cpu": "10m", "memory": "128Mi"},
                "upperBound": {"cpu": "1", "memory": "1Gi"},
            }
        ]
    }
}


def page(here: Portal, key: Key) -> AppView:
    return app_view(here.app(key), here.store.snapshot.sources, datetime.now(UTC))


async def test_what_keda_has_scaled_to_zero_sleeps_on(namespace: str, tmp_path: Path) -> None:
    async with portal(namespace, tmp_path) as here:
        actions, key = here.actions, here.key("sleeper")
        await here.ended(await actions.launch(ANN, sample(key)))
        in_it = ("-n", namespace)
        kubectl("create", *in_it, "-f", "-", stdin={
            "apiVersion": "v1", "kind": "List", "items": [SCALED, SIZES],
        })  # fmt: skip
        status = {"conditions": [{"type": "Ready", "status": "True"}], "hpaName": "keda-hpa-worker"}
        patch = ("--subresource=status", "--type=merge", "-p")
        kubectl("patch", "scaledobject/worker", *in_it, *patch, json.dumps({"status": status}))
        kubectl("patch", "vpa/sizes", *in_it, *patch, json.dumps({"status": ADVICE}))
        await here.until(lambda: bool(page(here, key).scalers), "the ScaledObject")
        await here.until(lambda: bool(page(here, key).vertical[0].rows), "the recommendation")
        assert page(here, key).scalers[0].triggers == (
            "Schedule, 0 8 * * * to 0 18 * * *, Etc/UTC",
        )

        kubectl("scale", "deployment/sleeper", "--replicas=0", *in_it)
        await here.until(lambda: page(here, key).headline.text == "Asleep", "sleep")

        # The values still say one replica.
        done = await here.ended(await actions.launch(ANN, sample(key, cpu_request="60m")))
        assert "Hand the replicas to the autoscaler" in [step.title for step in done.steps]
        assert here.app(key).workloads[0].desired == 0
        assert page(here, key).headline.text == "Asleep"
        with pytest.raises(Conflict, match="KEDA scales sleeper"):
            await actions.scale(ANN, key, ScaleRequest(replicas=2))

        note = "autoscaling.keda.sh/paused-replicas=1"
        kubectl("annotate", "scaledobject/worker", note, *in_it)
        kubectl("scale", "deployment/sleeper", "--replicas=1", *in_it)
        await here.until(lambda: "paused at 1 pod." in page(here, key).scalers[0].sentence, "pause")

        kubectl("delete", "scaledobject/worker", *in_it)
        await here.until(lambda: not page(here, key).scalers, "the end of the ScaledObject")
        await here.ended(await actions.uninstall(ANN, key))
