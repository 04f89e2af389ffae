"""Attacks on the guardrails with the real Helm and API server.

Each would have run without the guardrails, and leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dev import demo
from portal.catalog.chart import Chart, read_chart
from portal.cluster.admission import Admission
from portal.cluster.client import ClusterClient
from portal.domain.errors import ChartError, ClusterUnavailable
from portal.domain.identity import Identity
from portal.domain.operations import Operation, OperationPhase
from portal.guardrails.rules import GuardrailException, Level, Rule
from portal.releases.request import ReleaseRequest
from tests.cluster.test_actions import CHART, IMAGE, Portal, portal

pytestmark = pytest.mark.cluster

ANN = Identity("ann@example.com")
SAMPLE: dict[str, Any] = {
    "image": {"repository": IMAGE, "tag": "1.0"},
    "service": {"type": "ClusterIP"},
    "replicaCount": 0,
}


def kubectl(*arguments: str, given: str = "") -> str:
    done = subprocess.run(
        ["kubectl", *arguments], input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"guarded-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def built_in() -> Chart:
    return read_chart(CHART, "built-in")


def chart(folder: Path, **files: str) -> Chart:
    """A chart with these templates."""
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: tried\nversion: 1.0.0\n")
    for name, text in files.items():
        (folder / "templates" / f"{name}.yaml").write_text(text)
    return read_chart(folder, "team")


async def launched(here: Portal, what: Chart, values: dict[str, Any]) -> Operation:
    """The operation, once it is over."""
    order = ReleaseRequest(here.key("tried"), what, values)
    begun = await here.actions.launch(ANN, order)

    def over() -> bool:
        now = here.app(begun.key).operation
        return now is not None and now.id == begun.id and now.phase.terminal

    await here.until(over, "the end of the launch")
    found = here.app(begun.key).operation
    assert found is not None
    return found


def left_behind(namespace: str) -> list[str]:
    kinds = "secrets,configmaps,deployments,jobs,pods,services,serviceaccounts,roles"
    names = kubectl("get", kinds, "-n", namespace, "-o", "name").split()
    return [each for each in names if not each.endswith(("/default", "/kube-root-ca.crt"))]


POD = {
    "automountServiceAccountToken": False,
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 1001,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "containers": [
        {
            "name": "app",
            "image": "localhost:5000/none",
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            },
        }
    ],
}

ATTACKS: dict[str, tuple[dict[str, Any], str]] = {
    "root on the node": (
        {
            "podSecurityContext": {"enabled": False},
            "containerSecurityContext": {"enabled": True, "runAsUser": 0, "privileged": True},
            "extraVolumes": [{"name": "node", "hostPath": {"path": "/"}}],
            "extraVolumeMounts": [{"name": "node", "mountPath": "/node"}],
        },
        "pod-security",
    ),
    "only a host path": (
        {"extraVolumes": [{"name": "node", "hostPath": {"path": "/var/log"}}]},
        "pod-security",
    ),
    "uid 0": ({"containerSecurityContext": {"enabled": True, "runAsUser": 0}}, "pod-security"),
    "another Secret": ({"extraEnvVarsSecret": "portal-proxy"}, "references"),
    "another account": ({"serviceAccount": {"name": "builder"}}, "service-accounts"),
    "a token": ({"serviceAccount": {"automountServiceAccountToken": True}}, "service-accounts"),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_the_built_in_chart_is_no_way_out(
    namespace: str, tmp_path: Path, attack: str
) -> None:
    values, rule = ATTACKS[attack]
    kubectl("create", "serviceaccount", "builder", "-n", namespace)
    async with portal(namespace, tmp_path) as here:
        ended = await launched(here, built_in(), SAMPLE | values)
        assert ended.phase is OperationPhase.FAILED
        assert f"[{rule}]" in ended.error
        assert "Deployment tried, spec.template.spec" in ended.error
        assert here.app(here.key("tried")).release is None
    kubectl("delete", "serviceaccount", "builder", "-n", namespace)
    assert left_behind(namespace) == [], "nothing was made, not even Helm's record"


def template(kind: str, version: str, spec: dict[str, Any], **meta: Any) -> str:
    metadata = {"name": "tried", **meta}
    return json.dumps({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})


ROOT = {**POD, "securityContext": {"runAsUser": 0}}
CHARTS: dict[str, tuple[str, str]] = {
    "a hook that is root": (
        template(
            "Job",
            "batch/v1",
            {"template": {"spec": {**ROOT, "restartPolicy": "Never"}}},
            annotations={"helm.sh/hook": "pre-install"},
        ),
        "pod-security",
    ),
    "an init container": (
        template(
            "Pod",
            "v1",
            {**POD, "initContainers": [{"name": "i", "image": "x"}]},
        ),
        "pod-security",
    ),
    "a port of the node": (
        template(
            "Pod",
            "v1",
            {
                **POD,
                "containers": [
                    {**POD["containers"][0], "ports": [{"hostPort": 80, "containerPort": 80}]}
                ],
            },  # type: ignore[index,dict-item]
        ),
        "pod-security",
    ),
    "the node's network": (template("Pod", "v1", {**POD, "hostNetwork": True}), "pod-security"),
    "another namespace": (
        template("Pod", "v1", POD, namespace="kube-system"),
        "other-namespaces",
    ),
    "a role": (
        json.dumps(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": {"name": "tried"},
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": "cluster-admin",
                },
            }
        ),
        "rbac",
    ),
    "what lookup finds": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: tried\n"
        '  namespace: {{ (lookup "v1" "Namespace" "" "kube-system").metadata.name }}\n',
        "other-namespaces",
    ),
}


@pytest.mark.parametrize("attack", CHARTS)
async def test_no_chart_is_a_way_out(namespace: str, tmp_path: Path, attack: str) -> None:
    text, rule = CHARTS[attack]
    async with portal(namespace, tmp_path / "home") as here:
        ended = await launched(here, chart(tmp_path / "chart", it=text), {})
    assert ended.phase is OperationPhase.FAILED
    assert f"[{rule}]" in ended.error
    assert left_behind(namespace) == []


async def test_a_hook_takes_nothing_from_others(namespace: str, tmp_path: Path) -> None:
    """Helm deletes whatever has a hook's name, whosever it is, before it makes the hook."""
    kubectl("create", "configmap", "theirs", "--from-literal=a=one", "-n", namespace)
    text = json.dumps(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "theirs", "annotations": {"helm.sh/hook": "pre-install"}},
            "data": {"a": "mine"},
        }
    ).replace("pre-install", "pre-install,pre-upgrade")
    async with portal(namespace, tmp_path / "home") as here:
        ended = await launched(here, chart(tmp_path / "taking", it=text), {})
        assert "[ownership]" in ended.error
        assert kubectl("get", "cm", "theirs", "-n", namespace, "-o", "jsonpath={.data.a}") == "one"
        own = chart(tmp_path / "own", it=text.replace("theirs", "tried-hook"))
        for _ in range(2):  # the second time its own is there
            assert (await launched(here, own, {})).phase is OperationPhase.SUCCEEDED
        fixed = chart(tmp_path / "fixed", it=text.replace("theirs", "fixed-name"))
        for _ in range(2):
            assert (await launched(here, fixed, {})).phase is OperationPhase.SUCCEEDED


