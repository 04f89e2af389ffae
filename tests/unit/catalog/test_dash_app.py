from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from msgspec.structs import replace

from portal.catalog import dash_app
from portal.catalog.dash_app import ExposureSettings, from_values, merge, scaled, to_values
from portal.catalog.launch_fields import field_of, read_fields
from portal.catalog.values import get, put, to_yaml, without
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.launch import AutoscalingSpec, EnvVar, Exposure, LaunchSpec, VolumeMount

KEY = Key("apps", "sales")
CHART = Path(__file__).resolve().parents[3] / "charts" / "dash-app"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
DIGEST = "sha256:" + "0a" * 32
AUTO = AutoscalingSpec(2, 5, target_cpu=60, target_memory=None, scale_down_window=30)
SITE = ExposureSettings(
    ingress_class="traefik", ingress_tls=True, gateway="kube-system/traefik/web"
)

SPEC = LaunchSpec(
    key=KEY,
    repository="localhost:5000/dash-sample",
    tag="1.0",
    replicas=2,
    autoscaling=None,
    cpu_request="100m",
    cpu_limit="",
    memory_request="256Mi",
    memory_limit="512Mi",
    exposure=Exposure.LOAD_BALANCER,
    fields={"port": 8050},
)

SPECS = [
    SPEC,
    replace(SPEC, tag=DIGEST, fields={"port": 80}, replicas=0),
    replace(SPEC, autoscaling=AUTO),
    replace(SPEC, autoscaling=AutoscalingSpec(1, 3, None, 80)),
    replace(SPEC, cpu_request="", cpu_limit="", memory_request="", memory_limit=""),
    replace(SPEC, cpu_request=".5", cpu_limit="1e0", memory_request="1e8", memory_limit=".5Gi"),
    replace(
        SPEC, exposure=Exposure.NODE_PORT, fields={"port": 8050, "session_affinity": "ClientIP"}
    ),
    replace(SPEC, exposure=Exposure.CLUSTER_IP),
    replace(SPEC, exposure=Exposure.INGRESS, hostname="a.example.com"),
    replace(SPEC, exposure=Exposure.HTTP_ROUTE, hostname="a.example.com"),
    replace(SPEC, volume=VolumeMount("shared", "/data")),
    replace(SPEC, volume=VolumeMount("models.v2", "/srv/models", read_only=True)),
    replace(SPEC, env=(EnvVar("A", "1e3"), EnvVar("B", "'\"$(id)\\ é"), EnvVar("C", ""))),
]


@pytest.mark.parametrize("spec", SPECS)
def test_the_chart_takes_what_is_made_for_it(spec: LaunchSpec) -> None:
    values = to_values(spec, "ann", SITE)
    # As Helm does: null takes the chart's default away, then the schema is asked.
    jsonschema.validate(_coalesced(DEFAULTS, values), SCHEMA)


