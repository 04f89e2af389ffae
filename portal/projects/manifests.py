"""The objects of a project, and the project that objects make. Pure.

Everything is plain Kubernetes: what is made here can as well come from Git.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from msgspec import Struct, field

from portal.domain.management import management
from portal.domain.projects import (
    ALLOWED_CHARTS,
    ALLOWED_IMAGES,
    DEFAULT_SIZE,
    INCOMPLETE,
    PERSONAL_OF,
    PROJECT_LABEL,
    PURPOSE,
    app_limits,
)
from portal.domain.yaml_text import readable
from portal.guardrails.rules import Level
from portal.projects.model import (
    CONTAINER,
    QUOTA,
    ROLE_NAMES,
    Member,
    Project,
    ProjectSite,
)

Tree = dict[str, Any]
"""An object as the API takes and sends it."""

FIELD_MANAGER = "dash-portal-projects"
"""The field manager of all that is applied here."""

OBJECT = "dash-portal-project"
"""The name of a project's objects; bindings have the role behind it."""

ENFORCE, WARN = "pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/warn"

_NAMESPACES, _QUOTAS, _LIMITS = "/api/v1/namespaces", "resourcequotas", "limitranges"
_POLICIES = "/apis/networking.k8s.io/v1/namespaces"
_BINDINGS = "/apis/rbac.authorization.k8s.io/v1/namespaces"


class Part(Struct, frozen=True):
    """An object of a project: its kind and name, its path in the API, and the form's fields."""

    kind: str
    name: str
    path: str
    fields: tuple[str, ...]

    def __str__(self) -> str:
        """Return it as people write it: ``ResourceQuota dash-portal-project``."""
        return f"{self.kind} {self.name}"


def parts(name: str) -> tuple[Part, ...]:
    """Return the objects of a project in the order in which they are made.

    People come last: nobody gets in before the limits are there.
    """
    return (
        Part(
            "Namespace",
            name,
            f"{_NAMESPACES}/{name}",
            ("purpose", "level", "images", "charts", "size"),
        ),
        Part("NetworkPolicy", OBJECT, f"{_POLICIES}/{name}/networkpolicies/{OBJECT}", ("network",)),
        Part("LimitRange", OBJECT, f"{_NAMESPACES}/{name}/{_LIMITS}/{OBJECT}", tuple(CONTAINER)),
        Part("ResourceQuota", OBJECT, f"{_NAMESPACES}/{name}/{_QUOTAS}/{OBJECT}", tuple(QUOTA)),
        *(
            Part(
                "RoleBinding",
                f"{OBJECT}-{role}",
                f"{_BINDINGS}/{name}/rolebindings/{OBJECT}-{role}",
                (f"{role}s",),
            )
            for role in ROLE_NAMES
        ),
    )


def manifests(project: Project, site: ProjectSite) -> dict[str, Tree]:
    """Return the objects of a project by their paths, in the order in which they are made."""
    made: list[Tree] = [
        _namespace(project),
        _network_policy(project, site),
        _limit_range(project),
        _quota(project),
        *(_binding(project, site, role) for role in ROLE_NAMES),
    ]
    found = zip(parts(project.name), made, strict=True)
    return {part.path: tree for part, tree in found if site.by_role or part.kind != "RoleBinding"}


def manifest_text(trees: Iterable[Tree]) -> str:
    """Return objects as YAML documents."""
    return "---\n".join(readable(each) for each in trees)


def _metadata(project: Project, name: str) -> Tree:
    return {"name": name, "namespace": project.name, "labels": {PROJECT_LABEL: "true"}}


def _namespace(project: Project) -> Tree:
    limits = project.limits
    annotations = {
        PURPOSE: project.purpose,
        PERSONAL_OF: project.personal_of,
        ALLOWED_IMAGES: ",".join(limits.images),
        ALLOWED_CHARTS: ",".join(limits.charts),
        DEFAULT_SIZE: limits.size,
    }
    level = project.level.value
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": project.name,
            "labels": {PROJECT_LABEL: "true", ENFORCE: level, WARN: level},
            "annotations": {name: text for name, text in annotations.items() if text},
        },
    }


def incomplete(namespace: Tree) -> Tree:
    """Return the namespace of a project whose other objects are yet to be made."""
    metadata = namespace["metadata"]
    annotations = {**metadata["annotations"], INCOMPLETE: "true"}
    return {**namespace, "metadata": {**metadata, "annotations": annotations}}


def is_incomplete(namespace: Tree) -> bool:
    """Return True for the namespace of a project whose other objects are yet to be made."""
    return INCOMPLETE in _part(_part(namespace, "metadata"), "annotations")


def _network_policy(project: Project, site: ProjectSite) -> Tree:
    """Return the policy: in from the project, the portal and ingress controllers alone.

    A name is looked up at port 53; where the network looks at the pod's own port, OpenShift's
    DNS has 5353.
    """
    within: Tree = {"podSelector": {}}
    outside = sorted({*site.ingress_namespaces, *filter(None, [site.own_namespace])})
    named: list[Tree] = [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": each}}}
        for each in outside
    ]
    spec: Tree = {
        "podSelector": {},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [within, *named]}],
    }
    if project.restricted:
        spec["policyTypes"] = ["Ingress", "Egress"]
        dns = [
            {"protocol": protocol, "port": port}
            for port in (53, 5353)
            for protocol in ("UDP", "TCP")
        ]
        spec["egress"] = [{"to": [within]}, {"ports": dns}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(project, OBJECT),
        "spec": spec,
    }


def _limit_range(project: Project) -> Tree:
    limit: Tree = {"type": "Container"}
    for name, (place, resource) in CONTAINER.items():
        if amount := project.defaults.get(name):
            limit.setdefault(place, {})[resource] = amount
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": _metadata(project, OBJECT),
        "spec": {"limits": [limit]},
    }


