"""The local single-node Kubernetes: up, down, status."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

from dev.cluster import (
    addons,
    baseimages,
    binaries,
    certs,
    components,
    leftovers,
    modules,
    network,
    packages,
    registry,
    render,
    settings,
)
from dev.cluster.api import Api
from dev.cluster.components import Component
from dev.cluster.errors import ClusterError
from dev.cluster.paths import HERE, Layout
from dev.cluster.processes import Processes, boot_id
from dev.cluster.progress import Note, Steps
from dev.cluster.run import run

#: Stopped in this order: first what would start something again.
ORDER = (
    "kubelet",
    "loadbalancer",
    "traefik",
    "coredns",
    "metrics-server",
    "network-policies",
    "kube-proxy",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-apiserver",
    "containerd",
    "etcd",
    "registry-for-pods",
    "registry",
)


def up(layout: Layout, steps: Steps) -> None:
    """Bring it up, or what of it is missing."""
    processes = Processes(layout)
    preflight(layout)
    layout.state.mkdir(parents=True, exist_ok=True)
    layout.state.chmod(0o711)
    _fetch(layout, steps)
    bins = binaries.bin_dir(layout)
    with steps.step("certificates, configuration, network"):
        _forget_last_boot(layout)
        certs.ensure(layout)
        network.set_up(layout)
        _write_configuration(layout)
    _start(layout, steps, processes, bins)


def _fetch(layout: Layout, steps: Steps) -> None:
    """Everything that comes from outside; the two long steps side by side."""

    def system() -> None:
        with steps.step("system packages") as note:
            packages.install(layout, note)
        with steps.step("Debian with Python, for images") as note:
            baseimages.rootfs(layout, note)

    def programs() -> None:
        with steps.step("Kubernetes from Go modules") as note:
            binaries.build(layout, note)
        with steps.step("network policies") as note:
            network_policies(layout, note)
            note("cached")
        with steps.step("Gateway API types") as note:
            _gateway_types(layout, note)

    def proxy() -> None:
        with steps.step("Traefik") as note:
            binaries.traefik(layout)
            note("cached")

    steps.together(system, programs, proxy)


def network_policies(layout: Layout, note: Note) -> Path:
    """The program that enforces NetworkPolicies."""
    return modules.build(layout, note, "network-policies", HERE / "network-policies")


def _start(layout: Layout, steps: Steps, processes: Processes, bins: Path) -> None:
    path = network.components_path(layout, bins)
    api = Api(layout)
    registry_program = packages.which("docker-registry") or "docker-registry"

    def ensure(*wanted: Component) -> None:
        for component in wanted:
            processes.ensure(component)

    with steps.step("registry, etcd, API server, containerd"):
        ensure(
            components.etcd(layout, bins),
            components.registry(layout, registry_program),
            components.registry_for_pods(layout, registry_program),
            components.containerd(layout, bins, path),
            components.apiserver(layout, bins),
        )
        _wait(processes, registry.answers, "registry", 20)
        _wait(processes, lambda: leftovers.accepts(layout.containerd_socket), "containerd", 30)
        _wait(processes, api.ready, "kube-apiserver", 60, also=("etcd",))

    def images() -> None:
        with steps.step("base images") as note:
            baseimages.pause(layout, bins, note)
            baseimages.python_base(layout, note)

    def cluster() -> None:
        with steps.step("controllers, kubelet, proxy"):
            ensure(
                components.controller_manager(layout, bins),
                components.scheduler(layout, bins),
                components.kubelet(layout, bins, path),
                components.kube_proxy(layout, bins, path),
            )
            _apply(layout, bins, addons.manifests((layout.pki / "ca.crt").read_bytes()))
            ensure(
                components.metrics_server(layout, bins),
                components.coredns(layout, bins),
                components.loadbalancer(layout),
                components.network_policies(layout, network_policies(layout, print), path),
            )
        with steps.step("Gateway API, Traefik"):
            types = json.loads(_gateway_file(layout).read_text())
            if not _has_types(api, types):
                _apply(layout, bins, types)
                names = [f"crd/{item['metadata']['name']}" for item in types]
                condition = ("--for=condition=Established", "--timeout=60s")
                _kubectl(layout, bins, "wait", *condition, *names)
            _apply(layout, bins, addons.gateway())
            ensure(components.traefik(layout, binaries.traefik(layout)))
        with steps.step("node ready") as note:
            _wait(processes, api.node_ready, "kubelet", 90, also=("containerd", "kube-apiserver"))
            note(settings.NODE_NAME)
        with steps.step("metrics API") as note:
            _wait(processes, api.node_metrics, "metrics-server", 120)
        with steps.step("load balancer") as note:
            _wait(
                processes,
                lambda: api.address_of("kube-system", "traefik") is not None,
                "loadbalancer",
                30,
            )
            note(f"Traefik at http://{api.address_of('kube-system', 'traefik')}")

    steps.together(images, cluster)
    for name in ORDER:
        processes.check(name)


def down(layout: Layout, steps: Steps) -> None:
    """Leave nothing behind but the cache."""
    if not layout.state.exists():
        steps.console.print("nothing to take down")
        return
    processes = Processes(layout)
    with steps.step("stopping") as note:
        before = ORDER[: ORDER.index("containerd")]
        for name in before:
            note(name)
            # etcd's data goes too: nobody needs time to say goodbye.
            processes.stop(name, patience=2.0)
        note("pods")
        leftovers.kill_pods(layout)
        for name in [*ORDER[len(before) :], *processes.names()]:
            note(name)
            processes.stop(name)
        leftovers.kill_pods(layout)
    with steps.step("removing mounts, bridge, rules, files"):
        network.tear_down(layout)
        leftovers.unmount_all(layout)
        leftovers.remove_cgroups()
        leftovers.remove_files(layout)


def status(layout: Layout) -> dict[str, str]:
    """Return what runs, a line for each part, and the paths of the tools."""
    processes = Processes(layout)
    out: dict[str, str] = {}
    for name in ORDER:
        record = processes.record(name)
        out[name] = f"running, pid {record.pid}" if record else f"down ({processes.log(name)})"
    api = Api(layout)
    out["API server"] = "ready" if api.ready() else "does not answer"
    out["node"] = "ready" if api.node_ready() else "not ready"
    out["metrics API"] = "answers" if api.node_metrics() else "no figures"
    out["ingress"] = api.address_of("kube-system", "traefik") or "no address"
    out["kubeconfig"] = str(layout.kubeconfig)
    out["programs"] = str(binaries.bin_dir(layout))
    out["logs"] = str(layout.logs)
    return out


def healthy(layout: Layout) -> bool:
    """Return True if everything runs."""
    processes, api = Processes(layout), Api(layout)
    return all(processes.record(name) for name in ORDER) and api.ready() and api.node_ready()


def preflight(layout: Layout) -> None:
    """Raise when this machine is taken, before anything is changed."""
    processes = Processes(layout)
    if len(str(layout.containerd_state)) > 60:
        raise ClusterError(
            f"{layout.state} is too long a path for unix sockets",
            hint="set DASH_PORTAL_STATE to a shorter one",
        )
    fresh = not layout.kubelet.exists()
    if fresh and leftovers.pod_processes():
        raise ClusterError(
            "another kubelet's pods are running on this machine",
            hint="stop that one first, or use it: export KUBECONFIG=...",
        )
    for name, port in settings.PORTS.items():
        if processes.record(name) is None and _taken(port):
            raise ClusterError(
                f"port {port}, which {name} needs, is taken",
                hint=f"`ss -ltnp 'sport = :{port}'` tells by whom; stop that first",
            )


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a connection just closed must not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _forget_last_boot(layout: Layout) -> None:
    """After a reboot nothing containerd remembers of running containers is true."""
    mark = layout.state / "boot"
    if mark.exists() and mark.read_text() != boot_id():
        shutil.rmtree(layout.run, ignore_errors=True)
    mark.write_text(boot_id())


def _write_configuration(layout: Layout) -> None:
    for directory in (layout.logs, layout.run, layout.conf, layout.registry_data):
        directory.mkdir(parents=True, exist_ok=True)
    stub = Path("/run/systemd/resolve/resolv.conf").exists()
    wanted = render.files(
        layout,
        runc=packages.which("runc") or "runc",
        cni_dir=packages.cni_dir(),
        snapshotter=_snapshotter(layout),
        resolv_conf=render.resolv_conf(Path("/etc/resolv.conf").read_text(), stub),
    )
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def _snapshotter(layout: Layout) -> str:
    """overlayfs does not stack on overlayfs, as in a container."""
    out = run(["stat", "-f", "-c", "%T", layout.state], what="stat", check=False)
    return "native" if "overlay" in out else "overlayfs"


def _gateway_file(layout: Layout) -> Path:
    return layout.cache / "manifests" / f"gateway-api-{settings.GATEWAY_API_VERSION}.json"


def _gateway_types(layout: Layout, note: Note) -> None:
    target = _gateway_file(layout)
    if target.exists():
        note("cached")
        return
    module = "sigs.k8s.io/gateway-api"
    directory = binaries.module_dir(layout, module, settings.GATEWAY_API_VERSION)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    partial.write_text(json.dumps(addons.gateway_types(directory)))
    partial.rename(target)


def _has_types(api: Api, types: list[addons.Manifest]) -> bool:
    """Return True if the cluster has exactly these types; applying them again takes seconds."""
    mark = "gateway.networking.k8s.io/bundle-version"
    for wanted in types:
        name = wanted["metadata"]["name"]
        found = api.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
        version = found["metadata"].get("annotations", {}).get(mark) if found else None
        if version != wanted["metadata"].get("annotations", {}).get(mark):
            return False
    return True


def _kubectl(layout: Layout, bins: Path, *args: str, stdin: str | None = None) -> str:
    env = {**os.environ, "KUBECONFIG": str(layout.kubeconfig)}
    argv = [bins / "kubectl", *args]
    return run(argv, what=f"kubectl {args[0]}", env=env, stdin=stdin)


def _apply(layout: Layout, bins: Path, manifests: list[addons.Manifest]) -> None:
    document = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
    args = ("apply", "--server-side", "--force-conflicts", "--field-manager=dash-portal-cluster")
    _kubectl(layout, bins, *args, "-f", "-", stdin=document)


def _wait(
    processes: Processes,
    condition: Callable[[], bool],
    name: str,
    patience: float,
    also: tuple[str, ...] = (),
) -> None:
    """Wait for ``condition``, which ``name`` is to bring about; fail at once when it has died."""
    until = time.monotonic() + patience
    while not condition():
        for one in (*also, name):
            processes.check(one)
        if time.monotonic() > until:
            raise ClusterError(
                f"{name} is not ready after {patience:.0f} s",
                log=processes.log(name),
                hint="read the end of the log; `up` again goes on from here",
            )
        time.sleep(0.1)
