"""The local cluster's names and addresses.

All of it is inside 198.18.0.0/15, which is reserved for benchmarks and routed nowhere, so nothing
here can collide with, or be reached from, a real network.
"""

from __future__ import annotations

import os

CLUSTER = "dash-portal"
NODE_NAME = "dash-portal"

POD_CIDR = "198.18.0.0/16"
#: The node's own pods; the other half of POD_CIDR is left for simulated nodes.
NODE_POD_CIDR = "198.18.0.0/17"
SERVICE_CIDR = "198.19.0.0/17"
API_SERVICE_IP = "198.19.0.1"
DNS_SERVICE_IP = "198.19.0.10"
METRICS_SERVICE_IP = "198.19.0.11"
#: An address on ``lo`` that stands for the node: nothing listens on the machine's own network.
NODE_IP = "198.19.254.1"
LB_POOL = "198.19.255.0/24"
#: Addresses put on ``lo`` by this package lie in here, and are removed with it.
LO_RANGE = "198.19.254.0/23"
BRIDGE = "cni0"
CNI_NETWORK = "dash-portal"

API_PORT = 6443
ETCD_PORT = 2379
ETCD_PEER_PORT = 2380
METRICS_PORT = 4443
DNS_PORT = 1053
TRAEFIK_HTTP_PORT = 80
TRAEFIK_HTTPS_PORT = 443
REGISTRY_PORT = 5000
REGISTRY = f"localhost:{REGISTRY_PORT}"
#: The same images, read-only, at the node's address: ``localhost`` is another place in a pod.
REGISTRY_FOR_PODS = f"{NODE_IP}:{REGISTRY_PORT}"
DOMAIN = "cluster.local"

PAUSE_IMAGE = f"{REGISTRY}/pause:1"
PYTHON_BASE_IMAGE = f"{REGISTRY}/python-base:bookworm"

TRAEFIK_VERSION = "3.7.15"
#: What that Traefik supports.
GATEWAY_API_VERSION = "v1.5.1"

#: Ports that must be free before a first start, with who will listen there.
PORTS: dict[str, int] = {
    "etcd": ETCD_PORT,
    "kube-apiserver": API_PORT,
    "kubelet": 10250,
    "kube-scheduler": 10259,
    "kube-controller-manager": 10257,
    "kube-proxy": 10256,
    "registry": REGISTRY_PORT,
}

#: For the controller manager and the scheduler: their defaults (20 and 50 requests a second) would
#: take minutes over the thousands of pods of the benchmarks.
API_RATES = {"kube_api_qps": 300, "kube_api_burst": 600}


def hpa_sync_period() -> str:
    """The autoscaler's sync period; Kubernetes' own default unless set otherwise."""
    return os.environ.get("DASH_PORTAL_HPA_SYNC") or "15s"
