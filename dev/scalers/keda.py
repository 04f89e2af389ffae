"""KEDA as two processes: its operator, and the adapter that serves its metrics to autoscalers."""

from __future__ import annotations

import base64
import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dev.cluster import binaries, settings
from dev.cluster.certs import Authority, Wanted
from dev.cluster.paths import Layout
from dev.scalers.build import KEDA
from dev.scalers.installed import (
    RBAC,
    Manifest,
    free_ports,
    installed,
    kubectl,
    manifest,
    process,
    types,
)

METRICS = "external.metrics.k8s.io"
_SERVICE = "keda-metrics-apiserver"


@contextmanager
def running(programs: Path, folder: Path, namespace: str) -> Generator[None]:
    """Have KEDA scale what is in one namespace; all of it is gone at the end.

    ``folder`` is for certificates and logs. The autoscalers of the whole cluster get external
    metrics from it meanwhile.
    """
    authority = Authority.load_or_make(folder)
    # The operator knows the adapter by a certificate of the same authority, and the other way.
    adapter = f"{_SERVICE}.{namespace}.svc"
    authority.issue(folder, Wanted("tls", "keda", names=("localhost", adapter)))
    grpc, metrics, api, probe, second = free_ports(5)
    environment = {
        "WATCH_NAMESPACE": namespace,
        "POD_NAMESPACE": namespace,
        "KEDA_CLUSTER_OBJECT_NAMESPACE": namespace,
    }
    operator = (
        programs / "keda",
        "--enable-cert-rotation=false",
        f"--cert-dir={folder}",
        f"--metrics-bind-address=127.0.0.1:{metrics}",
        f"--health-probe-bind-address=127.0.0.1:{probe}",
        f"--metrics-service-bind-address=127.0.0.1:{grpc}",
        "--zap-encoder=console",
    )
    kubeconfig = os.environ["KUBECONFIG"]
    served = (
        programs / "keda-adapter",
        f"--lister-kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--bind-address={settings.NODE_IP}",
        f"--secure-port={api}",
        f"--port={second}",
        f"--cert-dir={folder}",
        f"--tls-cert-file={folder / 'tls.crt'}",
        f"--tls-private-key-file={folder / 'tls.key'}",
        f"--metrics-service-address=localhost:{grpc}",
    )
    with ExitStack() as stack:
        stack.enter_context(installed(_types()))
        stack.enter_context(process(operator, folder / "keda.log", environment))
        stack.enter_context(process(served, folder / "keda-adapter.log", environment))
        certificate = (folder / "ca.crt").read_bytes()
        stack.enter_context(installed(_metrics(namespace, api, certificate)))
        # Its operator has to let them go (a finalizer).
        kinds = "scaledobjects.keda.sh,scaledjobs.keda.sh"
        stack.callback(kubectl, "delete", kinds, "--all", "-n", namespace, "--timeout=60s")
        yield


def _types() -> list[Manifest]:
    sources = binaries.module_dir(Layout.default(), KEDA.module, KEDA.version)
    return types(sorted((sources / "config/crd/bases").glob("*.yaml")))


def _metrics(namespace: str, port: int, authority: bytes) -> list[Manifest]:
    """The API of external metrics, and the right of the autoscalers' controller to read it."""
    ports = [{"name": "https", "port": port, "protocol": "TCP"}]
    reader = "keda-external-metrics-reader"
    return [
        manifest(
            "v1",
            "Service",
            _SERVICE,
            namespace,
            spec={"ports": [{"name": "https", "port": 443, "targetPort": port}]},
        ),
        manifest(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            _SERVICE,
            namespace,
            {"kubernetes.io/service-name": _SERVICE},
            addressType="IPv4",
            ports=ports,
            endpoints=[{"addresses": [settings.NODE_IP], "conditions": {"ready": True}}],
        ),
        manifest(
            f"{RBAC}/v1",
            "ClusterRole",
            reader,
            rules=[{"apiGroups": [METRICS], "resources": ["*"], "verbs": ["*"]}],
        ),
        manifest(
            f"{RBAC}/v1",
            "ClusterRoleBinding",
            "keda-hpa-controller-external-metrics",
            roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": reader},
            subjects=[
                {
                    "kind": "ServiceAccount",
                    "name": "horizontal-pod-autoscaler",
                    "namespace": "kube-system",
                }
            ],
        ),
        manifest(
            "apiregistration.k8s.io/v1",
            "APIService",
            f"v1beta1.{METRICS}",
            spec={
                "group": METRICS,
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "caBundle": base64.b64encode(authority).decode(),
                "service": {"name": _SERVICE, "namespace": namespace},
            },
        ),
    ]
