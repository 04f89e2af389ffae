"""The processes of the local cluster: what each is started with. Pure."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from dev.cluster import settings
from dev.cluster.paths import HERE, Layout


@dataclass(frozen=True)
class Component:
    """A process of the cluster."""

    name: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=lambda: {})
    config: tuple[Path, ...] = ()
    """Files whose change means a restart."""
    cwd: Path | None = None


def _flags(**flags: str | int | bool | Path) -> list[str]:
    return [
        f"--{name.replace('_', '-')}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in flags.items()
    ]


def registry(layout: Layout, program: str) -> Component:
    """The image registry."""
    conf = layout.conf / "registry.yaml"
    return Component("registry", (program, "serve", str(conf)), config=(conf,))


def registry_for_pods(layout: Layout, program: str) -> Component:
    """The same images for pods, which the portal's pod asks about them."""
    conf = layout.conf / "registry-for-pods.yaml"
    return Component("registry-for-pods", (program, "serve", str(conf)), config=(conf,))


def etcd(layout: Layout, bins: Path) -> Component:
    """etcd, with mutual TLS even on loopback: who can write to it owns the machine."""
    pki = layout.pki
    client, peer = (
        f"https://127.0.0.1:{port}" for port in (settings.ETCD_PORT, settings.ETCD_PEER_PORT)
    )
    flags = _flags(
        name=settings.CLUSTER,
        data_dir=layout.etcd,
        listen_client_urls=client,
        advertise_client_urls=client,
        listen_peer_urls=peer,
        initial_advertise_peer_urls=peer,
        initial_cluster=f"{settings.CLUSTER}={peer}",
        cert_file=pki / "etcd.crt",
        key_file=pki / "etcd.key",
        trusted_ca_file=pki / "ca.crt",
        client_cert_auth=True,
        peer_cert_file=pki / "etcd.crt",
        peer_key_file=pki / "etcd.key",
        peer_trusted_ca_file=pki / "ca.crt",
        peer_client_cert_auth=True,
        quota_backend_bytes=4 * 1024**3,
        log_level="warn",
    )
    # State has to survive the death of processes, not that of the machine.
    return Component("etcd", (str(bins / "etcd"), *flags, "--unsafe-no-fsync"))


def apiserver(layout: Layout, bins: Path) -> Component:
    """kube-apiserver."""
    pki = layout.pki
    flags = _flags(
        advertise_address=settings.NODE_IP,
        bind_address=settings.NODE_IP,
        secure_port=settings.API_PORT,
        service_cluster_ip_range=settings.SERVICE_CIDR,
        etcd_servers=f"https://127.0.0.1:{settings.ETCD_PORT}",
        etcd_cafile=pki / "ca.crt",
        etcd_certfile=pki / "apiserver-etcd.crt",
        etcd_keyfile=pki / "apiserver-etcd.key",
        tls_cert_file=pki / "apiserver.crt",
        tls_private_key_file=pki / "apiserver.key",
        client_ca_file=pki / "ca.crt",
        kubelet_certificate_authority=pki / "ca.crt",
        kubelet_client_certificate=pki / "apiserver-kubelet.crt",
        kubelet_client_key=pki / "apiserver-kubelet.key",
        # By host name, logs and exec would depend on this machine's name resolution.
        kubelet_preferred_address_types="InternalIP",
        service_account_issuer=f"https://kubernetes.default.svc.{settings.DOMAIN}",
        service_account_key_file=pki / "service-accounts.key",
        service_account_signing_key_file=pki / "service-accounts.key",
        requestheader_client_ca_file=pki / "ca.crt",
        requestheader_allowed_names="front-proxy-client",
        requestheader_extra_headers_prefix="X-Remote-Extra-",
        requestheader_group_headers="X-Remote-Group",
        requestheader_username_headers="X-Remote-User",
        proxy_client_cert_file=pki / "front-proxy.crt",
        proxy_client_key_file=pki / "front-proxy.key",
        enable_aggregator_routing=True,
        enable_bootstrap_token_auth=False,
        authorization_mode="Node,RBAC",
        enable_admission_plugins="NodeRestriction",
        allow_privileged=True,
        profiling=False,
    )
    return Component("kube-apiserver", (str(bins / "kube-apiserver"), *flags))


def controller_manager(layout: Layout, bins: Path) -> Component:
    """kube-controller-manager, autoscaler included."""
    pki, kubeconfig = layout.pki, layout.kubeconfigs / "kube-controller-manager"
    flags = _flags(
        kubeconfig=kubeconfig,
        authentication_kubeconfig=kubeconfig,
        authorization_kubeconfig=kubeconfig,
        bind_address="127.0.0.1",
        leader_elect=False,
        use_service_account_credentials=True,
        root_ca_file=pki / "ca.crt",
        service_account_private_key_file=pki / "service-accounts.key",
        cluster_signing_cert_file=pki / "ca.crt",
        cluster_signing_key_file=pki / "ca.key",
        allocate_node_cidrs=False,
        horizontal_pod_autoscaler_sync_period=settings.hpa_sync_period(),
        **settings.API_RATES,
    )
    name = "kube-controller-manager"
    return Component(name, (str(bins / name), *flags))


