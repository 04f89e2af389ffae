"""helm/portal on a real cluster: the demo's own release, and a portal limited to a list."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev import licences, sbom
from dev.cluster import choose, images, registry
from dev.cluster.choose import How
from dev.cluster.paths import Layout
from dev.demo import APPS, NAMESPACE, PORTAL_IMAGE, RELEASE

pytestmark = pytest.mark.cluster

CHART = Path(__file__).resolve().parents[2] / "helm" / "portal"
HELM = os.environ.get("HELM_BIN") or shutil.which("helm") or "helm"
ACCOUNT = "listed"
MOST_MB = 350.0
"""Uncompressed size that the portal's image stays below."""
SLOW = 60.0
"""Seconds within which the API server has seen new roles."""


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_helm_test_succeeds():
    assert "Succeeded" in _run(HELM, "test", RELEASE, "-n", NAMESPACE, "--timeout", "180s")


@pytest.mark.parametrize("namespace", [NAMESPACE, APPS])
def test_the_portal_and_its_apps_run_under_pod_security(namespace: str):
    """All other tests on the cluster do: neither namespace admits anything else."""
    command = ["kubectl", "run", "root", "--image=root", "--dry-run=server", "-n", namespace]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert 'violates PodSecurity "restricted' in done.stderr, done.stdout + done.stderr


def test_the_image_is_small():
    layout = Layout.default()
    if choose.recorded(layout) is not How.LOCAL:
        pytest.skip("only the local way builds the image with buildah, which knows its size")
    listed = json.loads(_run(*images.buildah(layout), "images", "--json", PORTAL_IMAGE))
    size = re.fullmatch(r"([\d.]+) ?([KMG])B", listed[0]["size"])
    assert size, f"not a size: {listed[0]['size']}"
    megabytes = float(size[1]) * {"K": 0.001, "M": 1, "G": 1000}[size[2]]
    assert 50 < megabytes < MOST_MB


def test_the_licences_of_its_libraries_are_known():
    content = registry.file(PORTAL_IMAGE, sbom.PATH)
    assert content is not None
    parts = json.loads(content)["components"]
    debian = {each["name"] for each in parts if each["purl"].startswith("pkg:deb/")}
    assert debian
    assert debian <= licences.DEBIAN.keys()


@pytest.fixture
def listed() -> Iterator[tuple[str, str]]:
    """The namespace of a portal that is limited to one other namespace, and that one."""
    tag = uuid.uuid4().hex[:8]
    own, allowed = f"listed-{tag}", f"listed-apps-{tag}"
    try:
        for namespace in (own, allowed):
            _run("kubectl", "create", "namespace", namespace)
        # Its roles are what counts: no node matches, so that it costs nothing.
        values = (
            "image.repository=localhost:5000/dash-portal,image.tag=dev,"
            f"serviceAccount.name={ACCOUNT},nodeSelector.nowhere=here,namespaces={{{allowed}}}"
        )
        _run(HELM, "install", "listed", str(CHART), "-n", own, "--set", values)
        yield own, allowed
    finally:
        # The uninstall is for the cluster-wide roles, which outlive a namespace.
        subprocess.run([HELM, "uninstall", "listed", "-n", own, "--ignore-not-found"], check=False)
        subprocess.run(
            [
                *("kubectl", "delete", "namespace", own, allowed),
                *("--ignore-not-found", "--wait=false"),
            ],
            check=False,
        )


def _may(account: str, *what: str) -> bool:
    """Return True if the service account (``namespace:name``) may do it; "no" is exit code 1."""
    command = ["kubectl", "auth", "can-i", f"--as=system:serviceaccount:{account}", *what]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    answer = done.stdout.strip()
    assert answer in {"yes", "no"}, f"{answer}{done.stderr}"
    return answer == "yes"


def test_a_listed_portal_sees_no_other_namespace(listed: tuple[str, str]):
    own, allowed = listed
    account = f"{own}:{ACCOUNT}"
    deadline = time.monotonic() + SLOW
    while not _may(account, "list", "secrets", "-n", allowed):
        assert time.monotonic() < deadline, f"its role in {allowed} does not take effect"
        time.sleep(0.5)
    assert _may(account, "create", "deployments.apps", "-n", allowed)
    for namespace in ("default", "kube-system", own):
        assert not _may(account, "list", "secrets", "-n", namespace)
    assert not _may(account, "list", "secrets", "--all-namespaces")
    assert not _may(account, "create", "deployments.apps", "-n", "default")