def _coalesced(defaults: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    result = dict(defaults)
    for name, value in values.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = _coalesced(result[name], value)
        else:
            result[name] = value
    return result


@pytest.mark.parametrize("spec", SPECS)
def test_the_form_shows_again_what_was_asked_for(spec: LaunchSpec) -> None:
    raw = from_values(KEY, to_values(spec, "ann", SITE))

    assert (raw["name"], raw["namespace"]) == ("sales", "apps")
    assert (raw["repository"], raw["tag"]) == (spec.repository, spec.tag)
    assert read_fields(raw) == (spec.fields, {})
    assert raw["replicas"] == spec.replicas
    assert raw["autoscaling"] is (spec.autoscaling is not None)
    if spec.autoscaling:
        assert raw["bounds"] == [spec.autoscaling.min_replicas, spec.autoscaling.max_replicas]
        assert raw["target_cpu"] == spec.autoscaling.target_cpu
        assert raw["target_memory"] == spec.autoscaling.target_memory
        assert raw["scale_down_window"] == spec.autoscaling.scale_down_window
    assert (raw["cpu_request"] == "") == (spec.cpu_request == "")
    assert (raw["exposure"], raw["hostname"]) == (spec.exposure, spec.hostname)
    assert raw["env"] == "\n".join(f"{each.name}={each.value}" for each in spec.env)
    assert raw["session_affinity"] is ("session_affinity" in spec.fields)
    volume = spec.volume or VolumeMount("", "/data")
    shown = (raw["claim"], raw["mount_path"], raw["read_only"])
    assert shown == (volume.claim, volume.path, volume.read_only)


def test_who_launched_it_is_kept() -> None:
    first = to_values(SPEC, "ann")
    assert first["commonAnnotations"] == {LAUNCHED_BY: "ann"}

    assert merge(first, to_values(SPEC, ""))["commonAnnotations"] == {LAUNCHED_BY: "ann"}
    assert merge({}, to_values(SPEC, "bob"))["commonAnnotations"] == {LAUNCHED_BY: "bob"}
    assert "commonAnnotations" not in to_values(SPEC, "")


def test_what_the_form_does_not_know_is_kept() -> None:
    existing: dict[str, Any] = {
        "image": {"registry": "r.io", "repository": "old", "tag": "0", "pullPolicy": "Always"},
        "containerPorts": {"http": 1234},
        "extraEnvVars": [
            {"name": "OLD", "value": "x"},
            {"name": "SECRET", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "TWO", "value": "line 1\nline 2"},
            {"name": "a.b", "value": "dots"},
            {"name": "NEW", "valueFrom": {}},
        ],
        "resources": {"limits": {"cpu": "1", "nvidia.com/gpu": 1}, "requests": {"cpu": "5m"}},
        "autoscaling": {"behavior": {"scaleUp": {"selectPolicy": "Max"}}, "minReplicas": 3},
        "persistence": {"subPath": "sales"},
        "commonAnnotations": {"team": "a"},
        "service": {"type": "NodePort", "nodePort": 30080, "annotations": {"a": "b"}},
        "ingress": {"enabled": True, "hostname": "h", "annotations": {"x": "y"}},
    }
    before = json.dumps(existing)

    merged = merge(existing, to_values(replace(SPEC, env=(EnvVar("NEW", "1"),)), "ann"))

    assert merged["image"] == {
        "pullPolicy": "Always",
        "repository": "localhost:5000/dash-sample",
        "tag": "1.0",
    }
    assert merged["containerPort"] == 8050
    assert "containerPorts" not in merged
    variables: Any = merged["extraEnvVars"]
    assert [each["name"] for each in variables] == ["NEW", "SECRET", "TWO", "a.b"]
    assert merged["resources"] == {
        "limits": {"nvidia.com/gpu": 1, "memory": "512Mi"},
        "requests": {"cpu": "100m", "memory": "256Mi"},
    }
    assert merged["autoscaling"] == {
        "behavior": {"scaleUp": {"selectPolicy": "Max"}},
        "minReplicas": 3,
        "enabled": False,
    }
    assert merged["persistence"] == {"subPath": "sales"}
    assert merged["commonAnnotations"] == {"team": "a", LAUNCHED_BY: "ann"}
    assert merged["service"] == {
        "type": "LoadBalancer",
        "nodePort": 30080,
        "annotations": {"a": "b"},
    }
    assert merged["ingress"] == {"annotations": {"x": "y"}}
    assert json.dumps(existing) == before


@pytest.mark.parametrize(
    ("existing", "volume", "persistence"),
    [
        ({}, VolumeMount("d", "/data"), {"existingClaim": "d"}),
        ({"existingClaim": "d"}, VolumeMount("d", "/data"), {"existingClaim": "d"}),
        (
            {"existingClaim": "d", "mountPath": "/data", "subPath": "a"},
            VolumeMount("e", "/data", read_only=True),
            {"existingClaim": "e", "mountPath": "/data", "subPath": "a", "readOnly": True},
        ),
        (
            {"existingClaim": "d", "mountPath": "/x", "readOnly": True, "subPath": "a"},
            None,
            {"subPath": "a"},
        ),
        ({"mountPath": "/x"}, None, {"mountPath": "/x"}),
    ],
)
def test_another_volume(
    existing: dict[str, object], volume: VolumeMount | None, persistence: dict[str, object]
) -> None:
    merged = merge({"persistence": existing}, to_values(replace(SPEC, volume=volume), ""))
    assert merged["persistence"] == persistence


@pytest.mark.parametrize("exposure", [Exposure.INGRESS, Exposure.HTTP_ROUTE])
def test_an_app_below_a_path_of_its_host(exposure: Exposure) -> None:
    spec = replace(SPEC, exposure=exposure, hostname="h", fields={"base_path": "/sales"})
    values = to_values(spec, "", SITE)
    part = "ingress" if exposure is Exposure.INGRESS else "httpRoute"
    assert get(values, f"{part}.path") == "/sales"
    assert get(values, f"{part}.enabled") is True
    assert from_values(KEY, values)["base_path"] == "/sales"
    own = merge(values, to_values(replace(spec, fields={}), "", SITE))
    assert get(own, f"{part}.path") is None


def test_reaching_an_app_another_way() -> None:
    existing = {
        "service": {"type": "NodePort", "nodePort": 30080},
        "ingress": {"ingressClassName": "nginx"},
        "httpRoute": {"parentRefs": [{"name": "mine"}], "hostnames": ["a", "b"], "enabled": True},
    }
    ingress = replace(SPEC, exposure=Exposure.INGRESS, hostname="new")
    merged = merge(existing, to_values(ingress, "ann", SITE))
    assert merged["service"] == {"type": "ClusterIP"}
    assert merged["ingress"] == {
        "ingressClassName": "nginx",
        "enabled": True,
        "hostname": "new",
        "tls": True,
    }
    assert merged["httpRoute"] == {"parentRefs": [{"name": "mine"}]}

    route = replace(SPEC, exposure=Exposure.HTTP_ROUTE, hostname="new")
    merged = merge(existing, to_values(route, "ann", SITE))
    assert merged["httpRoute"] == {
        "parentRefs": [{"name": "mine"}],
        "hostnames": ["new", "b"],
        "enabled": True,
    }


def test_editing_without_a_change_changes_nothing() -> None:
    for spec in SPECS:
        values = to_values(spec, "ann", SITE)
        assert merge(values, values) == values


def test_scaling_changes_nothing_else() -> None:
    values = to_values(SPEC, "ann")
    more = scaled(values, 5, None)
    assert more == {**values, "replicaCount": 5}

    auto = scaled(values, None, AUTO)
    assert without(auto, ["autoscaling"]) == without(values, ["autoscaling"])
    assert auto["autoscaling"] == {
        "enabled": True,
        "minReplicas": 2,
        "maxReplicas": 5,
        "targetCPU": 60,
        "targetMemory": None,
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 30}},
    }

    usual = scaled(auto, None, replace(AUTO, scale_down_window=None))
    assert "behavior" not in usual["autoscaling"]  # type: ignore[operator]

    fixed = scaled(auto, 3, None)
    assert fixed["replicaCount"] == 3
    assert fixed["autoscaling"] == {**auto["autoscaling"], "enabled": False}  # type: ignore[dict-item]


