"""The objects of helm/portal: valid, with the minimal rights, and with the settings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from portal.auth.hosts import KnownHosts
from portal.auth.kubernetes import ASKED, ROLES, permissions
from portal.autoscaling.cost import Prices
from portal.catalog.launch_fields import PRESET_FIELDS
from portal.cluster import restarts
from portal.cluster.kinds import RESOURCES
from portal.cluster.leases import LEASES
from portal.cluster.load_tests import job
from portal.cluster.objects import READABLE
from portal.domain.impersonation import OPERATION
from portal.domain.keys import Key
from portal.domain.load_tests import LoadTestPlan
from portal.domain.reviews import ResourceAttributes, ResourceRule, Rules
from portal.guardrails.rules import UNLIFTABLE, Level, Rule
from portal.images.registries import ImageLookup
from portal.settings import PREFIX, Settings
from tests.charts.helm import Helm, Rendered
from tests.charts.k8s_schemas import validate

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "portal"
APP_CHART = ROOT / "charts" / "dash-app"
IMAGE = {"repository": "example.com/dash-portal"}
HEADER = {"mode": "header", "existingSecret": "portal-proxy"}
KUBERNETES = {"mode": "kubernetes", "groups": ["team-a", "team b", "CN=c,OU=d"]}
GRANTING = {**KUBERNETES, "grantRoles": True}
PROJECTS: dict[str, Any] = {
    "ingressNamespaces": ["ingress-nginx"],
    "defaults": {"quota_cpu": "8", "network": "restricted"},
}
OIDC: dict[str, Any] = {
    "auth": {
        "mode": "oidc",
        "oidc": {
            "issuer": "https://login.example.com",
            "clientId": "portal",
            "existingSecret": "portal-oidc",
            "sessionKeyKey": "key",
            "caConfigMap": "authorities",
        },
    },
    "settings": {"publicUrl": "https://portal.example.com"},
}
ALB = {
    "arn": "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/portal/0123",
    "issuer": "https://login.example.com",
    "clientId": "portal",
    "keysUrl": "https://keys.example.com",
}
ALL_AUTH: dict[str, Any] = {
    **HEADER,
    "userPrefix": "oidc:",
    "groupsPrefix": "oidc:",
    "oidc": OIDC["auth"]["oidc"],
    "bearer": {"audiences": ["api"], "tokenReviewAudiences": ["portal"]},
    "alb": ALB,
}
MUTUAL_TLS: dict[str, Any] = {
    "auth": {**HEADER, "proxyNames": ["proxy.example.com", "spiffe://example.com/proxy"]},
    "tls": {"existingSecret": "portal-tls", "clientCaKey": "ca.crt"},
}
PRESET = {
    "name": "Sample",
    "description": "Draws.",
    "repository": "example.com/sample",
    "tag": "1.0",
    "port": 8050,
    "cpu_request": "100m",
    "cpu_limit": "1",
    "memory_request": "128Mi",
    "memory_limit": "256Mi",
    "session_affinity": True,
    "size": "GPU",
    "env": "A=1",
    "writable_folders": "/app/data",
    "writable_root": True,
    "scratch_size": "1Gi",
    "shared_memory": "1Gi",
    "runs_as": "image",
    "timezone": "Europe/Berlin",
    "command": "python app.py",
    "args": "--quiet",
    "base_path": "/sales",
    "health_path": "/healthz",
    "start_time": 300,
}
SIZE = {
    "name": "GPU",
    "description": "One A100.",
    "requests": {"cpu": "2", "memory": "8Gi", "nvidia.com/gpu": 1},
    "limits": {"memory": "8Gi", "nvidia.com/gpu": 1},
    "nodeSelector": {"gpu": "a100"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
}
ALL_SETTINGS = {
    "defaultNamespace": "apps",
    "maxReplicas": 20,
    "prices": {"coreHour": 0.04, "gibHour": 0.005, "currency": "EUR"},
    "chartRef": "oci://example.com/charts/dash-app",
    "nodeAddress": "192.0.2.1",
    "ingressAddress": "192.0.2.2",
    "ingressClass": "traefik",
    "ingressTls": True,
    "allowExec": True,
    "publicUrl": "https://portal.example.com",
    "shell": True,
    "shellImage": "registry.example.com/debug:1",
    "shellIdle": 600,
    "shellLongest": 7200,
    "loadTestImage": "registry.example.com/load-test:1",
    "loadTestRate": 50,
    "loadTestSeconds": 120,
    "loadTestMinutes": 10,
    "limits": {
        "operations": 2,
        "apps": 0,
        "tabs": 9,
        "logs": 8,
        "downloads": 7,
        "shells": 6,
        "requests": 5,
    },
    "gateway": "kube-system/traefik",
    "trustedOrigins": ["https://portal.example.com", "http://localhost:8080"],
    "allowedHosts": ["public.example.com", "*.example.net"],
    "helmTimeout": 60,
    "helmConcurrency": 2,
    "metricsInterval": 15,
    "allowedImages": ["registry.example.com/team/*", "docker.io/library/*"],
    "imageLookup": "listed",
    "catalogInterval": 60,
    "auditLog": False,
    "logFormat": "text",
    "logLevel": "DEBUG",
}

SOURCE = {
    "name": "team",
    "kind": "repository",
    "url": "https://charts.example.com",
    "charts": ["web-*"],
    "hosts": ["files.example.com"],
    "existingSecret": "team-login",
}
REGISTRY = {
    "name": "hub",
    "kind": "oci",
    "url": "oci://registry.example.com/charts",
    "charts": ["web"],
    "existingSecret": "hub-login",
    "token_host": "auth.example.com",
}
EXCEPTION = {
    "name": "gpu",
    "namespaces": ["gpu"],
    "sources": ["team"],
    "allow": ["references", "rbac"],
    "pod_security": "baseline",
}
IMAGES = {
    "host": "localhost:5000",
    "url": "http://registry.registry.svc:5000",
    "hosts": ["cdn.internal"],
    "existingSecret": "images-login",
}
DATABASE = {"existingSecret": "postgresql", "existingSecretKey": "address"}
VOLUME = {"enabled": True, "storageClass": "fast", "size": "5Gi"}
WEBHOOK = {"existingSecret": "channel", "existingSecretKey": "address", "allowHttp": True}
PROMETHEUS = {
    "url": "https://prometheus.example.com",
    "existingSecret": "asks",
    "tokenKey": "token",
    "caKey": "authorities",
}
FOLDER = {"name": "local", "kind": "folder", "path": "/charts"}

SWITCHES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "names": {"nameOverride": "web", "commonLabels": {"team": "data"}},
    "full name": {"fullnameOverride": "portal", "commonAnnotations": {"example.com/a": "b"}},
    "image": {
        "image": {
            "registry": "localhost:5000",
            "digest": "sha256:" + "0" * 64,
            "pullPolicy": "Always",
            "pullSecrets": ["a", "b"],
        }
    },
    "listed namespaces": {"namespaces": ["apps", "default"]},
    "no rbac": {"rbac": {"create": False}},
    "more rights": {
        "rbac": {"extraRules": [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]}]}
    },
    "own account": {"serviceAccount": {"create": False, "name": "mine"}},
    "annotated account": {"serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "x"}}},
    "header": {"auth": HEADER},
    "kubernetes decides": {"auth": HEADER, "authorization": KUBERNETES},
    "kubernetes decides for some": {
        "auth": HEADER,
        "namespaces": ["apps"],
        "authorization": {**KUBERNETES, "users": ["ann"], "impersonation": "any"},
    },
    "projects of owners": {"auth": HEADER, "projects": {"enabled": True}},
    "projects": {
        "auth": HEADER,
        "authorization": KUBERNETES,
        "projects": {**PROJECTS, "enabled": True, "personal": True},
    },
    "people give roles": {"auth": HEADER, "authorization": {**KUBERNETES, "grantRoles": True}},
    "oidc": OIDC,
    "alb": {"auth": {"mode": "alb", "alb": ALB}},
    "all of auth": {"auth": ALL_AUTH},
    "mutual TLS": MUTUAL_TLS,
    "webhook": {"webhook": WEBHOOK},
    "prometheus": {"prometheus": PROMETHEUS},
    "database": {"database": DATABASE},
    "persistence": {"persistence": VOLUME},
    "read-only links": {
        "auth": HEADER,
        "persistence": VOLUME,
        "settings": {"shareLinks": True},
    },
    "settings": {"settings": ALL_SETTINGS},
    "presets": {"presets": [PRESET]},
    "sizes": {"sizes": [SIZE]},
    "catalog": {"catalog": [SOURCE, REGISTRY, FOLDER]},
    "image registries": {"imageRegistries": [{"host": "r.example.com"}, IMAGES]},
    "exceptions": {"guardrails": {"exceptions": [EXCEPTION]}},
    "own namespaces for levels": {
        "guardrails": {
            "exceptions": [EXCEPTION],
            "createNamespaces": False,
            "restrictedNamespace": "strict",
            "baselineNamespace": "lax",
        }
    },
    "load balancer": {
        "service": {
            "type": "LoadBalancer",
            "port": 8080,
            "nodePort": 30080,
            "annotations": {"example.com/scheme": "internal"},
            "loadBalancerClass": "service.k8s.aws/nlb",
            "loadBalancerSourceRanges": ["10.0.0.0/8"],
            "sessionAffinity": "ClientIP",
        }
    },
    "node port": {"service": {"type": "NodePort", "nodePort": 30080}},
    "ingress": {
        "ingress": {
            "enabled": True,
            "hostname": "portal.example.com",
            "ingressClassName": "traefik",
            "annotations": {"cert-manager.io/cluster-issuer": "le"},
            "tls": True,
        }
    },
    "route": {
        "httpRoute": {
            "enabled": True,
            "hostnames": ["portal.example.com"],
            "parentRefs": [{"name": "traefik", "namespace": "kube-system", "sectionName": "web"}],
            "annotations": {"example.com/a": "b"},
        }
    },
    "no policy": {"networkPolicy": {"enabled": False}},
    "narrow policy": {
        "networkPolicy": {
            "allowFrom": [{"namespaceSelector": {"matchLabels": {"name": "proxy"}}}],
            "egressCidrs": ["10.0.0.0/8"],
            "apps": {"enabled": True, "allowFrom": [{"podSelector": {}}]},
        }
    },
    "replicas": {"replicaCount": 3, "podDisruptionBudget": {"maxUnavailable": "50%"}},
    "placing": {
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "priorityClassName": "high",
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "zone",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"a": "b"}},
            }
        ],
    },
    "pod": {
        "podLabels": {"a": "b"},
        "podAnnotations": {"c": "d"},
        "extraEnvVars": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        "resources": {"limits": {"cpu": 1, "memory": "1Gi"}},
        "tmpSizeLimit": "1Gi",
        "terminationGracePeriodSeconds": 60,
    },
}


def render(helm: Helm, **values: Any) -> Rendered:
    image = IMAGE | values.pop("image", {})
    rendered = helm.template(
        CHART, {"image": image, **where(values)}, release="portal", namespace="dash-portal"
    )
    assert rendered.error == ""
    return rendered


def where(values: dict[str, Any]) -> dict[str, Any]:
    """``values``, everywhere unless they list namespaces, for all unless they say who may."""
    values = {"auth": {"allowAnonymous": True}, **values}
    return values if values.get("namespaces") else {"clusterWide": True, **values}


def refusal(helm: Helm, values: dict[str, Any]) -> str:
    given = {"image": IMAGE} | where(values)
    return helm.template(CHART, given, release="portal", namespace="dash-portal").error


def container(rendered: Rendered) -> dict[str, Any]:
    return rendered.one("Deployment")["spec"]["template"]["spec"]["containers"][0]


def environment(rendered: Rendered) -> dict[str, str]:
    """Its variables; of what Kubernetes fills in, from where."""
    return {
        each["name"]: each["value"]
        if "value" in each
        else each["valueFrom"]["fieldRef"]["fieldPath"]
        for each in container(rendered)["env"]
    }


def rules(rendered: Rendered) -> list[dict[str, Any]]:
    roles = [*rendered.all("ClusterRole"), *rendered.all("Role")]
    return [rule for role in roles for rule in role.get("rules", [])]


def accounts(rendered: Rendered) -> list[str]:
    """The names of the roles of the portal's own account."""
    bindings = [*rendered.all("ClusterRoleBinding"), *rendered.all("RoleBinding")]
    return [binding["roleRef"]["name"] for binding in bindings]


