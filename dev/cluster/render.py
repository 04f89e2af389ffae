"""Configuration files of the local cluster's components. Pure: a layout in, text out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from dev.cluster import settings
from dev.cluster.paths import Layout


def files(
    layout: Layout, *, runc: str, cni_dir: Path, snapshotter: str, resolv_conf: str
) -> dict[Path, str]:
    """Every configuration file, by the path it goes to."""
    conf = layout.conf
    return {
        conf / "containerd.toml": containerd(
            layout, runc=runc, cni_dir=cni_dir, snapshotter=snapshotter
        ),
        conf / "registries" / settings.REGISTRY / "hosts.toml": registry_hosts(),
        layout.cni_conf / "10-dash-portal.conflist": cni(layout),
        conf / "kubelet.yaml": kubelet(layout, resolv_conf=resolv_conf),
        conf / "kube-proxy.yaml": kube_proxy(layout),
        conf / "registry.yaml": registry(layout),
        conf / "registry-for-pods.yaml": registry_for_pods(layout),
        conf / "Corefile": corefile(layout, resolv_conf=resolv_conf),
    }


def containerd(layout: Layout, *, runc: str, cni_dir: Path, snapshotter: str) -> str:
    """containerd's configuration.

    ``restrict_oom_score_adj``: without CAP_SYS_RESOURCE no container could start otherwise.
    """
    return f"""version = 3
root = "{layout.containerd_root}"
state = "{layout.containerd_state}"
disabled_plugins = [
  "io.containerd.nri.v1.nri",
  "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp",
]

[grpc]
  address = "{layout.containerd_socket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{layout.state}/opt"

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "{snapshotter}"
  max_concurrent_downloads = 6
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "{settings.PAUSE_IMAGE}"
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "{layout.conf}/registries"

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["{cni_dir}"]
    conf_dir = "{layout.cni_conf}"
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
        BinaryName = "{runc}"
        Root = "{layout.run}/runc"
        SystemdCgroup = false
"""


def registry_hosts() -> str:
    """Return containerd's configuration for the local registry: plain HTTP on loopback."""
    url = f"http://127.0.0.1:{settings.REGISTRY_PORT}"
    return f"""server = "{url}"

[host."{url}"]
  capabilities = ["pull", "resolve"]
"""


def cni(layout: Layout) -> str:
    """One bridge for all pods; a pod may reach itself through its own service (hairpin)."""
    bridge: dict[str, Any] = {
        "type": "bridge",
        "bridge": settings.BRIDGE,
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(layout.cni_data),
            "ranges": [[{"subnet": settings.NODE_POD_CIDR}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}
    return json.dumps(
        {"cniVersion": "1.0.0", "name": settings.CNI_NETWORK, "plugins": [bridge, portmap]},
        indent=2,
    )


def kubelet(layout: Layout, *, resolv_conf: str) -> str:
    """The kubelet's configuration: the whole machine, less a little for the control plane."""
    return yaml.safe_dump(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": settings.NODE_IP,
            "healthzBindAddress": "127.0.0.1",
            "readOnlyPort": 0,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(layout.pki / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(layout.pki / "kubelet-serving.crt"),
            "tlsPrivateKeyFile": str(layout.pki / "kubelet-serving.key"),
            "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
            "clusterDNS": [settings.DNS_SERVICE_IP],
            "clusterDomain": settings.DOMAIN,
            "resolvConf": resolv_conf,
            "podLogsDir": str(layout.state / "podlogs"),
            "volumePluginDir": str(layout.state / "volume-plugins"),
            "staticPodPath": "",
            # The hierarchy may be cgroup v1, without systemd.
            "failCgroupV1": False,
            "cgroupDriver": "cgroupfs",
            "failSwapOn": False,
            # Only pods are confined; what the control plane itself needs is set aside.
            "enforceNodeAllocatable": ["pods"],
            "systemReserved": {"cpu": "200m", "memory": "1Gi"},
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "1%",
                "nodefs.inodesFree": "1%",
                "imagefs.available": "1%",
            },
            "imageGCHighThresholdPercent": 99,
            "imageGCLowThresholdPercent": 98,
            "serializeImagePulls": False,
            "containerLogMaxSize": "10Mi",
            "shutdownGracePeriod": "0s",
        },
        sort_keys=False,
    )


def kube_proxy(layout: Layout) -> str:
    """kube-proxy by iptables; NodePorts answer on loopback and on the node's address only."""
    return yaml.safe_dump(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "bindAddress": settings.NODE_IP,
            "healthzBindAddress": "127.0.0.1:10256",
            "metricsBindAddress": "127.0.0.1:10249",
            "hostnameOverride": settings.NODE_NAME,
            "clientConnection": {"kubeconfig": str(layout.kubeconfigs / "kube-proxy")},
            "mode": "iptables",
            "clusterCIDR": settings.POD_CIDR,
            "nodePortAddresses": ["127.0.0.0/8", f"{settings.NODE_IP}/32"],
            # The machine's own connection-tracking limits are not ours to change.
            "conntrack": {
                "maxPerCore": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
            },
            "iptables": {"minSyncPeriod": "200ms", "localhostNodePorts": True},
        },
        sort_keys=False,
    )


def registry(layout: Layout) -> str:
    """The image registry: on loopback, its storage in the cache."""
    # No clean-up of half-finished uploads behind an image build's back.
    return _registry(
        layout,
        f"127.0.0.1:{settings.REGISTRY_PORT}",
        delete={"enabled": True},
        cache={"blobdescriptor": "inmemory"},
        maintenance={"uploadpurging": {"enabled": False}},
    )


def registry_for_pods(layout: Layout) -> str:
    """The registry's storage, read-only, where pods reach it; it remembers nothing of it."""
    return _registry(
        layout,
        settings.REGISTRY_FOR_PODS,
        maintenance={"uploadpurging": {"enabled": False}, "readonly": {"enabled": True}},
    )


def _registry(layout: Layout, address: str, **storage: object) -> str:
    return yaml.safe_dump(
        {
            "version": 0.1,
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(layout.registry_data)},
                **storage,
            },
            "http": {"addr": address},
        },
        sort_keys=False,
    )


def corefile(layout: Layout, *, resolv_conf: str) -> str:
    """CoreDNS: services by name; everything else as this machine resolves it."""
    return f""".:{settings.DNS_PORT} {{
    bind {settings.NODE_IP}
    errors
    health 127.0.0.1:8181
    kubernetes {settings.DOMAIN} in-addr.arpa {{
        kubeconfig {layout.kubeconfigs / "coredns"} {settings.CLUSTER}
        pods insecure
        ttl 5
    }}
    forward . {resolv_conf} {{
        max_concurrent 1000
    }}
    cache 30
    loop
    reload
}}
"""


def resolv_conf(text: str, systemd_has_one: bool) -> str:
    """The resolv.conf to hand to pods: behind systemd's stub resolver, the one it uses itself."""
    servers = [line.split()[1] for line in text.splitlines() if line.startswith("nameserver ")]
    if systemd_has_one and servers and all(server.startswith("127.") for server in servers):
        return "/run/systemd/resolve/resolv.conf"
    return "/etc/resolv.conf"
