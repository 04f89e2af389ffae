"""The mass of pods: nodes and pods that kwok simulates, in the real API server.

The nodes are tainted, so that no real pod lands there, and our pods go nowhere else.
"""

from __future__ import annotations

import logging
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.scale.api import MERGE_PATCH, Api, each, until
from benchmarks.scale.seed import Name

log = logging.getLogger(__name__)

NODES = 8
STALLED = 10.0
"""Seconds without a change after which pods are touched."""
TOUCHED = "dash-portal.io/touched"
LABEL = "dash-portal.io/simulated"
STAGES = Path(__file__).with_name("stages.yaml")
POD_NETWORK = "198.18.128.0/17"
"""The half of the cluster's pod network that real nodes leave alone."""
MARKED = "labelSelector=dash-portal.io/bench%3Dtrue"
SELECTOR = f"labelSelector={LABEL}%3Dtrue"


@asynccontextmanager
async def kwok(api: Api, kubeconfig: Path) -> AsyncGenerator[None]:
    """Nodes that run anything at once, for the block."""
    for number in range(NODES):
        await api.call("POST", "/api/v1/nodes", _node(number), fine=[409])
    with tempfile.NamedTemporaryFile("w+", prefix="kwok-", suffix=".log") as log:
        process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "TERM"),  # never to outlive this run
                "kwok",
                f"--kubeconfig={kubeconfig}",
                f"--config={STAGES}",
                f"--manage-nodes-with-label-selector={LABEL}=true",
                f"--cidr={POD_NETWORK}",
                "--node-lease-duration-seconds=40",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
        )
        try:

            async def ready() -> bool:
                if process.poll() is not None:
                    raise RuntimeError(f"kwok ended: {Path(log.name).read_text()[-1000:]}")
                listed = await api.call("GET", f"/api/v1/nodes?{SELECTOR}")
                return all(
                    any(c["type"] == "Ready" and c["status"] == "True" for c in _conditions(node))
                    for node in listed["items"]
                )

            await until(ready, "the simulated nodes are ready", patience=60)
            yield
        finally:
            try:
                # While somebody still ends the pods: without, they would hold up their namespaces.
                await remove(api)
            finally:
                process.terminate()
                process.wait()


def _conditions(item: dict[str, Any]) -> list[dict[str, Any]]:
    return item.get("status", {}).get("conditions", [])


def _node(number: int) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"simulated-{number}",
            "labels": {
                LABEL: "true",
                "node.kubernetes.io/exclude-from-external-load-balancers": "true",
            },
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "spec": {"taints": [{"key": LABEL, "value": "true", "effect": "NoSchedule"}]},
        "status": {
            resources: {"cpu": "256", "memory": "1Ti", "pods": "2000"}
            for resources in ("capacity", "allocatable")
        },
    }


def deployment(release: Name, replicas: int) -> dict[str, Any]:
    """A release's Deployment; its pods may all be replaced at once."""
    labels = {
        "app.kubernetes.io/name": "web",
        "app.kubernetes.io/instance": release.name,
        "app.kubernetes.io/managed-by": "Helm",
    }
    owned = {
        "meta.helm.sh/release-name": release.name,
        "meta.helm.sh/release-namespace": release.namespace,
    }
    container = {
        "name": "web",
        "image": "registry.example.com/web:1.0.10",
        "ports": [{"containerPort": 8050}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
    }
    return {
        "metadata": {"name": release.name, "labels": labels, "annotations": owned},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": "100%", "maxSurge": "100%"},
            },
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 0,
                    "nodeSelector": {LABEL: "true"},
                    "tolerations": [{"key": LABEL, "operator": "Exists"}],
                    "containers": [container],
                },
            },
        },
    }


def deployments_path(release: Name) -> str:
    """Return the API path of a release's Deployments."""
    return f"/apis/apps/v1/namespaces/{release.namespace}/deployments"


async def deploy(
    api: Api, releases: Iterable[Name], replicas: int, done: Callable[[], object]
) -> None:
    """Give each release its Deployment."""
    await each(
        (
            partial(
                api.call,
                "POST",
                deployments_path(release),
                deployment(release, replicas),
                fine=[409],
            )
            for release in releases
        ),
        done,
    )


async def all_ready(
    api: Api, releases: Iterable[Name], replicas: int, note: Callable[[int], object]
) -> None:
    """Wait until that many pods of each of the releases are ready; ``note`` gets the sum.

    Raises:
        TimeoutError: they do not become so.
    """
    wanted = set(releases)
    stall = Stall(api)

    async def ready() -> bool:
        listed = await api.call("GET", "/apis/apps/v1/deployments?resourceVersion=0")
        counts = {
            Name(item["metadata"]["namespace"], item["metadata"]["name"]): item["status"].get(
                "readyReplicas", 0
            )
            for item in listed["items"]
        }
        total = sum(counts.get(each, 0) for each in wanted)
        note(total)
        behind = [each for each in wanted if counts.get(each, 0) != replicas]
        await stall.look(total, behind)
        return not behind

    await until(ready, "the simulated pods are ready", patience=900, every=2)


class Stall:
    """Has kwok look again at pods that it has left behind.

    kwok 0.8 writes a pod's status once: when the API server answers with a conflict or a fault of
    its own, or the connection ends, it logs that and never tries again (only where nobody listens,
    it takes too long or 429 and 503 are said). Any change of the pod makes it look once more.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._last: object = None
        self._since = 0.0

    async def look(self, state: object, behind: Iterable[Name]) -> None:
        """Touch the pods of the releases ``behind`` where ``state`` has long been the same."""
        now = time.monotonic()
        if state != self._last or now - self._since > STALLED:
            stalled, self._last, self._since = state == self._last, state, now
            for release in behind if stalled else ():
                await self._touch(release)

    async def _touch(self, release: Name) -> None:
        path = f"/api/v1/namespaces/{release.namespace}/pods"
        selector = f"labelSelector=app.kubernetes.io/instance%3D{release.name}"
        listed = await self._api.call("GET", f"{path}?{selector}")
        note = {"metadata": {"annotations": {TOUCHED: f"{time.time():.6f}"}}}
        for item in listed["items"]:
            if not any(c["type"] == "Ready" and c["status"] == "True" for c in _conditions(item)):
                name = item["metadata"]["name"]
                log.warning("touching %s/%s: %s", release.namespace, name, item["status"])
                await self._api.call("PATCH", f"{path}/{name}", note, kind=MERGE_PATCH, fine=[404])


async def remove(api: Api) -> None:
    """Remove all that the benchmarks ever made: namespaces with all in them, then the nodes."""
    listed = await api.call("GET", f"/api/v1/namespaces?{MARKED}")
    for item in listed["items"]:
        await api.call("DELETE", f"/api/v1/namespaces/{item['metadata']['name']}", fine=[404, 409])

    async def gone() -> bool:
        return not (await api.call("GET", f"/api/v1/namespaces?{MARKED}"))["items"]

    nodes = (await api.call("GET", f"/api/v1/nodes?{SELECTOR}"))["items"]
    await until(gone, "the benchmark's namespaces are gone", patience=900, every=2)
    for node in nodes:
        await api.call("DELETE", f"/api/v1/nodes/{node['metadata']['name']}", fine=[404])