def roles_for_people(rendered: Rendered) -> dict[str, list[dict[str, Any]]]:
    """The rules of each ClusterRole that is made for people, put together as Kubernetes does."""
    made = rendered.all("ClusterRole")
    found: dict[str, list[dict[str, Any]]] = {}
    for role in made:
        labels = role["metadata"]["labels"]
        if any(label.startswith("dash-portal.io/aggregate-to-") for label in labels):
            found.setdefault(role["metadata"]["name"], role["rules"])
        if labels.get("dash-portal.io/role") == "project-administrator":
            found[role["metadata"]["name"]] = role["rules"]
        if "aggregationRule" in role:
            (selector,) = role["aggregationRule"]["clusterRoleSelectors"]
            ((label, value),) = selector["matchLabels"].items()
            parts = [each for each in made if each["metadata"]["labels"].get(label) == value]
            found[labels["dash-portal.io/role"]] = [r for part in parts for r in part["rules"]]
            assert "rules" not in role, "they are the control plane's: an upgrade would conflict"
            found[role["metadata"]["name"]] = []
    return found


def allowed(rendered: Rendered, group: str, resource: str) -> set[str]:
    """The verbs that all roles together allow on a resource."""
    return {
        verb
        for rule in rules(rendered)
        if group in rule.get("apiGroups", ()) and resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.parametrize("values", SWITCHES.values(), ids=SWITCHES.keys())
def test_every_switch_renders_valid_objects(helm: Helm, values: dict[str, Any]) -> None:
    rendered = render(helm, **values)
    problems = [problem for manifest in rendered.manifests for problem in validate(manifest)]
    assert problems == []
    for manifest in rendered.manifests:
        assert manifest["metadata"]["labels"]["app.kubernetes.io/instance"] == "portal"


def test_a_service_monitor_is_made_only_when_asked_for(helm: Helm) -> None:
    assert "ServiceMonitor" not in render(helm).kinds
    metrics = {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}}
    rendered = render(helm, metrics=metrics)
    monitor = rendered.one("ServiceMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    ports = {port["name"] for port in rendered.one("Service")["spec"]["ports"]}
    assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= ports
    service_labels = rendered.one("Service")["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service_labels.items()


def test_the_image_has_to_be_named(helm: Helm) -> None:
    error = helm.template(CHART, where({})).error
    assert "image.repository is required" in error


# Rights


@pytest.mark.parametrize("values", SWITCHES.values(), ids=SWITCHES.keys())
def test_no_rule_has_a_wildcard_or_a_way_up(helm: Helm, values: dict[str, Any]) -> None:
    rendered = render(helm, **values)
    own, peoples = (set(accounts(rendered)), set(roles_for_people(rendered)))
    for role in (*rendered.all("ClusterRole"), *rendered.all("Role")):
        for rule in role.get("rules", []):
            groups, resources = rule.get("apiGroups", []), rule.get("resources", [])
            assert not [word for word in (*groups, *resources, *rule["verbs"]) if "*" in word]
            assert "escalate" not in rule["verbs"]
            if role["metadata"]["name"] in own and "authorization" not in values:
                assert not [verb for verb in rule["verbs"] if verb.startswith("impersonate")]
            if set(rule["verbs"]) <= {"list", "watch"}:
                continue
            if "projects" in values and "rbac.authorization.k8s.io" in groups:
                # Only the roles of the chart are given to people, by their names.
                assert resources == ["rolebindings"] or set(rule["resourceNames"]) <= peoples
                continue
            assert "bind" not in rule["verbs"]
            if "rbac.authorization.k8s.io" in groups:
                assert resources == ["rolebindings"]
                as_person = all(each.startswith("impersonate-on:") for each in rule["verbs"])
                peoples_own = role["metadata"]["name"].endswith("-administrator-rules")
                granting = values.get("authorization", {}).get("grantRoles", False)
                assert peoples_own or (granting and as_person)
    bindings = [*rendered.all("ClusterRoleBinding"), *rendered.all("RoleBinding")]
    made = {
        role["metadata"]["name"] for kind in ("Role", "ClusterRole") for role in rendered.all(kind)
    }
    assert {binding["roleRef"]["name"] for binding in bindings} == own == made - peoples


@pytest.mark.parametrize("namespaces", [[], ["apps"]])
def test_everything_the_portal_watches_may_be_watched(helm: Helm, namespaces: list[str]) -> None:
    rendered = render(helm, namespaces=namespaces)
    for resource in (*RESOURCES, LEASES):
        api, *rest = resource.group.strip("/").split("/")
        group = rest[0] if api == "apis" else ""
        assert set(resource.verbs) <= allowed(rendered, group, resource.plural), resource.plural


def test_what_the_portal_reads_one_by_one_may_be_got(helm: Helm) -> None:
    rendered = render(helm)
    for kind, (path, plural) in READABLE.items():
        group = path.split("/")[2] if path.startswith("/apis") else ""
        assert "get" in allowed(rendered, group, plural), kind


DECIDING = {
    "owners": {},
    "kubernetes": {"auth": HEADER, "authorization": KUBERNETES},
}


def directly(verbs: set[str]) -> set[str]:
    """The verbs, for oneself or as a person."""
    return {verb.removeprefix("impersonate-on:user-info:") for verb in verbs}


@pytest.mark.parametrize("values", DECIDING.values(), ids=DECIDING.keys())
def test_commands_in_pods_take_their_settings(helm: Helm, values: dict[str, Any]) -> None:
    def verbs(**settings: Any) -> tuple[set[str], set[str]]:
        rendered = render(helm, **values, settings=settings)
        exec_, debug = (
            directly(allowed(rendered, "", f"pods/{each}"))
            for each in ("exec", "ephemeralcontainers")
        )
        return exec_, debug

    assert verbs() == (set(), set())
    assert verbs(allowExec=True) == ({"get", "create"}, set())
    assert verbs(allowExec=True, shell=True) == ({"get", "create"}, set())
    assert verbs(allowExec=True, shell=True, shellImage="d:1") == ({"get", "create"}, {"patch"})


@pytest.mark.parametrize("values", DECIDING.values(), ids=DECIDING.keys())
def test_load_tests_take_their_setting(helm: Helm, values: dict[str, Any]) -> None:
    def rendered(**settings: Any) -> Rendered:
        return render(helm, **values, settings={"allowLogs": False, **settings})

    assert allowed(rendered(), "", "pods/log") == set()
    assert allowed(rendered(loadTestImage="l:1"), "", "pods/log") == {"get"}


def test_who_changes_an_app_makes_load_tests_of_it(helm: Helm) -> None:
    def launcher(**settings: Any) -> Rules:
        rules = roles_for_people(render(helm, **DECIDING["kubernetes"], settings=settings))
        return Rules(msgspec.convert(rules["launcher"], tuple[ResourceRule, ...]))

    for verb in ("create", "patch"):
        wanted = ResourceAttributes(verb, "jobs", "batch")
        assert launcher(loadTestImage="l:1").allow(wanted)
        assert not launcher().allow(wanted)
        assert verb in allowed(render(helm, settings={"loadTestImage": "l:1"}), "batch", "jobs")
        assert verb not in allowed(render(helm), "batch", "jobs")


def app_chart_kinds() -> set[tuple[str, str]]:
    """API group and plural of the kinds that the built-in chart has templates for."""
    found: set[tuple[str, str]] = set()
    for file in (APP_CHART / "templates").glob("*.yaml"):
        version, kind = re.search(
            r"^apiVersion: (\S+)\nkind: (\S+)", file.read_text(), re.M
        ).groups()  # type: ignore[union-attr]
        plural = kind.lower() + ("es" if kind.endswith("s") else "s")
        found.add((version.rpartition("/")[0], plural))
    plurals = {plural for _, plural in found}
    assert {"deployments", "services", "horizontalpodautoscalers", "ingresses"} <= plurals
    return found


def test_everything_the_app_chart_is_made_of_may_be_changed(helm: Helm) -> None:
    rendered = render(helm)
    needed = {"get", "list", "watch", "create", "update", "patch", "delete"}
    for group, plural in app_chart_kinds():
        assert needed <= allowed(rendered, group, plural), plural


def test_what_the_portal_restarts_may_be_patched(helm: Helm) -> None:
    rendered = render(helm)
    for plural in restarts._PLURALS.values():
        assert {"get", "patch"} <= allowed(rendered, "apps", plural), plural


def test_with_cluster_wide_the_portal_works_everywhere(helm: Helm) -> None:
    rendered = render(helm)
    assert [each["rules"][0]["resources"] for each in rendered.all("Role")] == [["pods"]]
    assert len(rendered.all("ClusterRoleBinding")) == 2
    given = environment(rendered)
    assert (given["DASH_PORTAL_NAMESPACES"], given["DASH_PORTAL_CLUSTER_WIDE"]) == ("", "true")
    assert given["DASH_PORTAL_OWN_NAMESPACE"] == "metadata.namespace"


def test_listed_namespaces_get_roles_and_the_cluster_role_shrinks(helm: Helm) -> None:
    rendered = render(helm, namespaces=["apps", "default"])
    for kind in ("Role", "RoleBinding"):
        made = [each["metadata"]["namespace"] for each in rendered.all(kind)]
        assert made == ["dash-portal-portal-dash-portal-restricted", "apps", "default"]
    cluster_wide = {
        resource for rule in rendered.one("ClusterRole")["rules"] for resource in rule["resources"]
    }
    assert cluster_wide == {"nodes"}
    for binding in rendered.all("RoleBinding"):
        account = {
            "kind": "ServiceAccount",
            "name": "portal-dash-portal",
            "namespace": "dash-portal",
        }
        assert binding["subjects"] == [account]
    assert environment(rendered)["DASH_PORTAL_NAMESPACES"] == "apps,default"
    assert environment(rendered)["DASH_PORTAL_DEFAULT_NAMESPACE"] == "apps"


def test_each_role_for_people_gives_exactly_the_permissions_of_the_table(helm: Helm) -> None:
    settings = {"allowExec": True}
    rendered = render(helm, auth=HEADER, authorization=KUBERNETES, settings=settings)
    roles = roles_for_people(rendered)
    for name, granted in ROLES.items():
        rules = Rules(msgspec.convert(roles[name], tuple[ResourceRule, ...]))
        assert permissions(rules.allowed(ASKED)) == granted, name
    # What the built-in chart may render, whoever launches may make.
    launcher = Rules(msgspec.convert(roles["launcher"], tuple[ResourceRule, ...]))
    for group, plural in app_chart_kinds():
        for verb in ("get", "create", "patch", "delete"):
            assert launcher.allow(ResourceAttributes(verb, plural, group)), plural
    switched_off = render(helm, auth=HEADER, authorization={**KUBERNETES, "createRoles": False})
    assert roles_for_people(switched_off) == {}


WRITES = {"create", "update", "patch", "delete", "deletecollection"}


@pytest.mark.parametrize("impersonation", ["constrained", "any"])
@pytest.mark.parametrize("namespaces", [[], ["apps"]])
def test_where_kubernetes_decides_the_portals_own_account_writes_its_leases_alone(
    helm: Helm, namespaces: list[str], impersonation: str
) -> None:
    authorization = {**KUBERNETES, "impersonation": impersonation}
    rendered = render(helm, namespaces=namespaces, auth=HEADER, authorization=authorization)
    own = set(accounts(rendered))
    written: set[str] = set()
    extras: set[str] = set()
    constrained: dict[tuple[str, str], set[str]] = {}
    for role in (*rendered.all("ClusterRole"), *rendered.all("Role")):
        name = role["metadata"]["name"]
        if name not in own or name.endswith("-guardrails"):
            continue
        for rule in role["rules"]:
            if WRITES & set(rule["verbs"]):
                written |= set(rule["resources"])
            for verb in rule["verbs"]:
                as_person = verb.removeprefix("impersonate-on:user-info:")
                for group in rule.get("apiGroups", ()) if as_person != verb else ():
                    for resource in rule["resources"]:
                        constrained.setdefault((group, resource), set()).add(as_person)
            for resource in rule.get("resources", ()):
                if resource.startswith("user") and resource != "users":
                    extras |= {resource} if verb_on(rule, resource) else set()
            if verb_on(rule, "groups"):
                assert rule["resourceNames"] == KUBERNETES["groups"], "never a group of others"
    assert written == {"leases"}
    assert extras == {f"userextras/{OPERATION}"}, "nothing else is told of a person"
    for resource in (*RESOURCES, LEASES):  # and it reads what it shows, as with owners
        api, *rest = resource.group.strip("/").split("/")
        group = rest[0] if api == "apis" else ""
        assert set(resource.verbs) <= allowed(rendered, group, resource.plural), resource.plural
    if impersonation == "any":
        assert constrained == {}
        return
    # As a person it may do what the roles for people allow, and nothing else.
    for rule in roles_for_people(rendered)["maintainer"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                assert set(rule["verbs"]) <= constrained[group, resource], resource
    assert ("rbac.authorization.k8s.io", "rolebindings") not in constrained
    assert ("", "serviceaccounts/token") not in constrained


def test_roles_are_given_as_a_person_only_where_the_chart_says_so(helm: Helm) -> None:
    rendered = render(helm, auth=HEADER, authorization=GRANTING)
    environ = environment(rendered)
    assert f"{environ['DASH_PORTAL_ROLE_PREFIX']}-viewer" in {
        each["metadata"]["name"] for each in rendered.all("ClusterRole")
    }
    as_person = {
        verb
        for role in rendered.all("ClusterRole")
        if role["metadata"]["name"] in accounts(rendered)
        for rule in role["rules"]
        if "rolebindings" in rule.get("resources", ())
        for verb in {*rule["verbs"]} - {"list", "watch"}  # its own watch of roles
    }
    assert as_person
    assert all(verb.startswith("impersonate-on:user-info:") for verb in as_person)
    switched_off = render(helm, auth=HEADER, authorization=KUBERNETES)
    assert "DASH_PORTAL_ROLE_PREFIX" not in environment(switched_off)


def verb_on(rule: dict[str, Any], resource: str) -> bool:
    """Return True for a rule that allows to act as one of these."""
    return resource in rule.get("resources", ()) and any(
        verb in {"impersonate", "impersonate:user-info"} for verb in rule["verbs"]
    )


@pytest.mark.parametrize("impersonation", ["constrained", "any"])
@pytest.mark.parametrize(
    "values",
    [{"settings": {"allowExec": True, "shell": True}}, {"projects": {"enabled": True}}, {}],
    ids=["shells", "projects", "roles"],
)
def test_every_change_for_a_person_may_tell_its_operation(
    helm: Helm, values: dict[str, Any], impersonation: str
) -> None:
    authorization = {**KUBERNETES, "impersonation": impersonation, "grantRoles": not values}
    rendered = render(helm, auth=HEADER, authorization=authorization, **values)
    may = allowed(rendered, "authentication.k8s.io", f"userextras/{OPERATION}")
    assert may == {"impersonate" if impersonation == "any" else "impersonate:user-info"}


def test_kubernetes_decides_only_about_people_who_sign_in(helm: Helm) -> None:
    assert "needs people who sign in" in refusal(helm, {"authorization": {"mode": "kubernetes"}})


def test_projects_give_the_portals_own_account_nothing_unless_it_makes_them_itself(
    helm: Helm,
) -> None:
    def written(**projects: bool) -> set[str]:
        rendered = render(
            helm, auth=HEADER, authorization=KUBERNETES, projects={"enabled": True, **projects}
        )
        own = set(accounts(rendered))
        return {
            resource
            for role in rendered.all("ClusterRole")
            if role["metadata"]["name"] in own and not role["metadata"]["name"].endswith("rails")
            for rule in role["rules"]
            if {"bind", *WRITES} & set(rule["verbs"])
            for resource in rule.get("resources", ())
        }

    assert written() == {"leases"}
    made = {"namespaces", "resourcequotas", "limitranges", "networkpolicies"}
    assert written(personal=True) == {"leases", "rolebindings", "clusterroles", *made}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"projects": {"enabled": True}}, "people who sign in"),
        ({"auth": HEADER, "namespaces": ["a"], "projects": {"enabled": True}}, "clusterWide"),
        ({"auth": HEADER, "projects": {"enabled": True, "personal": True}}, "kubernetes"),
    ],
)
def test_projects_need_a_portal_that_works_in_them(
    helm: Helm, values: dict[str, Any], words: str
) -> None:
    assert words in refusal(helm, values)


