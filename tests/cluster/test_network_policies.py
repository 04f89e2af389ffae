"""Who reaches whom, where the cluster's network enforces NetworkPolicies and Pod Security."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from dev import demo, namespaces
from dev.cluster import choose, network, registry, settings
from dev.cluster.choose import How
from dev.cluster.paths import Layout
from tests.cluster.test_portal_chart import CHART, HELM, _run

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        choose.recorded(Layout.default()) is not How.LOCAL,
        reason="only the local way is known to enforce policies",
    ),
]

SLOW = 60.0
PORTAL, APP = "portal", "app"
PORT = 8050
DATABASE_PORT = 5432
METADATA = "169.254.77.77"
"""Link-local, as the address of clouds' metadata is, which this machine may use itself."""
OUTSIDE = "198.19.253.77"
"""An address that is no pod's and not the node's."""
REACHED = """
import concurrent.futures, json, socket, sys
def reached(place):
    host, port = place.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError:
        return False
    return True
places = json.loads(sys.argv[1])
with concurrent.futures.ThreadPoolExecutor(len(places)) as threads:
    answers = threads.map(reached, places.values())
    print(json.dumps([name for name, answer in zip(places, answers) if answer]))
"""
LOAD_TEST = {
    "app.kubernetes.io/name": "dash-portal-load-test",
    "app.kubernetes.io/managed-by": "dash-portal",
}
DATABASE = {
    "podSelector": {"matchLabels": {"app": "audit-database"}},
    "policyTypes": ["Ingress"],
    "ingress": [
        {
            "from": [
                {
                    "podSelector": {
                        "matchLabels": {
                            "app.kubernetes.io/name": "dash-portal",
                            "app.kubernetes.io/component": "portal",
                        }
                    }
                }
            ],
            "ports": [{"port": DATABASE_PORT, "protocol": "TCP"}],
        }
    ],
}
"""As in docs/install.md."""


def _pod(name: str, namespace: str, port: int, labels: dict[str, str]) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "server",
                    "image": settings.PYTHON_BASE_IMAGE,
                    "command": ["python3", "-m", "http.server", str(port), "-d", "/tmp"],
                    "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }


def _apply(*objects: dict[str, object]) -> None:
    subprocess.run(
        ["kubectl", "apply", "-f", "-"],
        input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}),
        text=True,
        check=True,
        timeout=60,
    )


