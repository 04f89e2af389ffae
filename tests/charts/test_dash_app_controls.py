"""What the launch form's further controls come to, rendered by Helm."""

from __future__ import annotations

from typing import Any

import pytest

from portal.catalog.presets import Preset
from portal.domain.namespaces import NamespaceRules
from portal.domain.sizes import Size
from portal.releases.forms import ReleaseForms
from tests.charts.helm import Helm
from tests.charts.k8s_schemas import validate
from tests.charts.test_dash_app import CHART

GPU = Size(
    "GPU",
    {"cpu": "2", "memory": "8Gi", "nvidia.com/gpu": "1"},
    {"memory": "8Gi", "nvidia.com/gpu": "1"},
    {"gpu": "a100"},
    ({"key": "nvidia.com/gpu", "operator": "Exists"},),
)
FORMS = ReleaseForms(
    NamespaceRules(("apps",)), "apps", presets=(Preset("P", "team/app", "1"),), sizes=(GPU,)
)
ADMITTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def pod(helm: Helm, **fields: object) -> dict[str, Any]:
    """The pod that a filled in form comes to."""
    checked = FORMS.check({**FORMS.defaults(), "name": "a", **fields})
    assert checked.spec is not None, checked.errors
    rendered = helm.template(CHART, FORMS.values(checked.spec, "ann"))
    assert not rendered.error, rendered.error
    assert [problem for each in rendered.manifests for problem in validate(each)] == []
    made: dict[str, Any] = rendered.one("Deployment")["spec"]["template"]
    return {**made["spec"], "labels": made["metadata"]["labels"]}


def app(spec: dict[str, Any]) -> dict[str, Any]:
    (container,) = spec["containers"]
    return dict(container)


def test_folders_are_filled_by_a_container_that_may_do_no_more_than_the_app(helm: Helm) -> None:
    spec = pod(helm, writable_folders="/app/data\n/var/cache empty", runs_as="2000")
    (copy,) = spec["initContainers"]
    assert copy["image"] == app(spec)["image"]
    assert copy["command"][-2:] == ["/app/data", "/copies/0"]
    assert copy["securityContext"] == app(spec)["securityContext"]
    assert copy["securityContext"].items() >= ADMITTED.items()
    assert copy["securityContext"]["runAsUser"] == 2000
    assert copy["resources"] == app(spec)["resources"]
    mounts = {each["mountPath"]: each["name"] for each in app(spec)["volumeMounts"]}
    assert mounts == {"/tmp": "tmp", "/app/data": "writable-0", "/var/cache": "writable-1"}
    assert {each["name"] for each in spec["volumes"]} == set(mounts.values())
    assert "initContainers" not in pod(helm, writable_folders="/var/cache empty")


def test_disks_and_memory(helm: Helm) -> None:
    spec = pod(helm, scratch_size="2Gi", shared_memory="64Mi")
    assert {each["name"]: each["emptyDir"] for each in spec["volumes"]} == {
        "tmp": {"sizeLimit": "2Gi"},
        "shared-memory": {"medium": "Memory", "sizeLimit": "64Mi"},
    }
    assert app(spec)["volumeMounts"][-1] == {"name": "shared-memory", "mountPath": "/dev/shm"}
    loose = app(pod(helm, writable_root=True))["securityContext"]
    assert loose["readOnlyRootFilesystem"] is False
    assert loose.items() >= ADMITTED.items()


@pytest.mark.parametrize(
    ("user", "context"),
    [
        ("", {"runAsUser": 1001, "runAsGroup": 1001, "runAsNonRoot": True}),
        ("image", {"runAsNonRoot": True}),
        ("7", {"runAsUser": 7, "runAsGroup": 7, "runAsNonRoot": True}),
        ("root", {"runAsUser": 0, "runAsGroup": 0, "runAsNonRoot": False}),
    ],
)
def test_users(helm: Helm, user: str, context: dict[str, object]) -> None:
    found = app(pod(helm, runs_as=user))["securityContext"]
    assert {name: each for name, each in found.items() if name.startswith("runAs")} == context
    assert found["allowPrivilegeEscalation"] is False
    assert ("capabilities" in found) == (user != "root")


def test_how_it_starts(helm: Helm) -> None:
    spec = pod(
        helm,
        command="python -m 'my app'",
        args="--quiet",
        timezone="Europe/Berlin",
        health_path="/healthz",
        start_time=600,
        env_secret="login",
        env_config_map="team",
        pull_secrets="one\ntwo",
        labels="team=sales",
    )
    container = app(spec)
    assert (container["command"], container["args"]) == (["python", "-m", "my app"], ["--quiet"])
    assert {"name": "TZ", "value": "Europe/Berlin"} in container["env"]
    assert [each["httpGet"]["path"] for each in (container["startupProbe"],)] == ["/healthz"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/healthz"
    start = container["startupProbe"]
    assert start["periodSeconds"] * start["failureThreshold"] == 600
    assert container["envFrom"] == [
        {"configMapRef": {"name": "team"}},
        {"secretRef": {"name": "login"}},
    ]
    assert spec["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}]
    assert spec["labels"]["team"] == "sales"
    own = app(pod(helm, env="TZ=UTC", timezone="Europe/Berlin", health_path=""))
    assert [each["value"] for each in own["env"] if each["name"] == "TZ"] == ["UTC"]
    assert "tcpSocket" in own["readinessProbe"]


def test_a_size_chooses_devices_and_nodes(helm: Helm) -> None:
    spec = pod(helm, size="GPU", cpu_request="not looked at")
    assert app(spec)["resources"] == {"requests": dict(GPU.requests), "limits": dict(GPU.limits)}
    assert spec["nodeSelector"] == {"gpu": "a100"}
    assert spec["tolerations"] == list(GPU.tolerations)