def test_more_rights_reach_every_namespace(helm: Helm) -> None:
    extra = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "delete"]}
    rendered = render(helm, namespaces=["a", "b"], rbac={"extraRules": [extra]})
    for role in rendered.all("Role"):
        if role["metadata"]["name"].endswith("-guardrails"):
            continue
        assert extra in role["rules"]


def test_only_the_portal_has_a_token(helm: Helm) -> None:
    rendered = render(helm)
    assert rendered.one("ServiceAccount")["automountServiceAccountToken"] is False
    assert rendered.one("Pod")["spec"]["automountServiceAccountToken"] is False
    pod = rendered.one("Deployment")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is True


# Settings


def test_every_setting_can_be_given_and_is_understood(helm: Helm, tmp_path: Path) -> None:
    rendered = render(
        helm,
        namespaces=["apps"],
        excludedNamespaces=["infra-*", "billing"],
        auth={**ALL_AUTH, "adminGroups": ["ops", "CN=leads,OU=it"], "proxyNames": ["proxy"]},
        tls=MUTUAL_TLS["tls"],
        settings={**ALL_SETTINGS, "shareLinks": True},
        presets=[PRESET],
        sizes=[SIZE],
        catalog=[SOURCE, REGISTRY, FOLDER],
        imageRegistries=[{"host": "r.example.com"}, IMAGES],
        guardrails={"exceptions": [EXCEPTION]},
        webhook=WEBHOOK,
        prometheus=PROMETHEUS,
        database=DATABASE,
        authorization={**KUBERNETES, "grantRoles": True},
        projects=PROJECTS,
    )
    given = {k: v for k, v in environment(rendered).items() if k.startswith(PREFIX)}
    settings = Settings.from_env(given)
    assert settings.max_replicas == 20
    assert settings.prices() == Prices(0.04, 0.005, "EUR")
    assert settings.excluded_namespaces == ("infra-*", "billing")
    assert settings.auth_admin_groups == ("ops", "CN=leads,OU=it")
    assert settings.authorization == "kubernetes"
    assert settings.impersonated_groups == ("team-a", "team b", "CN=c,OU=d")
    assert settings.trusted_origins == ("https://portal.example.com", "http://localhost:8080")
    in_the_image = {"chart_path", "helm", "kubeconfig"}
    instead = {"database"}  # without a password: a file on a volume
    names = {name.removeprefix(PREFIX).lower() for name in given}
    assert names == set(Settings.model_fields) - in_the_image - instead
    assert settings.allowed_images == ("registry.example.com/team/*", "docker.io/library/*")
    files = {
        name: text for each in rendered.all("ConfigMap") for name, text in each["data"].items()
    }
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(files["catalog.yaml"])
    _, team, hub, local = settings.model_copy(update={"catalog_file": catalog}).sources()
    assert (team.name, team.charts) == ("team", ("web-*",))
    assert hub.token_host == "auth.example.com"
    assert (local.path, local.credentials) == (Path("/charts"), None)
    mounts = {each["mountPath"]: each["name"] for each in container(rendered)["volumeMounts"]}
    volumes = rendered.one("Deployment")["spec"]["template"]["spec"]["volumes"]
    secrets = {each["name"]: each["secret"] for each in volumes if "secret" in each}
    for source, secret in ((team, "team-login"), (hub, "hub-login")):
        mounted = secrets[mounts[str(source.credentials)]]
        assert (mounted["secretName"], mounted["optional"]) == (secret, True)
    registries = tmp_path / "registries.yaml"
    registries.write_text(files["registries.yaml"])
    plain, images = settings.model_copy(
        update={"image_registries_file": registries}
    ).image_registries()
    assert (plain.host, plain.credentials) == ("r.example.com", None)
    assert (images.base, images.hosts) == ("http://registry.registry.svc:5000", ("cdn.internal",))
    assert secrets[mounts[str(images.credentials)]]["secretName"] == "images-login"
    assert settings.image_lookup is ImageLookup.LISTED
    projects = tmp_path / "projects.yaml"
    projects.write_text(files["projects.yaml"])
    read = settings.model_copy(update={"projects_defaults_file": projects, "sizes_file": None})
    assert read.project_defaults() == PROJECTS["defaults"]
    assert settings.projects_ingress_namespaces == ("ingress-nginx",)
    assert settings.projects_role_prefix == "dash-portal-portal-dash-portal"
    guardrails = tmp_path / "guardrails.yaml"
    guardrails.write_text(files["guardrails.yaml"])
    (exception,) = settings.model_copy(
        update={"guardrails_file": guardrails}
    ).guardrail_exceptions()
    assert exception.allow == (Rule.REFERENCES, Rule.RBAC)
    assert settings.pod_security_namespaces() == {
        "restricted": "dash-portal-portal-dash-portal-restricted",
        "baseline": "dash-portal-portal-dash-portal-baseline",
    }
    presets = tmp_path / "presets.yaml"
    presets.write_text(files["presets.yaml"])
    (preset,) = settings.model_copy(update={"presets_file": presets}).presets()
    assert (preset.name, preset.tag) == ("Sample", "1.0")
    assert preset.fields["session_affinity"] is True
    sizes = tmp_path / "sizes.yaml"
    sizes.write_text(files["sizes.yaml"])
    (size,) = settings.model_copy(update={"sizes_file": sizes}).sizes()
    assert (size.name, size.limits["nvidia.com/gpu"]) == ("GPU", "1")
    assert (size.node_selector, len(size.tolerations)) == ({"gpu": "a100"}, 1)