@contextmanager
def _other_machine(name: str, folder: Path) -> Iterator[None]:
    """A network namespace with two addresses, and a server of a folder at both.

    The server's process holds it, not ``ip netns``, which would cover the mounts of all pods.
    """
    with ExitStack() as stack:
        server = subprocess.Popen(
            ["unshare", "--net", sys.executable, "-m", "http.server", str(PORT)],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(server.wait)
        stack.callback(server.kill)
        own, process = Path("/proc/self/ns/net"), str(server.pid)
        while Path(f"/proc/{process}/ns/net").readlink() == own.readlink():
            time.sleep(0.01)
            assert server.poll() is None

        def inside(*arguments: str) -> None:
            command = ["nsenter", "--target", process, "--net", "ip", *arguments]
            subprocess.run(command, check=True, timeout=60)

        other = f"{name[:12]}-1"  # at most 15 characters
        network.ip("link", "add", name, "type", "veth", "peer", "name", other)
        stack.callback(network.ip, "link", "del", name, check=False)
        network.ip("link", "set", other, "netns", process)
        network.ip("link", "set", name, "up")
        inside("link", "set", other, "up")
        for address in (METADATA, OUTSIDE):
            net = address.rpartition(".")[0]
            network.ip("address", "add", f"{net}.1/24", "dev", name)
            inside("address", "add", f"{address}/24", "dev", other)
        yield


class Places:
    """The places that are tried, and the pods that they are tried from."""

    def __init__(self, own: str, apps: str) -> None:
        (portal,) = _run(
            *("kubectl", "get", "pods", "-n", own, "-o", "name"),
            *("-l", "app.kubernetes.io/component=portal"),
        ).split()
        self._from = {
            PORTAL: ("-n", own, portal, "--", "/app/venv/bin/python"),
            APP: ("-n", apps, "app", "--", "python3"),
            "load test": ("-n", apps, "load-test", "--", "python3"),
        }
        self._places = {
            # By its name: DNS has to be within reach too.
            PORTAL: f"portal-dash-portal.{own}.svc.{settings.DOMAIN}:80",
            "database": f"{_address(own, 'database')}:{DATABASE_PORT}",
            APP: f"{_address(apps, 'app')}:{PORT}",
            "other app": f"{_address(apps, 'other')}:{PORT}",
            "outside": f"{OUTSIDE}:{PORT}",
            "metadata": f"{METADATA}:{PORT}",
        }

    def reached(self) -> dict[str, set[str]]:
        """What others are reached now, by whom."""
        asking: dict[str, subprocess.Popen[str]] = {}
        for who, where in self._from.items():
            places = json.dumps({name: at for name, at in self._places.items() if name != who})
            asking[who] = subprocess.Popen(
                ["kubectl", "exec", *where, "-c", REACHED, places],
                stdout=subprocess.PIPE,
                text=True,
            )
        return {who: set(json.loads(each.communicate()[0])) for who, each in asking.items()}

    def until(self, expected: dict[str, set[str]]) -> None:
        deadline = time.monotonic() + SLOW
        while (found := self.reached()) != expected:
            assert time.monotonic() < deadline, f"reached: {found}\nexpected: {expected}"


def _address(namespace: str, pod: str) -> str:
    return _run("kubectl", "get", "pod", pod, "-n", namespace, "-o", "jsonpath={.status.podIP}")


def _by_ingress(host: str) -> int:
    status = _run(
        *("kubectl", "get", "service", "traefik", "-n", "kube-system"),
        *("-o", "jsonpath={.status.loadBalancer.ingress[0].ip}"),
    )
    done = subprocess.run(
        ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Host: {host}", status],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return int(done.stdout)


@pytest.fixture
def tag() -> Iterator[str]:
    """A word that the names of this test's objects begin with: ``policies-…``."""
    tag = f"policies-{uuid.uuid4().hex[:5]}"
    yield tag
    # The uninstall is for the cluster-wide roles, which outlive a namespace.
    subprocess.run([HELM, "uninstall", "portal", "-n", tag, "--ignore-not-found"], check=False)
    gone = ["kubectl", "delete", "namespace", tag, f"{tag}-apps", "--ignore-not-found"]
    subprocess.run([*gone, "--wait=false"], check=False)


def test_policies_say_who_reaches_whom(tag: str, tmp_path: Path) -> None:
    own, apps, host = tag, f"{tag}-apps", f"{tag}.example.com"
    _apply(
        *(namespaces.restricted(name) for name in (own, apps)),
        _pod("database", own, DATABASE_PORT, {"app": "audit-database"}),
        _pod("app", apps, PORT, {"app": "app"}),
        _pod("other", apps, PORT, {"app": "other"}),
        _pod("load-test", apps, PORT, LOAD_TEST),
    )
    values = {
        # By its digest: a node keeps an earlier image under the same tag.
        "image": demo.values(How.LOCAL, registry.digest(demo.PORTAL_IMAGE) or "")["image"],
        "namespaces": [apps],
        "auth": {"allowAnonymous": True},
        "ingress": {"enabled": True, "hostname": host, "ingressClassName": "traefik"},
        "settings": {"loadTestImage": demo.LOAD_TEST_IMAGE},
        "networkPolicy": {
            "enabled": False,
            # Nobody's: Traefik is a process of this node, which no policy shuts out.
            "allowFrom": [{"namespaceSelector": {"matchLabels": {"ingress": "here"}}}],
            "apps": {"enabled": True},
        },
    }
    file = tmp_path / "values.json"
    file.write_text(json.dumps(values))
    install = (HELM, "upgrade", "--install", "portal", str(CHART), "-n", own, "-f", str(file))
    _run(*install, "--wait", "--timeout", "180s")
    _run("kubectl", "wait", "pod", "--all", "-n", apps, "--for=condition=Ready", "--timeout=60s")
    with _other_machine(tag, tmp_path):
        places = Places(own, apps)
        everything = {PORTAL, "database", APP, "other app", "outside", "metadata"}
        places.until(
            {PORTAL: everything - {PORTAL}, APP: everything - {APP}, "load test": everything}
        )

        _run(*install, "--set", "networkPolicy.enabled=true")
        policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
        _apply({**policy, "metadata": {"name": "database", "namespace": own}, "spec": DATABASE})
        places.until(
            {
                PORTAL: {"database", APP, "other app", "outside"},
                APP: {"outside", "metadata"},
                "load test": {APP, "other app"},
            }
        )
    assert _by_ingress(host) == 200
