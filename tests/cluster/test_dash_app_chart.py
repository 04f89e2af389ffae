"""charts/dash-app with the real sample, by the helm command line alone, on a real cluster."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.cluster

CHART = Path(__file__).resolve().parents[2] / "charts" / "dash-app"
IMAGE = os.environ.get("SAMPLE_IMAGE", "localhost:5000/dash-sample")
LAUNCH = f"image.repository={IMAGE},image.tag=1.0,containerPort=8050"
SLOW = 180
"""Seconds that a condition may take on a busy machine with two cores."""


class Release:
    """One release of the chart, in a namespace of its own."""

    def __init__(self, name: str, namespace: str) -> None:
        self.name = name
        self.namespace = namespace
        self._helm = os.environ.get("HELM_BIN") or shutil.which("helm") or "helm"

    def helm(self, *arguments: str) -> str:
        return _run(self._helm, *arguments, "-n", self.namespace)

    def upgrade(self, *arguments: str) -> str:
        command = ["upgrade", "--install", self.name, str(CHART), "--wait", f"--timeout={SLOW}s"]
        return self.helm(*command, *arguments)

    def get(self, kind: str, *arguments: str) -> Any:
        command = ["kubectl", "get", kind, "-n", self.namespace, "-o", "json", *arguments]
        return json.loads(_run(*command))

    def deployment(self) -> Any:
        return self.get("deployment", self.name)

    def ready(self) -> int:
        return self.deployment()["status"].get("readyReplicas", 0)

    def url(self) -> str:
        """Return the load balancer's URL, once it has an address."""

        def address() -> str:
            status = self.get("service", self.name)["status"]["loadBalancer"]
            first = status.get("ingress", [{}])[0]
            return first.get("hostname") or first.get("ip") or ""

        return f"http://{eventually(address, 'an address of the load balancer')}"


class Load:
    """Steady requests from a few threads, each on a connection of its own, until stopped."""

    def __init__(self, url: str, threads: int, pause: float) -> None:
        self.answers: Counter[str] = Counter()
        self.pods: set[str] = set()
        self._url = url
        self._pause = pause
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._stop.wait(self._pause):
            try:
                with urllib.request.urlopen(self._url, timeout=30) as answer:
                    self.pods.add(json.load(answer)["pod"])
                    self.answers[str(answer.status)] += 1
            except (OSError, ValueError, http.client.HTTPException) as error:
                self.answers[repr(error)] += 1


def _run(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout}{result.stderr}"
    return result.stdout