def test_a_preset_may_set_every_field_that_presets_fill_in() -> None:
    known = json.loads((CHART / "values.schema.json").read_text())["properties"]["presets"]
    own = {"name", "description"}
    assert set(known["items"]["properties"]) == own | set(PRESET_FIELDS) == set(PRESET) | own


def test_what_is_not_given_keeps_the_portals_own_default(helm: Helm) -> None:
    given = {k: v for k, v in environment(render(helm, auth={})).items() if k.startswith(PREFIX)}
    level = given.pop(f"{PREFIX}POD_SECURITY_NAMESPACE")
    assert level == "dash-portal-portal-dash-portal-restricted"
    names = given.pop(f"{PREFIX}ALLOWED_HOSTS")  # its own names are the chart's to say
    assert names
    own = given.pop(f"{PREFIX}OWN_NAMESPACE")
    assert own == "metadata.namespace"
    assert Settings.from_env(given) == Settings(cluster_wide=True)


def test_pods_are_tried_in_namespaces_that_enforce_their_level(helm: Helm) -> None:
    for exceptions, levels in (([], ["restricted"]), ([EXCEPTION], ["restricted", "baseline"])):
        rendered = render(helm, guardrails={"exceptions": exceptions})
        made = rendered.all("Namespace")
        enforced = [
            each["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] for each in made
        ]
        assert enforced == levels
        names = [each["metadata"]["name"] for each in made]
        roles = [each for each in rendered.all("Role") if each["metadata"]["namespace"] in names]
        pods = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}]
        assert [each["rules"] for each in roles] == [pods] * len(levels), "and nothing more"