async def test_values_do_not_read_the_cluster(namespace: str, tmp_path: Path) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: tried}\ndata: {a: {{ tpl .Values.a . | quote }}}\n"  # noqa: E501
    stolen = '{{ (lookup "v1" "Secret" "kube-system" "x").data }}'
    async with portal(namespace, tmp_path / "home") as here:
        what = chart(tmp_path / "chart", it=text)
        ended = await launched(here, what, {"a": stolen})
        assert "[value-templates]" in ended.error
        assert left_behind(namespace) == []
        fine = await launched(here, what, {"a": "{{ .Release.Name }}"})
        assert fine.phase is OperationPhase.SUCCEEDED


async def test_what_is_shared_or_allowed_runs(namespace: str, tmp_path: Path) -> None:
    kubectl("create", "secret", "generic", "login", "--from-literal=USER=ann", "-n", namespace)
    asked = SAMPLE | {"extraEnvVarsSecret": "login"}
    exceptions = (
        GuardrailException("bare", namespaces=(namespace,), pod_security=Level.PRIVILEGED),
        GuardrailException("keys", sources=("team",), allow=(Rule.REFERENCES,)),
    )
    async with portal(namespace, tmp_path / "a", exceptions=exceptions) as here:
        refused = await launched(here, built_in(), asked)
        assert "[references]" in refused.error, "an exception is for its source"
        kubectl("label", "secret", "login", "dash-portal.io/shared=true", "-n", namespace)
        values, _ = ATTACKS["uid 0"]
        assert (await launched(here, built_in(), asked | values)).phase is OperationPhase.SUCCEEDED
    # An upgrade, and the way back, are held against the rules of now.
    async with portal(namespace, tmp_path / "b") as here:
        await here.until(lambda: here.app(here.key("tried")).release is not None, "the release")
        previews = here.actions.previews
        order = ReleaseRequest(here.key("tried"), built_in(), asked | values)
        with pytest.raises(ChartError, match=r"\[pod-security\]"):
            await previews.upgrade(ANN, order)
        assert (await launched(here, built_in(), asked)).phase is OperationPhase.SUCCEEDED
        with pytest.raises(ChartError, match=r"\[pod-security\]"):
            await previews.rollback(ANN, here.key("tried"), 1)
        begun = await here.actions.rollback(ANN, here.key("tried"), 1)
        await here.until(
            lambda: (
                (now := here.app(begun.key).operation) is not None
                and now.id == begun.id
                and now.phase.terminal
            ),
            "the end of the rollback",
        )
        ended = here.app(begun.key).operation
        assert ended is not None
        assert "[pod-security]" in ended.error
        release = here.app(here.key("tried")).release
        assert release is not None
        assert release.revision == 2