def test_a_release_from_a_terminal_is_shown_with_the_charts_defaults() -> None:
    raw = from_values(KEY, {"image": {"registry": "r.io:5", "repository": "team/a"}})

    assert raw["repository"] == "r.io:5/team/a"
    assert raw["tag"] == DEFAULTS["image"]["tag"]
    assert raw["port"] == 8050
    assert raw["replicas"] == DEFAULTS["replicaCount"]
    auto = DEFAULTS["autoscaling"]
    assert raw["bounds"] == [auto["minReplicas"], auto["maxReplicas"]]
    assert raw["target_cpu"] == auto["targetCPU"]
    assert raw["cpu_request"] == DEFAULTS["resources"]["requests"]["cpu"]
    assert raw["memory_request"] == DEFAULTS["resources"]["requests"]["memory"]
    assert raw["exposure"] == DEFAULTS["service"]["type"]


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ({"repository": "a"}, "a:latest"),
        ({"repository": "a", "tag": "1", "registry": "r.io"}, "r.io/a:1"),
        ({"repository": "a", "tag": "", "digest": DIGEST}, f"a@{DIGEST}"),
        ({"repository": "a", "tag": "1", "digest": DIGEST}, f"a:1@{DIGEST}"),
    ],
)
def test_the_image_that_pods_run(values: dict[str, object], image: str) -> None:
    assert dash_app.image({"image": values}) == image


def test_paths_of_values_belong_to_fields() -> None:
    assert field_of("resources.requests.memory") == "memory_request"
    assert field_of("extraEnvVars.0.name") == "env"
    assert field_of("autoscaling") == "target_cpu"
    assert field_of("persistence.mountPath") == "mount_path"
    assert field_of("podLabels.team") == ""
    assert field_of("") == ""


def test_paths_of_values() -> None:
    values: dict[str, object] = {}
    put(values, "a.b.c", 1)
    assert get(values, "a.b.c") == 1
    assert get(values, "a.x.c", "none") == "none"
    assert get({"a": 3}, "a.b") is None
    assert without(values, ["a.b.c", "x.y"]) == {}


HOSTILE = {
    "backticks": "`id`",
    "dollars": "$(id) $HOME ${x}",
    "quotes": "'\"\\",
    "end": "EOF",
    "ends": "x\nEOF\ny",
    "number": "1e3",
    "octal": "0o7",
    "underscores": "1_000",
    "time": "12:30:45",
    "date": "2026-01-01",
    "yes": "yes",
    "y": "y",
    "null": "null",
    "tilde": "~",
    "empty": "",
    "space": " x ",
    "colon": "a: b",
    "hash": "a #b",
    "dash": "- a",
    "brace": "{a}",
    "percent": "%a",
    "at": "@a",
    "tab": "a\tb",
    "accents": "é ☃ \u2028 \x85",
    "infinite": ".inf",
    "merge": "<<",
    "equals": "=",
    "true number": 3,
    "true word": True,
    "nothing": None,
}


def test_values_survive_yaml() -> None:
    assert yaml.safe_load(to_yaml(HOSTILE)) == HOSTILE


def test_the_command_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    stub = tmp_path / "helm"
    stub.write_text(
        f"#!/bin/sh\ncd {shlex.quote(str(tmp_path))}\n"
        'for each in "$@"; do printf \'%s\\0\' "$each" >> argv; done\ncat > stdin\n'
    )
    stub.chmod(0o755)
    chart = "charts/it's $(touch hacked) `x`"
    command = dash_app.equivalent_command(Key("apps", "a;b"), chart, HOSTILE)

    subprocess.run(
        ["/bin/sh"],
        input=command,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        cwd=tmp_path,
        text=True,
        check=True,
        timeout=30,
    )

    argv = (tmp_path / "argv").read_text().split("\0")[:-1]
    assert argv == [
        *("upgrade", "--install", "a;b", chart),
        *("--namespace", "apps", "--reset-values", "--values", "-"),
    ]
    assert yaml.safe_load((tmp_path / "stdin").read_text()) == HOSTILE
    assert not (tmp_path / "hacked").exists()
