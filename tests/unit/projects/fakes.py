"""A cluster of objects by their paths, which refuses and conflicts as it is told."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from portal.domain.errors import Conflict, NotFound, PortalError
from portal.domain.identity import Identity
from portal.domain.namespaces import NamespaceRules
from portal.domain.objects import Quota
from portal.domain.request import current_operation
from portal.projects.form import DEFAULTS
from portal.projects.manifests import FIELD_MANAGER, Tree, parts
from portal.projects.model import ProjectSite
from portal.projects.service import ClusterView, Projects
from tests.unit.recorder import Kept

ROOT, ANN = Identity("root", ("platform",)), Identity("ann+test@example.org", ("team-a",))
RULES = NamespaceRules(own="dash-portal", excluded=("infra-*",))
SITE = ProjectSite("portal", "dash-portal", ("ingress-nginx",), groups=frozenset({"team-a"}))
FORM: Mapping[str, str] = {
    **DEFAULTS,
    "name": "sales",
    "purpose": "Figures of the sales team",
    "launchers": "user:ann+test@example.org\ngroup:team-a",
}


class Cluster:
    """Objects by path. ``failing`` maps a kind to the error of its next applications."""

    def __init__(self) -> None:
        self.objects: dict[str, Tree] = {}
        self.failing: dict[str, PortalError] = {}
        self.applied: list[tuple[str, str]] = []
        """Who applied what, without dry runs."""
        self.operations: list[str] = []
        """In which operation each call was made."""

    async def administers(self, identity: Identity) -> bool:
        return identity == ROOT

    async def namespaces(self, selector: str, *, identity: Identity | None) -> list[Tree]:
        name, _, value = selector.partition("=")
        return [
            each
            for each in self.objects.values()
            if each["kind"] == "Namespace" and each["metadata"].get("labels", {}).get(name) == value
        ]

    async def read(self, path: str, *, identity: Identity | None) -> Tree | None:
        self.operations.append(current_operation())
        return copy.deepcopy(self.objects.get(path))

    async def apply(
        self, path: str, tree: Tree, *, identity: Identity | None, dry_run: bool = False
    ) -> None:
        self.operations.append(current_operation())
        if tree["kind"] in self.failing:
            raise self.failing[tree["kind"]]
        namespace = tree["metadata"].get("namespace")
        if namespace and not dry_run and f"/api/v1/namespaces/{namespace}" not in self.objects:
            raise NotFound(f"namespaces {namespace} not found")
        if dry_run:
            return
        self.applied.append((identity.user if identity else "", tree["kind"]))
        before = self.objects.get(path, {}).get("metadata", {})
        made = copy.deepcopy(tree)
        made["metadata"] |= {
            "uid": before.get("uid", f"uid-{len(self.objects)}"),
            "managedFields": [{"manager": FIELD_MANAGER, "operation": "Apply"}],
        }
        self.objects[path] = made

    async def delete(self, path: str, uid: str, *, identity: Identity | None) -> None:
        self.operations.append(current_operation())
        if self.objects[path]["metadata"]["uid"] != uid:
            raise Conflict("the uid differs")
        self.objects[path]["metadata"]["deletionTimestamp"] = "2026-11-29T12:00:00Z"

    async def unlabel(self, path: str, label: str, *, identity: Identity | None) -> None:
        self.operations.append(current_operation())
        del self.objects[path]["metadata"]["labels"][label]

    def put(self, path: str, **metadata: Any) -> None:
        """Have a namespace that somebody else made."""
        name = path.rpartition("/")[2]
        entries = [{"manager": "kubectl-create", "operation": "Update"}]
        self.objects[path] = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "uid": name, "managedFields": entries, **metadata},
        }


def namespace_path(name: str = "sales") -> str:
    return parts(name)[0].path


def projects(
    cluster: Cluster,
    recorder: Kept | None = None,
    *,
    site: ProjectSite = SITE,
    seen: frozenset[str] | None = frozenset(),
    releases: tuple[str, ...] = (),
    quotas: tuple[Quota, ...] = (),
) -> Projects:
    return Projects(
        cluster,
        RULES,
        site,
        recorder or Kept(),
        cluster.administers,
        lambda identity: seen,
        ClusterView(lambda name: releases, lambda name: quotas),
    )