def eventually(condition: Callable[[], Any], what: str) -> Any:
    """Return the first true result of a condition; fail after SLOW seconds."""
    deadline = time.monotonic() + SLOW
    while True:
        if result := condition():
            return result
        assert time.monotonic() < deadline, f"no {what} after {SLOW} s"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    name = f"chart-test-{uuid.uuid4().hex[:6]}"
    _run("kubectl", "create", "namespace", name)
    yield name
    _run("kubectl", "delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def release(namespace: str) -> Release:
    """The sample, launched by the article's own line."""
    release = Release("dash", namespace)
    release.upgrade("--set", LAUNCH)
    return release


def test_the_articles_launch_gives_a_url_that_answers(release):
    with urllib.request.urlopen(release.url(), timeout=30) as answer:
        assert b"Strange attractor" in answer.read()
    assert "Its URL:" in release.helm("get", "notes", "dash")


def test_launching_again_is_an_upgrade_that_restarts_nothing(release):
    before = {pod["metadata"]["uid"] for pod in release.get("pods")["items"]}
    release.upgrade("--set", LAUNCH)
    assert {pod["metadata"]["uid"] for pod in release.get("pods")["items"]} == before


def test_helm_test_passes_and_leaves_nothing(release):
    assert "Phase:          Succeeded" in release.helm("test", "dash", f"--timeout={SLOW}s")
    assert [
        pod for pod in release.get("pods")["items"] if pod["metadata"]["name"] == "dash-test"
    ] == []


def test_the_app_runs_as_nobody_and_can_write_only_to_tmp(release):
    script = (
        "import os\n"
        "open('/tmp/a', 'w').close()\n"
        "assert os.getuid() == 1001 and os.environ['HOME'] == '/tmp'\n"
        "assert not os.path.exists('/var/run/secrets/kubernetes.io')\n"
        "try: open('/app/a', 'w')\n"
        "except OSError as error: print(error.strerror)\n"
    )
    command = ["kubectl", "exec", "-n", release.namespace, "deployment/dash", "--"]
    assert _run(*command, "python3", "-c", script).strip() == "Read-only file system"


def test_scaling_and_updating_lose_no_request(release):
    url = release.url()
    with Load(f"{url}/work?ms=5", threads=4, pause=0.1) as load:
        release.upgrade("--reuse-values", "--set", "replicaCount=3")
        eventually(lambda: len(load.pods) == 3, "answers of three pods behind one URL")
        release.upgrade("--reuse-values", "--set", "podAnnotations.revision=two")
        eventually(lambda: len(load.pods) >= 6, "answers of three new pods")
        release.upgrade("--reuse-values", "--set", "replicaCount=1")
        eventually(lambda: len(release.get("pods")["items"]) == 1, "single pod")
    assert set(load.answers) == {"200"}, load.answers
    assert load.answers["200"] > 100


@pytest.mark.parametrize(
    ("host", "values"),
    [
        (
            "ingress.example.test",
            "ingress.enabled=true,ingress.hostname={},ingress.ingressClassName=traefik",
        ),
        (
            "route.example.test",
            "httpRoute.enabled=true,httpRoute.hostnames[0]={},httpRoute.parentRefs[0].name=traefik,"
            "httpRoute.parentRefs[0].namespace=kube-system",
        ),
    ],
)
def test_a_host_name_leads_to_the_app(release, host, values):
    """Through Traefik, which the local cluster runs as Ingress controller and Gateway."""
    if "traefik" not in _run("kubectl", "get", "ingressclass", "-o", "name"):
        pytest.skip("this cluster has no Traefik")
    release.upgrade("--reuse-values", "--set", values.format(host))
    traefik = Release("traefik", "kube-system").url()
    request = urllib.request.Request(f"{traefik}/healthz", headers={"Host": host})

    def answer() -> bytes:
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.read()
        except OSError:
            return b""

    assert eventually(answer, f"answer for {host}") == b"ok\n"


def test_the_budget_allows_one_pod_at_a_time(release):
    release.upgrade("--reuse-values", "--set", "replicaCount=2")
    budget = eventually(
        lambda: release.get("pdb", "dash").get("status", {}).get("expectedPods"), "budget"
    )
    assert budget == 2
    eventually(
        lambda: release.get("pdb", "dash")["status"]["disruptionsAllowed"] == 1,
        "room in the budget",
    )


def test_the_autoscaler_scales_under_load_and_hands_back(release):
    release.upgrade(
        "--reuse-values",
        "--set",
        "autoscaling.enabled=true,autoscaling.minReplicas=1,autoscaling.maxReplicas=3,"
        "autoscaling.targetCPU=50,autoscaling.behavior.scaleDown.stabilizationWindowSeconds=15",
    )
    url = release.url()
    with Load(f"{url}/work?ms=100", threads=2, pause=0.1):
        eventually(lambda: release.ready() == 3, "three ready pods under load")
        # An upgrade for another reason must not touch what the autoscaler decided.
        release.upgrade("--reuse-values", "--set", "commonAnnotations.note=changed")
        assert release.deployment()["spec"]["replicas"] == 3
    eventually(lambda: release.ready() == 1, "scale-down once the load is gone")
    release.upgrade(
        "--reuse-values", "--force-conflicts", "--set", "autoscaling.enabled=false,replicaCount=2"
    )
    assert release.ready() == 2
    assert release.get("hpa")["items"] == []


def test_any_image_that_expects_root_starts(namespace):
    """The base image names no user, so it would run as root: a server of its own python3."""
    release = Release("as-root", namespace)
    base = os.environ.get("ROOT_IMAGE", "localhost:5000/python-base")
    release.upgrade(
        "--set",
        f"image.repository={base},image.tag=bookworm,service.type=ClusterIP",
        "--set-string",
        "command={python3,-m,http.server,8050,--directory,/tmp}",
    )
    assert release.ready() == 1
    release.helm("test", "as-root", f"--timeout={SLOW}s")


def test_uninstalling_leaves_nothing(release):
    release.helm("uninstall", "dash", "--wait")
    selector = ["-l", "app.kubernetes.io/instance=dash"]
    kinds = "all,hpa,pdb,ingress,serviceaccount,configmap,secret,pvc"
    # Pods go on serving for a few seconds after they were told to stop.
    eventually(lambda: release.get(kinds, *selector)["items"] == [], "empty namespace")