async def test_a_namespace_that_enforces_nothing_proves_nothing(namespace: str) -> None:
    async with ClusterClient.connect(Path(os.environ["KUBECONFIG"])) as client:
        lax = Admission(client, {"restricted": namespace})
        with pytest.raises(ClusterUnavailable, match="does not enforce"):
            await lax.pod_problem({"spec": POD}, "restricted")
        none = Admission(client, {"restricted": f"{namespace}-none"})
        with pytest.raises(ClusterUnavailable, match="cannot check"):
            await none.pod_problem({"spec": POD}, "restricted")
        good = Admission(client, {"restricted": demo.RESTRICTED})
        # The namespaces themselves, which no exception lifts.
        assert await good.enforced_level(namespace) == ""
        assert {await good.enforced_level(each) for each in (demo.NAMESPACE, demo.APPS)} == {
            "restricted"
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "a-"}, "spec": POD}
        assert await good.pod_problem(pod, "restricted") == ""
        assert "hostNetwork" in await good.pod_problem(
            pod | {"spec": POD | {"hostNetwork": True}}, "restricted"
        )
    assert kubectl("get", "pods", "-n", demo.RESTRICTED, "-o", "name") == ""


async def test_items_of_a_list_may_share_an_anchor(namespace: str, tmp_path: Path) -> None:
    text = """apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: &shared {a: one}}
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: b}, data: *shared}
"""
    async with portal(namespace, tmp_path / "home") as here:
        ended = await launched(here, chart(tmp_path / "chart", it=text), {})
    assert ended.phase is OperationPhase.SUCCEEDED, ended.error
    assert kubectl("get", "cm", "b", "-n", namespace, "-o", "jsonpath={.data.a}") == "one"


async def test_of_a_key_that_is_there_twice_the_checked_one_is_applied(
    namespace: str, tmp_path: Path
) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: tried}\ndata:\n  a: one\n  a: two\n"
    async with portal(namespace, tmp_path / "home") as here:
        ended = await launched(here, chart(tmp_path / "chart", it=text), {})
    assert ended.phase is OperationPhase.SUCCEEDED
    assert kubectl("get", "cm", "tried", "-n", namespace, "-o", "jsonpath={.data.a}") == "two"