def test_every_rule_can_be_an_exception_to_the_schema(helm: Helm) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    exception = schema["properties"]["guardrails"]["properties"]["exceptions"]["items"]
    properties = exception["properties"]
    liftable = set(Rule) - UNLIFTABLE
    assert set(properties["allow"]["items"]["enum"]) == liftable
    assert set(properties["pod_security"]["enum"]) == set(Level)


def test_the_portal_answers_to_every_name_that_the_chart_gives_it(helm: Helm) -> None:
    def known(**values: Any) -> KnownHosts:
        given = environment(render(helm, fullnameOverride="web", **values))
        named = {k: v for k, v in given.items() if k.startswith(PREFIX)}
        return Settings.from_env(named).known_hosts()

    names = ["web", "web.dash-portal", "web.dash-portal.svc"]
    full = known(
        clusterDomain="example.org",
        ingress={"enabled": True, "hostname": "in.example.com"},
        httpRoute={
            "enabled": True,
            "hostnames": ["a.example.com", "*.b.example.com"],
            "parentRefs": [{"name": "gateway"}],
        },
        settings={"allowedHosts": ["other.example.com"]},
    )
    more = ["in.example.com", "a.example.com", "x.b.example.com", "other.example.com"]
    assert [
        each for each in (*names, "web.dash-portal.svc.example.org", *more) if each not in full
    ] == []
    bare = known()
    assert [
        each for each in (*names, "web.dash-portal.svc.cluster.local") if each not in bare
    ] == []
    assert [
        each for each in (*more, "web.other", "web.dash-portal.svc.example.org") if each in bare
    ] == []


