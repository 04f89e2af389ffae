"""The objects of a project, and the project that objects make."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from portal.projects.form import check
from portal.projects.manifests import (
    FIELD_MANAGER,
    Tree,
    conflicts,
    found,
    manager_of,
    manifest_text,
    manifests,
    parts,
)
from portal.projects.model import Project
from tests.unit.projects.fakes import FORM, RULES, SITE


def project(**changed: str) -> Project:
    made = check({**FORM, **changed}, RULES, SITE).project
    assert made is not None
    return made


def by_kind(of: Project) -> dict[str, Tree]:
    return {each["kind"]: each for each in manifests(of, SITE).values()}


def applied(of: Project) -> dict[str, Tree | None]:
    """The objects as they are read after they were applied."""
    entries = [{"manager": FIELD_MANAGER, "operation": "Apply"}]
    return {
        path: {**each, "metadata": {**each["metadata"], "managedFields": entries}}
        for path, each in manifests(of, SITE).items()
    }


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"network": "restricted", "level": "baseline"},
        {"images": "a/*\nb/c", "charts": "team/*", "viewers": "user:Zoë"},
        {each: "" for each in FORM if each.startswith(("quota", "cpu", "memory"))},
    ],
)
def test_a_project_is_found_again_in_its_objects(changed: dict[str, str]) -> None:
    made = project(**changed)
    again = found("sales", applied(made), SITE)
    assert again.project == replace(made, members=again.project.members)
    assert {role: each for role, each in again.project.members.items() if each} == {
        role: each for role, each in made.members.items() if each
    }
    assert (again.others, again.missing, again.incomplete) == ({}, (), False)


def test_people_come_last() -> None:
    kinds = [each.kind for each in parts("sales")]
    assert kinds[0] == "Namespace"
    assert kinds.index("RoleBinding") > kinds.index("ResourceQuota")
    assert kinds.index("LimitRange") < kinds.index("ResourceQuota")
    assert set(kinds[kinds.index("RoleBinding") :]) == {"RoleBinding"}


def test_pod_security_is_enforced_and_warned_of() -> None:
    labels = by_kind(project(level="baseline"))["Namespace"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "baseline"
    assert labels["pod-security.kubernetes.io/warn"] == "baseline"


def test_a_quota_comes_with_defaults_for_containers() -> None:
    made = by_kind(project())
    assert made["ResourceQuota"]["spec"]["hard"]["requests.cpu"] == "4"
    (limit,) = made["LimitRange"]["spec"]["limits"]
    assert limit["defaultRequest"] == {"cpu": "100m", "memory": "128Mi"}


def test_traffic_comes_in_from_the_project_the_portal_and_ingress_controllers() -> None:
    spec = by_kind(project())["NetworkPolicy"]["spec"]
    assert spec["policyTypes"] == ["Ingress"]
    (rule,) = spec["ingress"]
    names = [
        each["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for each in rule["from"]
        if "namespaceSelector" in each
    ]
    assert names == ["dash-portal", "ingress-nginx"]
    assert {"podSelector": {}} in rule["from"]


def test_a_restricted_project_still_looks_names_up() -> None:
    spec = by_kind(project(network="restricted"))["NetworkPolicy"]["spec"]
    ports = {
        (each["protocol"], each["port"])
        for rule in spec["egress"]
        for each in rule.get("ports", [])
    }
    assert {("UDP", 53), ("TCP", 53), ("UDP", 5353)} <= ports
    assert {"to": [{"podSelector": {}}]} in spec["egress"]


def test_without_roles_there_are_no_bindings() -> None:
    kinds = {each["kind"] for each in manifests(project(), replace(SITE, by_role=False)).values()}
    assert kinds == {"Namespace", "NetworkPolicy", "LimitRange", "ResourceQuota"}


def test_kubernetes_own_roles_are_used_where_the_chart_makes_none() -> None:
    made = manifests(project(), replace(SITE, role_prefix=""))
    roles = [each["roleRef"]["name"] for each in made.values() if each["kind"] == "RoleBinding"]
    assert roles == ["view", "edit", "edit", "admin"]


def test_the_yaml_is_all_there_is() -> None:
    text = manifest_text(manifests(project(), SITE).values())
    assert text.count("\n---\n") == len(parts("sales")) - 1
    assert "name: ann+test@example.org" in text


# Others' objects.


@pytest.mark.parametrize(
    ("metadata", "who"),
    [
        ({"managedFields": [{"manager": FIELD_MANAGER, "operation": "Apply"}]}, ""),
        ({"managedFields": [{"manager": "argocd-controller"}]}, "argocd-controller"),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "apps:x"}}, "Argo CD application apps"),
        (
            {
                "labels": {"kustomize.toolkit.fluxcd.io/name": "tenants"},
                "managedFields": [{"manager": FIELD_MANAGER, "operation": "Apply"}],
            },
            "Flux Kustomization tenants",
        ),
        (
            {
                "managedFields": [
                    {"manager": "kube-controller-manager", "subresource": "status"},
                    {"manager": FIELD_MANAGER},
                ]
            },
            "",
        ),
        ({}, "another tool"),
    ],
)
def test_whose_an_object_is(metadata: dict[str, Any], who: str) -> None:
    assert manager_of({"metadata": metadata}) == who


def test_a_field_of_anothers_object_is_known_as_theirs() -> None:
    objects = applied(project())
    (namespace, *_) = parts("sales")
    tree = objects[namespace.path]
    assert tree is not None
    tree["metadata"]["managedFields"] = [{"manager": "kustomize-controller"}]
    now = found("sales", objects, SITE)
    assert now.manager("level") == "kustomize-controller"
    assert now.manager("quota_cpu") == ""


@pytest.mark.parametrize(
    ("kind", "message", "fields"),
    [
        (
            "ResourceQuota",
            'Kubernetes: Apply failed with 1 conflict: conflict with "kubectl-edit" using v1: '
            ".spec.hard.pods",
            {"quota_pods"},
        ),
        (
            "ResourceQuota",
            'Kubernetes: Apply failed with 2 conflicts: conflicts with "argocd-controller" using '
            "v1:\n- .spec.hard.requests.cpu\n- .spec.hard.requests.memory",
            {"quota_cpu", "quota_memory"},
        ),
        (
            "Namespace",
            'Kubernetes: Apply failed with 1 conflict: conflict with "kubectl-label": '
            ".metadata.labels.pod-security.kubernetes.io/enforce",
            {"level"},
        ),
        ("Namespace", "Kubernetes: the object has been modified", set[str]()),
    ],
)
def test_a_conflict_is_said_beside_its_field(kind: str, message: str, fields: set[str]) -> None:
    part = next(each for each in parts("sales") if each.kind == kind)
    said = conflicts(part, message)
    assert set(said) == fields
    assert all("manages this field" in each for each in said.values())
