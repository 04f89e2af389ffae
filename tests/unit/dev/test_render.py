import ipaddress
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from dev.cluster import addons, components, render, settings
from dev.cluster.paths import Layout

LAYOUT = Layout(state=Path("/var/lib/x"), cache=Path("/home/x/.cache"))


def rendered():
    return render.files(
        LAYOUT,
        runc="/usr/sbin/runc",
        cni_dir=Path("/usr/lib/cni"),
        snapshotter="overlayfs",
        resolv_conf="/etc/resolv.conf",
    )


def text_of(name):
    return next(text for path, text in rendered().items() if path.name == name)


def every_component():
    bins = Path("/bins")
    return [
        components.registry(LAYOUT, "docker-registry"),
        components.registry_for_pods(LAYOUT, "docker-registry"),
        components.etcd(LAYOUT, bins),
        components.apiserver(LAYOUT, bins),
        components.controller_manager(LAYOUT, bins),
        components.scheduler(LAYOUT, bins),
        components.containerd(LAYOUT, bins, "/bin"),
        components.kubelet(LAYOUT, bins, "/bin"),
        components.kube_proxy(LAYOUT, bins, "/bin"),
        components.network_policies(LAYOUT, Path("/network-policies"), "/bin"),
        components.metrics_server(LAYOUT, bins),
        components.coredns(LAYOUT, bins),
        components.traefik(LAYOUT, Path("/traefik")),
        components.loadbalancer(LAYOUT),
    ]


def test_containerd_uses_our_directories_runc_and_pause():
    conf = tomllib.loads(text_of("containerd.toml"))
    runtime = conf["plugins"]["io.containerd.cri.v1.runtime"]
    assert conf["root"] == "/var/lib/x/containerd"
    assert runtime["restrict_oom_score_adj"] is True
    assert runtime["cni"] == {"bin_dirs": ["/usr/lib/cni"], "conf_dir": "/var/lib/x/conf/cni"}
    assert runtime["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is False
    images = conf["plugins"]["io.containerd.cri.v1.images"]
    assert images["pinned_images"]["sandbox"] == settings.PAUSE_IMAGE


def test_the_kubelet_lives_with_cgroup_v1_and_admits_nobody_unknown():
    conf = yaml.safe_load(text_of("kubelet.yaml"))
    assert conf["failCgroupV1"] is False
    assert conf["cgroupDriver"] == "cgroupfs"
    assert conf["authentication"]["anonymous"]["enabled"] is False
    assert conf["readOnlyPort"] == 0


def test_pods_can_reach_themselves_and_have_addresses_of_the_pod_range():
    conf = json.loads(text_of("10-dash-portal.conflist"))
    bridge = conf["plugins"][0]
    subnet = ipaddress.IPv4Network(bridge["ipam"]["ranges"][0][0]["subnet"])
    assert bridge["hairpinMode"] is True
    assert subnet.subnet_of(ipaddress.IPv4Network(settings.POD_CIDR))


def test_no_two_ranges_overlap_and_all_are_routed_nowhere():
    reserved = ipaddress.IPv4Network("198.18.0.0/15")
    ranges = [
        ipaddress.IPv4Network(text)
        for text in (
            settings.POD_CIDR,
            settings.SERVICE_CIDR,
            settings.LB_POOL,
            f"{settings.NODE_IP}/32",
        )
    ]
    assert all(one.subnet_of(reserved) for one in ranges)
    assert not [(a, b) for a in ranges for b in ranges if a is not b and a.overlaps(b)]
    on_lo = ipaddress.IPv4Network(settings.LO_RANGE)
    assert ipaddress.IPv4Network(settings.LB_POOL).subnet_of(on_lo)
    assert ipaddress.ip_address(settings.NODE_IP) in on_lo


def test_nothing_is_told_to_listen_on_every_address():
    texts = [*rendered().values(), *(" ".join(c.argv) for c in every_component())]
    for text in texts:
        assert not re.search(r"\b0\.0\.0\.0(?!/0)|\[::\]|address=:\d|\baddr: :\d", text), text


def test_every_component_has_a_name_of_its_own():
    names = [component.name for component in every_component()]
    assert len(names) == len(set(names)) == 14


def test_the_autoscaler_decides_as_often_as_kubernetes_does_unless_asked(monkeypatch):
    flag = "--horizontal-pod-autoscaler-sync-period="
    monkeypatch.delenv("DASH_PORTAL_HPA_SYNC", raising=False)
    assert f"{flag}15s" in components.controller_manager(LAYOUT, Path("/bins")).argv
    monkeypatch.setenv("DASH_PORTAL_HPA_SYNC", "5s")
    assert f"{flag}5s" in components.controller_manager(LAYOUT, Path("/bins")).argv


@pytest.mark.parametrize(
    ("text", "systemd", "path"),
    [
        ("nameserver 127.0.0.53\n", True, "/run/systemd/resolve/resolv.conf"),
        ("nameserver 127.0.0.53\n", False, "/etc/resolv.conf"),
        ("nameserver 192.0.2.53\n", True, "/etc/resolv.conf"),
        ("", True, "/etc/resolv.conf"),
    ],
)
def test_dns_goes_round_a_stub_that_would_ask_itself(text, systemd, path):
    assert render.resolv_conf(text, systemd) == path


def test_addons_grant_no_wildcards():
    for item in addons.manifests(b"certificate"):
        if item["kind"] == "ClusterRole":
            assert "*" not in json.dumps(item["rules"]), item["metadata"]["name"]


def test_each_process_beside_the_cluster_has_a_service_and_its_endpoint():
    items = addons.manifests(b"certificate")
    services = {i["metadata"]["name"]: i for i in items if i["kind"] == "Service"}
    slices = [i for i in items if i["kind"] == "EndpointSlice"]
    assert {s["metadata"]["labels"]["kubernetes.io/service-name"] for s in slices} == set(services)
    for one in slices:
        service = services[one["metadata"]["labels"]["kubernetes.io/service-name"]]
        ports = {port["name"]: port["targetPort"] for port in service["spec"]["ports"]}
        assert {port["name"]: port["port"] for port in one["ports"]} == ports
