"""The objects of charts/dash-app for each option, validated against Kubernetes' own schemas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charts.helm import Helm, Rendered
from tests.charts.k8s_schemas import validate

CHART = Path(__file__).resolve().parents[2] / "charts" / "dash-app"
IMAGE = {"repository": "team/app", "tag": "1.0"}
SELECTOR = {"app.kubernetes.io/name": "dash-app", "app.kubernetes.io/instance": "my-app"}

SWITCHES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "registry and digest": {
        "image": {"registry": "localhost:5000", "digest": "sha256:" + "0" * 64},
    },
    "pull": {"image": {"pullPolicy": "Always", "pullSecrets": ["a", "b"]}},
    "command": {"command": ["python3"], "args": ["-m", "app"]},
    "ports": {"containerPorts": {"http": 9000}, "service": {"port": 8080}},
    "environment": {
        "extraEnvVars": [
            {"name": "A", "value": "1"},
            {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
        "extraEnvVarsCM": "settings",
        "extraEnvVarsSecret": "secrets",
    },
    "replicas": {"replicaCount": 3},
    "no replicas": {"replicaCount": 0},
    "autoscaling": {"autoscaling": {"enabled": True}},
    "autoscaling on both, with behaviour": {
        "autoscaling": {
            "enabled": True,
            "minReplicas": 2,
            "maxReplicas": 3,
            "targetCPU": 1,
            "targetMemory": 80,
            "behavior": {
                "scaleDown": {
                    "stabilizationWindowSeconds": 30,
                    "selectPolicy": "Max",
                    "policies": [{"type": "Pods", "value": 1, "periodSeconds": 15}],
                },
                "scaleUp": {"policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]},
            },
        }
    },
    "resources": {
        "resources": {
            "requests": {"cpu": 0.5, "memory": 268435456, "ephemeral-storage": "1Gi"},
            "limits": {"cpu": 2, "memory": "1.5Gi", "nvidia.com/gpu": 1},
        }
    },
    "load balancer": {
        "service": {
            "nodePort": 30080,
            "annotations": {"example.com/scheme": "internal"},
            "loadBalancerClass": "example.com/lb",
            "loadBalancerSourceRanges": ["10.0.0.0/8"],
            "externalTrafficPolicy": "Local",
        },
        "sessionAffinity": "ClientIP",
    },
    "node port": {"service": {"type": "NodePort", "nodePort": 30080}},
    "cluster ip": {"service": {"type": "ClusterIP", "externalTrafficPolicy": "Local"}},
    "ingress": {
        "ingress": {
            "enabled": True,
            "hostname": "app.example.com",
            "ingressClassName": "traefik",
            "annotations": {"example.com/a": "b"},
            "tls": True,
        }
    },
    "ingress for any host": {"ingress": {"enabled": True, "pathType": "Exact"}},
    "route": {
        "httpRoute": {
            "enabled": True,
            "parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "web"}],
            "hostnames": ["app.example.com"],
            "annotations": {"example.com/a": "b"},
        }
    },
    "volume": {
        "persistence": {"existingClaim": "shared", "subPath": "a", "readOnly": True},
        "extraVolumes": [{"name": "config", "configMap": {"name": "config"}}],
        "extraVolumeMounts": [{"name": "config", "mountPath": "/config"}],
    },
    "probes by path": {"livenessProbe": {"path": "/healthz"}, "startupProbe": {"path": ""}},
    "no probes": {
        "startupProbe": {"enabled": False},
        "readinessProbe": {"enabled": False},
        "livenessProbe": {"enabled": False},
    },
    "recreate": {"updateStrategy": {"type": "Recreate"}},
    "disruptions by percent": {"replicaCount": 4, "pdb": {"maxUnavailable": "25%"}},
    "no security contexts": {
        "podSecurityContext": {"enabled": False},
        "containerSecurityContext": {"enabled": False},
        "preStopSleepSeconds": 0,
    },
    "service account": {
        "serviceAccount": {
            "create": True,
            "annotations": {"example.com/role": "reader"},
            "automountServiceAccountToken": True,
        }
    },
    "metadata and placing": {
        "commonLabels": {"team": "data"},
        "commonAnnotations": {"dash-portal.io/launched-by": "Zoë <zoe@example.com>"},
        "podLabels": {"tier": "web"},
        "podAnnotations": {"example.com/a": "true"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}
        ],
        "tests": {"image": "python:3", "path": "/healthz"},
    },
    "files and time": {
        "scratch": {"sizeLimit": "1Gi"},
        "sharedMemory": {"sizeLimit": "256Mi"},
        "timezone": "Europe/Lisbon",
        "writableFolders": [{"path": "/app"}, {"path": "/var/cache", "copy": False}],
    },
}


@pytest.fixture
def render(helm: Helm):
    def run(values: dict[str, Any] | None = None, **keywords: str) -> Rendered:
        values = dict(values or {})
        values["image"] = IMAGE | values.get("image", {})
        rendered = helm.template(CHART, values, **keywords)
        assert not rendered.error, rendered.error
        return rendered

    return run


def container(rendered: Rendered) -> dict[str, Any]:
    (only,) = rendered.one("Deployment")["spec"]["template"]["spec"]["containers"]
    return only


def pod_spec(rendered: Rendered) -> dict[str, Any]:
    return rendered.one("Deployment")["spec"]["template"]["spec"]


@pytest.mark.parametrize("switch", SWITCHES)
def test_every_switch_renders_what_kubernetes_accepts(render, switch):
    manifests = render(SWITCHES[switch]).manifests
    assert manifests
    assert [problem for manifest in manifests for problem in validate(manifest)] == []


def test_every_value_is_exercised():
    """A value that no switch sets would be a value that no test has rendered."""
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    untested = {
        key for key in defaults if not any(key in values for values in SWITCHES.values())
    } - {"containerPort", "terminationGracePeriodSeconds"}
    assert untested == set()


def test_objects_by_default(render):
    assert render().kinds == {"Deployment", "Service", "Pod"}


def test_image_reference(render):
    digest = "sha256:" + "0" * 64
    assert container(render())["image"] == "team/app:1.0"
    with_registry = render({"image": {"registry": "localhost:5000", "digest": digest}})
    assert container(with_registry)["image"] == f"localhost:5000/team/app:1.0@{digest}"


@pytest.mark.parametrize(
    ("values", "port"),
    [({}, 8050), ({"containerPort": 80}, 80), ({"containerPorts": {"http": 81}}, 81)],
)
def test_port(render, values, port):
    rendered = render(values)
    assert container(rendered)["ports"] == [{"name": "http", "containerPort": port}]
    assert rendered.one("Service")["spec"]["ports"][0]["targetPort"] == "http"


def test_replicas_belong_to_the_autoscaler_while_it_is_on(render):
    fixed = render({"replicaCount": 3})
    assert fixed.one("Deployment")["spec"]["replicas"] == 3
    assert "HorizontalPodAutoscaler" not in fixed.kinds
    scaled = render({"replicaCount": 3, "autoscaling": {"enabled": True}})
    assert "replicas" not in scaled.one("Deployment")["spec"]


def test_autoscaler(render):
    rendered = render(
        {"autoscaling": {"enabled": True, "minReplicas": 2, "maxReplicas": 3, "targetMemory": 80}}
    )
    spec = rendered.one("HorizontalPodAutoscaler")["spec"]
    assert spec["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": rendered.one("Deployment")["metadata"]["name"],
    }
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 3)
    assert [
        (metric["resource"]["name"], metric["resource"]["target"]["averageUtilization"])
        for metric in spec["metrics"]
    ] == [("cpu", 70), ("memory", 80)]


def test_autoscaling_on_memory_alone(render):
    rendered = render({"autoscaling": {"enabled": True, "targetCPU": None, "targetMemory": 80}})
    (metric,) = rendered.one("HorizontalPodAutoscaler")["spec"]["metrics"]
    assert metric["resource"]["name"] == "memory"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, False),
        ({"replicaCount": 2}, True),
        ({"autoscaling": {"enabled": True}}, True),
        ({"replicaCount": 2, "autoscaling": {"enabled": True, "maxReplicas": 1}}, False),
        ({"replicaCount": 2, "pdb": {"create": False}}, False),
    ],
)
def test_disruption_budget_when_there_can_be_more_than_one_pod(render, values, expected):
    assert ("PodDisruptionBudget" in render(values).kinds) is expected


def test_selectors_hold_nothing_but_the_release(render):
    """They cannot be changed afterwards, so no value may reach them."""
    rendered = render(SWITCHES["metadata and placing"] | {"replicaCount": 2})
    deployment = rendered.one("Deployment")
    assert deployment["spec"]["selector"] == {"matchLabels": SELECTOR}
    assert rendered.one("Service")["spec"]["selector"] == SELECTOR
    assert rendered.one("PodDisruptionBudget")["spec"]["selector"] == {"matchLabels": SELECTOR}
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert labels == SELECTOR | {"team": "data", "tier": "web"}


def test_labels_of_the_user_cannot_replace_the_selector(render):
    rendered = render({"podLabels": {"app.kubernetes.io/instance": "other"}})
    assert rendered.one("Deployment")["spec"]["template"]["metadata"]["labels"] == SELECTOR


def test_the_test_pod_is_not_behind_the_service(render):
    labels = render().one("Pod")["metadata"]["labels"]
    assert not labels.items() >= SELECTOR.items()


def test_common_annotations_are_on_every_object_and_restart_nothing(render):
    rendered = render(
        {
            "commonAnnotations": {"who": "Zoë"},
            "service": {"annotations": {"lb": "x"}},
            "replicaCount": 2,
        }
    )
    assert all(m["metadata"]["annotations"]["who"] == "Zoë" for m in rendered.manifests)
    assert rendered.one("Service")["metadata"]["annotations"] == {"who": "Zoë", "lb": "x"}
    assert "annotations" not in rendered.one("Deployment")["spec"]["template"]["metadata"]


def test_an_update_loses_no_request(render):
    rendered = render()
    strategy = rendered.one("Deployment")["spec"]["strategy"]
    assert strategy == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
    }
    sleep = container(rendered)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert 0 < sleep < pod_spec(rendered)["terminationGracePeriodSeconds"]
    assert "httpGet" in container(rendered)["readinessProbe"]


def test_liveness_does_not_ask_a_busy_app_for_a_page(render):
    assert "tcpSocket" in container(render())["livenessProbe"]
    by_path = container(render({"livenessProbe": {"path": "/healthz"}}))["livenessProbe"]
    assert by_path["httpGet"] == {"path": "/healthz", "port": "http"}


def test_security(render):
    rendered = render()
    pod, app = pod_spec(rendered), container(rendered)
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert "serviceAccountName" not in pod
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert app["securityContext"] == {
        "runAsUser": 1001,
        "runAsGroup": 1001,
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"name": "tmp", "mountPath": "/tmp"} in app["volumeMounts"]
    assert {"name": "tmp", "emptyDir": {}} in pod["volumes"]


def test_home_is_writable_unless_the_user_says_otherwise(render):
    user = {"name": "USER", "value": "app"}
    assert container(render())["env"] == [{"name": "HOME", "value": "/tmp"}, user]
    own = [{"name": "HOME", "value": "/data"}]
    assert container(render({"extraEnvVars": own}))["env"] == [user, *own]


def test_a_user_without_a_name_in_the_image_has_one(render):
    def names(**context):
        given = container(render({"containerSecurityContext": context}))["env"]
        return [each["value"] for each in given if each["name"] == "USER"]

    assert names(runAsUser=1234) == ["app"]
    assert names(runAsUser=None) == []
    assert names(enabled=False) == []


def test_requests_by_default_so_that_an_autoscaler_has_a_baseline(render):
    assert container(render())["resources"] == {"requests": {"cpu": "100m", "memory": "128Mi"}}


def test_resources_are_written_without_exponents(render):
    limits = {"memory": 1073741824, "cpu": 1.5}
    resources = container(render({"resources": {"limits": limits}}))["resources"]
    assert resources["limits"] == {"memory": "1073741824", "cpu": "1.5"}


def test_pods_spread_over_nodes_and_zones_softly(render):
    constraints = pod_spec(render())["topologySpreadConstraints"]
    assert [c["topologyKey"] for c in constraints] == [
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    ]
    assert {c["whenUnsatisfiable"] for c in constraints} == {"ScheduleAnyway"}
    assert all(c["labelSelector"]["matchLabels"] == SELECTOR for c in constraints)


def test_ingress(render):
    spec = render(SWITCHES["ingress"]).one("Ingress")["spec"]
    assert spec["ingressClassName"] == "traefik"
    assert spec["tls"] == [{"hosts": ["app.example.com"], "secretName": "app.example.com-tls"}]
    (rule,) = spec["rules"]
    assert rule["host"] == "app.example.com"
    assert rule["http"]["paths"][0]["backend"]["service"]["name"] == "my-app"


def test_route(render):
    spec = render(SWITCHES["route"]).one("HTTPRoute")["spec"]
    assert spec["parentRefs"] == SWITCHES["route"]["httpRoute"]["parentRefs"]
    assert spec["hostnames"] == ["app.example.com"]
    assert spec["rules"][0]["backendRefs"] == [{"name": "my-app", "port": 80}]


def test_existing_claim(render):
    rendered = render(SWITCHES["volume"])
    mount = {"name": "data", "mountPath": "/data", "subPath": "a", "readOnly": True}
    assert mount in container(rendered)["volumeMounts"]
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "shared"}}
    assert volume in pod_spec(rendered)["volumes"]


def test_service_account(render):
    rendered = render(SWITCHES["service account"])
    assert rendered.one("ServiceAccount")["metadata"]["name"] == "my-app"
    assert pod_spec(rendered)["serviceAccountName"] == "my-app"
    made = render({"serviceAccount": {"create": True, "name": "custom"}})
    assert made.one("ServiceAccount")["metadata"]["name"] == "custom"
    assert pod_spec(made)["serviceAccountName"] == "custom"
    named = render({"serviceAccount": {"name": "existing"}})
    assert "ServiceAccount" not in named.kinds
    assert pod_spec(named)["serviceAccountName"] == "existing"


@pytest.mark.parametrize("release", ["true", "null", "on", "y", "a" * 53])
def test_awkward_release_names_stay_text(render, release):
    rendered = render(SWITCHES["autoscaling"], release=release)
    assert [problem for manifest in rendered.manifests for problem in validate(manifest)] == []
    assert rendered.one("Service")["metadata"]["name"] == release
    assert all(len(manifest["metadata"]["name"]) <= 63 for manifest in rendered.manifests)


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({}, "kubectl get service my-app -n apps -o jsonpath='{.status.loadBalancer"),
        ({"service": {"type": "NodePort"}}, "kubectl get nodes"),
        ({"service": {"type": "ClusterIP"}}, "http://my-app.apps\n"),
        ({"service": {"type": "ClusterIP", "port": 8080}}, "http://my-app.apps:8080\n"),
        (SWITCHES["ingress"], "  https://app.example.com/\n"),
        (SWITCHES["ingress for any host"], "kubectl get ingress my-app -n apps"),
        (SWITCHES["route"], "  http://app.example.com/ "),
        (SWITCHES["autoscaling"], "on 1 to 4 pods"),
    ],
)
def test_notes_say_where_the_app_is(helm, values, url):
    assert url in helm.notes(CHART, {"image": IMAGE} | values)