def test_changed_presets_replace_the_pods(helm: Helm) -> None:
    def annotations(tag: str) -> dict[str, str]:
        rendered = render(helm, presets=[PRESET | {"tag": tag}])
        return rendered.one("Deployment")["spec"]["template"]["metadata"]["annotations"]

    assert annotations("1.0") == annotations("1.0")
    assert annotations("1.0") != annotations("2.0")


def test_the_shared_secret_is_mounted_and_never_in_the_environment(helm: Helm) -> None:
    rendered = render(helm, auth={**HEADER, "existingSecretKey": "token"})
    pod = rendered.one("Deployment")["spec"]["template"]["spec"]
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "auth"]
    assert volume["secret"]["secretName"] == "portal-proxy"
    (item,) = volume["secret"]["items"]
    assert item["key"] == "token"
    (mount,) = [each for each in container(rendered)["volumeMounts"] if each["name"] == "auth"]
    path = environment(rendered)["DASH_PORTAL_AUTH_SECRET_FILE"]
    assert path == f"{mount['mountPath']}/{item['path']}"


def test_the_webhooks_address_is_mounted_and_never_in_the_environment(helm: Helm) -> None:
    rendered = render(helm, webhook=WEBHOOK)
    pod = rendered.one("Deployment")["spec"]["template"]["spec"]
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "webhook"]
    assert volume["secret"]["secretName"] == "channel"
    (item,) = volume["secret"]["items"]
    assert item["key"] == "address"
    (mount,) = [each for each in container(rendered)["volumeMounts"] if each["name"] == "webhook"]
    given = environment(rendered)
    assert given["DASH_PORTAL_WEBHOOK_URL_FILE"] == f"{mount['mountPath']}/{item['path']}"
    assert given["DASH_PORTAL_WEBHOOK_ALLOW_HTTP"] == "true"
    assert not [name for name in environment(render(helm)) if "WEBHOOK" in name]


def test_prometheus_and_what_it_is_asked_with(helm: Helm) -> None:
    given = environment(render(helm, prometheus=PROMETHEUS))
    assert given["DASH_PORTAL_PROMETHEUS_URL"] == PROMETHEUS["url"]
    rendered = render(helm, prometheus=PROMETHEUS)
    pod = rendered.one("Deployment")["spec"]["template"]["spec"]
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "prometheus"]
    (mount,) = [
        each for each in container(rendered)["volumeMounts"] if each["name"] == "prometheus"
    ]
    paths = {
        each["key"]: f"{mount['mountPath']}/{each['path']}" for each in volume["secret"]["items"]
    }
    assert paths == {
        "token": given["DASH_PORTAL_PROMETHEUS_TOKEN_FILE"],
        "authorities": given["DASH_PORTAL_PROMETHEUS_CA_FILE"],
    }
    bare = environment(render(helm, prometheus={"url": "http://prometheus:9090"}))
    assert [name for name in bare if "PROMETHEUS" in name] == ["DASH_PORTAL_PROMETHEUS_URL"]
    assert not [name for name in environment(render(helm)) if "PROMETHEUS" in name]


def test_the_databases_url_is_mounted_and_never_in_the_environment(helm: Helm) -> None:
    rendered = render(helm, database=DATABASE)
    pod = rendered.one("Deployment")["spec"]["template"]["spec"]
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "database"]
    assert volume["secret"]["secretName"] == "postgresql"
    (item,) = volume["secret"]["items"]
    assert item["key"] == "address"
    (mount,) = [each for each in container(rendered)["volumeMounts"] if each["name"] == "database"]
    given = environment(rendered)
    assert given["DASH_PORTAL_DATABASE_FILE"] == f"{mount['mountPath']}/{item['path']}"
    assert "DASH_PORTAL_DATABASE" not in given
    assert not [name for name in environment(render(helm)) if "DATABASE" in name]


def test_a_volume_for_sqlite_has_one_pod_at_a_time(helm: Helm) -> None:
    rendered = render(helm, persistence=VOLUME)
    deployment = rendered.one("Deployment")["spec"]
    assert deployment["strategy"] == {"type": "Recreate"}
    claim = rendered.one("PersistentVolumeClaim")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"]["requests"]["storage"] == "5Gi"
    (volume,) = [
        each for each in deployment["template"]["spec"]["volumes"] if each["name"] == "data"
    ]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    (mount,) = [each for each in container(rendered)["volumeMounts"] if each["name"] == "data"]
    url = environment(rendered)["DASH_PORTAL_DATABASE"]
    assert url == f"sqlite:///{mount['mountPath']}/portal.db"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replicaCount": 2}, "replicaCount to 1"),
        ({"database": {"existingSecret": "a"}}, "the portal has one database"),
    ],
)
def test_a_volume_is_for_one_pod_and_the_only_database(
    helm: Helm, values: dict[str, Any], said: str
) -> None:
    assert said in refusal(helm, {"persistence": {"enabled": True}} | values)


def test_a_volume_that_is_there_already_is_taken(helm: Helm) -> None:
    rendered = render(helm, persistence={"enabled": True, "existingClaim": "mine"})
    assert not rendered.all("PersistentVolumeClaim")
    volumes = rendered.one("Deployment")["spec"]["template"]["spec"]["volumes"]
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "mine"}} in volumes


@pytest.mark.parametrize(
    "exposed",
    [SWITCHES["ingress"], SWITCHES["route"], SWITCHES["node port"], SWITCHES["load balancer"]],
)
def test_an_exposed_portal_says_who_may_use_it(helm: Helm, exposed: dict[str, Any]) -> None:
    said = refusal(helm, {**exposed, "auth": {}})
    assert "auth.mode is none, and the portal is exposed" in said
    assert "auth.allowAnonymous=true" in said
    assert refusal(helm, {**exposed, "auth": {"allowAnonymous": True}}) == ""
    assert refusal(helm, {**exposed, "auth": HEADER}) == ""


def test_the_clients_secret_is_mounted_and_never_in_the_environment(helm: Helm) -> None:
    rendered = render(helm, **OIDC)
    pod = rendered.one("Deployment")["spec"]["template"]["spec"]
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "oidc"]
    assert volume["secret"]["secretName"] == "portal-oidc"
    files = {item["path"]: item["key"] for item in volume["secret"]["items"]}
    (mount,) = [each for each in container(rendered)["volumeMounts"] if each["name"] == "oidc"]
    given = environment(rendered)
    settings = Settings.from_env({k: v for k, v in given.items() if k.startswith(PREFIX)})
    assert settings.auth_mode == "oidc"
    secret, key = settings.oidc_client_secret_file, settings.oidc_session_key_file
    assert secret == Path(mount["mountPath"]) / "client-secret"
    assert key == Path(mount["mountPath"]) / "session-key"
    assert files == {"client-secret": "client-secret", "session-key": "key"}