def scheduler(layout: Layout, bins: Path) -> Component:
    """kube-scheduler."""
    kubeconfig = layout.kubeconfigs / "kube-scheduler"
    flags = _flags(
        kubeconfig=kubeconfig,
        authentication_kubeconfig=kubeconfig,
        authorization_kubeconfig=kubeconfig,
        bind_address="127.0.0.1",
        leader_elect=False,
        **settings.API_RATES,
    )
    return Component("kube-scheduler", (str(bins / "kube-scheduler"), *flags))


def containerd(layout: Layout, bins: Path, path: str) -> Component:
    """containerd; its shims outlive it, so that a restart does not end any pod."""
    conf = layout.conf / "containerd.toml"
    argv = (str(bins / "containerd"), "--config", str(conf), "--log-level", "warn")
    return Component("containerd", argv, env={"PATH": path}, config=(conf,))


def kubelet(layout: Layout, bins: Path, path: str) -> Component:
    """kubelet."""
    conf = layout.conf / "kubelet.yaml"
    flags = _flags(
        config=conf,
        kubeconfig=layout.kubeconfigs / "kubelet",
        root_dir=layout.kubelet,
        cert_dir=layout.kubelet / "pki",
        hostname_override=settings.NODE_NAME,
        node_ip=settings.NODE_IP,
    )
    argv = (str(bins / "kubelet"), *flags)
    return Component("kubelet", argv, env={"PATH": path}, config=(conf,))


def kube_proxy(layout: Layout, bins: Path, path: str) -> Component:
    """kube-proxy."""
    conf = layout.conf / "kube-proxy.yaml"
    argv = (str(bins / "kube-proxy"), f"--config={conf}")
    return Component("kube-proxy", argv, env={"PATH": path}, config=(conf,))


def network_policies(layout: Layout, program: Path, path: str) -> Component:
    """What enforces NetworkPolicies: it writes rules as kube-proxy does, and judges by them."""
    kubeconfig = layout.kubeconfigs / "network-policies"
    flags = _flags(kubeconfig=kubeconfig, node=settings.NODE_NAME)
    return Component("network-policies", (str(program), *flags), env={"PATH": path})


def metrics_server(layout: Layout, bins: Path) -> Component:
    """metrics-server; a resolution of 10 s needs the shorter time-out."""
    kubeconfig = layout.kubeconfigs / "metrics-server"
    flags = _flags(
        kubeconfig=kubeconfig,
        authentication_kubeconfig=kubeconfig,
        authorization_kubeconfig=kubeconfig,
        bind_address=settings.NODE_IP,
        secure_port=settings.METRICS_PORT,
        tls_cert_file=layout.pki / "metrics-serving.crt",
        tls_private_key_file=layout.pki / "metrics-serving.key",
        kubelet_certificate_authority=layout.pki / "ca.crt",
        kubelet_preferred_address_types="InternalIP",
        metric_resolution="10s",
        kubelet_request_timeout="5s",
    )
    return Component("metrics-server", (str(bins / "metrics-server"), *flags))


def coredns(layout: Layout, bins: Path) -> Component:
    """CoreDNS."""
    conf = layout.conf / "Corefile"
    return Component("coredns", (str(bins / "coredns"), "-conf", str(conf)), config=(conf,))


def traefik(layout: Layout, program: Path) -> Component:
    """Traefik: ingress class and gateway class ``traefik``."""
    service = "kube-system/traefik"
    flags = _flags(**{"global.checknewversion": False, "global.sendanonymoususage": False})
    for name, port in (
        ("web", settings.TRAEFIK_HTTP_PORT),
        ("websecure", settings.TRAEFIK_HTTPS_PORT),
    ):
        flags.append(f"--entrypoints.{name}.address={settings.NODE_IP}:{port}")
    flags += [
        "--providers.kubernetesingress=true",
        "--providers.kubernetesingress.ingressclass=traefik",
        f"--providers.kubernetesingress.ingressendpoint.publishedservice={service}",
        "--providers.kubernetesgateway=true",
        "--providers.kubernetesgateway.statusaddress.service.namespace=kube-system",
        "--providers.kubernetesgateway.statusaddress.service.name=traefik",
        "--log.level=WARN",
    ]
    env = {"KUBECONFIG": str(layout.kubeconfigs / "traefik")}
    return Component("traefik", (str(program), *flags), env=env)


def loadbalancer(layout: Layout) -> Component:
    """Our own load-balancer controller."""
    argv = (sys.executable, "-m", "dev.cluster.loadbalancer")
    env = {"KUBECONFIG": str(layout.kubeconfigs / "loadbalancer")}
    source = HERE / "loadbalancer.py"
    return Component("loadbalancer", argv, env=env, config=(source,), cwd=HERE.parent.parent)
