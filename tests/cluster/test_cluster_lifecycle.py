"""The local cluster survives the death of all its processes, and leaves nothing behind.

Takes the cluster down at its start and leaves it down, so it has to run apart from the tests
that use one.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from dev.cluster import images, leftovers, local, registry, settings
from dev.cluster.binaries import bin_dir
from dev.cluster.paths import Layout
from dev.cluster.processes import Processes

pytestmark = [
    pytest.mark.lifecycle,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0,
        reason="the local cluster needs Linux and root",
    ),
]

REPOSITORY = Path(__file__).resolve().parents[2]
LAYOUT = Layout.default()
#: Whatever else this machine could use.
UP = ("up", "--how", "local")
WEB = {
    "apiVersion": "v1",
    "kind": "List",
    "items": [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {
                        "containers": [
                            {
                                "name": "web",
                                "image": settings.PYTHON_BASE_IMAGE,
                                "command": ["python3", "-m", "http.server", "8050"],
                                "readinessProbe": {
                                    "httpGet": {"path": "/", "port": 8050},
                                    "periodSeconds": 1,
                                },
                            }
                        ]
                    },
                },
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {
                "type": "LoadBalancer",
                "selector": {"app": "web"},
                "ports": [{"port": 80, "targetPort": 8050}],
            },
        },
    ],
}


def output(*argv: str | Path, stdin: str | None = None) -> str:
    done = subprocess.run(
        [str(arg) for arg in argv], input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


def command(*args: str) -> subprocess.Popen[str]:
    env = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
    return subprocess.Popen(
        [sys.executable, "-m", "dev.cluster", *args],
        cwd=REPOSITORY,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def cluster(*args: str) -> str:
    process = command(*args)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return said


def kubectl(*args: str, stdin: str | None = None) -> str:
    program = bin_dir(LAYOUT) / "kubectl"
    return output(program, f"--kubeconfig={LAYOUT.kubeconfig}", *args, stdin=stdin)


def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def of_the_cluster() -> dict[int, str]:
    """Every process of a component of the cluster, or in one of its pods, by pid."""
    components = {*local.ORDER, "containerd-shim-runc-v2", "docker-registry"}
    found: dict[int, str] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            groups = Path(f"/proc/{process.pid}/cgroup").read_text()
            program, words = Path(process.exe()), " ".join(process.cmdline())
            component = program.name in components and (
                program.is_relative_to(LAYOUT.bins) or str(LAYOUT.state) in words
            )
            if component or "/kubepods" in groups or "dev.cluster.loadbalancer" in words:
                found[process.pid] = words[:80]
    return found


def kill_everything() -> None:
    """SIGKILL for what was started, in whatever order, until nothing is left."""
    processes = Processes(LAYOUT)
    for _again in range(50):
        records = [record for name in local.ORDER if (record := processes.record(name))]
        pids = [record.pid for record in records]
        pids += [*leftovers.shims(LAYOUT), *leftovers.pod_processes()]
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def rules() -> list[str]:
    """Packet-filter rules and chains of every flavour, without counters."""
    lines: list[str] = []
    for family in ("iptables", "ip6tables"):
        for flavour in ("nft", "legacy"):
            saved = output(f"{family}-{flavour}-save")
            custom = [line for line in saved.splitlines() if line.startswith(":") and " - " in line]
            lines += [line.split(" [")[0] for line in custom]
            lines += [line for line in saved.splitlines() if line.startswith("-A")]
    return sorted(lines)


def census() -> dict[str, object]:
    """Return everything that a cluster could leave on this machine."""
    links = json.loads(output("ip", "-json", "link"))
    namespaces = Path("/var/run/netns")
    sysctls = [
        Path("/proc/sys/net", name)
        for name in (
            "ipv4/ip_forward",
            "ipv4/conf/all/route_localnet",
            "ipv6/conf/default/disable_ipv6",
        )
    ]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    where = (str(LAYOUT.state), str(LAYOUT.buildah_root), "/kubelet", "/netns")
    return {
        "processes": of_the_cluster(),
        "mounts": [line for line in mounts if any(part in line.split()[4] for part in where)],
        "links": sorted(link["ifname"] for link in links),
        "addresses": output("ip", "-oneline", "-4", "address", "show", "dev", "lo"),
        "routes": output("ip", "route", "show", "table", "all").splitlines(),
        "namespaces": sorted(path.name for path in namespaces.glob("*")),
        "rules": rules(),
        "cgroups": sorted(str(path) for path in Path("/sys/fs/cgroup").glob("**/kubepods")),
        "shim sockets": sorted(path.name for path in Path("/run/containerd/s").glob("*")),
        "sysctls": [path.read_text() for path in sysctls if path.exists()],
        "logs": sorted(path.name for path in Path("/var/log/containers").glob("*")),
        "state": LAYOUT.state.exists(),
    }


def web_answers() -> bool:
    address = kubectl(
        *("get", "service", "web", "-o", "jsonpath={.status.loadBalancer.ingress[0].ip}")
    )
    try:
        with urllib.request.urlopen(f"http://{address}/", timeout=2) as answer:
            return answer.status == 200
    except (OSError, ValueError):
        return False


def web_available() -> bool:
    available = kubectl("get", "deployment", "web", "-o", "jsonpath={.status.availableReplicas}")
    return available == "2"


def uid() -> str:
    return kubectl("get", "deployment", "web", "-o", "jsonpath={.metadata.uid}")


def listeners() -> set[tuple[str, str]]:
    """(process, address) of every socket the cluster listens on."""
    processes = Processes(LAYOUT)
    out: set[tuple[str, str]] = set()
    for name in local.ORDER:
        record = processes.record(name)
        assert record is not None, f"{name} is not running"
        for connection in psutil.Process(record.pid).net_connections("inet"):
            serves = connection.status == psutil.CONN_LISTEN or (
                connection.type.name == "SOCK_DGRAM" and not connection.raddr
            )
            if serves:
                out.add((name, connection.laddr.ip))
    return out


@pytest.fixture(scope="module")
def before() -> Iterator[dict[str, object]]:
    """The machine without a cluster; whatever happens in between, none is left."""
    cluster("down")
    yield census()
    cluster("down")


def test_an_interrupted_start_is_taken_up_again(before: dict[str, object]) -> None:
    process = command(*UP)
    until(lambda: (LAYOUT.run / "etcd.json").exists(), 120, "etcd was started")
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate()
    assert process.returncode == 130, said
    cluster(*UP)
    cluster("status")
    kubectl("apply", "-f", "-", stdin=json.dumps(WEB))
    until(lambda: web_available() and web_answers(), 90, "the service answers")


def test_listens_on_loopback_and_the_node_address_only(before: dict[str, object]) -> None:
    found = listeners()
    assert len({name for name, _address in found}) >= 9
    outside = {
        (name, address)
        for name, address in found
        if not ipaddress.ip_address(address).is_loopback and address != settings.NODE_IP
    }
    assert outside == set()


def test_a_second_up_changes_nothing(before: dict[str, object]) -> None:
    processes = Processes(LAYOUT)
    running = {name: processes.record(name) for name in local.ORDER}
    cluster(*UP)
    assert {name: processes.record(name) for name in local.ORDER} == running


def test_tells_the_kubeconfig(before: dict[str, object]) -> None:
    path = cluster("kubeconfig").strip()
    assert path == str(LAYOUT.kubeconfig)
    program = bin_dir(LAYOUT) / "kubectl"
    assert output(program, f"--kubeconfig={path}", "get", "--raw", "/readyz") == "ok"


def test_loads_an_archive_of_an_image(before: dict[str, object], tmp_path: Path) -> None:
    # The registry's storage outlives the cluster: the label tells this image from last time's.
    name, mark = "localhost/lifecycle:1.0", uuid.uuid4().hex
    (tmp_path / "hello").write_text("hello\n")
    (tmp_path / "Dockerfile").write_text(f"FROM scratch\nCOPY hello /\nLABEL mark={mark}\n")
    archive = tmp_path / "image.tar"
    buildah = images.buildah(LAYOUT)
    output(*buildah, "bud", "--isolation", "chroot", "--tag", name, tmp_path)
    output(*buildah, "push", name, f"oci-archive:{archive}:lifecycle:1.0")
    output(*buildah, "rmi", name)
    target = f"{settings.REGISTRY}/lifecycle:1.0"
    assert registry.labels(target).get("mark") != mark
    assert cluster("load", str(archive)).splitlines()[-1] == target
    assert registry.labels(target).get("mark") == mark


def test_comes_back_after_everything_was_killed(before: dict[str, object]) -> None:
    identity = uid()
    kill_everything()
    assert of_the_cluster() == {}
    cluster(*UP)
    assert uid() == identity
    until(lambda: web_available() and web_answers(), 120, "the service answers again")
    pods = kubectl("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].status.phase}")
    assert pods == "Running Running"


def test_leaves_nothing_behind(before: dict[str, object]) -> None:
    assert len(of_the_cluster()) > 12
    said = cluster("down")
    after = census()
    for name, found in before.items():
        assert after[name] == found, f"{name}: {said}"
    assert (bin_dir(LAYOUT) / "kubelet").exists(), "the cache is kept"
    assert "nothing to take down" in cluster("down")


def test_takes_down_what_was_killed(before: dict[str, object]) -> None:
    cluster(*UP)
    kubectl("apply", "-f", "-", stdin=json.dumps(WEB))
    until(web_available, 90, "the pods run")
    for name in ("containerd", "kubelet", "kube-proxy"):
        record = Processes(LAYOUT).record(name)
        assert record is not None
        os.kill(record.pid, signal.SIGKILL)
    cluster("down")
    after = census()
    for name, found in before.items():
        assert after[name] == found, name