@pytest.mark.parametrize("audiences", [[], ["portal"]])
def test_tokens_are_reviewed_only_if_they_are_accepted(helm: Helm, audiences: list[str]) -> None:
    auth = {**HEADER, "bearer": {"tokenReviewAudiences": audiences}}
    roles = render(helm, auth=auth).all("ClusterRole")
    resources = {name for role in roles for rule in role["rules"] for name in rule["resources"]}
    assert ("tokenreviews" in resources) is bool(audiences)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"auth": HEADER, "settings": {"shareLinks": True}},
            "shareLinks needs a database",
        ),
        ({"settings": {"shareLinks": True}}, "of no use while auth.mode is none"),
        ({"settings": {"shell": True}}, "settings.shell needs settings.allowExec"),
        ({"auth": {"bearer": {"tokenReviewAudiences": ["api"]}}}, "auth.bearer is of no use"),
        (
            {"auth": HEADER, "authorization": {**GRANTING, "createRoles": False}},
            "set rbac.create and authorization.createRoles",
        ),
    ],
)
def test_a_portal_that_would_not_start_or_work_is_refused(
    helm: Helm, values: dict[str, Any], words: str
) -> None:
    assert words in refusal(helm, values)


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        ({"mode": "oidc"}, "set auth.oidc.issuer, auth.oidc.clientId and settings.publicUrl"),
        ({"mode": "alb", "alb": {**ALB, "issuer": ""}}, "auth.mode is alb: set"),
        ({**HEADER, "bearer": {"audiences": ["api"]}}, "auth.bearer.audiences: set"),
        ({"mode": "oidc", "oidc": {"issuer": "login.example.com"}}, "/auth/oidc/issuer"),
    ],
)
def test_a_sign_in_that_cannot_work_is_refused(
    helm: Helm, auth: dict[str, Any], words: str
) -> None:
    assert words in refusal(helm, {"auth": auth})


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown value": ({"replicas": 2}, "replicas"),
    "an unknown setting": ({"settings": {"theme": "dark"}}, "theme"),
    "an unknown mode": ({"auth": {"mode": "ldap"}}, "/auth/mode"),
    "header without a secret": ({"auth": {"mode": "header"}}, "/auth/existingSecret"),
    "a namespace in capitals": ({"namespaces": ["Apps"]}, "/namespaces/0"),
    "no pattern": ({"excludedNamespaces": ["a?"]}, "/excludedNamespaces/0"),
    "one of Kubernetes' groups": (
        {"authorization": {"groups": ["system:masters"]}},
        "/authorization/groups/0",
    ),
    "one of Kubernetes' users": (
        {"authorization": {"users": ["System:admin"]}},
        "/authorization/users/0",
    ),
    "two groups in one": ({"auth": {"adminGroups": ["a,b"]}}, "/auth/adminGroups/0"),
    "a namespace twice": ({"namespaces": ["a", "a"]}, "/namespaces"),
    "no replicas": ({"replicaCount": 0}, "/replicaCount"),
    "a port too high": ({"service": {"port": 70000}}, "/service/port"),
    "an unknown service": ({"service": {"type": "ExternalName"}}, "/service/type"),
    "an ingress without a host": ({"ingress": {"enabled": True}}, "/ingress/hostname"),
    "a route without a gateway": (
        {"httpRoute": {"enabled": True, "hostnames": ["a.example.com"]}},
        "/httpRoute/parentRefs",
    ),
    "thousandths of a byte": (
        {"resources": {"requests": {"memory": "200m"}}},
        "/resources/requests/memory",
    ),
    "a tag that is a number": (
        {"presets": [{"name": "a", "repository": "b", "tag": 1.0}]},
        "/presets/0/tag",
    ),
    "a preset without an image": ({"presets": [{"name": "a"}]}, "/presets/0"),
    "a rule for everything": (
        {"rbac": {"extraRules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}},
        "/rbac/extraRules/0",
    ),
    "a verb that climbs": (
        {
            "rbac": {
                "extraRules": [
                    {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"]}
                ]
            }
        },
        "/rbac/extraRules/0/verbs/0",
    ),
    "an exception for everything": (
        {"guardrails": {"exceptions": [{"name": "all", "allow": ["rbac"]}]}},
        "/guardrails/exceptions/0",
    ),
    "an exception for all namespaces": (
        {"guardrails": {"exceptions": [{"name": "all", "namespaces": ["*"]}]}},
        "/guardrails/exceptions/0/namespaces/0",
    ),
    "a digest cut short": ({"image": IMAGE | {"digest": "sha256:abc"}}, "/image/digest"),
    "a public address without a scheme": (
        {"settings": {"publicUrl": "portal.example.com"}},
        "/settings/publicUrl",
    ),
    "a quiet log": ({"settings": {"logLevel": "info"}}, "/settings/logLevel"),
    "an origin with a path": (
        {"settings": {"trustedOrigins": ["https://a.example.com/x"]}},
        "/settings/trustedOrigins/0",
    ),
    "a host with a port": (
        {"settings": {"allowedHosts": ["a.example.com:80"]}},
        "/settings/allowedHosts/0",
    ),
    "a gateway without a namespace": ({"settings": {"gateway": "/traefik"}}, "/settings/gateway"),
}


@pytest.mark.parametrize(("values", "where"), REFUSED.values(), ids=REFUSED.keys())
def test_the_schema_refuses(helm: Helm, values: dict[str, Any], where: str) -> None:
    error = refusal(helm, values)
    assert "don't meet the specifications of the schema" in error
    assert where in error


# How it runs


@pytest.mark.parametrize("kind", ["Deployment", "Pod"])
def test_pods_meet_the_restricted_standard(helm: Helm, kind: str) -> None:
    manifest = render(helm).one(kind)
    pod = manifest["spec"]["template"]["spec"] if kind == "Deployment" else manifest["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["enableServiceLinks"] is False
    for each in pod["containers"]:
        context = each["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert each["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in each["resources"]["limits"]


def test_the_proxy_shows_a_certificate(helm: Helm) -> None:
    rendered = render(helm, **MUTUAL_TLS, metrics={"serviceMonitor": {"enabled": True}})
    assert rendered.one("ServiceMonitor")["spec"]["endpoints"][0]["scheme"] == "https"
    settings = Settings.from_env(
        {k: v for k, v in environment(rendered).items() if k.startswith(PREFIX)}
    )
    assert settings.auth_proxy_names == ("proxy.example.com", "spiffe://example.com/proxy")
    found = settings.tls()
    assert found["ca_certs"] == "/etc/dash-portal/tls/ca.crt"
    pod = rendered.one("Deployment")["spec"]["template"]["spec"]
    (mounted,) = (each for each in container(rendered)["volumeMounts"] if each["name"] == "tls")
    assert found["certfile"] == f"{mounted['mountPath']}/tls.crt"
    assert {"name": "tls", "secret": {"secretName": "portal-tls"}} in pod["volumes"]
    probes = [container(rendered)[f"{each}Probe"] for each in ("startup", "liveness", "readiness")]
    assert {each["httpGet"]["scheme"] for each in probes} == {"HTTPS"}
    assert "https://" in rendered.one("Pod")["spec"]["containers"][0]["command"][-1]
    for half in (
        {"tls": MUTUAL_TLS["tls"]},
        {"auth": MUTUAL_TLS["auth"]},
        {**MUTUAL_TLS, "tls": {"clientCaKey": "ca.crt"}},
    ):
        assert "tls.clientCaKey" in refusal(helm, half)


def test_updates_lose_no_pod(helm: Helm) -> None:
    rendered = render(helm)
    rolling = rendered.one("Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxSurge": 1, "maxUnavailable": 0}
    assert container(rendered)["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container(rendered)["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_every_selector_selects_the_portals_pods_alone(helm: Helm) -> None:
    rendered = render(helm, replicaCount=2)
    deployment = rendered.one("Deployment")["spec"]
    portal = deployment["template"]["metadata"]["labels"]
    test = rendered.one("Pod")["metadata"]["labels"]
    for selector in (
        deployment["selector"]["matchLabels"],
        rendered.one("Service")["spec"]["selector"],
        rendered.one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        rendered.one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= portal.items()
        assert not selector.items() <= test.items()


def test_one_replica_has_no_disruption_budget(helm: Helm) -> None:
    assert "PodDisruptionBudget" not in render(helm).kinds


def test_the_policy_keeps_the_clouds_metadata_out_of_reach(helm: Helm) -> None:
    policy = render(helm).one("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == [{"ports": [{"port": "http", "protocol": "TCP"}]}]
    blocks = {
        peer["ipBlock"]["cidr"]: peer["ipBlock"]["except"] for peer in policy["egress"][1]["to"]
    }
    assert blocks == {"0.0.0.0/0": ["169.254.0.0/16"], "::/0": ["fe80::/10"]}


def test_a_named_peer_shuts_all_others_out_except_helm_test(helm: Helm) -> None:
    peer = {"namespaceSelector": {"matchLabels": {"name": "proxy"}}}
    rendered = render(helm, networkPolicy={"allowFrom": [peer]})
    first, second = rendered.one("NetworkPolicy")["spec"]["ingress"][0]["from"]
    assert first == peer
    labels = second["podSelector"]["matchLabels"]
    assert labels.items() <= rendered.one("Pod")["metadata"]["labels"].items()


def test_load_tests_are_held_to_their_namespace(helm: Helm) -> None:
    rendered = render(helm, namespaces=["a", "b"], settings={"loadTestImage": "load-test:1"})
    found = {
        each["metadata"].get("namespace"): each["spec"] for each in rendered.all("NetworkPolicy")
    }
    assert found["a"] == found["b"]
    dns, pods = found["a"]["egress"]
    assert {each["port"] for each in dns["ports"]} == {53}
    assert pods == {"to": [{"podSelector": {}}]}
    assert (found["a"]["policyTypes"], found["a"].get("ingress")) == (["Ingress", "Egress"], None)
    plan = LoadTestPlan("sales", 80, "/", 1, 120)
    made = job("load-test:1", Key("a", "sales"), "test", plan, {})
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert found["a"]["podSelector"]["matchLabels"].items() <= labels.items()


def test_apps_are_kept_from_each_other_where_that_is_asked(helm: Helm) -> None:
    peer = {"namespaceSelector": {"matchLabels": {"name": "ingress"}}}
    policy = {"apps": {"enabled": True, "allowFrom": [peer]}}
    rendered = render(helm, namespaces=["a"], networkPolicy=policy)
    policies = rendered.all("NetworkPolicy")
    (own,) = (each["spec"] for each in policies if each["metadata"].get("namespace") == "a")
    assert (own["podSelector"], own["policyTypes"]) == ({}, ["Ingress"])
    portal, _load_tests, named = own["ingress"][0]["from"]
    assert named == peer
    labels = rendered.one("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert portal["podSelector"]["matchLabels"].items() <= labels.items()
    where = portal["namespaceSelector"]["matchLabels"]
    assert where == {"kubernetes.io/metadata.name": "dash-portal"}


def test_the_ways_in_lead_to_the_service(helm: Helm) -> None:
    rendered = render(
        helm,
        service={"port": 8080},
        ingress=SWITCHES["ingress"]["ingress"],
        httpRoute=SWITCHES["route"]["httpRoute"],
    )
    service = rendered.one("Service")
    name = service["metadata"]["name"]
    ingress = rendered.one("Ingress")["spec"]
    backend = ingress["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": name, "port": {"name": "http"}}
    (tls,) = ingress["tls"]
    assert tls == {"hosts": ["portal.example.com"], "secretName": "portal.example.com-tls"}
    (reference,) = rendered.one("HTTPRoute")["spec"]["rules"][0]["backendRefs"]
    assert (reference["name"], reference["port"]) == (name, 8080)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"clusterWide": False}, "list the namespaces that the portal may work in"),
        ({"namespaces": ["a"], "clusterWide": True}, "set one of them"),
        ({"namespaces": ["dash-portal"]}, "dash-portal is the portal's own namespace"),
        ({"namespaces": ["a", "kube-system"]}, "kube-system is Kubernetes' own"),
    ],
)
def test_where_it_works_is_said_and_only_where_it_may(
    helm: Helm, values: dict[str, Any], words: str
) -> None:
    assert words in refusal(helm, values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "port-forward service/portal-dash-portal 8080:80"),
        ({"service": {"type": "LoadBalancer"}}, "status.loadBalancer.ingress"),
        ({"service": {"type": "NodePort"}}, "nodePort"),
        (SWITCHES["ingress"], "https://portal.example.com/"),
        (SWITCHES["route"], "http://portal.example.com/"),
        ({"auth": HEADER}, "let only your proxy reach the portal"),
        ({}, "can change and remove every app, and read its"),
        ({"auth": HEADER}, "nobody can change apps that were launched without the portal"),
        ({"excludedNamespaces": ["infra-*"]}, "in kube-*, and in infra-*."),
        ({"namespaces": ["lab"]}, "in these namespaces, which have to exist: lab"),
    ],
)
def test_the_notes_say_where_and_what(helm: Helm, values: dict[str, Any], words: str) -> None:
    notes = helm.notes(CHART, {"image": IMAGE, **where(values)}, release="portal")
    assert words in notes


def test_where_kubernetes_decides_the_notes_say_how_people_get_roles(helm: Helm) -> None:
    values = where({"auth": HEADER, "authorization": KUBERNETES, "projects": {"enabled": True}})
    notes = helm.notes(CHART, {"image": IMAGE, **values}, release="portal")
    named = set(re.findall(r"--clusterrole (\S+)", notes))
    rendered = helm.template(CHART, {"image": IMAGE, **values}, release="portal", namespace="apps")
    assert len(named) == 2
    assert named <= {each["metadata"]["name"] for each in rendered.all("ClusterRole")}
    assert "only these count (authorization.groups): team-a; team b; CN=c,OU=d." in notes
    assert "adminGroups" not in notes
    assert "Its account may read Secrets there" in notes


def test_default_values_pass_the_chart_and_its_documentation_lists_them() -> None:
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    readme = (CHART / "README.md").read_text()
    for name in defaults:
        assert f"`{name}" in readme


def test_a_named_certificate_is_the_one_that_is_served(helm: Helm) -> None:
    ingress = SWITCHES["ingress"]["ingress"] | {"tlsSecretName": "wildcard"}
    (tls,) = render(helm, ingress=ingress).one("Ingress")["spec"]["tls"]
    assert tls["secretName"] == "wildcard"


def test_labels_of_the_values_never_replace_those_that_selectors_rest_on(helm: Helm) -> None:
    wanted = {"app.kubernetes.io/name": "zz", "app.kubernetes.io/component": "zz", "team": "a"}
    deployment = render(helm, podLabels=wanted, commonLabels=wanted).one("Deployment")["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"].items() <= labels.items()
    assert labels["team"] == "a"