def _quota(project: Project) -> Tree:
    hard = {
        resource: project.quota[name] for name, resource in QUOTA.items() if name in project.quota
    }
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": _metadata(project, OBJECT),
        "spec": {"hard": hard},
    }


def _binding(project: Project, site: ProjectSite, role: str) -> Tree:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": _metadata(project, f"{OBJECT}-{role}"),
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": site.cluster_role(role)},
        "subjects": [
            {"apiGroup": group, "kind": each.kind.capitalize(), "name": each.name}
            for each in project.members.get(role, ())
        ],
    }


# From objects.


class Found(Struct, frozen=True):
    """A project as its objects are.

    ``others`` are the managers of the objects that are not the portal's, by the object's path:
    these are shown and never written. ``missing`` are the objects that are not there.
    """

    project: Project
    uid: str = ""
    others: Mapping[str, str] = field(default_factory=dict[str, str])
    missing: tuple[Part, ...] = ()
    incomplete: bool = False
    terminating: bool = False

    def manager(self, name: str) -> str:
        """Return the manager of the object that a field of the form is about; "" for the portal."""
        for part in parts(self.project.name):
            if name in part.fields and part.path in self.others:
                return self.others[part.path]
        return ""


def found(name: str, objects: Mapping[str, Tree | None], site: ProjectSite) -> Found:
    """Return the project that the objects at the paths of ``parts`` make."""
    by_part = {part: objects.get(part.path) for part in parts(name)}
    namespace, policy, limit_range, quota, *bindings = by_part.values()
    metadata = _part(namespace, "metadata")
    labels, annotations = _part(metadata, "labels"), _part(metadata, "annotations")
    limits: list[Tree] = _part(limit_range, "spec").get("limits") or []
    nothing: Tree = {}
    container = next((each for each in limits if each.get("type") == "Container"), nothing)
    hard = _part(_part(quota, "spec"), "hard")
    level = str(labels.get(ENFORCE) or "")
    project = Project(
        name,
        purpose=str(annotations.get(PURPOSE) or ""),
        members={
            role: _members(binding)
            for role, binding in zip(ROLE_NAMES, bindings, strict=True)
            if binding
        },
        quota={field: str(hard[each]) for field, each in QUOTA.items() if each in hard},
        defaults={
            field: str(container[place][resource])
            for field, (place, resource) in CONTAINER.items()
            if _part(container, place).get(resource) is not None
        },
        level=Level(level) if level in set(Level) else Level.PRIVILEGED,
        restricted="Egress" in (_part(policy, "spec").get("policyTypes") or []),
        limits=app_limits(annotations),
        personal_of=str(annotations.get(PERSONAL_OF) or ""),
    )
    there = {part: each for part, each in by_part.items() if each is not None}
    return Found(
        project,
        uid=str(metadata.get("uid") or ""),
        others={part.path: who for part, each in there.items() if (who := manager_of(each))},
        missing=tuple(
            part
            for part, each in by_part.items()
            if each is None and (site.by_role or part.kind != "RoleBinding")
        ),
        incomplete=INCOMPLETE in annotations,
        terminating=bool(metadata.get("deletionTimestamp")),
    )


def manager_of(tree: Tree) -> str:
    """Return who manages an object, if that is not the portal: by labels, or field managers."""
    metadata = _part(tree, "metadata")
    labels = cast("dict[str, str]", _part(metadata, "labels"))
    named = management(labels, cast("dict[str, str]", _part(metadata, "annotations"))).manager
    if named:
        return named
    entries: list[Tree] = metadata.get("managedFields") or []
    managers = [
        str(each.get("manager") or "another tool")
        for each in entries
        if each.get("subresource") != "status" and _owns_something(each)
    ]
    if FIELD_MANAGER in managers:
        return ""
    return managers[0] if managers else "another tool"


def _owns_something(entry: Tree) -> bool:
    """Return True for a manager of more than what Kubernetes itself writes."""
    return str(entry.get("manager") or "") not in {"kube-controller-manager", "kube-apiserver"}


def _part(tree: Tree | None, name: str) -> Tree:
    return cast(Tree, (tree or {}).get(name) or {})


def _members(binding: Tree) -> tuple[Member, ...]:
    subjects: list[Tree] = binding.get("subjects") or []
    return tuple(
        Member(str(each["kind"]).lower(), str(each["name"]))
        for each in subjects
        if each.get("kind") in {"User", "Group"}
    )


# What a conflict is about.

_CONFLICT = re.compile(r"conflicts? with \"([^\"]+)\"[^:]*:((?:\s+(?:- )?\.\S+)+)")


def conflicts(part: Part, message: str) -> dict[str, str]:
    """Return the form's fields that other field managers own, by what Kubernetes says of it."""
    owners: dict[str, str] = {}
    for manager, paths in _CONFLICT.findall(message):
        for path in paths.split():
            if path != "-":
                owners.setdefault(
                    _field_at(part, path), f"{manager} manages this field: change it there."
                )
    return owners


def _field_at(part: Part, path: str) -> str:
    """Return the form's field for a path of an object, the first one of the object if unknown."""
    for name, resource in QUOTA.items():
        if part.kind == "ResourceQuota" and path.endswith(f".hard.{resource}"):
            return name
    if part.kind == "Namespace":
        known: Sequence[tuple[str, str]] = (
            ("pod-security", "level"),
            (ALLOWED_IMAGES, "images"),
            (ALLOWED_CHARTS, "charts"),
            (DEFAULT_SIZE, "size"),
            (PURPOSE, "purpose"),
        )
        return next((field for text, field in known if text in path), part.fields[0])
    return part.fields[0]
