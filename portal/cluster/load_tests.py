"""The Jobs of load tests: makes and stops them."""

from __future__ import annotations

import msgspec

from portal.cluster.client import ClusterClient
from portal.cluster.json_object import JsonObject, part, text
from portal.domain.errors import Conflict, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import LOAD_TEST_OF, LOAD_TEST_PLAN, LOAD_TEST_STOPPED, Key
from portal.domain.load_tests import BROKEN_P95, BROKEN_SHARE, CONTAINER, LoadTestPlan, Shape
from portal.domain.objects import ServicePort
from portal.domain.ports import scheme

KEPT = 24 * 3600
"""Seconds for which a Job, and with it its log, is kept: minutes are counted by the day."""
STARTS_WITHIN = 120
"""Seconds that a pod gets to be scheduled and pulled, beside those of the load."""
ENDS_WITHIN = 15
"""Seconds that a stopped program gets for the answers that are still to come."""
USER = 10001


class LoadTestJobs:
    """Makes and stops the Jobs of load tests; ``image`` holds the program."""

    def __init__(self, client: ClusterClient, image: str) -> None:
        self._client = client
        self._image = image

    async def start(
        self, key: Key, name: str, plan: LoadTestPlan, *, identity: Identity | None
    ) -> None:
        """Make the Job ``name`` of a load test of the release ``key``, unless it is there.

        It is deleted with the Service that it tests.

        Raises:
            Conflict: the Service leads elsewhere than to pods of its namespace.
            NotFound: there is no such Service.
        """
        client = self._client.acting_for(identity)
        service = await client.get(f"/api/v1/namespaces/{key.namespace}/services/{plan.service}")
        if text(service, "spec", "type") == "ExternalName" or not part(service, "spec", "selector"):
            raise Conflict(
                f"The Service {plan.service} selects no pods: what it leads to may be anywhere, "
                "and is not tested."
            )
        body = job(self._image, key, name, plan, service)
        path = f"/apis/batch/v1/namespaces/{key.namespace}/jobs"
        try:
            await client.post(path, body)
        except Conflict:
            await client.get(f"{path}/{name}")  # made before the portal stopped

    async def stop(self, key: Key, name: str, by: str, *, identity: Identity | None) -> None:
        """Have Kubernetes end a load test; nothing happens if it is gone."""
        annotation = LOAD_TEST_STOPPED.replace("~", "~0").replace("/", "~1")
        try:
            await self._client.acting_for(identity).patch(
                f"/apis/batch/v1/namespaces/{key.namespace}/jobs/{name}",
                [
                    {"op": "add", "path": "/spec/activeDeadlineSeconds", "value": 1},
                    {"op": "add", "path": f"/metadata/annotations/{annotation}", "value": by},
                ],
            )
        except NotFound:
            return


def job(image: str, key: Key, name: str, plan: LoadTestPlan, service: JsonObject) -> JsonObject:
    """Return the Job of a load test of ``service``, a Service as the API has it."""
    labels = {
        "app.kubernetes.io/name": "dash-portal-load-test",
        "app.kubernetes.io/managed-by": "dash-portal",
        LOAD_TEST_OF: key.name,
    }
    security: JsonObject = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    container: JsonObject = {
        "name": CONTAINER,
        "image": image,
        "args": arguments(key, plan, service),
        # It sends from one pod: what it needs is not taken from the app's own share of a node.
        "resources": {
            "requests": {"cpu": "100m", "memory": "64Mi"},
            "limits": {"cpu": "1", "memory": "256Mi"},
        },
        "securityContext": security,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": {LOAD_TEST_PLAN: msgspec.json.encode(plan).decode()},
            "ownerReferences": [
                {
                    "apiVersion": "v1",
                    "kind": "Service",
                    "name": plan.service,
                    "uid": text(service, "metadata", "uid"),
                }
            ],
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": plan.seconds + STARTS_WITHIN,
            "ttlSecondsAfterFinished": KEPT,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": ENDS_WITHIN,
                    "nodeSelector": {"kubernetes.io/os": "linux"},
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": USER,
                        "runAsGroup": USER,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [container],
                },
            },
        },
    }


def arguments(key: Key, plan: LoadTestPlan, service: JsonObject) -> list[str]:
    """Return the arguments of the program: where it sends how much, and when it gives up."""
    port = ServicePort(plan.port, name=_port_name(service, plan.port))
    url = f"{scheme(port)}://{plan.service}.{key.namespace}.svc:{plan.port}{plan.path}"
    found = [
        f"-url={url}",
        "-phases=" + ",".join(f"{each.rate}x{each.seconds}s" for each in plan.phases),
    ]
    address = text(service, "spec", "clusterIP")
    if address not in {"", "None"}:
        # No look-up of the name, which would count as the app's latency.
        host = f"[{address}]" if ":" in address else address
        found.append(f"-address={host}:{plan.port}")
    if plan.shape is Shape.CLIMB:
        found += [f"-stop-p95={BROKEN_P95}ms", f"-stop-errors={BROKEN_SHARE}"]
    return found


def _port_name(service: JsonObject, port: int) -> str:
    ports: list[JsonObject] = part(service, "spec").get("ports") or []
    return next((text(each, "name") for each in ports if each.get("port") == port), "")
